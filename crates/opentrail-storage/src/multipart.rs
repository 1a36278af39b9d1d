//! Multipart uploads.

use crate::blob::Blob;
use crate::entity::{BlobEncryption, BlobRef, Object, Part, Upload};
use crate::error::StoreError;
use crate::store::{EmbeddedStore, ObjectLock, Staged};
use md5::{Digest, Md5};
use opentrail_catalog::Entity;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Highest part number.
pub const MAX_PARTS: u32 = 10_000;
/// Smallest part that is not the last.
pub const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;

/// A part as the request for completion names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedPart {
    pub number: u32,
    /// Hex MD5, without quotes.
    pub etag: String,
    /// Of the upload's algorithm, in base64, if the request says it.
    pub checksum: Option<String>,
}

impl EmbeddedStore {
    /// # Errors
    /// [`StoreError::NoSuchUpload`] also if the upload is of another key; or if the catalog fails.
    pub fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<Arc<Upload>, StoreError> {
        let upload: Option<Arc<Upload>> = self.catalog.get(&Upload::entity_key(bucket, id))?;
        upload.filter(|upload| upload.key == key).ok_or(StoreError::NoSuchUpload)
    }

    /// The uploads of a bucket, by key, then by age.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn uploads(&self, bucket: &str) -> Result<Vec<Upload>, StoreError> {
        let mut uploads = self.catalog.list::<Upload>(&format!("{bucket}/"))?;
        uploads.sort_by(|a, b| (&a.key, a.started_ms, &a.id).cmp(&(&b.key, b.started_ms, &b.id)));
        Ok(uploads)
    }

    /// The parts of an upload, by number.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn parts(&self, upload: &str) -> Result<Vec<Part>, StoreError> {
        Ok(self.catalog.list::<Part>(&format!("{upload}/"))?)
    }

    /// A fresh upload id.
    pub fn upload_id(&self) -> String {
        format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// [`StoreError::NoSuchBucket`], or if the catalog fails.
    pub fn stage_upload(&self, lock: &ObjectLock, upload: &Upload) -> Result<Staged, StoreError> {
        if self.bucket(&lock.bucket)?.is_none() {
            return Err(StoreError::NoSuchBucket);
        }
        let mut staged = Staged::default();
        staged.changes.put(upload);
        Ok(staged)
    }

    /// Sets a part, replacing any other of its number.
    ///
    /// # Errors
    /// [`StoreError::NoSuchUpload`], or if the catalog fails.
    pub fn stage_part(
        &self,
        lock: &ObjectLock,
        upload: &str,
        number: u32,
        blob: &Blob,
        now_ms: i64,
    ) -> Result<Staged, StoreError> {
        let upload = self.upload(&lock.bucket, &lock.key, upload)?;
        let part = Part {
            upload: upload.id.clone(),
            number,
            blob: blob.reference(),
            etag: blob.etag(),
            last_modified_ms: now_ms,
            checksum: upload.checksum.and_then(|(algorithm, _)| blob.checksum(algorithm).map(Into::into)),
        };
        let replaced: Option<Arc<Part>> = self.catalog.get(&part.key())?;
        let mut staged = Staged { dropped: replaced.map(|old| old.blob.id.clone()).into_iter().collect(), ..Staged::default() };
        staged.changes.put(&part);
        Ok(staged)
    }

    /// Makes an object of the requested parts; the others are dropped.
    ///
    /// # Errors
    /// [`StoreError::NoSuchUpload`], [`StoreError::InvalidPart`], [`StoreError::InvalidPartOrder`],
    /// [`StoreError::PartTooSmall`], or if the catalog fails.
    pub fn stage_completion(
        &self,
        lock: &ObjectLock,
        upload: &str,
        requested: &[RequestedPart],
        now_ms: i64,
    ) -> Result<(Object, Staged), StoreError> {
        let upload = self.upload(&lock.bucket, &lock.key, upload)?;
        let mut there: BTreeMap<u32, Part> = self.parts(&upload.id)?.into_iter().map(|part| (part.number, part)).collect();
        let numbers: Vec<u32> = there.keys().copied().collect();
        let chosen = choose(&mut there, requested, &upload)?;
        let checksums: Vec<(String, u64)> =
            chosen.iter().filter_map(|part| Some((part.checksum.clone()?, part.blob.size))).collect();
        let checksum = upload
            .checksum
            .filter(|_| checksums.len() == chosen.len())
            .and_then(|(algorithm, kind)| algorithm.of_parts(kind, &checksums));
        let mut object = Object {
            bucket: lock.bucket.clone(),
            key: lock.key.clone(),
            size: chosen.iter().map(|part| part.blob.size).sum(),
            etag: multipart_etag(&chosen),
            last_modified_ms: now_ms,
            headers: upload.headers.clone(),
            checksum,
            blobs: with_one_key(chosen.into_iter().map(|part| part.blob).collect()),
            settings: upload.settings.clone(),
            ..Object::default()
        };
        let mut staged = self.stage_put(lock, &mut object, "ObjectCreated:CompleteMultipartUpload")?;
        staged.dropped.extend(there.into_values().map(|part| part.blob.id));
        staged.changes.delete::<Upload>(&upload.key());
        for number in numbers {
            staged.changes.delete::<Part>(&Part::entity_key(&upload.id, number));
        }
        Ok((object, staged))
    }

    /// Drops an upload and its parts.
    ///
    /// # Errors
    /// [`StoreError::NoSuchUpload`], or if the catalog fails.
    pub fn stage_abort(&self, lock: &ObjectLock, upload: &str) -> Result<Staged, StoreError> {
        let upload = self.upload(&lock.bucket, &lock.key, upload)?;
        let mut staged = Staged::default();
        staged.changes.delete::<Upload>(&upload.key());
        for part in self.parts(&upload.id)? {
            staged.changes.delete::<Part>(&part.key());
            staged.dropped.push(part.blob.id);
        }
        Ok(staged)
    }
}

