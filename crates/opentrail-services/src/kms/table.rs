//! The table of operations, and which key a call is about.

use super::keys;
use super::{
    aliases, create_key, data_keys, decrypt, describe_key, encrypt, grants, key_lists, key_policies, key_states, random,
    re_encrypt, rotation, tags,
};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::handler;
use crate::recording::lower_cased;
use crate::service::{Handler, Operation, Service};
use opentrail_kms::{EncryptionContext, Envelope, Key, KeyRef, KmsError, alias_arn, condition_keys, granted};
use opentrail_policy::{PolicyDocument, PolicyKind, RequestContext};
use opentrail_wire::ApiError;
use serde_json::{Map, Value};
use std::sync::Arc;

pub static SERVICE: Service = Service {
    name: "kms",
    event_source: "kms.amazonaws.com",
    target: Some("TrentService"),
    version: None,
    namespace: None,
    global: false,
    operations: OPERATIONS,
    missing: MISSING,
    unsupported_code: "UnsupportedOperationException",
};

const OPERATIONS: &[Operation] = &[
    Operation { parameters: create_key::parameters, ..Operation::new("CreateKey", handler!(create_key::create_key)) },
    read(of_key("DescribeKey", handler!(describe_key::describe_key))),
    read(Operation::new("ListKeys", handler!(key_lists::list_keys))),
    of_alias("CreateAlias", handler!(aliases::create_alias)),
    of_alias("UpdateAlias", handler!(aliases::update_alias)),
    of_alias("DeleteAlias", handler!(aliases::delete_alias)),
    read(Operation::new("ListAliases", handler!(aliases::list_aliases))),
    cryptographic("GenerateDataKey", handler!(data_keys::generate_data_key)),
    cryptographic("GenerateDataKeyWithoutPlaintext", handler!(data_keys::generate_data_key_without_plaintext)),
    Operation { parameters: |_| Value::Null, ..read(Operation::new("GenerateRandom", handler!(random::generate_random))) },
    cryptographic("Encrypt", handler!(encrypt::encrypt)),
    Operation {
        resource: |app, call, input| arn_or_any(encrypted_under(app, call, input, "CiphertextBlob")),
        resource_policy: Some(|app, call, input| policy_of_any(encrypted_under(app, call, input, "CiphertextBlob"))),
        ..cryptographic("Decrypt", handler!(decrypt::decrypt))
    },
    Operation {
        action: Some("kms:ReEncryptFrom"),
        resource: |app, call, input| arn_or_any(encrypted_under(app, call, input, "CiphertextBlob")),
        resource_policy: Some(|app, call, input| policy_of_any(encrypted_under(app, call, input, "CiphertextBlob"))),
        ..cryptographic("ReEncrypt", handler!(re_encrypt::re_encrypt))
    },
    of_key("PutKeyPolicy", handler!(key_policies::put_key_policy)),
    read(of_key("GetKeyPolicy", handler!(key_policies::get_key_policy))),
    read(of_key("ListKeyPolicies", handler!(key_policies::list_key_policies))),
    of_key("EnableKey", handler!(key_states::enable_key)),
    of_key("DisableKey", handler!(key_states::disable_key)),
    of_key("ScheduleKeyDeletion", handler!(key_states::schedule_key_deletion)),
    of_key("CancelKeyDeletion", handler!(key_states::cancel_key_deletion)),
    of_key("UpdateKeyDescription", handler!(key_states::update_key_description)),
    of_key("EnableKeyRotation", handler!(rotation::enable_key_rotation)),
    of_key("DisableKeyRotation", handler!(rotation::disable_key_rotation)),
    read(of_key("GetKeyRotationStatus", handler!(rotation::get_key_rotation_status))),
    of_key("RotateKeyOnDemand", handler!(rotation::rotate_key_on_demand)),
    read(of_key("ListKeyRotations", handler!(rotation::list_key_rotations))),
    of_key("TagResource", handler!(tags::tag_resource)),
    of_key("UntagResource", handler!(tags::untag_resource)),
    read(of_key("ListResourceTags", handler!(tags::list_resource_tags))),
    Operation { parameters: grant_parameters, ..of_key("CreateGrant", handler!(grants::create_grant)) },
    read(of_key("ListGrants", handler!(grants::list_grants))),
    read(Operation::new("ListRetirableGrants", handler!(grants::list_retirable_grants))),
    Operation {
        parameters: grant_parameters,
        resource: |app, call, input| arn_or_any(grants::key_of_retired(app, call, input)),
        resource_policy: Some(|app, call, input| policy_of(grants::key_of_retired(app, call, input))),
        grants: Some(|app, call, _, input| Ok(grants::retirers(app, call, input))),
        ..of_key("RetireGrant", handler!(grants::retire_grant))
    },
    of_key("RevokeGrant", handler!(grants::revoke_grant)),
];

