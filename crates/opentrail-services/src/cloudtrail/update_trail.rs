//! UpdateTrail: absent members keep, empty ones clear.

use super::log_group;
use super::organization;
use super::settings::{self, GivenSettings};
use super::trails::{self, Unknown};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_delivery::{LogGroupSettings, trail_id};
use opentrail_model::trail::Trail;
use opentrail_storage::TrailBinding;
use opentrail_wire::ApiError;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateTrailRequest {
    #[serde(default)]
    name: Option<String>,
    #[serde(flatten)]
    settings: GivenSettings,
}

/// # Errors
/// As CreateTrail; `ConflictException` if the trail's destination changed while the bucket was being asked.
pub async fn update_trail(app: &Arc<App>, call: &Call, input: UpdateTrailRequest) -> Result<Reply, ApiError> {
    let given = input.name.as_deref().unwrap_or_default();
    let asked = updated(app, call, given, &input.settings)?;
    settings::check_bucket(app, &asked).await?;
    input.settings.check_topic(app, &asked)?;
    if input.settings.names_log_group() {
        log_group::check(app, call, &asked)?;
    }
    let key = settings::check_key(app, call, &asked).await?;

    let lock = trails::lock(app, call, given).await;
    let mut trail = updated(app, call, given, &input.settings)?;
    let group = |trail: &Trail| (trail.log_group_arn.clone(), trail.log_group_role_arn.clone());
    if TrailBinding::of(&trail) != TrailBinding::of(&asked) || group(&trail) != group(&asked) {
        let message = "The trail is being changed by another request. Wait a few minutes and try again.";
        return Err(ApiError::new("ConflictException", message));
    }
    trail.kms_key_id = key;
    let mut changes = Changes::new();
    changes.put(&trail);
    begin_log_group(app, &trail, &mut changes)?;
    input.settings.announce_topic(app, &trail, &mut changes)?;
    Ok(trails::changed(&trail, trails::settings_output(&trail), changes, lock))
}

/// Begins the delivery into a log group, if the trail now has one and never had.
fn begin_log_group(app: &App, trail: &Trail, changes: &mut Changes) -> Result<(), ApiError> {
    let known = app.catalog.get::<LogGroupSettings>(&trail_id(trail)).map_err(|error| catalog_failure(&error))?;
    if trail.log_group_arn.is_some() && known.is_none() {
        let before = app.catalog.get::<Trail>(&trail.key()).map_err(|error| catalog_failure(&error))?;
        LogGroupSettings::begin(trail, before.as_deref(), app.intake.log().end(), changes);
    }
    Ok(())
}

/// The trail as it would be, checked by itself and against its siblings.
fn updated(app: &App, call: &Call, given: &str, settings: &GivenSettings) -> Result<Trail, ApiError> {
    let stored = trails::changeable(app, call, given, Unknown::AsGiven)?;
    let mut trail = Trail::clone(&stored);
    settings.apply(&mut trail);
    organization::convert(app, call, settings.is_organization_trail, &mut trail)?;
    settings::check_combination(&trail)?;
    settings::check_destination_names(&trail)?;
    settings::check_topic_name(&trail)?;
    if (trail.multi_region && !stored.multi_region) || (trail.organization && !stored.organization) {
        settings::check_quota(app, call, &trail, &trails::all(app, &trail.account)?)?;
    }
    Ok(trail)
}
