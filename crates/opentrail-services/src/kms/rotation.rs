//! Rotation: EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations.

use super::keys::{self, NamedKey, constraint};
use super::page::PageRequest;
use crate::app::App;
use crate::call::Call;
use crate::dates::epoch_ms;
use crate::service::Reply;
use opentrail_kms::{Key, KeyState, KmsError, Material, Rotation, RotationCause};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const DAY_MS: i64 = 86_400_000;
const PERIOD_DAYS: std::ops::RangeInclusive<u32> = 90..=2560;
const USUAL_PERIOD_DAYS: u32 = 365;
/// Most rotations on demand of one key, as AWS's quota.
const MAX_ON_DEMAND: usize = 25;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnableKeyRotationRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    rotation_period_in_days: Option<u32>,
}

fn check_usable(key: &Key) -> Result<(), ApiError> {
    keys::not_pending_deletion(key)?;
    match key.state {
        KeyState::Disabled => Err(keys::fault(KmsError::Disabled(key.arn()))),
        _ => Ok(()),
    }
}

/// # Errors
/// `ValidationException` for a period outside 90 to 2560 days, `DisabledException`, `KMSInvalidStateException`.
pub async fn enable_key_rotation(app: &Arc<App>, call: &Call, input: EnableKeyRotationRequest) -> Result<Reply, ApiError> {
    if input.rotation_period_in_days.is_some_and(|days| !PERIOD_DAYS.contains(&days)) {
        return Err(constraint("rotationPeriodInDays", "have value between 90 and 2560"));
    }
    let (key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    check_usable(&key)?;
    let period_days =
        input.rotation_period_in_days.or(key.rotation.map(|rotation| rotation.period_days)).unwrap_or(USUAL_PERIOD_DAYS);
    let unchanged = key.rotation.filter(|rotation| rotation.period_days == period_days);
    let next_ms = keys::now_ms(call) + i64::from(period_days) * DAY_MS;
    let rotation = Some(unchanged.unwrap_or(Rotation { period_days, next_ms }));
    Ok(keys::changed(&Key { rotation, ..key }, Value::Null, lock))
}

/// # Errors
/// `DisabledException`, `KMSInvalidStateException`.
pub async fn disable_key_rotation(app: &Arc<App>, call: &Call, input: NamedKey) -> Result<Reply, ApiError> {
    let (key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    check_usable(&key)?;
    Ok(keys::changed(&Key { rotation: None, ..key }, Value::Null, lock))
}

/// # Errors
/// `NotFoundException`.
pub async fn get_key_rotation_status(app: &Arc<App>, call: &Call, input: NamedKey) -> Result<Reply, ApiError> {
    let key = keys::find(app, call, input.key_id.as_deref())?;
    let runs = !matches!(key.state, KeyState::PendingDeletion { .. });
    let rotation = key.rotation.filter(|_| runs);
    let mut output = json!({"KeyId": key.arn(), "KeyRotationEnabled": rotation.is_some()});
    if let Some(Rotation { period_days, next_ms }) = rotation {
        output["RotationPeriodInDays"] = period_days.into();
        output["NextRotationDate"] = epoch_ms(next_ms);
    }
    Ok(keys::about(&key, output))
}

/// # Errors
/// `DisabledException`, `KMSInvalidStateException`, `LimitExceededException`.
pub async fn rotate_key_on_demand(app: &Arc<App>, call: &Call, input: NamedKey) -> Result<Reply, ApiError> {
    let (mut key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    check_usable(&key)?;
    if key.materials.iter().filter(|material| material.cause == RotationCause::OnDemand).count() >= MAX_ON_DEMAND {
        let message = format!("The number of on-demand rotations of {} has reached its limit of {MAX_ON_DEMAND}.", key.arn());
        return Err(ApiError::new("LimitExceededException", message));
    }
    let material = app.kms.create_material(&key.id).await.map_err(keys::fault)?;
    key.materials.push(Material { id: material, since_ms: keys::now_ms(call), cause: RotationCause::OnDemand });
    Ok(keys::changed(&key, json!({"KeyId": key.arn()}), lock))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeyRotationsRequest {
    #[serde(default)]
    include_key_material: Option<String>,
    #[serde(flatten)]
    key: NamedKey,
    #[serde(flatten)]
    page: PageRequest,
}

/// # Errors
/// `NotFoundException`, `InvalidMarkerException`.
pub async fn list_key_rotations(app: &Arc<App>, call: &Call, input: ListKeyRotationsRequest) -> Result<Reply, ApiError> {
    let key = keys::find(app, call, input.key.key_id.as_deref())?;
    let all = match input.include_key_material.as_deref() {
        None | Some("ROTATIONS_ONLY") => false,
        Some("ALL_KEY_MATERIAL") => true,
        Some(_) => return Err(constraint("includeKeyMaterial", "satisfy enum value set")),
    };
    let materials = key.materials.iter().enumerate().filter(|(_, material)| all || material.cause != RotationCause::Creation);
    let entry = |(number, material): (usize, &Material)| {
        let is_newest = number + 1 == key.materials.len();
        let mut shown = json!({
            "KeyId": key.arn(),
            "KeyMaterialId": material.id,
            "KeyMaterialState": if is_newest { "CURRENT" } else { "NON_CURRENT" },
            "RotationDate": epoch_ms(material.since_ms),
        });
        match material.cause {
            RotationCause::Creation => {}
            RotationCause::Automatic => shown["RotationType"] = "AUTOMATIC".into(),
            RotationCause::OnDemand => shown["RotationType"] = "ON_DEMAND".into(),
        }
        (format!("{number:08}"), shown)
    };
    let output = input.page.answer("Rotations", 100, 1000, materials.map(entry).collect())?;
    Ok(keys::about(&key, output))
}