const MISSING: &[&str] = &[
    "ConnectCustomKeyStore",
    "CreateCustomKeyStore",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DisconnectCustomKeyStore",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ReplicateKey",
    "Sign",
    "UpdateCustomKeyStore",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
];

/// An operation on the key that `KeyId` names, which the key's policy decides.
const fn of_key(name: &'static str, handler: Handler) -> Operation {
    Operation {
        resource: |app, call, input| arn_or_any(named(app, call, input)),
        resource_policy: Some(|app, call, input| policy_of(named(app, call, input))),
        grants: Some(granted_by),
        conditions: Some(conditions),
        ..Operation::new(name, handler)
    }
}

/// An operation on an alias; its handler asks the policy of the key.
const fn of_alias(name: &'static str, handler: Handler) -> Operation {
    Operation {
        resource: |_, call, input| alias_arn(&call.region, &call.account, input["AliasName"].as_str().unwrap_or_default()),
        ..Operation::new(name, handler)
    }
}

const fn cryptographic(name: &'static str, handler: Handler) -> Operation {
    Operation { parameters: cryptographic_parameters, read_only: true, ..of_key(name, handler) }
}

const fn read(operation: Operation) -> Operation {
    Operation { read_only: true, ..operation }
}

/// The key that `KeyId` names.
fn named(app: &App, call: &Call, input: &Value) -> Result<Arc<Key>, KmsError> {
    let name = input["KeyId"].as_str().unwrap_or_default();
    app.kms.find(&KeyRef::parse(name, &call.account, &call.region)?)
}

/// The key that a ciphertext names.
fn encrypted_under(app: &App, call: &Call, input: &Value, member: &str) -> Result<Arc<Key>, KmsError> {
    let blob = keys::blob(input[member].as_str().unwrap_or_default()).ok_or(KmsError::InvalidCiphertext)?;
    let envelope = Envelope::parse(&blob)?;
    app.kms.find(&KeyRef::parse(envelope.key_arn, &call.account, &call.region)?)
}

/// What there is no key for is about anything, so that only those who may do it to any key learn that.
fn arn_or_any(key: Result<Arc<Key>, KmsError>) -> String {
    key.map_or_else(|_| "*".into(), |key| key.arn())
}

fn policy_of(key: Result<Arc<Key>, KmsError>) -> Result<Option<Arc<PolicyDocument>>, ApiError> {
    match key {
        Ok(key) => Ok(Some(document(&key))),
        Err(KmsError::Catalog(error)) => Err(keys::fault(KmsError::Catalog(error))),
        Err(_) => Ok(None),
    }
}

/// For a ciphertext: whether it names a key is not told before the caller may decrypt with any.
fn policy_of_any(key: Result<Arc<Key>, KmsError>) -> Result<Option<Arc<PolicyDocument>>, ApiError> {
    policy_of(key)
}

/// The policy of a key. One that cannot be read any more denies everything.
pub(super) fn document(key: &Key) -> Arc<PolicyDocument> {
    let document = PolicyDocument::parse(&key.policy, PolicyKind::Resource);
    Arc::new(document.unwrap_or_else(|_| PolicyDocument::unreadable(PolicyKind::Resource)))
}

