//! What a trail takes from a stretch of the log, and its settings along it. Pure.

use opentrail_catalog::{CatalogError, Changes, Entity};
use opentrail_delivery::trail_id;
use opentrail_eventlog::{LoggedEntry, Position};
use opentrail_model::facts::EventFacts;
use opentrail_model::trail::Trail;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Larger events are not sent to log groups: CloudTrail's limit.
pub(crate) const MAX_EVENT_BYTES: usize = 256 * 1024;
/// A stretch that holds so many bytes of messages ends.
const ENOUGH_BYTES: usize = 1 << 20;

/// One part of the log as one trail sees it, all for the same group.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// The trail whose group takes the events, with its newest settings. `None` if there is nothing to write.
    pub target: Option<Arc<Trail>>,
    /// By account.
    pub events: BTreeMap<String, Vec<Taken>>,
    pub oversize: u64,
    /// The trail at the end, if that differs from the beginning; `Some(None)` if it is deleted.
    pub changed: Option<Option<Arc<Trail>>>,
    /// The end of the last entry that was taken.
    pub up_to: Position,
    /// When the first entry with an event was written, milliseconds since 1970.
    pub oldest_ms: Option<u64>,
}

/// An event that goes into the group.
#[derive(Debug)]
pub(crate) struct Taken {
    pub position: Position,
    pub account: String,
    pub message: String,
}

impl Stretch {
    /// Reads entries until the trail's group changes or there is enough. `trail` is the one before them.
    ///
    /// # Errors
    /// If a change in the log cannot be read.
    pub(crate) fn read(id: &str, trail: Option<&Trail>, entries: &[LoggedEntry]) -> Result<Self, CatalogError> {
        let mut stretch = Self::default();
        let mut before = trail.cloned().map(Arc::new);
        let mut bytes = 0;
        for entry in entries {
            if bytes >= ENOUGH_BYTES {
                break;
            }
            let change = change(id, before.as_deref(), entry)?;
            let after = change.clone().unwrap_or_else(|| before.clone());
            // The call that starts, stops or removes the delivery is itself in the group.
            let target = [&after, &before].into_iter().flatten().find(|trail| trail.log_group_arn.is_some());
            if let Some(target) = target {
                let taken = stretch.taken(entry, before.as_deref(), after.as_deref());
                let given = change.is_some() && !before.as_deref().is_some_and(|before| is_same_group(before, target));
                if !taken.is_empty() || given {
                    if stretch.target.as_ref().is_some_and(|other| !is_same_group(other, target)) {
                        break;
                    }
                    stretch.target = Some(Arc::clone(target));
                }
                bytes += taken.iter().map(|event| event.message.len()).sum::<usize>();
                stretch.oldest_ms = stretch.oldest_ms.or((!taken.is_empty()).then_some(entry.written_ms));
                for event in taken {
                    stretch.events.entry(event.account.clone()).or_default().push(event);
                }
            }
            stretch.up_to = entry.end();
            if change.is_some() {
                before.clone_from(&after);
                stretch.changed = change;
            }
        }
        Ok(stretch)
    }

    /// The events of an entry that the trail takes.
    fn taken(&mut self, entry: &LoggedEntry, before: Option<&Trail>, after: Option<&Trail>) -> Vec<Taken> {
        let mut all = Vec::new();
        for (event, position) in entry.entry.news().iter().zip(entry.position..) {
            let Ok(facts) = EventFacts::read(&event.record) else { continue };
            let takes = |trail: Option<&Trail>| trail.is_some_and(|trail| trail.takes(&event.account, &event.region, &facts));
            if !takes(before) && !takes(after) {
                continue;
            }
            if event.record.len() > MAX_EVENT_BYTES {
                self.oversize += 1;
                continue;
            }
            if let Ok(message) = String::from_utf8(event.record.to_vec()) {
                all.push(Taken { position, account: event.account.clone(), message });
            }
        }
        all
    }

    /// How many events are to be written.
    pub(crate) fn count(&self) -> u64 {
        self.events.values().map(|events| events.len() as u64).sum()
    }
}

/// Whether the events of two trails go to the same place in the same name.
fn is_same_group(one: &Trail, other: &Trail) -> bool {
    one.log_group_arn == other.log_group_arn
        && one.log_group_role_arn == other.log_group_role_arn
        && one.organization_id() == other.organization_id()
}

/// The trail once the entry's changes are applied; `None` if they do not concern it, `Some(None)` if they delete it.
fn change(id: &str, now: Option<&Trail>, entry: &LoggedEntry) -> Result<Option<Option<Arc<Trail>>>, CatalogError> {
    let mut found = None;
    if entry.entry.changes.is_empty() {
        return Ok(found);
    }
    for change in Changes::decode(&entry.entry.changes)?.of::<Trail>()? {
        match change {
            Ok(new) if trail_id(&new) == id => found = Some(Some(Arc::new(new))),
            Err(key) if now.is_some_and(|trail| trail.key() == key) => found = Some(None),
            _ => {}
        }
    }
    Ok(found)
}
