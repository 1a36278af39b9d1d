//! ReEncrypt: from one key or context to another, the plaintext staying here.

use super::access::{Via, permit_via};
use super::data_keys::dry_run;
use super::decrypt::{MAX_CIPHERTEXT_BYTES, opened};
use super::encrypt::check_algorithm;
use super::grants::check_tokens;
use super::keys::{self, encoded};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_kms::EncryptionContext;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReEncryptRequest {
    #[serde(default)]
    ciphertext_blob: Option<String>,
    #[serde(default)]
    source_encryption_context: EncryptionContext,
    #[serde(default)]
    source_key_id: Option<String>,
    #[serde(default)]
    destination_key_id: Option<String>,
    #[serde(default)]
    destination_encryption_context: EncryptionContext,
    #[serde(default)]
    source_encryption_algorithm: Option<String>,
    #[serde(default)]
    destination_encryption_algorithm: Option<String>,
    #[serde(default)]
    grant_tokens: Vec<String>,
    #[serde(default)]
    dry_run: Option<bool>,
}

/// # Errors
/// As Decrypt with the source and Encrypt with the destination; `AccessDeniedException` unless the destination's policy
/// allows `kms:ReEncryptTo`.
pub async fn re_encrypt(app: &Arc<App>, call: &Call, input: ReEncryptRequest) -> Result<Reply, ApiError> {
    check_algorithm(input.source_encryption_algorithm.as_deref())?;
    check_algorithm(input.destination_encryption_algorithm.as_deref())?;
    check_tokens(app, &input.grant_tokens)?;
    let blob = keys::bytes("ciphertextBlob", input.ciphertext_blob.as_deref(), MAX_CIPHERTEXT_BYTES)?;
    let context = input.destination_encryption_context.check().map_err(keys::fault)?;
    let destination = input.destination_key_id.as_deref();
    keys::required("destinationKeyId", destination)?;
    let destination = keys::find(app, call, destination)?;
    permit_via(&app.catalog, call, Via::None, &destination, "kms:ReEncryptTo", Some(&context)).map_err(keys::fault)?;
    let (source, decrypted) = opened(app, call, &blob, input.source_key_id.as_deref(), &input.source_encryption_context)?;
    let blob = app.kms.encrypt(&destination, &context, &decrypted.plaintext).map_err(keys::fault)?;
    dry_run(input.dry_run)?;
    let output = json!({
        "CiphertextBlob": encoded(&blob),
        "SourceKeyId": source.arn(),
        "KeyId": destination.arn(),
        "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "SourceKeyMaterialId": decrypted.material_id,
        "DestinationKeyMaterialId": destination.newest().id,
    });
    Ok(Reply { resources: vec![keys::resource(&source), keys::resource(&destination)], ..Reply::output(output) })
}