/// All parts of an upload under a KMS key, or a customer's, have the same data key: it is kept once.
fn with_one_key(mut blobs: Vec<BlobRef>) -> Vec<BlobRef> {
    let Some((first, others)) = blobs.split_first_mut() else { return blobs };
    if matches!(first.encryption, Some(BlobEncryption::Kms(_) | BlobEncryption::Customer(_))) {
        for blob in others.iter_mut().filter(|blob| blob.encryption == first.encryption) {
            blob.encryption = Some(BlobEncryption::AsFirst);
        }
    }
    blobs
}

/// Takes the requested parts out of those that are there.
fn choose(there: &mut BTreeMap<u32, Part>, requested: &[RequestedPart], upload: &Upload) -> Result<Vec<Part>, StoreError> {
    if requested.is_empty() {
        return Err(StoreError::InvalidPart);
    }
    if requested.windows(2).any(|pair| pair[0].number >= pair[1].number) {
        return Err(StoreError::InvalidPartOrder);
    }
    let mut chosen = Vec::with_capacity(requested.len());
    for wanted in requested {
        let part = there.remove(&wanted.number).ok_or(StoreError::InvalidPart)?;
        let checksum_agrees = upload.checksum.is_none() || wanted.checksum.is_none() || wanted.checksum == part.checksum;
        if part.etag != wanted.etag || !checksum_agrees {
            return Err(StoreError::InvalidPart);
        }
        chosen.push(part);
    }
    let but_last = &chosen[..chosen.len() - 1];
    if but_last.iter().any(|part| part.blob.size < MIN_PART_BYTES) {
        return Err(StoreError::PartTooSmall { minimum: MIN_PART_BYTES });
    }
    Ok(chosen)
}

fn multipart_etag(parts: &[Part]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}
