//! CreateKey: symmetric encryption keys.

use super::access::check_lockout;
use super::key_policies::checked_policy;
use super::keys::{self, constraint, metadata, validation};
use super::tags::{self, Tag};
use crate::app::App;
use crate::call::Call;
use crate::dates::recorded;
use crate::recording::lower_cased;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_kms::{Key, KeyManager, KeyState, Material, RotationCause, default_policy};
use opentrail_model::record::lower_first;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 8192;
/// Most keys of an account in a region, as AWS's quota.
const MAX_KEYS: usize = 100_000;

const KEY_SPECS: &[&str] = &[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "ECC_NIST_EDWARDS25519",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
];
const KEY_USAGES: &[&str] = &["SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"];
const ORIGINS: &[&str] = &["EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateKeyRequest {
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    key_usage: Option<String>,
    #[serde(default)]
    key_spec: Option<String>,
    #[serde(default)]
    customer_master_key_spec: Option<String>,
    #[serde(default)]
    origin: Option<String>,
    #[serde(default)]
    multi_region: Option<bool>,
    #[serde(default)]
    bypass_policy_lockout_safety_check: Option<bool>,
    #[serde(default)]
    tags: Option<Vec<Tag>>,
}

/// # Errors
/// `ValidationException`, `UnsupportedOperationException` for keys of other kinds, `TagException`,
/// `MalformedPolicyDocumentException`, `LimitExceededException`.
pub async fn create_key(app: &Arc<App>, call: &Call, input: CreateKeyRequest) -> Result<Reply, ApiError> {
    check_kind(&input)?;
    let description = checked_description(input.description)?;
    let mut key_tags = BTreeMap::new();
    tags::add(&mut key_tags, &input.tags.unwrap_or_default())?;
    let policy = match input.policy {
        Some(policy) => checked_policy(policy)?,
        None => default_policy(&call.account),
    };
    let existing = app.catalog.scan::<Key>(&format!("{}/{}/", call.account, call.region), None, MAX_KEYS);
    if existing.map_err(|error| crate::app::catalog_failure(&error))?.len() >= MAX_KEYS {
        return Err(ApiError::new("LimitExceededException", "You have reached the maximum number of keys."));
    }
    let mut key = Key {
        account: call.account.clone(),
        region: call.region.clone(),
        id: app.intake.event_id(),
        description,
        created_ms: keys::now_ms(call),
        state: KeyState::Enabled,
        manager: KeyManager::Customer,
        policy,
        tags: key_tags,
        materials: Vec::new(),
        rotation: None,
    };
    if input.bypass_policy_lockout_safety_check != Some(true) {
        check_lockout(app, call, &key)?;
    }
    // From here until the entry is applied a crash leaves material that no key lists, for the next start to destroy.
    let material = app.kms.create_material(&key.id).await.map_err(keys::fault)?;
    key.materials.push(Material { id: material, since_ms: key.created_ms, cause: RotationCause::Creation });
    let mut changes = Changes::new();
    changes.put(&key);
    let output = json!({"KeyMetadata": metadata(&key)});
    let mut elements = lower_first(output.clone());
    elements["keyMetadata"]["creationDate"] = recorded(call.now).into();
    Ok(Reply { output, changes, response_elements: Some(elements), resources: vec![keys::resource(&key)], ..Reply::default() })
}

/// # Errors
/// `ValidationException` if it is too long.
pub fn checked_description(description: Option<String>) -> Result<String, ApiError> {
    let description = description.unwrap_or_default();
    if description.chars().count() > MAX_DESCRIPTION_CHARS {
        return Err(constraint("description", &format!("have length less than or equal to {MAX_DESCRIPTION_CHARS}")));
    }
    Ok(description)
}

fn check_kind(input: &CreateKeyRequest) -> Result<(), ApiError> {
    let unsupported = |what: String| Err(ApiError::new("UnsupportedOperationException", what));
    let given = [("keySpec", &input.key_spec), ("customerMasterKeySpec", &input.customer_master_key_spec)];
    for (member, spec) in given {
        match spec.as_deref() {
            None | Some("SYMMETRIC_DEFAULT") => {}
            Some(spec) if KEY_SPECS.contains(&spec) => {
                if input.key_usage.is_none() && !spec.starts_with("SM2") {
                    return Err(validation(
                        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
                    ));
                }
                return unsupported(format!("KeySpec {spec} is not supported by OpenTrail yet."));
            }
            Some(_) => return Err(constraint(member, "satisfy enum value set")),
        }
    }
    match input.key_usage.as_deref() {
        None | Some("ENCRYPT_DECRYPT") => {}
        Some(usage) if KEY_USAGES.contains(&usage) => {
            return Err(validation(format!("KeyUsage {usage} is not compatible with KeySpec SYMMETRIC_DEFAULT")));
        }
        Some(_) => return Err(constraint("keyUsage", "satisfy enum value set")),
    }
    match input.origin.as_deref() {
        None | Some("AWS_KMS") => {}
        Some(origin) if ORIGINS.contains(&origin) => {
            return unsupported(format!("Origin {origin} is not supported by OpenTrail yet."));
        }
        Some(_) => return Err(constraint("origin", "satisfy enum value set")),
    }
    if input.multi_region == Some(true) {
        return unsupported("Multi-Region keys are not supported by OpenTrail yet.".into());
    }
    Ok(())
}

/// `requestParameters`: with the defaults that AWS writes out.
pub fn parameters(input: &Value) -> Value {
    let mut recorded = match lower_cased(input) {
        Value::Object(members) => members,
        _ => serde_json::Map::new(),
    };
    let defaults = [
        ("policy", json!("")),
        ("description", json!("")),
        ("customerMasterKeySpec", json!("SYMMETRIC_DEFAULT")),
        ("keySpec", json!("SYMMETRIC_DEFAULT")),
        ("keyUsage", json!("ENCRYPT_DECRYPT")),
        ("origin", json!("AWS_KMS")),
        ("bypassPolicyLockoutSafetyCheck", json!(false)),
        ("multiRegion", json!(false)),
    ];
    for (name, value) in defaults {
        recorded.entry(name).or_insert(value);
    }
    Value::Object(recorded)
}
