//! The filters of each group, compiled together.

use super::MetricFilter;
use crate::store::NO_UNIT;
use opentrail_catalog::{Catalog, CatalogError, Entity};
use opentrail_logs::LogGroup;
use opentrail_patterns::{FilterPattern, FilterSet, Reference, Wanted};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The filters of one group.
#[derive(Debug)]
pub struct GroupFilters {
    pub account: String,
    pub region: String,
    pub set: FilterSet,
    /// In the order of the set.
    pub filters: Vec<CompiledFilter>,
}

/// What becomes of a match.
#[derive(Debug)]
pub struct CompiledFilter {
    /// Of the [`MetricFilter`].
    pub key: String,
    /// Milliseconds since 1970: what was ingested before does not count.
    pub created: i64,
    pub namespace: String,
    pub name: String,
    pub unit: String,
    pub value: MatchValue,
    /// Names of dimensions. Their values are the references after the value's.
    pub dimensions: Vec<String>,
    pub default: Option<f64>,
}

/// The value of a match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MatchValue {
    Constant(f64),
    /// The first reference of the filter.
    Found,
}

/// The filters of all groups, as the catalog has them.
#[derive(Default)]
pub struct FilterRegistry {
    known: Option<Arc<Vec<MetricFilter>>>,
    by_group: HashMap<String, Arc<GroupFilters>>,
    /// Which group each filter belongs to.
    defaults: HashMap<String, DefaultOf>,
}

/// What a filter reports for a minute without matches.
#[derive(Debug, Clone, PartialEq)]
pub struct DefaultOf {
    pub account: String,
    pub region: String,
    pub namespace: String,
    pub name: String,
    pub unit: String,
    pub value: f64,
}

impl FilterRegistry {
    /// Takes up what has changed.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn refresh(&mut self, catalog: &Catalog) -> Result<(), CatalogError> {
        let all = catalog.all::<MetricFilter>("")?;
        if self.known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &all)) {
            return Ok(());
        }
        let mut of_groups: BTreeMap<String, Vec<&MetricFilter>> = BTreeMap::new();
        for filter in all.iter() {
            let group = LogGroup::key_of(&filter.account, &filter.region, &filter.group);
            of_groups.entry(group).or_default().push(filter);
        }
        let mut by_group = HashMap::new();
        let mut defaults = HashMap::new();
        for (key, filters) in of_groups {
            let Some(group) = catalog.get::<LogGroup>(&key)? else { continue };
            let compiled = GroupFilters::new(&group, &filters);
            defaults.extend(compiled.filters.iter().filter_map(|filter| Some((filter.key.clone(), filter.default_of(&group)?))));
            by_group.insert(group.id.clone(), Arc::new(compiled));
        }
        (self.known, self.by_group, self.defaults) = (Some(all), by_group, defaults);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.by_group.is_empty()
    }

    /// The filters of a group by its id, if it has any.
    pub fn of_group(&self, group_id: &str) -> Option<&Arc<GroupFilters>> {
        self.by_group.get(group_id)
    }

    /// What the filter of this key reports for minutes without matches.
    pub fn default_of(&self, filter: &str) -> Option<&DefaultOf> {
        self.defaults.get(filter)
    }
}

impl GroupFilters {
    fn new(group: &LogGroup, filters: &[&MetricFilter]) -> Self {
        let compiled: Vec<(Wanted, CompiledFilter)> = filters.iter().filter_map(|filter| compile(filter)).collect();
        let (wanted, filters): (Vec<Wanted>, Vec<CompiledFilter>) = compiled.into_iter().unzip();
        Self { account: group.account.clone(), region: group.region.clone(), set: FilterSet::new(wanted), filters }
    }
}

impl CompiledFilter {
    fn default_of(&self, group: &LogGroup) -> Option<DefaultOf> {
        Some(DefaultOf {
            account: group.account.clone(),
            region: group.region.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            unit: self.unit.clone(),
            value: self.default?,
        })
    }
}

/// `None` for a stored filter that is not understood any more.
fn compile(filter: &MetricFilter) -> Option<(Wanted, CompiledFilter)> {
    let transformation = &filter.transformation;
    let pattern: Result<FilterPattern, _> = filter.pattern.parse();
    let (value, mut references) = match transformation.metric_value.parse::<f64>() {
        Ok(number) => (MatchValue::Constant(number), Vec::new()),
        Err(_) => (MatchValue::Found, vec![Reference::parse(&transformation.metric_value).ok()?]),
    };
    for selector in transformation.dimensions.values() {
        references.push(Reference::parse(selector).ok()?);
    }
    let Ok(pattern) = pattern else {
        tracing::error!(filter = filter.key(), "a stored metric filter cannot be read any more");
        return None;
    };
    let compiled = CompiledFilter {
        key: filter.key(),
        created: filter.created,
        namespace: transformation.metric_namespace.clone(),
        name: transformation.metric_name.clone(),
        unit: transformation.unit.clone().unwrap_or_else(|| NO_UNIT.into()),
        value,
        dimensions: transformation.dimensions.keys().cloned().collect(),
        default: transformation.default_value,
    };
    Some((Wanted { pattern, references }, compiled))
}
