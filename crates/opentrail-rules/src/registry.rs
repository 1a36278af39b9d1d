//! The rules of all buses, kept in step with the catalog.

use crate::compiled::CompiledRule;
use crate::index::RuleIndex;
use crate::rule::{Rule, RuleState};
use opentrail_catalog::{Catalog, CatalogError, Change, Entity, Observer};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

/// Rules by bus.
#[derive(Default)]
pub struct Registry(Mutex<HashMap<String, BusRules>>);

#[derive(Default)]
struct BusRules {
    by_name: BTreeMap<String, Arc<CompiledRule>>,
    /// Made when it is next needed.
    index: Option<Arc<RuleIndex>>,
}

impl Registry {
    /// Reads all rules, and follows their changes from then on.
    pub fn open(catalog: &Catalog) -> Result<Arc<Self>, CatalogError> {
        let registry = Arc::new(Self::default());
        catalog.observe(Arc::clone(&registry) as Arc<dyn Observer>);
        for rule in catalog.list::<Rule>("")? {
            registry.put(rule);
        }
        Ok(registry)
    }

    /// The enabled rules of a bus, by the bus's key.
    pub fn rules_of(&self, bus: &str) -> Option<Arc<RuleIndex>> {
        let mut buses = self.0.lock().expect("no holder panics");
        let rules = buses.get_mut(bus)?;
        let by_name = &rules.by_name;
        let enabled = || by_name.values().filter(|rule| rule.rule.state != RuleState::Disabled && !rule.targets.is_empty());
        let index = rules.index.get_or_insert_with(|| Arc::new(RuleIndex::of(enabled().cloned())));
        (!index.is_empty()).then(|| Arc::clone(index))
    }

    fn put(&self, rule: Rule) {
        let (key, name) = (rule.key(), rule.name.clone());
        match CompiledRule::of(rule) {
            Ok(rule) => self.edit(&key, |rules| drop(rules.insert(name, Arc::new(rule)))),
            Err(fault) => {
                tracing::error!(rule = key, %fault, "a stored rule cannot be read any more and matches nothing");
                self.edit(&key, |rules| drop(rules.remove(&name)));
            }
        }
    }

    /// Changes the rules of the bus that a rule's key names.
    fn edit(&self, key: &str, edit: impl FnOnce(&mut BTreeMap<String, Arc<CompiledRule>>)) {
        let Some((bus, _)) = key.rsplit_once('/') else { return };
        let mut buses = self.0.lock().expect("no holder panics");
        let rules = buses.entry(bus.to_owned()).or_default();
        edit(&mut rules.by_name);
        rules.index = None;
        if rules.by_name.is_empty() {
            buses.remove(bus);
        }
    }
}

impl Observer for Registry {
    fn tables(&self) -> &'static [&'static str] {
        &[Rule::TABLE]
    }

    fn changed(&self, change: &Change) {
        match change.value.as_ref().map(|value| serde_json::from_str::<Rule>(value.get())) {
            Some(Ok(rule)) => self.put(rule),
            Some(Err(error)) => tracing::error!(%error, key = change.key, "a change of a rule is not in its form"),
            None => {
                let name = change.key.rsplit('/').next().unwrap_or_default().to_owned();
                self.edit(&change.key, |rules| drop(rules.remove(&name)));
            }
        }
    }
}
