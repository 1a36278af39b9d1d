//! The time from which holds are counted.

use crate::error::StoreError;
use crate::store::{EmbeddedStore, Staged};
use opentrail_catalog::Entity;
use serde::{Deserialize, Serialize};

/// How far the kept time may lie behind the newest stamp; keeps it from being written with every object.
const KEPT_TO_MS: i64 = 60_000;

/// The newest time that a bucket with Object Lock has stamped, to the minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct HoldClock {
    bucket: String,
    newest_ms: i64,
}

impl Entity for HoldClock {
    const TABLE: &'static str = "hold_clock";
    fn key(&self) -> String {
        self.bucket.clone()
    }
}

impl EmbeddedStore {
    /// The time that new holds in a bucket count from: now, or what the clock already showed, whichever is later.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn hold_base_ms(&self, bucket: &str, now_ms: i64) -> Result<i64, StoreError> {
        let kept = self.catalog.get::<HoldClock>(bucket)?;
        Ok(kept.map_or(now_ms, |kept| kept.newest_ms.max(now_ms)))
    }

    /// Keeps the time if it has gone on by enough.
    pub(crate) fn note_time(&self, bucket: &str, now_ms: i64, staged: &mut Staged) -> Result<(), StoreError> {
        let kept = self.catalog.get::<HoldClock>(bucket)?;
        if kept.is_none_or(|kept| kept.newest_ms.saturating_add(KEPT_TO_MS) <= now_ms) {
            staged.changes.put(&HoldClock { bucket: bucket.to_owned(), newest_ms: now_ms });
        }
        Ok(())
    }

    pub(crate) fn forget_time(bucket: &str, staged: &mut Staged) {
        staged.changes.delete::<HoldClock>(bucket);
    }
}
