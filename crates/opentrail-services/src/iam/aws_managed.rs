//! The managed policies of AWS: our own copies in effect, for the services that are here. Read-only; the same for every
//! account.

use opentrail_policy::PolicyText;
use std::collections::HashMap;
use std::sync::LazyLock;
use time::OffsetDateTime;
use time::macros::datetime;

/// Path, name, number of the version in effect, document, description; in the order of the names.
#[rustfmt::skip]
const POLICIES: &[(&str, &str, u32, &str, &str)] = &[
    ("/", "AWSCloudTrail_FullAccess", 3, include_str!("aws_managed/AWSCloudTrail_FullAccess.json"), "Provides full access to CloudTrail, and what setting up a trail takes."),
    ("/", "AWSCloudTrail_ReadOnlyAccess", 1, include_str!("aws_managed/AWSCloudTrail_ReadOnlyAccess.json"), "Provides read-only access to CloudTrail."),
    ("/", "AWSKeyManagementServicePowerUser", 1, include_str!("aws_managed/AWSKeyManagementServicePowerUser.json"), "Provides access to Key Management Service, but not to the use of keys."),
    ("/", "AWSOrganizationsReadOnlyAccess", 1, include_str!("aws_managed/AWSOrganizationsReadOnlyAccess.json"), "Provides read-only access to AWS Organizations."),
    ("/", "AdministratorAccess", 1, include_str!("aws_managed/AdministratorAccess.json"), "Provides full access to every service and resource."),
    ("/", "AmazonEventBridgeReadOnlyAccess", 1, include_str!("aws_managed/AmazonEventBridgeReadOnlyAccess.json"), "Provides read-only access to Amazon EventBridge."),
    ("/", "AmazonS3FullAccess", 2, include_str!("aws_managed/AmazonS3FullAccess.json"), "Provides full access to all buckets."),
    ("/", "AmazonS3ReadOnlyAccess", 3, include_str!("aws_managed/AmazonS3ReadOnlyAccess.json"), "Provides read-only access to all buckets."),
    ("/", "AmazonSNSFullAccess", 1, include_str!("aws_managed/AmazonSNSFullAccess.json"), "Provides full access to Amazon SNS."),
    ("/", "AmazonSNSReadOnlyAccess", 1, include_str!("aws_managed/AmazonSNSReadOnlyAccess.json"), "Provides read-only access to Amazon SNS."),
    ("/", "AmazonSQSFullAccess", 1, include_str!("aws_managed/AmazonSQSFullAccess.json"), "Provides full access to Amazon SQS."),
    ("/", "AmazonSQSReadOnlyAccess", 1, include_str!("aws_managed/AmazonSQSReadOnlyAccess.json"), "Provides read-only access to Amazon SQS."),
    ("/aws-service-role/", "CloudTrailServiceRolePolicy", 3, include_str!("aws_managed/CloudTrailServiceRolePolicy.json"), "Permissions of CloudTrail's service-linked role."),
    ("/", "CloudWatchLogsFullAccess", 1, include_str!("aws_managed/CloudWatchLogsFullAccess.json"), "Provides full access to CloudWatch Logs."),
    ("/", "CloudWatchLogsReadOnlyAccess", 1, include_str!("aws_managed/CloudWatchLogsReadOnlyAccess.json"), "Provides read-only access to CloudWatch Logs."),
    ("/", "CloudWatchReadOnlyAccess", 1, include_str!("aws_managed/CloudWatchReadOnlyAccess.json"), "Provides read-only access to CloudWatch."),
    ("/", "IAMFullAccess", 2, include_str!("aws_managed/IAMFullAccess.json"), "Provides full access to IAM."),
    ("/", "IAMReadOnlyAccess", 4, include_str!("aws_managed/IAMReadOnlyAccess.json"), "Provides read-only access to IAM."),
    ("/", "IAMUserChangePassword", 1, include_str!("aws_managed/IAMUserChangePassword.json"), "Lets IAM users change their own password."),
    ("/", "PowerUserAccess", 1, include_str!("aws_managed/PowerUserAccess.json"), "Provides full access to every service and resource, but not to the management of users, groups and organizations."),
    ("/", "ReadOnlyAccess", 1, include_str!("aws_managed/ReadOnlyAccess.json"), "Provides read-only access to every service."),
    ("/", "SecurityAudit", 1, include_str!("aws_managed/SecurityAudit.json"), "Grants access to read the configuration of security relevant services, without the data in them."),
];

/// A managed policy of AWS.
#[derive(Debug)]
pub struct AwsManaged {
    pub path: &'static str,
    pub name: &'static str,
    /// The version in effect, and the only one that can be read.
    pub version: u32,
    pub description: &'static str,
    document: PolicyText,
}

static ALL: LazyLock<Vec<AwsManaged>> = LazyLock::new(|| {
    let read = |&(path, name, version, document, description): &(&'static str, &'static str, u32, &'static str, &'static str)| {
        AwsManaged { path, name, version, description, document: PolicyText::from(document.trim_end()) }
    };
    POLICIES.iter().map(read).collect()
});

static BY_ARN: LazyLock<HashMap<String, &'static AwsManaged>> =
    LazyLock::new(|| ALL.iter().map(|policy| (policy.arn(), policy)).collect());

/// The policy of AWS with this ARN.
pub fn find(arn: &str) -> Option<&'static AwsManaged> {
    arn.strip_prefix("arn:aws:iam::aws:policy/")?;
    BY_ARN.get(arn).copied()
}

/// Every policy of AWS, in the order of their names.
pub fn all() -> &'static [AwsManaged] {
    &ALL
}

impl AwsManaged {
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }

    /// The document in effect.
    pub fn document(&self) -> &PolicyText {
        &self.document
    }

    /// Those of service-linked roles are for these roles only.
    pub fn is_attachable(&self) -> bool {
        self.path == "/"
    }

    /// `ANPA…`, the same on every server.
    pub fn id(&self) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        // FNV-1a over 128 bits: an id, not a secret.
        let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        for byte in self.name.bytes() {
            hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
        let digit = |at: u32| char::from(ALPHABET[usize::try_from((hash >> (5 * at)) & 31).expect("below 32")]);
        format!("ANPA{}", (0..17).map(digit).collect::<String>())
    }

    pub fn created(&self) -> OffsetDateTime {
        datetime!(2015-02-06 18:39:46 UTC)
    }

    /// When our copy was last changed.
    pub fn updated(&self) -> OffsetDateTime {
        datetime!(2026-11-21 00:00:00 UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentrail_policy::{PolicyDocument, PolicyKind};

    #[test]
    fn every_copy_parses_and_is_found() {
        assert!(POLICIES.is_sorted_by_key(|(_, name, ..)| *name));
        for policy in all() {
            PolicyDocument::parse(policy.document().as_str(), PolicyKind::Identity).expect(policy.name);
            assert_eq!(find(&policy.arn()).map(|found| found.name), Some(policy.name));
            assert_eq!(policy.id().len(), 21);
        }
    }
}
