//! The settings that CreateTrail and UpdateTrail take: which values are allowed, and what they do to a trail.
//!
//! A setting that OpenTrail cannot honour yet is refused, never stored and ignored. `""` takes a setting away.

use super::trails;
use crate::announcing::TopicAnnouncer;
use crate::app::App;
use crate::call::Call;
use opentrail_catalog::Changes;
use opentrail_delivery::AnnounceFault;
use opentrail_model::names::{is_bucket_name, is_key_prefix};
use opentrail_model::trail::{MAX_TRAILS_PER_REGION, Trail};
use opentrail_storage::TrailBinding;
use opentrail_wire::ApiError;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Longest topic name or ARN, in characters.
const MAX_SNS_TOPIC_CHARS: usize = 256;

/// What CloudTrail publishes to a topic that it is given.
const VALIDATION_MESSAGE: &str = "CloudTrail validation message.";

/// What a request sets. An absent member keeps what is stored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GivenSettings {
    pub(super) s3_bucket_name: Option<String>,
    s3_key_prefix: Option<String>,
    sns_topic_name: Option<String>,
    pub(super) include_global_service_events: Option<bool>,
    pub(super) is_multi_region_trail: Option<bool>,
    enable_log_file_validation: Option<bool>,
    cloud_watch_logs_log_group_arn: Option<String>,
    cloud_watch_logs_role_arn: Option<String>,
    kms_key_id: Option<String>,
    pub(super) is_organization_trail: Option<bool>,
    recursive_logging: Option<bool>,
}

/// A text that is given and not empty.
fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

impl GivenSettings {
    /// Writes what is given into a trail. Becoming multi-region turns global service events on.
    pub(super) fn apply(&self, trail: &mut Trail) {
        if let Some(bucket) = &self.s3_bucket_name {
            trail.bucket.clone_from(bucket);
        }
        if self.s3_key_prefix.is_some() {
            trail.key_prefix = filled(&self.s3_key_prefix).map(Into::into);
        }
        if self.sns_topic_name.is_some() {
            trail.sns_topic = filled(&self.sns_topic_name).map(Into::into);
        }
        if self.kms_key_id.is_some() {
            trail.kms_key_id = filled(&self.kms_key_id).map(Into::into);
        }
        if self.cloud_watch_logs_log_group_arn.is_some() {
            trail.log_group_arn = filled(&self.cloud_watch_logs_log_group_arn).map(Into::into);
        }
        if self.cloud_watch_logs_role_arn.is_some() {
            trail.log_group_role_arn = filled(&self.cloud_watch_logs_role_arn).map(Into::into);
        }
        if self.is_multi_region_trail == Some(true) && !trail.multi_region {
            trail.include_global_service_events = true;
        }
        let flags = [
            (self.is_multi_region_trail, &mut trail.multi_region),
            (self.include_global_service_events, &mut trail.include_global_service_events),
            (self.enable_log_file_validation, &mut trail.log_file_validation),
            (self.recursive_logging, &mut trail.recursive_logging),
        ];
        for (given, stored) in flags {
            *stored = given.unwrap_or(*stored);
        }
    }

    /// Whether the log group or its role is given; what is not given was checked before.
    pub(super) fn names_log_group(&self) -> bool {
        self.cloud_watch_logs_log_group_arn.is_some() || self.cloud_watch_logs_role_arn.is_some()
    }

    /// Asks a topic that is given whether CloudTrail may publish.
    ///
    /// # Errors
    /// `InsufficientSnsTopicPolicyException`.
    pub(super) fn check_topic(&self, app: &App, trail: &Trail) -> Result<(), ApiError> {
        if filled(&self.sns_topic_name).is_none() {
            return Ok(());
        }
        TopicAnnouncer::new(app.topics.clone()).topic_of(trail).map(drop).map_err(|fault| refused_topic(trail, &fault))
    }

    /// Publishes the message by which CloudTrail tests a topic that is given.
    ///
    /// # Errors
    /// As [`Self::check_topic`].
    pub(super) fn announce_topic(&self, app: &App, trail: &Trail, changes: &mut Changes) -> Result<(), ApiError> {
        if filled(&self.sns_topic_name).is_none() {
            return Ok(());
        }
        let announcer = TopicAnnouncer::new(app.topics.clone());
        announcer.publish(trail, VALIDATION_MESSAGE.into(), changes).map_err(|fault| refused_topic(trail, &fault))
    }
}

fn refused_topic(trail: &Trail, fault: &AnnounceFault) -> ApiError {
    tracing::info!(trail = trail.arn(), %fault, "a topic does not take this trail's notifications");
    ApiError::new("InsufficientSnsTopicPolicyException", "SNS Topic does not exist or the topic policy is incorrect!")
}

