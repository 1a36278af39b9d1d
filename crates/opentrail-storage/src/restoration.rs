//! Which restored copies end when, so that the worker need not look for them.

use crate::entity::Bucket;
use crate::entity::{Object, Version};
use crate::error::StoreError;
use crate::storage_class::Restored;
use crate::store::{EmbeddedStore, ObjectLock, Staged};
use opentrail_catalog::Entity;
use serde::{Deserialize, Serialize};

/// A restored copy that ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restoration {
    pub until_ms: i64,
    pub bucket: String,
    pub key: String,
    /// Its id, or `null`.
    pub version: String,
}

impl Entity for Restoration {
    const TABLE: &'static str = "restoration";
    /// Sorted by time.
    fn key(&self) -> String {
        format!("{:020}/{}/{}\0{}", self.until_ms.max(0), self.bucket, self.key, self.version)
    }
}

impl Restoration {
    pub(crate) fn stage_removal(&self, staged: &mut Staged) {
        staged.changes.delete::<Self>(&self.key());
    }
}

impl EmbeddedStore {
    /// Makes an archived version readable until then.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn stage_restore(&self, lock: &ObjectLock, version: &Object, until_ms: i64) -> Result<Staged, StoreError> {
        let restored = Object { restored: Some(Restored { until_ms }), ..version.clone() };
        let mut staged = self.stage_update(lock, &restored, Some("ObjectRestore:Completed"))?;
        staged.changes.put(&Restoration {
            until_ms,
            bucket: version.bucket.clone(),
            key: version.key.clone(),
            version: version.version_id().to_owned(),
        });
        Ok(staged)
    }

    pub(crate) fn ended_restorations(&self, now_ms: i64, limit: usize) -> Result<Vec<Restoration>, StoreError> {
        let mut first = self.catalog.scan::<Restoration>("", None, limit)?;
        first.retain(|restoration| restoration.until_ms <= now_ms);
        Ok(first)
    }

    pub(crate) fn buckets_with_lifecycle(&self) -> Result<Vec<Bucket>, StoreError> {
        let mut buckets = self.catalog.list::<Bucket>("")?;
        buckets.retain(|bucket| bucket.settings.lifecycle.is_some());
        Ok(buckets)
    }

    /// Whether a latest delete marker has no versions behind it.
    pub(crate) fn is_lone_marker(&self, marker: &Object) -> Result<bool, StoreError> {
        let rows = self.catalog.scan::<Version>(&Version::prefix(&marker.bucket, &marker.key), None, 2)?;
        Ok(rows.len() == 1 && self.object(&marker.bucket, &marker.key)?.is_none())
    }
}
