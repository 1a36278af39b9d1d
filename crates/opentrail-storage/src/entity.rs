//! What the catalog keeps of buckets and objects.

use crate::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use crate::customer_key::CustomerKeyMark;
use crate::object_lock::Retention;
use crate::settings::BucketSettings;
use crate::storage_class::{Restored, StorageClass};
use opentrail_catalog::Entity;
use opentrail_kms::EncryptionContext;
use opentrail_policy::PolicyText;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    pub name: String,
    pub account: String,
    pub region: String,
    pub created_ms: i64,
    /// The bucket policy, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyText>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub settings: BucketSettings,
}

impl Bucket {
    /// A bucket without policy and tags, and with the settings that a new bucket has.
    pub fn new(name: impl Into<String>, account: impl Into<String>, region: impl Into<String>, created_ms: i64) -> Self {
        Self {
            name: name.into(),
            account: account.into(),
            region: region.into(),
            created_ms,
            policy: None,
            tags: BTreeMap::new(),
            settings: BucketSettings::of_a_new_bucket(),
        }
    }
}

impl Entity for Bucket {
    const TABLE: &'static str = "bucket";
    fn key(&self) -> String {
        self.name.clone()
    }
}

/// The headers an object is given back with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectHeaders {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Names without `x-amz-meta-`, lower-case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub user_metadata: BTreeMap<String, String>,
}

/// Bytes in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    pub id: String,
    pub size: u64,
    /// `None` for bytes that were written before there was encryption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<BlobEncryption>,
}

/// What is kept of how bytes are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlobEncryption {
    /// By the store itself (SSE-S3): the data key, sealed under the root key, in base64.
    Store { data_key: String },
    /// Under a key of KMS.
    Kms(KmsEncryption),
    /// Under a key that comes with every request.
    Customer(CustomerKeyMark),
    /// As the first blob of the object: its parts have one data key.
    AsFirst,
}

/// A data key that KMS made, and what it has to be told to give it out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KmsEncryption {
    pub key_arn: String,
    /// The ciphertext blob of the data key, in base64.
    pub data_key: String,
    pub context: EncryptionContext,
    /// Whether the data key is the bucket's, used for many objects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bucket_key: bool,
}

/// What an object has besides its bytes and headers, and an upload hands on to the object it becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectSettings {
    #[serde(default, skip_serializing_if = "StorageClass::is_standard")]
    pub storage_class: StorageClass,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// `None` if no legal hold was ever set, which is told differently from one that was lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<bool>,
}

/// An object, or one version of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    pub bucket: String,
    pub key: String,
    /// Its bytes, in order: one blob per part of a multipart upload, otherwise one.
    pub blobs: Vec<BlobRef>,
    pub size: u64,
    /// Hex MD5 of the bytes, or of the parts' MD5s followed by `-N`.
    pub etag: String,
    pub last_modified_ms: i64,
    #[serde(default)]
    pub headers: ObjectHeaders,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    /// `None` for the null version: that of a bucket without versioning, or with versioning suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Orders the versions of a key, newest highest; set when the version is staged.
    #[serde(default)]
    pub sequence: u64,
    /// When it stopped being the latest version; set while it is noncurrent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent_since_ms: Option<i64>,
    /// Whether it is no object but the mark that the key was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete_marker: bool,
    #[serde(default)]
    pub settings: ObjectSettings,
    /// The readable copy of an archived object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Restored>,
}

/// What the version without an id is called.
pub const NULL_VERSION: &str = "null";

impl Object {
    pub(crate) fn entity_key(bucket: &str, key: &str) -> String {
        format!("{bucket}/{key}")
    }

    /// The KMS key it is encrypted under; `None` if the store itself encrypts it.
    pub fn kms(&self) -> Option<&KmsEncryption> {
        match self.blobs.first()?.encryption.as_ref()? {
            BlobEncryption::Kms(kms) => Some(kms),
            BlobEncryption::Store { .. } | BlobEncryption::Customer(_) | BlobEncryption::AsFirst => None,
        }
    }

    /// What tells the customer's key that it is encrypted under; `None` if there is none.
    pub fn customer_key(&self) -> Option<&CustomerKeyMark> {
        match self.blobs.first()?.encryption.as_ref()? {
            BlobEncryption::Customer(mark) => Some(mark),
            BlobEncryption::Store { .. } | BlobEncryption::Kms(_) | BlobEncryption::AsFirst => None,
        }
    }

    /// The number of parts it was uploaded in; `None` if in one piece.
    pub fn parts_count(&self) -> Option<usize> {
        self.etag.contains('-').then_some(self.blobs.len())
    }

    /// The id by which requests name this version.
    pub fn version_id(&self) -> &str {
        self.version.as_deref().unwrap_or(NULL_VERSION)
    }
}

impl Entity for Object {
    const TABLE: &'static str = "object";
    fn key(&self) -> String {
        Self::entity_key(&self.bucket, &self.key)
    }
}

/// A version that is not an object's current one: an older one, or a delete marker.
///
/// Keys sort by object, then newest first. NUL separates the two parts; no object's key contains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub Object);

impl Version {
    pub(crate) fn entity_key(bucket: &str, key: &str, sequence: u64) -> String {
        format!("{bucket}/{key}\0{:016x}", u64::MAX - sequence)
    }

    /// What the entity keys of a key's versions begin with.
    pub(crate) fn prefix(bucket: &str, key: &str) -> String {
        format!("{bucket}/{key}\0")
    }
}

impl Entity for Version {
    const TABLE: &'static str = "version";
    fn key(&self) -> String {
        Self::entity_key(&self.0.bucket, &self.0.key, self.0.sequence)
    }
}

/// Where the null version of a key is, while it is a [`Version`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NullVersion {
    pub bucket: String,
    pub key: String,
    pub sequence: u64,
}

impl Entity for NullVersion {
    const TABLE: &'static str = "null_version";
    fn key(&self) -> String {
        Object::entity_key(&self.bucket, &self.key)
    }
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    pub bucket: String,
    pub key: String,
    pub id: String,
    pub started_ms: i64,
    /// ARN of who started it.
    pub initiator: String,
    #[serde(default)]
    pub headers: ObjectHeaders,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// The KMS key's data key that its parts are encrypted with; `None` if the store itself encrypts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<KmsEncryption>,
    /// What tells the customer's key that its parts come with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_key: Option<CustomerKeyMark>,
    #[serde(default)]
    pub settings: ObjectSettings,
}

impl Upload {
    pub(crate) fn entity_key(bucket: &str, id: &str) -> String {
        format!("{bucket}/{id}")
    }
}

impl Entity for Upload {
    const TABLE: &'static str = "upload";
    fn key(&self) -> String {
        Self::entity_key(&self.bucket, &self.id)
    }
}

/// One part of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub upload: String,
    pub number: u32,
    pub blob: BlobRef,
    /// Hex MD5.
    pub etag: String,
    pub last_modified_ms: i64,
    /// Of the upload's algorithm, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

impl Part {
    pub(crate) fn entity_key(upload: &str, number: u32) -> String {
        format!("{upload}/{number:05}")
    }
}

impl Entity for Part {
    const TABLE: &'static str = "part";
    fn key(&self) -> String {
        Self::entity_key(&self.upload, self.number)
    }
}
