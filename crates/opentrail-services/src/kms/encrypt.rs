//! Encrypt.

use super::data_keys::dry_run;
use super::grants::check_tokens;
use super::keys::{self, constraint, encoded};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_kms::EncryptionContext;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Largest plaintext.
const MAX_PLAINTEXT_BYTES: usize = 4096;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncryptRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    plaintext: Option<String>,
    #[serde(default)]
    encryption_context: EncryptionContext,
    #[serde(default)]
    encryption_algorithm: Option<String>,
    #[serde(default)]
    grant_tokens: Vec<String>,
    #[serde(default)]
    dry_run: Option<bool>,
}

/// # Errors
/// `InvalidKeyUsageException` for an algorithm of asymmetric keys.
pub fn check_algorithm(name: Option<&str>) -> Result<(), ApiError> {
    match name {
        None | Some("SYMMETRIC_DEFAULT") => Ok(()),
        Some("RSAES_OAEP_SHA_1" | "RSAES_OAEP_SHA_256" | "SM2PKE") => Err(ApiError::new(
            "InvalidKeyUsageException",
            "The encryption algorithm is not compatible with the key spec SYMMETRIC_DEFAULT.",
        )),
        Some(_) => Err(constraint("encryptionAlgorithm", "satisfy enum value set")),
    }
}

/// # Errors
/// `ValidationException`, and what keeps the key from being used.
pub async fn encrypt(app: &Arc<App>, call: &Call, input: EncryptRequest) -> Result<Reply, ApiError> {
    check_algorithm(input.encryption_algorithm.as_deref())?;
    check_tokens(app, &input.grant_tokens)?;
    let plaintext = keys::bytes("plaintext", input.plaintext.as_deref(), MAX_PLAINTEXT_BYTES)?;
    let context = input.encryption_context.check().map_err(keys::fault)?;
    let key = keys::find(app, call, input.key_id.as_deref())?;
    let blob = app.kms.encrypt(&key, &context, &plaintext).map_err(keys::fault)?;
    dry_run(input.dry_run)?;
    let output = json!({"CiphertextBlob": encoded(&blob), "KeyId": key.arn(), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"});
    Ok(keys::about(&key, output))
}
