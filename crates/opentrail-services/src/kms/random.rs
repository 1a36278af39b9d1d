//! GenerateRandom.

use super::keys::{constraint, encoded};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

const MAX_BYTES: usize = 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateRandomRequest {
    #[serde(default)]
    number_of_bytes: Option<i64>,
    #[serde(default)]
    custom_key_store_id: Option<String>,
}

/// # Errors
/// `ValidationException`, `CustomKeyStoreNotFoundException`.
pub async fn generate_random(_: &Arc<App>, _: &Call, input: GenerateRandomRequest) -> Result<Reply, ApiError> {
    if input.custom_key_store_id.is_some() {
        return Err(ApiError::new("CustomKeyStoreNotFoundException", "There is no custom key store with this id."));
    }
    let length = input.number_of_bytes.and_then(|bytes| usize::try_from(bytes).ok());
    let length = length.filter(|bytes| (1..=MAX_BYTES).contains(bytes));
    let mut bytes = vec![0; length.ok_or_else(|| constraint("numberOfBytes", "have value between 1 and 1024"))?];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random generator works");
    Ok(Reply::output(json!({"Plaintext": encoded(&bytes)})))
}
