//! Finding trails: by name or ARN, at home or from another region. And what all trail operations have in common.

use super::organization;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::organizations;
use crate::service::Reply;
use opentrail_catalog::{Changes, NamedLock};
use opentrail_model::arn::{TrailArn, trail_arn};
use opentrail_model::names::trail_name_problem;
use opentrail_model::record::Resource;
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The input of operations that take nothing but a trail.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedTrail {
    #[serde(default)]
    name: Option<String>,
}

impl NamedTrail {
    /// The name or ARN; a missing one counts as empty, which no trail is called.
    pub(super) fn given(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

/// How an unknown trail is called in the error: some operations repeat the input, others show the ARN it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    AsGiven,
    AsArn,
}

/// Held while a decision about the trails of the account that owns the given one is made and until it is recorded.
pub(super) async fn lock(app: &App, call: &Call, given: &str) -> NamedLock {
    organizations::lock(app, account_of(call, given)).await
}

/// All trails that an account sees, wherever they live, in the order of region and name: its own, then the shadows of its
/// organization's.
pub(super) fn all(app: &App, account: &str) -> Result<Arc<Vec<Trail>>, ApiError> {
    let own = app.catalog.all::<Trail>(&format!("{account}/")).map_err(|error| catalog_failure(&error))?;
    let shadows = match organizations::organization_of(app, account)? {
        Some(organization) if organization.management != account => organizations::trails_of(app, &organization)?,
        _ => Vec::new(),
    };
    if shadows.is_empty() {
        return Ok(own);
    }
    Ok(Arc::new(own.iter().cloned().chain(shadows).collect()))
}

/// The ARN that a name or ARN stands for in the region of the call.
pub(super) fn arn_of(call: &Call, given: &str) -> String {
    if given.starts_with("arn:") { given.to_owned() } else { trail_arn(&call.region, &call.account, given) }
}

/// Refuses what is neither a trail's name nor a trail's ARN.
pub(super) fn check_reference(given: &str) -> Result<(), ApiError> {
    if given.starts_with("arn:") {
        return match TrailArn::parse(given) {
            Some(_) => Ok(()),
            None => Err(malformed_arn(given)),
        };
    }
    trail_name_problem(given).map_or(Ok(()), |problem| Err(ApiError::new("InvalidTrailNameException", problem)))
}

pub(super) fn malformed_arn(given: &str) -> ApiError {
    ApiError::new("CloudTrailARNInvalidException", format!("The ARN {given} is not valid."))
}

/// The trail, seen from the region of the call: one that lives here, or by its ARN one that reaches here.
///
/// # Errors
/// `InvalidTrailNameException`, `CloudTrailARNInvalidException`, `TrailNotFoundException`.
pub(super) fn visible(app: &App, call: &Call, given: &str, unknown: Unknown) -> Result<Arc<Trail>, ApiError> {
    let trail = find(app, call, given, unknown)?;
    if trail.covers_region(&call.region) { Ok(trail) } else { Err(not_found(call, given, unknown)) }
}

/// The trail, if this is its home region; elsewhere it cannot be changed.
///
/// # Errors
/// As [`visible`], and `InvalidHomeRegionException`.
pub(super) fn changeable(app: &App, call: &Call, given: &str, unknown: Unknown) -> Result<Arc<Trail>, ApiError> {
    checked_changeable(app, call, find(app, call, given, unknown)?)
}

/// The trail, if the caller's account may change it and this is its home region.
///
/// # Errors
/// `NotOrganizationMasterAccountException`, `InvalidHomeRegionException`.
pub(super) fn checked_changeable(app: &App, call: &Call, trail: Arc<Trail>) -> Result<Arc<Trail>, ApiError> {
    if trail.account != call.account {
        organization::check_may_manage(app, call)?;
    }
    if trail.home_region == call.region { Ok(trail) } else { Err(wrong_region(&trail)) }
}

/// The account whose trail a name or ARN stands for: the caller's, or the management account of its organization.
fn account_of<'a>(call: &'a Call, given: &'a str) -> &'a str {
    TrailArn::parse(given).map_or(&call.account, |arn| arn.account)
}

fn wrong_region(trail: &Trail) -> ApiError {
    let (arn, home) = (trail.arn(), &trail.home_region);
    ApiError::new("InvalidHomeRegionException", format!("Trail {arn} can only be changed from its home Region {home}."))
}

fn find(app: &App, call: &Call, given: &str, unknown: Unknown) -> Result<Arc<Trail>, ApiError> {
    check_reference(given)?;
    by_arn(app, call, &arn_of(call, given))?.ok_or_else(|| not_found(call, given, unknown))
}

/// The trail with exactly this ARN, wherever it lives, if it is the caller's or its organization's.
pub(super) fn by_arn(app: &App, call: &Call, arn: &str) -> Result<Option<Arc<Trail>>, ApiError> {
    let Some(TrailArn { home_region, name, account }) = TrailArn::parse(arn) else { return Ok(None) };
    let key = format!("{account}/{home_region}/{name}");
    let trail = app.catalog.get::<Trail>(&key).map_err(|error| catalog_failure(&error))?;
    // The comparison also tells apart other partitions.
    let seen = |trail: &Arc<Trail>| {
        trail.arn() == arn && (account == call.account || (trail.organization && trail.covers_account(&call.account)))
    };
    Ok(trail.filter(seen))
}

fn not_found(call: &Call, given: &str, unknown: Unknown) -> ApiError {
    let shown = if unknown == Unknown::AsArn { arn_of(call, given) } else { given.to_owned() };
    ApiError::new("TrailNotFoundException", format!("Unknown trail: {shown} for the user: {}", call.account))
}

/// `resources` of a record about a trail.
pub(super) fn resources(trail: &Trail) -> Vec<Resource> {
    vec![Resource {
        account: Some(trail.account.clone()),
        kind: Some("AWS::CloudTrail::Trail".into()),
        arn: Some(trail.arn()),
        arn_prefix: None,
    }]
}

/// The answer of an operation that reads a trail.
pub(super) fn read(trail: &Trail, output: Value) -> Reply {
    Reply { resources: resources(trail), ..Reply::output(output) }
}

/// The answer of an operation that changes a trail, decided under `lock`.
pub(super) fn changed(trail: &Trail, output: Value, changes: Changes, lock: NamedLock) -> Reply {
    Reply { changes, lock: Some(lock), ..read(trail, output) }
}

/// The members that CreateTrail and UpdateTrail answer. What is not set is left out.
pub(super) fn settings_output(trail: &Trail) -> Value {
    let mut output = json!({
        "Name": trail.name,
        "S3BucketName": trail.bucket,
        "IncludeGlobalServiceEvents": trail.include_global_service_events,
        "IsMultiRegionTrail": trail.multi_region,
        "TrailARN": trail.arn(),
        "LogFileValidationEnabled": trail.log_file_validation,
        "IsOrganizationTrail": trail.organization,
        "RecursiveLogging": trail.recursive_logging,
    });
    let optional = [
        ("S3KeyPrefix", &trail.key_prefix),
        ("SnsTopicName", &trail.sns_topic),
        ("SnsTopicARN", &trail.sns_topic_arn()),
        ("CloudWatchLogsLogGroupArn", &trail.log_group_arn),
        ("CloudWatchLogsRoleArn", &trail.log_group_role_arn),
        ("KmsKeyId", &trail.kms_key_id),
    ];
    for (member, value) in optional {
        if let Some(value) = value {
            output[member] = value.as_str().into();
        }
    }
    output
}

/// The members that GetTrail and DescribeTrails answer.
pub(super) fn description(trail: &Trail) -> Value {
    let mut output = settings_output(trail);
    output["HomeRegion"] = trail.home_region.as_str().into();
    output["HasCustomEventSelectors"] = trail.selectors.is_custom().into();
    output["HasInsightSelectors"] = (!trail.insight_selectors.is_empty()).into();
    output
}