/// The condition keys of an operation on a key.
fn conditions(app: &App, call: &Call, input: &Value, context: RequestContext) -> RequestContext {
    let context = context.with("kms:CallerAccount", call.account.as_str());
    let key = match input.get("CiphertextBlob") {
        Some(_) => encrypted_under(app, call, input, "CiphertextBlob"),
        None => named(app, call, input),
    };
    let Ok(key) = key else { return context };
    let mut context = condition_keys(context, &key, Some(&encryption_context(input)));
    if input.get("GranteePrincipal").is_some() {
        context = grant_conditions(input, context);
    }
    if let Some(alias) = input["KeyId"].as_str().and_then(|id| Some(&id[id.find("alias/")?..])) {
        context = context.with("kms:RequestAlias", alias);
    }
    if let Some(days) = input["PendingWindowInDays"].as_i64() {
        context = context.with("kms:ScheduleKeyDeletionPendingWindowInDays", days.to_string());
    }
    if let Some(bypass) = input["BypassPolicyLockoutSafetyCheck"].as_bool() {
        context = context.with("kms:BypassPolicyLockoutSafetyCheck", bypass.to_string());
    }
    context
}

fn encryption_context(input: &Value) -> EncryptionContext {
    ["EncryptionContext", "SourceEncryptionContext"]
        .iter()
        .find_map(|member| serde_json::from_value(input.get(*member)?.clone()).ok())
        .unwrap_or_default()
}

/// What grants allow on the key that a call is about.
fn granted_by(app: &App, call: &Call, action: &str, input: &Value) -> Result<Option<PolicyDocument>, ApiError> {
    let key = match input.get("CiphertextBlob") {
        Some(_) => encrypted_under(app, call, input, "CiphertextBlob"),
        None => named(app, call, input),
    };
    let Ok(key) = key else { return Ok(None) };
    granted(&app.catalog, &key, action, &encryption_context(input)).map_err(|error| catalog_failure(&error))
}

/// The condition keys of CreateGrant.
fn grant_conditions(input: &Value, mut context: RequestContext) -> RequestContext {
    context = context.with("kms:GrantIsForAWSResource", "false");
    for (key, member) in [("kms:GranteePrincipal", "GranteePrincipal"), ("kms:RetiringPrincipal", "RetiringPrincipal")] {
        if let Some(arn) = input[member].as_str() {
            context = context.with(key, arn);
        }
    }
    for kind in ["EncryptionContextEquals", "EncryptionContextSubset"] {
        if input["Constraints"].get(kind).is_some() {
            context = context.with("kms:GrantConstraintType", kind);
        }
    }
    let operations = input["Operations"].as_array().map(Vec::as_slice).unwrap_or_default();
    context.with_all("kms:GrantOperations", operations.iter().filter_map(Value::as_str))
}

/// `requestParameters` of grants: the encryption contexts of constraints as they were given, and no tokens.
fn grant_parameters(input: &Value) -> Value {
    let mut recorded = lower_cased(input);
    let Some(members) = recorded.as_object_mut() else { return recorded };
    members.retain(|name, _| !name.starts_with("grantToken"));
    if let Some(Value::Object(given)) = input.get("Constraints") {
        let given = given.iter().map(|(name, value)| (opentrail_model::record::lower_first_name(name), value.clone()));
        members.insert("constraints".to_owned(), Value::Object(given.collect()));
    }
    recorded
}

/// `requestParameters` of cryptographic operations: nothing of the data, and the encryption context as it was given.
fn cryptographic_parameters(input: &Value) -> Value {
    let Some(members) = input.as_object() else { return Value::Null };
    let mut recorded = Map::new();
    for (name, value) in members {
        match name.as_str() {
            "Plaintext" | "CiphertextBlob" | "Recipient" | "GrantTokens" => {}
            name if name.ends_with("EncryptionContext") => {
                recorded.insert(opentrail_model::record::lower_first_name(name), value.clone());
            }
            name => {
                let one = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
                if let Value::Object(one) = lower_cased(&one) {
                    recorded.extend(one);
                }
            }
        }
    }
    let is_data_key = members.contains_key("KeySpec") || members.contains_key("NumberOfBytes");
    let encrypts = members.contains_key("Plaintext") || members.contains_key("CiphertextBlob");
    if encrypts && !is_data_key && !members.contains_key("DestinationKeyId") {
        recorded.entry("encryptionAlgorithm").or_insert_with(|| "SYMMETRIC_DEFAULT".into());
    }
    Value::Object(recorded)
}
