//! Versions of objects: finding them, putting new ones in front, taking one out.
//!
//! ```text
//! Object   bucket/key               the current version, if it is an object
//! Version  bucket/key NUL sequence  older versions and delete markers, newest first
//! ```
//!
//! The current object of a key is newer than all its `Version`s. A `Version` is the latest if there is no current object
//! and it is the first; it must be a delete marker then.

use crate::entity::{Bucket, NULL_VERSION, NullVersion, Object, Version};
use crate::error::StoreError;
use crate::notifier::Happening;
use crate::reading::OpenObject;
use crate::settings::Versioning;
use crate::store::{EmbeddedStore, OPEN_ATTEMPTS, ObjectLock, Staged};
use opentrail_catalog::Entity;
use std::sync::Arc;

/// Length of a version id: sixteen hex digits that order it, sixteen that are random.
pub const VERSION_ID_CHARS: usize = 32;

/// On whose behalf something is removed: notifications call it by different names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remover {
    Request,
    Lifecycle,
}

impl Remover {
    fn deletion(self) -> &'static str {
        match self {
            Self::Request => "ObjectRemoved:Delete",
            Self::Lifecycle => "LifecycleExpiration:Delete",
        }
    }

    fn marking(self) -> &'static str {
        match self {
            Self::Request => "ObjectRemoved:DeleteMarkerCreated",
            Self::Lifecycle => "LifecycleExpiration:DeleteMarkerCreated",
        }
    }
}

/// What a deletion without a version did.
#[derive(Debug)]
pub struct Deletion {
    pub staged: Staged,
    /// The delete marker, in a bucket with versions.
    pub marker: Option<Object>,
}

/// Whether a text can be a version id.
pub fn is_version_id(text: &str) -> bool {
    text == NULL_VERSION || sequence_of(text).is_some()
}

pub(crate) fn sequence_of(version_id: &str) -> Option<u64> {
    let is_ours = version_id.len() == VERSION_ID_CHARS && version_id.bytes().all(|b| b.is_ascii_hexdigit());
    let inverted = version_id.get(..16).filter(|_| is_ours).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    inverted.map(|inverted| u64::MAX - inverted)
}

fn new_version_id(sequence: u64) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{:016x}{}", u64::MAX - sequence, &random[16..])
}

/// Later than all there is, and by the clock where the clock goes on.
fn next_sequence(newest: Option<&Object>, at_ms: i64) -> u64 {
    let by_clock = u64::try_from(at_ms).unwrap_or(0).saturating_mul(1000);
    newest.map_or(by_clock, |newest| by_clock.max(newest.sequence + 1))
}

