//! What the operations share: finding keys, checking inputs, telling of keys.

use crate::app::App;
use crate::call::Call;
use crate::dates::epoch_ms;
use crate::service::Reply;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_catalog::{Changes, NamedLock};
use opentrail_kms::{Key, KeyManager, KeyRef, KeyState, KmsError};
use opentrail_model::record::Resource;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// An input that only names a key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedKey {
    #[serde(default)]
    pub key_id: Option<String>,
}

/// KMS's error as its clients know it.
pub fn fault(error: KmsError) -> ApiError {
    if error.is_internal() {
        tracing::error!(error = &error as &dyn std::error::Error, "a key could not be used");
        return ApiError::new("KMSInternalException", "The request was rejected because an internal exception occurred.")
            .with_status(500);
    }
    ApiError::new(error.code(), error.to_string())
}

pub fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message.into())
}

/// A value that does not fit, in the words of AWS's front end.
pub fn constraint(member: &str, what: &str) -> ApiError {
    validation(format!("1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must {what}"))
}

/// The text of a member that has to be there.
pub fn required<'a>(member: &str, value: Option<&'a str>) -> Result<&'a str, ApiError> {
    value.ok_or_else(|| constraint(member, "not be null"))
}

/// Base64 of an input, with or without padding at fault.
pub fn blob(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Bytes of an input.
pub fn bytes(member: &str, text: Option<&str>, longest: usize) -> Result<Vec<u8>, ApiError> {
    let decoded = blob(required(member, text)?)
        .ok_or_else(|| ApiError::new("SerializationException", format!("{member} is not base64")))?;
    if decoded.is_empty() {
        return Err(constraint(member, "have length greater than or equal to 1"));
    }
    if decoded.len() > longest {
        return Err(constraint(member, &format!("have length less than or equal to {longest}")));
    }
    Ok(decoded)
}

pub fn encoded(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}

/// The key that `KeyId` names, by id, ARN or alias.
pub fn find(app: &App, call: &Call, key_id: Option<&str>) -> Result<Arc<Key>, ApiError> {
    let name = required("keyId", key_id)?;
    KeyRef::parse(name, &call.account, &call.region).and_then(|name| app.kms.find(&name)).map_err(fault)
}

/// As [`find`], for operations that take no aliases and only keys of the caller's account; under the lock that changes of
/// keys are made under.
pub async fn changeable(app: &App, call: &Call, key_id: Option<&str>) -> Result<(Key, NamedLock), ApiError> {
    let text = required("keyId", key_id)?;
    let name = KeyRef::parse(text, &call.account, &call.region).map_err(fault)?;
    if name.is_alias() {
        return Err(fault(KmsError::NotFound(format!("Invalid keyId '{text}'"))));
    }
    let lock = app.kms.lock(&name.account, &name.region).await;
    let key = app.kms.find(&name).map_err(fault)?;
    Ok((Key::clone(&key), lock))
}

/// # Errors
/// `KMSInvalidStateException` for a key that is to be deleted.
pub fn not_pending_deletion(key: &Key) -> Result<(), ApiError> {
    match key.state {
        KeyState::PendingDeletion { .. } => Err(fault(KmsError::InvalidState(format!("{} is pending deletion.", key.arn())))),
        _ => Ok(()),
    }
}

/// The change of a key, and the answer.
pub fn changed(key: &Key, output: Value, lock: NamedLock) -> Reply {
    let mut changes = Changes::new();
    changes.put(key);
    Reply { output, changes, lock: Some(lock), resources: vec![resource(key)], ..Reply::default() }
}

/// An answer about a key that changes nothing.
pub fn about(key: &Key, output: Value) -> Reply {
    Reply { output, resources: vec![resource(key)], ..Reply::default() }
}

pub fn resource(key: &Key) -> Resource {
    Resource { account: Some(key.account.clone()), kind: Some("AWS::KMS::Key".into()), arn: Some(key.arn()), arn_prefix: None }
}

/// `KeyMetadata`.
pub fn metadata(key: &Key) -> Value {
    let manager = match key.manager {
        KeyManager::Customer => "CUSTOMER",
        KeyManager::Aws => "AWS",
    };
    let mut metadata = json!({
        "AWSAccountId": key.account,
        "KeyId": key.id,
        "Arn": key.arn(),
        "CreationDate": epoch_ms(key.created_ms),
        "Enabled": key.state == KeyState::Enabled,
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": key.state_name(),
        "Origin": "AWS_KMS",
        "KeyManager": manager,
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
        "CurrentKeyMaterialId": key.newest().id,
    });
    if let KeyState::PendingDeletion { deletion_ms } = key.state {
        metadata["DeletionDate"] = epoch_ms(deletion_ms);
    }
    metadata
}

/// Milliseconds since 1970 of a call.
pub fn now_ms(call: &Call) -> i64 {
    i64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
}
