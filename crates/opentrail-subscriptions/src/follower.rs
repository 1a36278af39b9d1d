//! The follower: which of the stored events match which filter.

use crate::courier::Subscriptions;
use crate::{Parcel, SubscriptionFilter};
use opentrail_catalog::{Catalog, CatalogError, Change, Changes, Entity, Follower, Made};
use opentrail_eventlog::{LoggedEntry, Position};
use opentrail_logs::{LogBatch, LogStream, LogsError};
use opentrail_patterns::{FilterPattern, FilterSet};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A stretch that made so many parcels ends.
const ENOUGH_PARCELS: usize = 2_000;

#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("stored log events could not be read")]
    Logs(#[from] LogsError),
}

/// All filters, compiled by group.
struct Index {
    filters: Arc<Vec<SubscriptionFilter>>,
    /// By id of the group: places among the filters, and their patterns compiled together.
    groups: HashMap<String, (Vec<usize>, FilterSet)>,
}

impl Index {
    fn new(filters: Arc<Vec<SubscriptionFilter>>) -> Self {
        let mut of_group: HashMap<String, Vec<(usize, FilterPattern)>> = HashMap::new();
        for (place, filter) in filters.iter().enumerate() {
            match filter.pattern.parse() {
                Ok(pattern) => of_group.entry(filter.group_id.clone()).or_default().push((place, pattern)),
                Err(error) => tracing::error!(filter = filter.key(), %error, "a subscription filter is not in its form"),
            }
        }
        let groups = of_group.into_iter().map(|(group, filters)| {
            let (places, patterns): (Vec<usize>, Vec<FilterPattern>) = filters.into_iter().unzip();
            (group, (places, FilterSet::new(patterns.into_iter().map(Into::into))))
        });
        Self { groups: groups.collect(), filters }
    }
}

/// Makes parcels of what is put into groups that have filters.
pub struct SubscriptionFollower {
    catalog: Catalog,
    courier: Subscriptions,
    index: Option<Index>,
    /// Filters for which something was made that is not committed yet.
    made_for: BTreeSet<String>,
}

impl SubscriptionFollower {
    pub fn new(catalog: Catalog, courier: Subscriptions) -> Self {
        Self { catalog, courier, index: None, made_for: BTreeSet::new() }
    }

    fn index(&mut self) -> Result<&Index, CatalogError> {
        let filters = self.catalog.all::<SubscriptionFilter>("")?;
        let known = self.index.take().filter(|index| Arc::ptr_eq(&index.filters, &filters));
        Ok(self.index.insert(known.unwrap_or_else(|| Index::new(filters))))
    }
}

impl Follower for SubscriptionFollower {
    type Error = FollowError;

    fn name(&self) -> &str {
        "subscription filters"
    }

    async fn take(&mut self, entries: &[LoggedEntry]) -> Result<Made, FollowError> {
        let now = self.courier.now_ms();
        let catalog = self.catalog.clone();
        let index = self.index()?;
        let mut made = Made::default();
        let mut made_for = BTreeSet::new();
        if index.groups.is_empty() {
            return Ok(made);
        }
        for entry in entries {
            let parcels = parcels(&catalog, index, entry, now)?;
            made.up_to = Some(entry.end());
            for parcel in &parcels {
                made_for.insert(parcel.filter_id.clone());
                made.changes.put(parcel);
            }
            if made.changes.iter().count() >= ENOUGH_PARCELS {
                break;
            }
        }
        self.made_for.extend(made_for);
        Ok(made)
    }

    fn committed(&mut self) {
        self.courier.wake(std::mem::take(&mut self.made_for));
    }

    fn rewind(&mut self) {
        self.made_for.clear();
    }
}

/// What an entry puts into subscribed groups, for each filter that takes some of it.
fn parcels(catalog: &Catalog, index: &Index, entry: &LoggedEntry, now: i64) -> Result<Vec<Parcel>, FollowError> {
    let mut parcels = Vec::new();
    if entry.entry.changes.is_empty() {
        return Ok(parcels);
    }
    let changes = Changes::decode(&entry.entry.changes)?;
    let written = i64::try_from(entry.written_ms).unwrap_or(i64::MAX);
    let mut streams: Option<HashMap<String, String>> = None;
    for change in changes.iter().filter(|change| change.table == LogBatch::TABLE) {
        let group = change.key.split(':').next().unwrap_or_default();
        let Some((places, set)) = index.groups.get(group) else { continue };
        let Some(batch) = batch(change)? else { continue };
        let known = match &streams {
            Some(known) => known,
            None => streams.insert(streams_of(&changes)?),
        };
        let stream = match known.get(&batch.stream_id) {
            Some(name) => name.clone(),
            None => name_of(catalog, &batch)?,
        };
        let events = batch.unpack()?;
        let mut matched: Vec<Vec<u16>> = vec![Vec::new(); places.len()];
        for (place, event) in events.iter().enumerate() {
            for found in set.matches(&event.message) {
                matched[found.filter].push(u16::try_from(place).unwrap_or(u16::MAX));
            }
        }
        for (matched, filter) in matched.into_iter().zip(places.iter().map(|place| &index.filters[*place])) {
            if matched.is_empty() || filter.changed > written {
                continue;
            }
            let number = u32::try_from(parcels.len()).unwrap_or(u32::MAX);
            let places = (matched.len() < events.len()).then_some(matched);
            parcels.push(parcel(filter, entry.position, number, &batch, stream.clone(), places, now));
        }
    }
    Ok(parcels)
}

fn parcel(
    filter: &SubscriptionFilter,
    position: Position,
    number: u32,
    batch: &LogBatch,
    stream: String,
    places: Option<Vec<u16>>,
    now: i64,
) -> Parcel {
    Parcel {
        filter_id: filter.id.clone(),
        filter: filter.key(),
        position,
        number,
        batch: batch.key(),
        stream,
        places,
        created: now,
    }
}

fn batch(change: &Change) -> Result<Option<LogBatch>, CatalogError> {
    let Some(value) = &change.value else { return Ok(None) };
    serde_json::from_str(value.get()).map(Some).map_err(|source| CatalogError::Entity {
        table: change.table.clone(),
        key: change.key.clone(),
        source,
    })
}

/// Names of streams by id: whoever puts events writes the stream in the same entry.
fn streams_of(changes: &Changes) -> Result<HashMap<String, String>, CatalogError> {
    let streams = changes.of::<LogStream>()?.into_iter().filter_map(Result::ok);
    Ok(streams.map(|stream| (stream.id, stream.name)).collect())
}

fn name_of(catalog: &Catalog, batch: &LogBatch) -> Result<String, CatalogError> {
    let streams = catalog.list::<LogStream>(&LogStream::key_of(&batch.group_id, ""))?;
    Ok(streams.into_iter().find(|stream| stream.id == batch.stream_id).map(|stream| stream.name).unwrap_or_default())
}
