//! CreateTrail: a new trail, not logging yet.

use super::log_group;
use super::organization;
use super::settings::{self, GivenSettings};
use super::tags::{self, Tag};
use super::trails;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_delivery::{DeliveryState, LogGroupSettings};
use opentrail_model::names::trail_name_problem;
use opentrail_model::selector::Selectors;
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateTrailRequest {
    #[serde(default)]
    name: Option<String>,
    #[serde(flatten)]
    settings: GivenSettings,
    #[serde(default)]
    tags_list: Option<Vec<Tag>>,
}

/// # Errors
/// In this order: `InvalidTrailNameException`, `InvalidTagParameterException`, `InvalidParameterCombinationException`,
/// `InvalidS3BucketNameException`, `InvalidS3PrefixException`, `InvalidSnsTopicNameException`, `TrailAlreadyExistsException`,
/// `MaximumNumberOfTrailsExceededException`, the bucket's faults,
/// `InsufficientSnsTopicPolicyException`, the faults of [`log_group::check`], those of the key.
/// Those of [`organization::extend`] come before the bucket's.
pub async fn create_trail(app: &Arc<App>, call: &Call, input: CreateTrailRequest) -> Result<Reply, ApiError> {
    let name = input.name.unwrap_or_default();
    if let Some(problem) = trail_name_problem(&name) {
        return Err(ApiError::new("InvalidTrailNameException", problem));
    }
    let mut trail = unset(app, call, name);
    tags::add(&mut trail.tags, &input.tags_list.unwrap_or_default())?;
    input.settings.apply(&mut trail);
    settings::check_combination(&trail)?;
    settings::check_destination_names(&trail)?;
    settings::check_topic_name(&trail)?;
    let whole = input.settings.is_organization_trail == Some(true);
    if whole {
        organization::extend(app, call, &mut trail)?;
    }
    check_room(app, call, &trail)?;
    settings::check_bucket(app, &trail).await?;
    input.settings.check_topic(app, &trail)?;
    log_group::check(app, call, &trail)?;
    trail.kms_key_id = settings::check_key(app, call, &trail).await?;

    let lock = trails::lock(app, call, &trail.arn()).await;
    if whole {
        // Who belongs to the organization may have changed while the bucket was being asked.
        organization::extend(app, call, &mut trail)?;
    }
    check_room(app, call, &trail)?;
    let mut changes = Changes::new();
    changes.put(&trail).put(&DeliveryState::begin(&trail, app.intake.log().end()));
    if trail.log_group_arn.is_some() {
        LogGroupSettings::begin(&trail, None, app.intake.log().end(), &mut changes);
    }
    input.settings.announce_topic(app, &trail, &mut changes)?;
    Ok(trails::changed(&trail, trails::settings_output(&trail), changes, lock))
}

/// Refuses a name that is taken and a trail too many.
fn check_room(app: &App, call: &Call, trail: &Trail) -> Result<(), ApiError> {
    let existing = trails::all(app, &trail.account)?;
    if existing.iter().any(|other| other.arn() == trail.arn()) {
        let message = format!("Trail {} already exists for customer: {}", trail.name, call.account);
        return Err(ApiError::new("TrailAlreadyExistsException", message));
    }
    settings::check_quota(app, call, trail, &existing)
}

/// A trail with the API's defaults and no destination.
fn unset(app: &App, call: &Call, name: String) -> Trail {
    Trail {
        name,
        account: call.account.clone(),
        home_region: call.region.clone(),
        incarnation: app.intake.event_id(),
        bucket: String::new(),
        key_prefix: None,
        sns_topic: None,
        include_global_service_events: true,
        multi_region: false,
        log_file_validation: false,
        log_group_arn: None,
        log_group_role_arn: None,
        kms_key_id: None,
        organization: false,
        recursive_logging: true,
        selectors: Selectors::default(),
        insight_selectors: Vec::new(),
        tags: BTreeMap::new(),
        logging: false,
        started: None,
        stopped: None,
        created: call.now,
        scope: None,
    }
}
