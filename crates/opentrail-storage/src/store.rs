//! The embedded store: buckets and objects.

use crate::blob::{BlobStore, BlobWriter, MAX_BLOB_BYTES};
use crate::blob_cipher::BlobKey;
use crate::checksum::ChecksumAlgorithm;
use crate::entity::{Bucket, Object, Part, Upload, Version};
use crate::error::StoreError;
use crate::notifier::{Cause, Happening, NoNotifier, Notifier};
use opentrail_catalog::{Catalog, Changes, Entity, NamedLock};
use opentrail_seal::Seal;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

const SWEEP_PAGE: usize = 1000;
/// How far the time of a file may lie behind the clock: file systems stamp with the kernel's last tick.
const FILE_TIME_LAG: Duration = Duration::from_secs(2);
/// An object that is replaced this often while it is being opened is given up on.
pub(crate) const OPEN_ATTEMPTS: usize = 8;

/// Buckets and objects. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedStore {
    pub(crate) catalog: Catalog,
    pub(crate) blobs: BlobStore,
    /// Held shared by all that adds objects, alone by the deletion of a bucket. Always taken before a catalog lock.
    deletions: Arc<RwLock<()>>,
    opened: SystemTime,
    notifier: Arc<OnceLock<Arc<dyn Notifier>>>,
}

/// What an operation changes: for the caller to submit together with its event, and then to [`EmbeddedStore::discard`].
#[derive(Debug, Default)]
#[must_use]
pub struct Staged {
    pub changes: Changes,
    /// Blobs that nothing names any more once the changes are applied.
    pub dropped: Vec<String>,
    /// What event notifications tell of; [`EmbeddedStore::tell`] makes changes of it.
    pub happenings: Vec<Happening>,
}

/// The right to change one object and its uploads; held until the submission is answered.
pub struct ObjectLock {
    pub bucket: String,
    pub key: String,
    _shared: OwnedRwLockReadGuard<()>,
    _lock: NamedLock,
}

/// The right to delete one bucket: nobody is adding objects meanwhile.
pub struct BucketDeletionLock {
    pub bucket: String,
    _alone: OwnedRwLockWriteGuard<()>,
    _lock: NamedLock,
}

impl EmbeddedStore {
    /// Opens or creates the store in `dir`. `seal` keeps the data keys of objects.
    ///
    /// # Errors
    /// If the directories cannot be made.
    pub fn open(dir: &Path, catalog: Catalog, seal: Arc<Seal>) -> Result<Self, StoreError> {
        let blobs = BlobStore::open(dir, seal)?;
        Ok(Self { catalog, blobs, deletions: Arc::default(), opened: SystemTime::now(), notifier: Arc::default() })
    }

    /// Sets who delivers event notifications; only the first call counts.
    pub fn attach_notifier(&self, notifier: Arc<dyn Notifier>) {
        let _ = self.notifier.set(notifier);
    }

    /// Who delivers event notifications.
    pub fn notifier(&self) -> &dyn Notifier {
        self.notifier.get().map_or(&NoNotifier, |notifier| &**notifier)
    }

    /// Adds to the changes what notes that somebody is to be told of them.
    pub fn tell(&self, bucket: &Bucket, staged: &mut Staged, cause: &Cause) {
        let happenings = std::mem::take(&mut staged.happenings);
        if !bucket.settings.notifications.is_empty() && !happenings.is_empty() {
            staged.changes.append(self.notifier().changes(bucket, &happenings, cause));
        }
    }

    /// # Errors
    /// If the catalog fails.
    pub fn bucket(&self, name: &str) -> Result<Option<Arc<Bucket>>, StoreError> {
        Ok(self.catalog.get(name)?)
    }

