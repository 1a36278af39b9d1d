//! A bucket's settings, as they are kept.

use crate::lifecycle_rules::Lifecycle;
use crate::object_lock::ObjectLockSettings;
use serde::{Deserialize, Serialize};

/// What can be set of a bucket besides its policy and tags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketSettings {
    #[serde(default, skip_serializing_if = "Versioning::is_unversioned")]
    pub versioning: Versioning,
    /// `None` if it was never set, which is told differently from disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_delete: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_lock: Option<ObjectLockSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_access_block: Option<PublicAccessBlock>,
    /// `None`: as `AES256` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<DefaultEncryption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<ObjectOwnership>,
    #[serde(default, skip_serializing_if = "Notifications::is_empty")]
    pub notifications: Notifications,
}

impl BucketSettings {
    /// Since April 2023 new buckets are closed to the public and have no ACLs.
    pub fn of_a_new_bucket() -> Self {
        Self {
            public_access_block: Some(PublicAccessBlock::ALL),
            ownership: Some(ObjectOwnership::BucketOwnerEnforced),
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Versioning {
    /// Never enabled.
    #[default]
    Unversioned,
    Enabled,
    Suspended,
}

impl Versioning {
    pub fn is_unversioned(&self) -> bool {
        *self == Self::Unversioned
    }
}

/// The four switches of Block Public Access, of a bucket or an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    #[serde(default)]
    pub block_public_acls: bool,
    #[serde(default)]
    pub ignore_public_acls: bool,
    #[serde(default)]
    pub block_public_policy: bool,
    #[serde(default)]
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    pub const ALL: Self =
        Self { block_public_acls: true, ignore_public_acls: true, block_public_policy: true, restrict_public_buckets: true };

    /// The switches that either has on: the stricter of an account's and a bucket's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            block_public_acls: self.block_public_acls || other.block_public_acls,
            ignore_public_acls: self.ignore_public_acls || other.ignore_public_acls,
            block_public_policy: self.block_public_policy || other.block_public_policy,
            restrict_public_buckets: self.restrict_public_buckets || other.restrict_public_buckets,
        }
    }
}

/// `ServerSideEncryptionConfiguration`: what new objects are encrypted with unless their request says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultEncryption {
    pub algorithm: EncryptionAlgorithm,
    /// Id, alias or ARN as it was given; only with a KMS algorithm. `None` there means the account's `aws/s3` key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bucket_key_enabled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EncryptionAlgorithm {
    #[serde(rename = "AES256")]
    Aes256,
    #[serde(rename = "aws:kms")]
    Kms,
    #[serde(rename = "aws:kms:dsse")]
    KmsDsse,
}

impl EncryptionAlgorithm {
    /// The value in S3's headers and XML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "aws:kms",
            Self::KmsDsse => "aws:kms:dsse",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Aes256, Self::Kms, Self::KmsDsse].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// Who owns objects. ACLs that give away rights are never taken, whatever is set here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectOwnership {
    BucketOwnerEnforced,
    BucketOwnerPreferred,
    ObjectWriter,
}

impl ObjectOwnership {
    pub fn name(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::BucketOwnerEnforced, Self::BucketOwnerPreferred, Self::ObjectWriter].into_iter().find(|one| one.name() == name)
    }
}

/// `NotificationConfiguration`: who is told of what happens to objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notifications {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<NotificationTarget>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub event_bridge: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationTarget {
    pub id: String,
    pub kind: TargetKind,
    pub arn: String,
    /// As they were given: `s3:ObjectCreated:*`, `s3:ObjectRemoved:Delete`, …
    pub events: Vec<String>,
    #[serde(default)]
    pub prefix: String,
    #[serde(default)]
    pub suffix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    Queue,
    Topic,
    Function,
}

impl Notifications {
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && !self.event_bridge
    }

    /// The targets that are told of `event` (such as `ObjectCreated:Put`) on this key.
    pub fn targets_of<'a>(&'a self, event: &'a str, key: &'a str) -> impl Iterator<Item = &'a NotificationTarget> {
        self.targets.iter().filter(move |target| target.wants(event, key))
    }
}

impl NotificationTarget {
    fn wants(&self, event: &str, key: &str) -> bool {
        let names_it = |name: &String| {
            let name = name.strip_prefix("s3:").unwrap_or(name);
            name.strip_suffix('*').map_or(name == event, |start| event.starts_with(start))
        };
        key.starts_with(&self.prefix) && key.ends_with(&self.suffix) && self.events.iter().any(names_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_chosen_by_event_and_key() {
        let target = NotificationTarget {
            id: "1".into(),
            kind: TargetKind::Queue,
            arn: "arn:aws:sqs:us-east-1:123456789012:q".into(),
            events: vec!["s3:ObjectCreated:*".into(), "s3:ObjectRemoved:Delete".into()],
            prefix: "AWSLogs/".into(),
            suffix: ".gz".into(),
        };
        let all = Notifications { targets: vec![target], event_bridge: false };
        let check = |event, key, expect: usize| assert_eq!(all.targets_of(event, key).count(), expect, "{event} {key}");
        check("ObjectCreated:Put", "AWSLogs/x.gz", 1);
        check("ObjectCreated:Copy", "AWSLogs/x.gz", 1);
        check("ObjectRemoved:Delete", "AWSLogs/x.gz", 1);
        check("ObjectRemoved:DeleteMarkerCreated", "AWSLogs/x.gz", 0);
        check("ObjectCreated:Put", "AWSLogs/x.json", 0);
        check("ObjectCreated:Put", "other/x.gz", 0);
    }
}
