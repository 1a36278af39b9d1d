//! Letting go of what has expired or belongs to nothing any more.

use crate::app::{App, catalog_failure, log_failure};
use opentrail_catalog::{Changes, Entity};
use opentrail_logs::{LogBatch, LogGroup, LogStream, expired};
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// How often expired events are looked for.
pub const LOGS_TIDYING: Duration = Duration::from_secs(60);

/// Most entities removed in one entry.
const AT_A_TIME: usize = 1000;

/// Streams whose group, or which themselves, were deleted, and whose events are still to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedStreams {
    pub group_id: String,
    /// One stream; `None` for all of the group.
    pub stream_id: Option<String>,
}

impl Entity for RemovedStreams {
    const TABLE: &'static str = "removed_log_streams";
    fn key(&self) -> String {
        format!("{}:{}", self.group_id, self.stream_id.as_deref().unwrap_or_default())
    }
}

impl RemovedStreams {
    pub fn of_group(group: &LogGroup) -> Self {
        Self { group_id: group.id.clone(), stream_id: None }
    }

    pub fn of_stream(stream: &LogStream) -> Self {
        Self { group_id: stream.group_id.clone(), stream_id: Some(stream.id.clone()) }
    }
}

/// A group is looked at again after this time at the latest, as somebody may have put older events.
const LOOK_AGAIN_MS: i64 = 3_600_000;

/// Removes what has expired. Remembers when each group has something to remove, so that others are not looked at.
#[derive(Debug, Default)]
pub struct LogsTidier {
    /// By id of the group: its retention when it was looked at, and when to look again, milliseconds since 1970.
    due: HashMap<String, (u32, i64)>,
}

impl LogsTidier {
    /// Removes events that retention has expired, and what deleted groups and streams left. Returns how many entities went.
    ///
    /// # Errors
    /// If the catalog or the event log fails.
    pub async fn tidy(&mut self, app: &App) -> Result<usize, ApiError> {
        let mut removed = 0;
        for gone in app.catalog.list::<RemovedStreams>("").map_err(|error| catalog_failure(&error))? {
            removed += clear(app, &gone).await?;
        }
        let now = i64::try_from(app.intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let groups = app.catalog.list::<LogGroup>("").map_err(|error| catalog_failure(&error))?;
        let retained: Vec<(&LogGroup, u32)> = groups.iter().filter_map(|group| Some((group, group.retention_days?))).collect();
        let ids: HashSet<&str> = retained.iter().map(|(group, _)| group.id.as_str()).collect();
        self.due.retain(|id, _| ids.contains(id.as_str()));
        for (group, days) in retained {
            if self.due.get(&group.id).is_some_and(|(known, due)| *known == days && now < *due) {
                continue;
            }
            let (went, next) = expire(app, group, now).await?;
            removed += went;
            self.due.insert(group.id.clone(), (days, next.min(now + LOOK_AGAIN_MS)));
        }
        Ok(removed)
    }
}

/// Removes what has expired of a group. Tells how much, and when the next will have.
async fn expire(app: &App, group: &LogGroup, now: i64) -> Result<(usize, i64), ApiError> {
    let (mut removed, mut next) = (0, i64::MAX);
    let streams = app.catalog.list::<LogStream>(&LogStream::key_of(&group.id, "")).map_err(|error| catalog_failure(&error))?;
    for stream in streams {
        loop {
            let found = expired(&app.catalog, group, &stream, now).map_err(|error| super::faults::unreadable(&error))?;
            removed += found.keys.len();
            remove::<LogBatch>(app, &found.keys).await?;
            if !found.more {
                next = next.min(found.next.unwrap_or(i64::MAX));
                break;
            }
        }
    }
    Ok((removed, next))
}

async fn clear(app: &App, gone: &RemovedStreams) -> Result<usize, ApiError> {
    let batches = match &gone.stream_id {
        Some(stream) => LogBatch::prefix(&gone.group_id, stream),
        None => format!("{}:", gone.group_id),
    };
    let mut removed = remove_all::<LogBatch>(app, &batches).await?;
    if gone.stream_id.is_none() {
        removed += remove_all::<LogStream>(app, &LogStream::key_of(&gone.group_id, "")).await?;
    }
    remove::<RemovedStreams>(app, &[gone.key()]).await?;
    Ok(removed)
}

async fn remove_all<E: Entity>(app: &App, prefix: &str) -> Result<usize, ApiError> {
    let mut removed = 0;
    loop {
        let keys: Vec<String> =
            app.catalog.scan::<E>(prefix, None, AT_A_TIME).map_err(|error| catalog_failure(&error))?.iter().map(E::key).collect();
        if keys.is_empty() {
            return Ok(removed);
        }
        removed += keys.len();
        remove::<E>(app, &keys).await?;
    }
}

async fn remove<E: Entity>(app: &App, keys: &[String]) -> Result<(), ApiError> {
    for some in keys.chunks(AT_A_TIME) {
        let mut changes = Changes::new();
        for key in some {
            changes.delete::<E>(key);
        }
        app.intake.submit(Vec::new(), changes.encode()).await.map_err(|error| log_failure(&error))?;
    }
    Ok(())
}