/// Refuses a topic's name or ARN that cannot be.
pub(super) fn check_topic_name(trail: &Trail) -> Result<(), ApiError> {
    let Some(topic) = &trail.sns_topic else { return Ok(()) };
    let name = match topic.strip_prefix("arn:") {
        Some(rest) => rest.splitn(5, ':').nth(4).unwrap_or_default(),
        None => topic,
    };
    let well_formed = topic.chars().count() <= MAX_SNS_TOPIC_CHARS
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if well_formed {
        return Ok(());
    }
    Err(ApiError::new("InvalidSnsTopicNameException", format!("SNS topic name is invalid: {topic}")))
}

/// Refuses a multi-region trail without global service events.
pub(super) fn check_combination(trail: &Trail) -> Result<(), ApiError> {
    if trail.multi_region && !trail.include_global_service_events {
        let message = "Multi-Region trail must include global service events.";
        return Err(ApiError::new("InvalidParameterCombinationException", message));
    }
    Ok(())
}

/// Refuses a bucket name or key prefix that cannot be.
pub(super) fn check_destination_names(trail: &Trail) -> Result<(), ApiError> {
    if !is_bucket_name(&trail.bucket) {
        return Err(ApiError::new("InvalidS3BucketNameException", format!("Bucket name is invalid: {}", trail.bucket)));
    }
    match &trail.key_prefix {
        Some(prefix) if !is_key_prefix(prefix) => {
            Err(ApiError::new("InvalidS3PrefixException", format!("S3 prefix is invalid: {prefix}")))
        }
        _ => Ok(()),
    }
}

/// Asks the key, if there is one, whether CloudTrail may use it for the trail. Answers its ARN.
pub(super) async fn check_key(app: &App, call: &Call, trail: &Trail) -> Result<Option<String>, ApiError> {
    match &trail.kms_key_id {
        Some(given) => super::encryption_key::check_key(app, call, trail, given).await.map(Some),
        None => Ok(None),
    }
}

/// Asks the bucket whether the trail may write there. Takes no lock and must not be called under one: a store may
/// take locks of its own for the probe.
pub(super) async fn check_bucket(app: &App, trail: &Trail) -> Result<(), ApiError> {
    let bucket = &trail.bucket;
    let Err(fault) = app.log_buckets.check(&TrailBinding::of(trail)).await else { return Ok(()) };
    tracing::info!(%bucket, trail = trail.arn(), %fault, "a bucket does not take this trail's files");
    Err(if fault.is_missing_bucket() {
        ApiError::new("S3BucketDoesNotExistException", format!("S3 bucket {bucket} does not exist!"))
    } else {
        let message = format!("Incorrect S3 bucket policy is detected for bucket: {bucket}");
        ApiError::new("InsufficientS3BucketPolicyException", message)
    })
}

/// Refuses a trail more than a region may have, in any region that `candidate` reaches. `others` may contain the
/// candidate's own earlier self. An organization trail counts in each member too.
pub(super) fn check_quota(app: &App, call: &Call, candidate: &Trail, others: &[Trail]) -> Result<(), ApiError> {
    let others: Vec<&Trail> = others.iter().filter(|other| other.arn() != candidate.arn()).collect();
    let mut regions = BTreeSet::from([call.region.as_str()]);
    if candidate.multi_region {
        regions.extend(app.settings.regions.iter().map(String::as_str));
        regions.extend(others.iter().map(|other| other.home_region.as_str()));
    }
    // The caller's own region is named first if it is among the full ones.
    check_room(&candidate.account, &others, std::iter::once(call.region.as_str()).chain(regions.iter().copied()))?;
    for member in candidate.accounts().filter(|member| *member != candidate.account) {
        let theirs = trails::all(app, member)?;
        let theirs: Vec<&Trail> = theirs.iter().filter(|other| other.arn() != candidate.arn()).collect();
        check_room(member, &theirs, regions.iter().copied())?;
    }
    Ok(())
}

fn check_room<'r>(account: &str, others: &[&Trail], mut regions: impl Iterator<Item = &'r str>) -> Result<(), ApiError> {
    let full = |region: &&str| others.iter().filter(|other| other.covers_region(region)).count() >= MAX_TRAILS_PER_REGION;
    match regions.find(full) {
        Some(region) => Err(ApiError::new(
            "MaximumNumberOfTrailsExceededException",
            format!("User: {account} already has {MAX_TRAILS_PER_REGION} trails in {region}."),
        )),
        None => Ok(()),
    }
}