    /// The buckets of an account, by name.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn buckets_of(&self, account: &str) -> Result<Vec<Bucket>, StoreError> {
        let mut buckets = self.catalog.list::<Bucket>("")?;
        buckets.retain(|bucket| bucket.account == account);
        Ok(buckets)
    }

    /// Waits for the right to create a bucket or to change its settings.
    pub async fn lock_bucket(&self, name: &str) -> NamedLock {
        self.catalog.lock(&format!("bucket {name}")).await
    }

    /// Waits for the right to delete a bucket.
    pub async fn lock_bucket_deletion(&self, name: &str) -> BucketDeletionLock {
        let alone = Arc::clone(&self.deletions).write_owned().await;
        BucketDeletionLock { bucket: name.to_owned(), _alone: alone, _lock: self.lock_bucket(name).await }
    }

    /// Waits for the right to change an object.
    pub async fn lock_object(&self, bucket: &str, key: &str) -> ObjectLock {
        let shared = Arc::clone(&self.deletions).read_owned().await;
        let lock = self.catalog.lock(&format!("object {bucket}/{key}")).await;
        ObjectLock { bucket: bucket.to_owned(), key: key.to_owned(), _shared: shared, _lock: lock }
    }

    /// Deletes a bucket without objects, versions and uploads; so also without any that Object Lock holds.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], [`StoreError::BucketNotEmpty`], or if the catalog fails.
    pub fn stage_bucket_deletion(&self, lock: &BucketDeletionLock) -> Result<Staged, StoreError> {
        let name = &lock.bucket;
        let within = format!("{name}/");
        if self.bucket(name)?.is_none() {
            return Err(StoreError::NoSuchBucket);
        }
        let has_objects = !self.catalog.scan::<Object>(&within, None, 1)?.is_empty();
        let has_uploads = !self.catalog.scan::<Upload>(&within, None, 1)?.is_empty();
        let has_versions = !self.catalog.scan::<Version>(&within, None, 1)?.is_empty();
        if has_objects || has_uploads || has_versions {
            return Err(StoreError::BucketNotEmpty);
        }
        let mut staged = Staged::default();
        staged.changes.delete::<Bucket>(name);
        Self::forget_time(name, &mut staged);
        Ok(staged)
    }

    /// # Errors
    /// If the catalog fails.
    pub fn object(&self, bucket: &str, key: &str) -> Result<Option<Arc<Object>>, StoreError> {
        Ok(self.catalog.get(&Object::entity_key(bucket, key))?)
    }

    /// Begins to store bytes, at most [`MAX_BLOB_BYTES`], encrypted with this key.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub async fn write_blob(&self, checksums: &[ChecksumAlgorithm], key: &BlobKey) -> Result<BlobWriter, StoreError> {
        self.blobs.writer(MAX_BLOB_BYTES, checksums, key).await
    }

    /// Removes blobs that nothing names: those a change dropped, once it is applied, or new ones whose change was refused.
    pub fn discard<I: AsRef<str>>(&self, blobs: impl IntoIterator<Item = I>) {
        for id in blobs {
            self.blobs.discard(id.as_ref());
        }
    }

    /// Removes what crashes left behind: files of unfinished writes and blobs that nothing names, from before this store was
    /// opened. Blocks; may run while the store is in use. Returns how many files were removed.
    ///
    /// # Errors
    /// If the catalog or the directory cannot be read; nothing was removed then.
    pub fn sweep_orphans(&self) -> Result<usize, StoreError> {
        let listed = self.blobs.older_than(self.opened - FILE_TIME_LAG);
        let (mut orphans, temporary) = listed.map_err(|source| StoreError::file("listing", "blobs", source))?;
        // Parts before objects: a blob moves from a part to an object, never the other way, so none is missed.
        self.each::<Part>(|part| {
            orphans.remove(&part.blob.id);
        })?;
        // Versions before and after objects: a blob moves between these two both ways.
        let mut keep = |object: &Object| {
            for blob in &object.blobs {
                orphans.remove(&blob.id);
            }
        };
        self.each::<Version>(|version| keep(&version.0))?;
        self.each::<Object>(&mut keep)?;
        self.each::<Version>(|version| keep(&version.0))?;
        for path in &temporary {
            crate::blob::remove(path);
        }
        self.discard(&orphans);
        Ok(orphans.len() + temporary.len())
    }

    pub(crate) fn each<E: Entity>(&self, mut visit: impl FnMut(&E)) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.catalog.scan::<E>("", after.as_deref(), SWEEP_PAGE)?;
            page.iter().for_each(&mut visit);
            match page.last() {
                Some(last) if page.len() == SWEEP_PAGE => after = Some(last.key()),
                _ => return Ok(()),
            }
        }
    }
}

/// For tests and diagnosis: ids of all complete blobs.
impl EmbeddedStore {
    /// # Errors
    /// If the directory cannot be read.
    pub fn blob_ids(&self) -> Result<HashSet<String>, StoreError> {
        let far = SystemTime::now() + Duration::from_secs(86_400);
        let (blobs, _) = self.blobs.older_than(far).map_err(|source| StoreError::file("listing", "blobs", source))?;
        Ok(blobs)
    }
}