impl EmbeddedStore {
    /// One version, or with `None` the latest; may be a delete marker.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn version(&self, bucket: &str, key: &str, id: Option<&str>) -> Result<Option<Arc<Object>>, StoreError> {
        let current = self.object(bucket, key)?;
        let Some(id) = id else {
            return match current {
                None => self.first_version(bucket, key),
                current => Ok(current),
            };
        };
        if let Some(current) = current.filter(|current| current.version_id() == id) {
            return Ok(Some(current));
        }
        let sequence = match id {
            NULL_VERSION => self.catalog.get::<NullVersion>(&Object::entity_key(bucket, key))?.map(|null| null.sequence),
            id => sequence_of(id),
        };
        let Some(sequence) = sequence else { return Ok(None) };
        let found = self.catalog.get::<Version>(&Version::entity_key(bucket, key, sequence))?;
        Ok(found.filter(|found| found.0.version_id() == id).map(|found| Arc::new(found.0.clone())))
    }

    /// The newest of a key's versions besides the current object.
    pub(crate) fn first_version(&self, bucket: &str, key: &str) -> Result<Option<Arc<Object>>, StoreError> {
        if self.is_unversioned(bucket)? {
            return Ok(None);
        }
        let first = self.catalog.scan::<Version>(&Version::prefix(bucket, key), None, 1)?;
        Ok(first.into_iter().next().map(|version| Arc::new(version.0)))
    }

    fn is_unversioned(&self, bucket: &str) -> Result<bool, StoreError> {
        Ok(self.bucket(bucket)?.is_none_or(|bucket| bucket.settings.versioning.is_unversioned()))
    }

    /// A version with its bytes held; may be a delete marker, which has none.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn open_version(&self, bucket: &str, key: &str, id: Option<&str>) -> Result<Option<OpenObject>, StoreError> {
        for _ in 0..OPEN_ATTEMPTS {
            let Some(object) = self.version(bucket, key, id)? else { return Ok(None) };
            let open = OpenObject::new(object, self.blobs.clone());
            // Blobs are discarded after their object has changed, so an object that is still the same has all of them pinned.
            if self.version(bucket, key, id)?.is_some_and(|now| now.blobs == open.object.blobs) {
                return Ok(Some(open));
            }
        }
        Err(StoreError::Lost { bucket: bucket.into(), key: key.into() })
    }

    fn bucket_of(&self, lock: &ObjectLock) -> Result<Arc<Bucket>, StoreError> {
        self.bucket(&lock.bucket)?.ok_or(StoreError::NoSuchBucket)
    }

    /// Makes an object the latest version of its key, as the bucket's versioning says. Sets its version, its sequence and,
    /// if it brings none, the bucket's default retention. `event` is what notifications call it.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], [`StoreError::Held`] if it would replace a held null version, or if the catalog fails.
    pub fn stage_put(&self, lock: &ObjectLock, object: &mut Object, event: &'static str) -> Result<Staged, StoreError> {
        debug_assert_eq!((&lock.bucket, &lock.key), (&object.bucket, &object.key), "the lock is the object's");
        let bucket = self.bucket_of(lock)?;
        let mut staged = Staged::default();
        self.stage_front(&bucket, object, &mut staged)?;
        if let Some(default) = bucket.settings.object_lock.as_ref().and_then(|lock| lock.default_retention)
            && object.settings.retention.is_none()
        {
            object.settings.retention = Some(default.from(self.hold_base_ms(&bucket.name, object.last_modified_ms)?));
        }
        if bucket.settings.object_lock.is_some() {
            self.note_time(&bucket.name, object.last_modified_ms, &mut staged)?;
        }
        staged.dropped.retain(|id| object.blobs.iter().all(|blob| &blob.id != id));
        staged.changes.put(object);
        staged.happenings.push(Happening::of(event, &bucket, object));
        Ok(staged)
    }

    /// Removes a key's latest version if the bucket has no versioning, else puts a delete marker in front.
    ///
    /// # Errors
    /// As [`Self::stage_put`].
    pub fn stage_delete(&self, lock: &ObjectLock, now_ms: i64, remover: Remover) -> Result<Deletion, StoreError> {
        let bucket = self.bucket_of(lock)?;
        let mut staged = Staged::default();
        let current = self.object(&lock.bucket, &lock.key)?;
        if bucket.settings.versioning.is_unversioned() {
            if let Some(current) = current {
                staged.dropped = blobs_of(&current);
                staged.changes.delete::<Object>(&current.key());
                staged.happenings.push(Happening::of(remover.deletion(), &bucket, &current));
            }
            return Ok(Deletion { staged, marker: None });
        }
        let mut marker = Object {
            bucket: lock.bucket.clone(),
            key: lock.key.clone(),
            last_modified_ms: now_ms,
            delete_marker: true,
            ..Object::default()
        };
        self.stage_front(&bucket, &mut marker, &mut staged)?;
        if let Some(current) = current {
            staged.changes.delete::<Object>(&current.key());
        }
        staged.changes.put(&Version(marker.clone()));
        self.note_null(&marker, &mut staged);
        staged.happenings.push(Happening::of(remover.marking(), &bucket, &marker));
        Ok(Deletion { staged, marker: Some(marker) })
    }

    /// Makes room in front of a key's versions for `new`, whose version and sequence it sets. The current object's row is
    /// for the caller to replace or delete.
    fn stage_front(&self, bucket: &Bucket, new: &mut Object, staged: &mut Staged) -> Result<(), StoreError> {
        let now_ms = new.last_modified_ms;
        let current = self.object(&new.bucket, &new.key)?;
        let newest = match &current {
            None => self.first_version(&new.bucket, &new.key)?,
            Some(current) => Some(Arc::clone(current)),
        };
        new.sequence = next_sequence(newest.as_deref(), now_ms);
        new.version = (bucket.settings.versioning == Versioning::Enabled).then(|| new_version_id(new.sequence));
        let replaces_null = bucket.settings.versioning != Versioning::Enabled;
        if replaces_null && let Some(null) = self.version(&new.bucket, &new.key, Some(NULL_VERSION))? {
            if null.is_held(now_ms, false) {
                return Err(StoreError::Held);
            }
            staged.dropped.extend(blobs_of(&null));
            if current.as_ref().is_none_or(|current| current.sequence != null.sequence) {
                staged.changes.delete::<Version>(&Version::entity_key(&null.bucket, &null.key, null.sequence));
                staged.changes.delete::<NullVersion>(&null.key());
            }
        }
        // What was the latest is so no longer, unless it has just been replaced.
        if let Some(latest) = newest.filter(|latest| !(replaces_null && latest.version.is_none())) {
            let older = Object { noncurrent_since_ms: Some(now_ms), ..Object::clone(&latest) };
            self.note_null(&older, staged);
            staged.changes.put(&Version(older));
        }
        Ok(())
    }

    /// Keeps track of where the null version went.
    fn note_null(&self, version: &Object, staged: &mut Staged) {
        if version.version.is_none() {
            let (bucket, key) = (version.bucket.clone(), version.key.clone());
            staged.changes.put(&NullVersion { bucket, key, sequence: version.sequence });
        }
    }

    /// Removes one version for good. If it was the latest, the one before it is that now.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], [`StoreError::Held`] by Object Lock at `now_ms`, or if the catalog fails.
    pub fn stage_delete_version(
        &self,
        lock: &ObjectLock,
        version: &Object,
        now_ms: i64,
        bypass: bool,
        remover: Remover,
    ) -> Result<Staged, StoreError> {
        let bucket = self.bucket_of(lock)?;
        if version.is_held(now_ms, bypass) {
            return Err(StoreError::Held);
        }
        let mut staged = Staged { dropped: blobs_of(version), ..Staged::default() };
        staged.happenings.push(Happening::of(remover.deletion(), &bucket, version));
        let current = self.object(&lock.bucket, &lock.key)?;
        let is_current = current.as_ref().is_some_and(|current| current.sequence == version.sequence);
        if is_current {
            staged.changes.delete::<Object>(&version.key());
        } else {
            staged.changes.delete::<Version>(&Version::entity_key(&version.bucket, &version.key, version.sequence));
            if version.version.is_none() {
                staged.changes.delete::<NullVersion>(&version.key());
            }
        }
        let was_latest = is_current || (current.is_none() && version.noncurrent_since_ms.is_none());
        if was_latest && !bucket.settings.versioning.is_unversioned() {
            self.stage_promotion(version, &mut staged)?;
        }
        Ok(staged)
    }

    /// Makes the version behind the removed latest one the latest.
    fn stage_promotion(&self, removed: &Object, staged: &mut Staged) -> Result<(), StoreError> {
        let prefix = Version::prefix(&removed.bucket, &removed.key);
        let rows = self.catalog.scan::<Version>(&prefix, None, 2)?;
        let Some(next) = rows.into_iter().map(|row| row.0).find(|row| row.sequence != removed.sequence) else { return Ok(()) };
        let next = Object { noncurrent_since_ms: None, ..next };
        if next.delete_marker {
            staged.changes.put(&Version(next));
            return Ok(());
        }
        staged.changes.delete::<Version>(&Version::entity_key(&next.bucket, &next.key, next.sequence));
        if next.version.is_none() {
            staged.changes.delete::<NullVersion>(&next.key());
        }
        staged.changes.put(&next);
        Ok(())
    }

    /// Sets what can be changed of a version that is there: its settings, class and restored copy, not its bytes.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn stage_update(&self, lock: &ObjectLock, changed: &Object, event: Option<&'static str>) -> Result<Staged, StoreError> {
        let bucket = self.bucket_of(lock)?;
        let current = self.object(&lock.bucket, &lock.key)?;
        let mut staged = Staged::default();
        if current.is_some_and(|current| current.sequence == changed.sequence) {
            staged.changes.put(changed);
        } else {
            staged.changes.put(&Version(changed.clone()));
        }
        staged.happenings.extend(event.map(|event| Happening::of(event, &bucket, changed)));
        Ok(staged)
    }
}

pub(crate) fn blobs_of(object: &Object) -> Vec<String> {
    object.blobs.iter().map(|blob| blob.id.clone()).collect()
}
