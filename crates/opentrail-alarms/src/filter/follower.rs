//! Following the log: what is put into log groups, by whomever, goes through the filters of its group.

use super::compiled::{FilterRegistry, GroupFilters};
use super::defaults::OpenMinutes;
use super::pass::Pass;
use crate::store::SampleBatch;
use bytes::Bytes;
use memchr::memmem;
use opentrail_catalog::{Catalog, CatalogError, Changes, Entity, Follower, Made};
use opentrail_eventlog::{Intake, LogError, LoggedEntry, Position};
use opentrail_logs::{LogBatch, LogsError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Once a pass has found so many bytes of samples, the rest of the entries wait for the next.
const PASS_BYTES: usize = 1024 * 1024;

/// Why log events did not go through the filters. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("what was found could not be recorded")]
    Log(#[from] LogError),
    #[error("filtering was broken off")]
    Task(#[from] tokio::task::JoinError),
}

/// Makes samples of log events.
pub struct FilterFollower {
    catalog: Catalog,
    registry: FilterRegistry,
}

impl FilterFollower {
    pub fn new(catalog: Catalog) -> Self {
        Self { catalog, registry: FilterRegistry::default() }
    }
}

impl Follower for FilterFollower {
    type Error = FilterError;

    fn name(&self) -> &str {
        "metric filters"
    }

    async fn take(&mut self, entries: &[LoggedEntry]) -> Result<Made, FilterError> {
        self.registry.refresh(&self.catalog)?;
        let mut waiting = Vec::new();
        for entry in entries {
            for (group, batch) in batches_in(&entry.entry.changes, &self.registry)? {
                waiting.push((entry.end(), group, batch));
            }
        }
        if waiting.is_empty() {
            return Ok(Made::default());
        }
        let (pass, up_to) = tokio::task::spawn_blocking(move || run(&waiting)).await?;
        let mut made = Made { up_to, ..Made::default() };
        let outcome = pass.finish();
        let names: Vec<String> = outcome.minutes.keys().map(|group| OpenMinutes::lock_name(group)).collect();
        made.locks = self.catalog.lock_all(names.iter().map(String::as_str)).await;
        for (group, filters) in outcome.minutes {
            let mut open = OpenMinutes::of_group(&self.catalog, &group)?;
            if open.note(filters) {
                made.changes.put(&open);
            }
        }
        outcome.batches.iter().for_each(|batch| batch.put_into(&mut made.changes));
        Ok(made)
    }
}

/// The batches of log events in changes whose groups have filters.
fn batches_in(changes: &Bytes, registry: &FilterRegistry) -> Result<Vec<(Arc<GroupFilters>, LogBatch)>, CatalogError> {
    if registry.is_empty() || memmem::find(changes, LogBatch::TABLE.as_bytes()).is_none() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for change in Changes::decode(changes)?.iter().filter(|change| change.table == LogBatch::TABLE) {
        let group = change.key.split(':').next().and_then(|id| registry.of_group(id));
        let (Some(group), Some(value)) = (group, &change.value) else { continue };
        let batch = serde_json::from_str(value.get()).map_err(|source| CatalogError::Entity {
            table: change.table.clone(),
            key: change.key.clone(),
            source,
        })?;
        found.push((Arc::clone(group), batch));
    }
    Ok(found)
}

/// One pass, and where it ended if that is before the end.
fn run(waiting: &[(Position, Arc<GroupFilters>, LogBatch)]) -> (Pass, Option<Position>) {
    let mut pass = Pass::default();
    let mut rest = waiting.iter().peekable();
    while let Some((end, group, batch)) = rest.next() {
        if let Err(LogsError::Damaged { key }) = pass.take(group, batch) {
            tracing::error!(key, "a batch of log events is damaged; metric filters pass over it");
        }
        if pass.weight() >= PASS_BYTES && rest.peek().is_some_and(|(next, ..)| next > end) {
            return (pass, Some(*end));
        }
    }
    (pass, None)
}

/// Reports default values for minutes that are over. Returns how many.
///
/// # Errors
/// See [`FilterError`].
pub async fn close_minutes(catalog: &Catalog, intake: &Intake, registry: &mut FilterRegistry) -> Result<usize, FilterError> {
    let now = intake.now().unix_timestamp();
    let due: Vec<String> = {
        let all = catalog.all::<OpenMinutes>("")?;
        all.iter().filter(|open| open.next().is_some_and(|next| next <= now)).map(|open| open.group_id.clone()).collect()
    };
    let mut reported = 0;
    for group in due {
        registry.refresh(catalog)?;
        let lock = catalog.lock(&OpenMinutes::lock_name(&group)).await;
        let mut open = OpenMinutes::of_group(catalog, &group)?;
        let batches: Vec<SampleBatch> = open.close(now, registry);
        let mut changes = Changes::new();
        if open.is_empty() {
            changes.delete::<OpenMinutes>(&open.key())
        } else {
            changes.put(&open)
        };
        batches.iter().for_each(|batch| batch.put_into(&mut changes));
        intake.submit(Vec::new(), changes.encode()).await?;
        drop(lock);
        reported += batches.iter().map(|batch| batch.data.len()).sum::<usize>();
    }
    Ok(reported)
}

/// What a pass comes to.
#[derive(Default)]
pub struct PassOutcome {
    pub batches: Vec<SampleBatch>,
    /// By group and filter: minutes that had events, and whether any matched.
    pub minutes: BTreeMap<String, BTreeMap<String, BTreeMap<i64, bool>>>,
}
