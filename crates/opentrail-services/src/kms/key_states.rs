//! Whether a key is usable, and until when: EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion; and
//! UpdateKeyDescription.

use super::create_key::checked_description;
use super::keys::{self, NamedKey, constraint};
use crate::app::App;
use crate::call::Call;
use crate::dates::epoch_ms;
use crate::service::Reply;
use opentrail_kms::{Key, KeyState, KmsError};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const DAY_MS: i64 = 86_400_000;
/// Days a key waits for its deletion.
const WINDOW_DAYS: std::ops::RangeInclusive<i64> = 7..=30;

/// # Errors
/// `NotFoundException`, `KMSInvalidStateException`.
pub async fn enable_key(app: &Arc<App>, call: &Call, input: NamedKey) -> Result<Reply, ApiError> {
    set_state(app, call, &input, KeyState::Enabled).await
}

/// # Errors
/// As [`enable_key`].
pub async fn disable_key(app: &Arc<App>, call: &Call, input: NamedKey) -> Result<Reply, ApiError> {
    set_state(app, call, &input, KeyState::Disabled).await
}

async fn set_state(app: &Arc<App>, call: &Call, input: &NamedKey, state: KeyState) -> Result<Reply, ApiError> {
    let (key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    keys::not_pending_deletion(&key)?;
    Ok(keys::changed(&Key { state, ..key }, Value::Null, lock))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScheduleKeyDeletionRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    pending_window_in_days: Option<i64>,
}

/// # Errors
/// `ValidationException` for a window outside 7 to 30 days, `KMSInvalidStateException` if it is scheduled already.
pub async fn schedule_key_deletion(app: &Arc<App>, call: &Call, input: ScheduleKeyDeletionRequest) -> Result<Reply, ApiError> {
    let days = input.pending_window_in_days.unwrap_or(*WINDOW_DAYS.end());
    if !WINDOW_DAYS.contains(&days) {
        return Err(constraint("pendingWindowInDays", "have value between 7 and 30"));
    }
    let (key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    keys::not_pending_deletion(&key)?;
    let deletion_ms = keys::now_ms(call) + days * DAY_MS;
    let key = Key { state: KeyState::PendingDeletion { deletion_ms }, ..key };
    let output = json!({
        "KeyId": key.arn(),
        "DeletionDate": epoch_ms(deletion_ms),
        "KeyState": key.state_name(),
        "PendingWindowInDays": days,
    });
    let mut elements = opentrail_model::record::lower_first(output.clone());
    elements["deletionDate"] = crate::dates::recorded(call.now + time::Duration::days(days)).into();
    Ok(Reply { response_elements: Some(elements), ..keys::changed(&key, output, lock) })
}

/// # Errors
/// `KMSInvalidStateException` if no deletion is scheduled.
pub async fn cancel_key_deletion(app: &Arc<App>, call: &Call, input: NamedKey) -> Result<Reply, ApiError> {
    let (key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    if !matches!(key.state, KeyState::PendingDeletion { .. }) {
        return Err(keys::fault(KmsError::InvalidState(format!("{} is not pending deletion.", key.arn()))));
    }
    let key = Key { state: KeyState::Disabled, ..key };
    Ok(keys::changed(&key, json!({"KeyId": key.arn()}), lock))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateKeyDescriptionRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

/// # Errors
/// `ValidationException`, `KMSInvalidStateException`.
pub async fn update_key_description(app: &Arc<App>, call: &Call, input: UpdateKeyDescriptionRequest) -> Result<Reply, ApiError> {
    keys::required("description", input.description.as_deref())?;
    let description = checked_description(input.description)?;
    let (key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    keys::not_pending_deletion(&key)?;
    Ok(keys::changed(&Key { description, ..key }, Value::Null, lock))
}
