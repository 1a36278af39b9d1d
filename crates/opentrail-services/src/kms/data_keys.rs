//! GenerateDataKey and GenerateDataKeyWithoutPlaintext.

use super::grants::check_tokens;
use super::keys::{self, constraint, encoded, validation};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_kms::{DataKey, EncryptionContext, Key};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const MAX_BYTES: i64 = 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataKeyRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    encryption_context: EncryptionContext,
    #[serde(default)]
    key_spec: Option<String>,
    #[serde(default)]
    number_of_bytes: Option<i64>,
    #[serde(default)]
    recipient: Option<Value>,
    #[serde(default)]
    grant_tokens: Vec<String>,
    #[serde(default)]
    dry_run: Option<bool>,
}

impl DataKeyRequest {
    fn length(&self) -> Result<usize, ApiError> {
        match (self.key_spec.as_deref(), self.number_of_bytes) {
            (Some("AES_256"), None) => Ok(32),
            (Some("AES_128"), None) => Ok(16),
            (None, Some(bytes @ 1..=MAX_BYTES)) => usize::try_from(bytes).map_err(|_| validation("numberOfBytes")),
            (None, Some(_)) => Err(constraint("numberOfBytes", "have value between 1 and 1024")),
            (Some(_), None) => Err(constraint("keySpec", "satisfy enum value set: [AES_256, AES_128]")),
            _ => Err(validation("Please specify either number of bytes or key spec.")),
        }
    }
}

/// The answer to a request that was only to be tried.
pub fn dry_run(wanted: Option<bool>) -> Result<(), ApiError> {
    match wanted {
        Some(true) => {
            Err(ApiError::new("DryRunOperationException", "The request would have succeeded, but the DryRun option is set."))
        }
        _ => Ok(()),
    }
}

fn generate(app: &App, call: &Call, input: DataKeyRequest) -> Result<(Arc<Key>, DataKey), ApiError> {
    if input.recipient.is_some() {
        return Err(ApiError::new("UnsupportedOperationException", "Recipient is not supported by OpenTrail yet."));
    }
    check_tokens(app, &input.grant_tokens)?;
    let length = input.length()?;
    let context = input.encryption_context.check().map_err(keys::fault)?;
    let key = keys::find(app, call, input.key_id.as_deref())?;
    let made = app.kms.generate_data_key(&key, &context, length).map_err(keys::fault)?;
    dry_run(input.dry_run)?;
    Ok((key, made))
}

fn output(key: &Key, made: &DataKey) -> Value {
    json!({"CiphertextBlob": encoded(&made.ciphertext), "KeyId": key.arn(), "KeyMaterialId": made.material_id})
}

/// # Errors
/// `ValidationException`, and what keeps the key from being used.
pub async fn generate_data_key(app: &Arc<App>, call: &Call, input: DataKeyRequest) -> Result<Reply, ApiError> {
    let (key, made) = generate(app, call, input)?;
    let mut output = output(&key, &made);
    output["Plaintext"] = encoded(&made.plaintext);
    Ok(keys::about(&key, output))
}

/// # Errors
/// As [`generate_data_key`].
pub async fn generate_data_key_without_plaintext(app: &Arc<App>, call: &Call, input: DataKeyRequest) -> Result<Reply, ApiError> {
    let (key, made) = generate(app, call, input)?;
    Ok(keys::about(&key, output(&key, &made)))
}
