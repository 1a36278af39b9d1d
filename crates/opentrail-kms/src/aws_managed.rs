//! Keys that a service makes for an account when it first needs one: `alias/aws/s3` and its like.

use crate::engine::Kms;
use crate::entity::{Alias, Key, KeyManager, KeyState, Material, Rotation, RotationCause};
use crate::error::KmsError;
use crate::key_ref::KeyRef;
use opentrail_catalog::Changes;
use opentrail_eventlog::Intake;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What names of AWS managed keys begin with; nobody else may use it.
pub const AWS_ALIAS_PREFIX: &str = "alias/aws/";
/// Services that have a managed key here, with what users know them as.
const SERVICES: &[(&str, &str)] = &[("s3", "S3"), ("sns", "SNS"), ("sqs", "SQS")];
const ROTATION_DAYS: u32 = 365;
const DAY_MS: i64 = 86_400_000;

/// The name of the managed key of a service, such as `s3`, in an account and region.
pub fn aws_managed_key(service: &str, account: &str, region: &str) -> KeyRef {
    let name = crate::key_ref::KeyName::Alias(format!("{AWS_ALIAS_PREFIX}{service}"));
    KeyRef { account: account.into(), region: region.into(), name }
}

/// Makes the key; `None` if there is no such service.
pub(crate) async fn make(kms: &Kms, intake: &Intake, name: &KeyRef, service: &str) -> Result<Option<Arc<Key>>, KmsError> {
    let Some((service, title)) = SERVICES.iter().find(|(one, _)| *one == service) else { return Ok(None) };
    let (account, region) = (&name.account, &name.region);
    let _lock = kms.lock(account, region).await;
    if let Ok(key) = kms.find(name) {
        return Ok(Some(key));
    }
    let now_ms = i64::try_from(intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    let id = uuid::Uuid::new_v4().to_string();
    let material = kms.create_material(&id).await?;
    let key = Key {
        account: account.clone(),
        region: region.clone(),
        id: id.clone(),
        description: format!("Default key that protects my {title} resources when no other key is defined"),
        created_ms: now_ms,
        state: KeyState::Enabled,
        manager: KeyManager::Aws,
        policy: policy(service, title, account, region),
        tags: BTreeMap::new(),
        materials: vec![Material { id: material, since_ms: now_ms, cause: RotationCause::Creation }],
        rotation: Some(Rotation { period_days: ROTATION_DAYS, next_ms: now_ms + i64::from(ROTATION_DAYS) * DAY_MS }),
    };
    let alias = Alias {
        account: account.clone(),
        region: region.clone(),
        name: format!("{AWS_ALIAS_PREFIX}{service}"),
        key_id: id,
        created_ms: now_ms,
        updated_ms: now_ms,
    };
    let mut changes = Changes::new();
    changes.put(&key).put(&alias);
    intake.submit(Vec::new(), changes.encode()).await?;
    Ok(Some(Arc::new(key)))
}

fn policy(service: &str, title: &str, account: &str, region: &str) -> String {
    let policy = json!({
        "Version": "2012-10-17",
        "Id": format!("auto-{service}-2"),
        "Statement": [
            {
                "Sid": format!("Allow access through {title} for all principals in the account that are authorized to use {title}"),
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                "Resource": "*",
                "Condition": {"StringEquals": {
                    "kms:CallerAccount": account,
                    "kms:ViaService": format!("{service}.{region}.amazonaws.com"),
                }},
            },
            {
                "Sid": "Allow direct access to key metadata to the account",
                "Effect": "Allow",
                "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
                "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
                "Resource": "*",
            },
        ],
    });
    format!("{policy:#}")
}
