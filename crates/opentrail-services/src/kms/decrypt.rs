//! Decrypt: the ciphertext names its key.

use super::data_keys::dry_run;
use super::encrypt::check_algorithm;
use super::grants::check_tokens;
use super::keys::{self, encoded};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_kms::{Decrypted, EncryptionContext, Envelope, Key, KeyRef, KmsError};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Largest ciphertext.
pub const MAX_CIPHERTEXT_BYTES: usize = 6144;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DecryptRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    ciphertext_blob: Option<String>,
    #[serde(default)]
    encryption_context: EncryptionContext,
    #[serde(default)]
    encryption_algorithm: Option<String>,
    #[serde(default)]
    recipient: Option<Value>,
    #[serde(default)]
    grant_tokens: Vec<String>,
    #[serde(default)]
    dry_run: Option<bool>,
}

/// Decrypts with the key that the ciphertext names, which has to be the one the caller names, if any.
///
/// # Errors
/// `InvalidCiphertextException`, `IncorrectKeyException`, `AccessDeniedException` if there is no such key any more, and
/// what keeps the key from being used.
pub fn opened(
    app: &App,
    call: &Call,
    blob: &[u8],
    named: Option<&str>,
    context: &EncryptionContext,
) -> Result<(Arc<Key>, Decrypted), ApiError> {
    let envelope = Envelope::parse(blob).map_err(keys::fault)?;
    let named = named.map(|name| keys::find(app, call, Some(name))).transpose()?;
    let key = KeyRef::parse(envelope.key_arn, &call.account, &call.region).and_then(|name| app.kms.find(&name));
    let key = key.map_err(|error| match error {
        KmsError::NotFound(_) | KmsError::InvalidArn(_) => keys::fault(KmsError::AccessDenied(
            "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.".into(),
        )),
        other => keys::fault(other),
    })?;
    if named.is_some_and(|named| named.arn() != key.arn()) {
        return Err(keys::fault(KmsError::IncorrectKey));
    }
    let decrypted = app.kms.decrypt(&key, context, &envelope).map_err(keys::fault)?;
    Ok((key, decrypted))
}

/// # Errors
/// As [`opened`]; `ValidationException`.
pub async fn decrypt(app: &Arc<App>, call: &Call, input: DecryptRequest) -> Result<Reply, ApiError> {
    if input.recipient.is_some() {
        return Err(ApiError::new("UnsupportedOperationException", "Recipient is not supported by OpenTrail yet."));
    }
    check_algorithm(input.encryption_algorithm.as_deref())?;
    check_tokens(app, &input.grant_tokens)?;
    let blob = keys::bytes("ciphertextBlob", input.ciphertext_blob.as_deref(), MAX_CIPHERTEXT_BYTES)?;
    let (key, decrypted) = opened(app, call, &blob, input.key_id.as_deref(), &input.encryption_context)?;
    dry_run(input.dry_run)?;
    let output = json!({
        "Plaintext": encoded(&decrypted.plaintext),
        "KeyId": key.arn(),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "KeyMaterialId": decrypted.material_id,
    });
    Ok(keys::about(&key, output))
}
