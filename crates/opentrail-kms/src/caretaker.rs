//! What happens to keys in time: automatic rotation, and deletion at the end of the waiting period.

use crate::engine::Kms;
use crate::entity::{Alias, Key, KeyState, Material, Rotation, RotationCause};
use crate::error::KmsError;
use crate::grant::Grant;
use crate::service_record::by_itself;
use opentrail_catalog::{Changes, Entity};
use opentrail_eventlog::Intake;
use serde_json::json;
use time::OffsetDateTime;

const DAY_MS: i64 = 86_400_000;

/// Rotates and deletes what is due. To be called every so often; what is missed is done the next time.
/// Returns how many keys were changed.
///
/// # Errors
/// If the catalog or the log fails; what was done until then is done.
pub async fn take_care(kms: &Kms, intake: &Intake) -> Result<usize, KmsError> {
    let now = intake.now();
    let now_ms = milliseconds(now);
    let mut done = 0;
    for key in kms.catalog.list::<Key>("")? {
        let is_due = match key.state {
            KeyState::PendingDeletion { deletion_ms } => deletion_ms <= now_ms,
            KeyState::Enabled => key.rotation.is_some_and(|rotation| rotation.next_ms <= now_ms),
            KeyState::Disabled => false,
        };
        if is_due {
            done += usize::from(attend(kms, intake, &key.key(), now).await?);
        }
    }
    Ok(done)
}

/// Looks at a key again, under the lock, and does what is due of it.
async fn attend(kms: &Kms, intake: &Intake, entity_key: &str, now: OffsetDateTime) -> Result<bool, KmsError> {
    let Some(key) = kms.catalog.get::<Key>(entity_key)? else { return Ok(false) };
    let _lock = kms.lock(&key.account, &key.region).await;
    let Some(key) = kms.catalog.get::<Key>(entity_key)? else { return Ok(false) };
    match (key.state, key.rotation) {
        (KeyState::PendingDeletion { deletion_ms }, _) if deletion_ms <= milliseconds(now) => {
            delete(kms, intake, &key, now).await?;
            Ok(true)
        }
        (KeyState::Enabled, Some(rotation)) if rotation.next_ms <= milliseconds(now) => {
            rotate(kms, intake, &key, rotation, now).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

async fn rotate(kms: &Kms, intake: &Intake, key: &Key, rotation: Rotation, now: OffsetDateTime) -> Result<(), KmsError> {
    let now_ms = milliseconds(now);
    let material = kms.create_material(&key.id).await?;
    let mut rotated = key.clone();
    rotated.materials.push(Material { id: material, since_ms: now_ms, cause: RotationCause::Automatic });
    rotated.rotation = Some(Rotation { next_ms: now_ms + i64::from(rotation.period_days) * DAY_MS, ..rotation });
    let mut changes = Changes::new();
    changes.put(&rotated);
    let details = json!({"keyId": key.arn(), "keyOrigin": "AWS_KMS", "rotationType": "AUTOMATIC",
        "previousKeyMaterialId": key.newest().id, "currentKeyMaterialId": rotated.newest().id});
    submit(intake, key, "RotateKey", details, &changes, now).await?;
    tracing::info!(key = key.arn(), "rotated a key");
    Ok(())
}

async fn delete(kms: &Kms, intake: &Intake, key: &Key, now: OffsetDateTime) -> Result<(), KmsError> {
    let mut changes = Changes::new();
    changes.delete::<Key>(&key.key());
    let prefix = format!("{}/{}/", key.account, key.region);
    for alias in kms.catalog.list::<Alias>(&prefix)?.into_iter().filter(|alias| alias.key_id == key.id) {
        changes.delete::<Alias>(&alias.key());
    }
    for grant in Grant::of_key(&kms.catalog, key)?.iter() {
        changes.delete::<Grant>(&grant.key());
    }
    submit(intake, key, "DeleteKey", json!({"keyId": key.arn()}), &changes, now).await?;
    // A crash before this line leaves material that no key lists; the sweep at the next start destroys it.
    let destroyed = kms.destroy_material(key).await;
    destroyed.map_err(|source| KmsError::Material { path: key.id.clone().into(), source })?;
    tracing::warn!(key = key.arn(), "deleted a key and destroyed its material");
    Ok(())
}

async fn submit(
    intake: &Intake,
    key: &Key,
    name: &str,
    details: serde_json::Value,
    changes: &Changes,
    now: OffsetDateTime,
) -> Result<(), KmsError> {
    let event = by_itself(intake, name, key, details, now);
    intake.submit(vec![event], changes.encode()).await?;
    Ok(())
}

fn milliseconds(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
}
