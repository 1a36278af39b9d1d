//! A bucket's lifecycle configuration: checking it, and telling it as it was given.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::fault;
use super::settings::{change, not_set};
use super::tagging;
use opentrail_storage::{
    Expiration as Kept, ExpirationTime, FilterForm, Lifecycle, LifecycleFilter as KeptFilter, LifecycleRule as KeptRule,
    NoncurrentExpiration as KeptNoncurrentExpiration, NoncurrentTransition as KeptNoncurrentTransition, StorageClass,
    Transition as KeptTransition, TransitionMinimum,
};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const MAX_RULES: usize = 1000;
const MAX_ID_CHARS: usize = 255;
const MAX_PREFIX_CHARS: usize = 1024;
const MAX_NEWER_VERSIONS: i32 = 100;
/// Days that S3 asks objects to stay before they may move to the infrequent-access classes.
const MIN_DAYS_TO_INFREQUENT_ACCESS: u32 = 30;
const DAY_MS: i64 = 86_400_000;
const MINIMUM_ALL: &str = "all_storage_classes_128K";
const MINIMUM_VARIES: &str = "varies_by_storage_class";

fn invalid(message: impl Into<String>) -> S3Error {
    fault::invalid_request(message)
}

pub async fn put(
    context: &S3Context,
    req: S3Request<PutBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let configuration = req.input.lifecycle_configuration.ok_or_else(fault::malformed_xml)?;
    let minimum = match req.input.transition_default_minimum_object_size.as_ref().map(TransitionDefaultMinimumObjectSize::as_str)
    {
        None | Some(MINIMUM_ALL) => TransitionMinimum::AllStorageClasses,
        Some(MINIMUM_VARIES) => TransitionMinimum::VariesByStorageClass,
        Some(_) => return Err(invalid("The x-amz-transition-default-minimum-object-size header is not valid")),
    };
    let lifecycle = parse(configuration, minimum)?;
    exchange.add_parameter("LifecycleConfiguration", recorded(&lifecycle));
    change(context, &exchange, |bucket| {
        if bucket.settings.mfa_delete == Some(true) {
            return Err(fault::custom(
                "InvalidBucketState",
                409,
                "A lifecycle configuration cannot be put on a bucket that has MFA Delete enabled.",
            ));
        }
        bucket.settings.lifecycle = Some(lifecycle);
        Ok(())
    })
    .await?;
    Ok(S3Response::new(PutBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: Some(minimum_name(minimum)),
    }))
}

fn minimum_name(minimum: TransitionMinimum) -> TransitionDefaultMinimumObjectSize {
    TransitionDefaultMinimumObjectSize::from_static(match minimum {
        TransitionMinimum::AllStorageClasses => MINIMUM_ALL,
        TransitionMinimum::VariesByStorageClass => MINIMUM_VARIES,
    })
}

pub async fn delete(
    context: &S3Context,
    req: S3Request<DeleteBucketLifecycleInput>,
) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    change(context, &exchange, |bucket| {
        bucket.settings.lifecycle = None;
        Ok(())
    })
    .await?;
    Ok(S3Response::with_status(DeleteBucketLifecycleOutput {}, http::StatusCode::NO_CONTENT))
}

/// # Errors
/// What is wrong with the rules, in S3's words.
fn parse(configuration: BucketLifecycleConfiguration, transition_minimum: TransitionMinimum) -> S3Result<Lifecycle> {
    if configuration.rules.is_empty() || configuration.rules.len() > MAX_RULES {
        return Err(fault::malformed_xml());
    }
    let rules: Vec<KeptRule> = configuration.rules.into_iter().map(rule).collect::<S3Result<_>>()?;
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    if ids.len() != rules.len() {
        return Err(fault::invalid_argument("Rule ID must be unique. Found same ID for more than one rule"));
    }
    Ok(Lifecycle { rules, transition_minimum })
}

fn rule(rule: LifecycleRule) -> S3Result<KeptRule> {
    let id = rule.id.filter(|id| !id.is_empty()).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    if id.chars().count() > MAX_ID_CHARS {
        return Err(fault::invalid_argument("ID length should not exceed allowed limit of 255"));
    }
    let enabled = match rule.status.as_str() {
        ExpirationStatus::ENABLED => true,
        ExpirationStatus::DISABLED => false,
        _ => return Err(fault::malformed_xml()),
    };
    let kept = KeptRule {
        id,
        enabled,
        filter: filter(rule.filter, rule.prefix)?,
        expiration: rule.expiration.map(expiration).transpose()?,
        transitions: rule.transitions.unwrap_or_default().into_iter().map(transition).collect::<S3Result<_>>()?,
        noncurrent_expiration: rule.noncurrent_version_expiration.map(noncurrent_expiration).transpose()?,
        noncurrent_transitions: rule
            .noncurrent_version_transitions
            .unwrap_or_default()
            .into_iter()
            .map(noncurrent_transition)
            .collect::<S3Result<_>>()?,
        abort_uploads_days: rule
            .abort_incomplete_multipart_upload
            .map(|abort| positive(abort.days_after_initiation, "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action"))
            .transpose()?,
    };
    check_rule(&kept)?;
    Ok(kept)
}

/// What must hold between a rule's actions.
fn check_rule(rule: &KeptRule) -> S3Result<()> {
    let is_idle = rule.expiration.is_none()
        && rule.transitions.is_empty()
        && rule.noncurrent_expiration.is_none()
        && rule.noncurrent_transitions.is_empty()
        && rule.abort_uploads_days.is_none();
    if is_idle {
        return Err(invalid("At least one action needs to be specified in a rule."));
    }
    let filter = &rule.filter;
    let has_sizes = filter.larger_than.is_some() || filter.smaller_than.is_some();
    if rule.abort_uploads_days.is_some() && (has_sizes || !filter.tags.is_empty()) {
        return Err(invalid("AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes."));
    }
    let marks = matches!(rule.expiration, Some(Kept::LoneDeleteMarkers(_)));
    if marks && (has_sizes || !filter.tags.is_empty()) {
        return Err(invalid("ExpiredObjectDeleteMarker cannot be specified with Tags or object sizes."));
    }
    check_transitions(rule)
}

fn check_transitions(rule: &KeptRule) -> S3Result<()> {
    let by_date = |time: ExpirationTime| matches!(time, ExpirationTime::DateMs(_));
    let mut times: Vec<ExpirationTime> = rule.transitions.iter().map(|transition| transition.at).collect();
    if let Some(Kept::At(time)) = rule.expiration {
        times.push(time);
    }
    if times.windows(2).any(|pair| by_date(pair[0]) != by_date(pair[1])) {
        return Err(invalid("Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule"));
    }
    let classes: BTreeSet<StorageClass> = rule.transitions.iter().map(|transition| transition.class).collect();
    let older: BTreeSet<StorageClass> = rule.noncurrent_transitions.iter().map(|transition| transition.class).collect();
    if classes.len() != rule.transitions.len() || older.len() != rule.noncurrent_transitions.len() {
        return Err(invalid("'StorageClass' must be different for 'Transition' actions in same 'Rule'"));
    }
    let number = |time: ExpirationTime| match time {
        ExpirationTime::Days(days) => i64::from(days),
        ExpirationTime::DateMs(date_ms) => date_ms,
    };
    for transition in &rule.transitions {
        if let Some(Kept::At(expiry)) = rule.expiration
            && number(expiry) <= number(transition.at)
        {
            return Err(fault::invalid_argument(
                "'Days' in the Expiration action for prefix must be greater than 'Days' in the Transition action",
            ));
        }
        if let ExpirationTime::Days(days) = transition.at {
            check_infrequent_access(transition.class, days, "Transition")?;
        }
    }
    for transition in &rule.noncurrent_transitions {
        if rule.noncurrent_expiration.is_some_and(|expiry| expiry.days <= transition.days) {
            return Err(fault::invalid_argument(
                "'NoncurrentDays' in the NoncurrentVersionExpiration action must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action",
            ));
        }
        check_infrequent_access(transition.class, transition.days, "NoncurrentVersionTransition")?;
    }
    Ok(())
}

fn check_infrequent_access(class: StorageClass, days: u32, action: &str) -> S3Result<()> {
    let waits = matches!(class, StorageClass::StandardIa | StorageClass::OnezoneIa);
    if waits && days < MIN_DAYS_TO_INFREQUENT_ACCESS {
        return Err(fault::invalid_argument(format!(
            "'Days' in {action} action must be greater than or equal to 30 for storageClass '{}'",
            class.name()
        )));
    }
    Ok(())
}

fn positive(days: Option<i32>, what: &str) -> S3Result<u32> {
    let days = days.ok_or_else(fault::malformed_xml)?;
    let positive = u32::try_from(days).ok().filter(|days| *days > 0);
    positive.ok_or_else(|| fault::invalid_argument(format!("{what} must be a positive integer")))
}

fn not_negative(days: i32, what: &str) -> S3Result<u32> {
    u32::try_from(days).map_err(|_| fault::invalid_argument(format!("{what} must be nonnegative")))
}

/// Dates must be midnights.
fn midnight(date: &Timestamp) -> S3Result<ExpirationTime> {
    let at = time::OffsetDateTime::from(date.clone()).unix_timestamp_nanos() / 1_000_000;
    let at = i64::try_from(at).map_err(|_| fault::malformed_xml())?;
    if at.rem_euclid(DAY_MS) != 0 {
        return Err(fault::invalid_argument("'Date' must be at midnight GMT"));
    }
    Ok(ExpirationTime::DateMs(at))
}

fn expiration(expiration: LifecycleExpiration) -> S3Result<Kept> {
    match (expiration.days, &expiration.date, expiration.expired_object_delete_marker) {
        (Some(days), None, None) => {
            let days = positive(Some(days), "'Days' for Expiration action")?;
            Ok(Kept::At(ExpirationTime::Days(days)))
        }
        (None, Some(date), None) => Ok(Kept::At(midnight(date)?)),
        (None, None, Some(wanted)) => Ok(Kept::LoneDeleteMarkers(wanted)),
        _ => Err(fault::malformed_xml()),
    }
}

fn class(class: Option<&TransitionStorageClass>) -> S3Result<StorageClass> {
    let class = class.and_then(|class| StorageClass::parse(class.as_str())).filter(|class| class.is_transition_target());
    class.ok_or_else(fault::malformed_xml)
}

fn transition(transition: Transition) -> S3Result<KeptTransition> {
    let at = match (transition.days, &transition.date) {
        (Some(days), None) => ExpirationTime::Days(not_negative(days, "'Days' in Transition action")?),
        (None, Some(date)) => midnight(date)?,
        _ => return Err(fault::malformed_xml()),
    };
    Ok(KeptTransition { at, class: class(transition.storage_class.as_ref())? })
}

fn newer_versions(number: Option<i32>) -> S3Result<Option<u32>> {
    let check = |number: i32| {
        let number = Some(number).filter(|number| (1..=MAX_NEWER_VERSIONS).contains(number));
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| fault::invalid_argument("'NewerNoncurrentVersions' must be a positive integer of at most 100"))
    };
    number.map(check).transpose()
}

fn noncurrent_expiration(expiration: NoncurrentVersionExpiration) -> S3Result<KeptNoncurrentExpiration> {
    Ok(KeptNoncurrentExpiration {
        days: positive(expiration.noncurrent_days, "'NoncurrentDays' for NoncurrentVersionExpiration action")?,
        keep_newest: newer_versions(expiration.newer_noncurrent_versions)?,
    })
}

fn noncurrent_transition(transition: NoncurrentVersionTransition) -> S3Result<KeptNoncurrentTransition> {
    let days = transition.noncurrent_days.ok_or_else(fault::malformed_xml)?;
    Ok(KeptNoncurrentTransition {
        days: not_negative(days, "'NoncurrentDays' in NoncurrentVersionTransition action")?,
        class: class(transition.storage_class.as_ref())?,
        keep_newest: newer_versions(transition.newer_noncurrent_versions)?,
    })
}

fn size(bytes: Option<i64>) -> S3Result<Option<u64>> {
    bytes.map(|bytes| u64::try_from(bytes).map_err(|_| invalid("Object sizes must be nonnegative"))).transpose()
}

fn filter(filter: Option<LifecycleRuleFilter>, rule_prefix: Option<String>) -> S3Result<KeptFilter> {
    let kept = match (filter, rule_prefix) {
        (None, Some(prefix)) => KeptFilter { form: FilterForm::RulePrefix, prefix: Some(prefix), ..KeptFilter::default() },
        (Some(filter), None) => members(filter)?,
        _ => return Err(fault::malformed_xml()),
    };
    if kept.prefix.as_ref().is_some_and(|prefix| prefix.chars().count() > MAX_PREFIX_CHARS) {
        return Err(invalid("The maximum size of a prefix is 1024."));
    }
    if let (Some(larger), Some(smaller)) = (kept.larger_than, kept.smaller_than)
        && larger >= smaller
    {
        return Err(invalid("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."));
    }
    Ok(kept)
}

fn members(filter: LifecycleRuleFilter) -> S3Result<KeptFilter> {
    let count = usize::from(filter.prefix.is_some())
        + usize::from(filter.tag.is_some())
        + usize::from(filter.object_size_greater_than.is_some())
        + usize::from(filter.object_size_less_than.is_some())
        + usize::from(filter.and.is_some());
    if count > 1 {
        return Err(fault::malformed_xml());
    }
    if let Some(and) = filter.and {
        let tags = tags(and.tags.unwrap_or_default())?;
        let members = usize::from(and.prefix.is_some())
            + tags.len()
            + usize::from(and.object_size_greater_than.is_some())
            + usize::from(and.object_size_less_than.is_some());
        if members < 2 {
            return Err(fault::malformed_xml());
        }
        return Ok(KeptFilter {
            form: FilterForm::And,
            prefix: and.prefix,
            tags,
            larger_than: size(and.object_size_greater_than)?,
            smaller_than: size(and.object_size_less_than)?,
        });
    }
    Ok(KeptFilter {
        form: FilterForm::Single,
        prefix: filter.prefix,
        tags: tags(filter.tag.into_iter().collect())?,
        larger_than: size(filter.object_size_greater_than)?,
        smaller_than: size(filter.object_size_less_than)?,
    })
}

fn tags(tags: Vec<Tag>) -> S3Result<BTreeMap<String, String>> {
    let pairs = tags.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    tagging::validated(pairs, tagging::MAX_OBJECT_TAGS)
}

type Got = S3Result<S3Response<GetBucketLifecycleConfigurationOutput>>;

pub fn get(req: &S3Request<GetBucketLifecycleConfigurationInput>) -> Got {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let Some(lifecycle) = &bucket.settings.lifecycle else {
        return Err(not_set("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"));
    };
    Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
        rules: Some(lifecycle.rules.iter().map(rule_to_wire).collect()),
        transition_default_minimum_object_size: Some(minimum_name(lifecycle.transition_minimum)),
    }))
}

fn days(days: u32) -> Option<i32> {
    i32::try_from(days).ok()
}

fn class_to_wire(class: StorageClass) -> Option<TransitionStorageClass> {
    Some(TransitionStorageClass::from_static(class.name()))
}

fn rule_to_wire(rule: &KeptRule) -> LifecycleRule {
    let legacy = rule.filter.form == FilterForm::RulePrefix;
    let transitions: Vec<_> = rule.transitions.iter().map(transition_to_wire).collect();
    let noncurrent: Vec<_> = rule.noncurrent_transitions.iter().map(noncurrent_transition_to_wire).collect();
    LifecycleRule {
        abort_incomplete_multipart_upload: rule
            .abort_uploads_days
            .map(|number| AbortIncompleteMultipartUpload { days_after_initiation: days(number) }),
        expiration: rule.expiration.map(expiration_to_wire),
        filter: (!legacy).then(|| filter_to_wire(&rule.filter)),
        id: Some(rule.id.clone()),
        noncurrent_version_expiration: rule.noncurrent_expiration.map(|expiration| NoncurrentVersionExpiration {
            newer_noncurrent_versions: expiration.keep_newest.and_then(days),
            noncurrent_days: days(expiration.days),
        }),
        noncurrent_version_transitions: (!noncurrent.is_empty()).then_some(noncurrent),
        prefix: rule.filter.prefix.clone().filter(|_| legacy),
        status: ExpirationStatus::from_static(if rule.enabled { ExpirationStatus::ENABLED } else { ExpirationStatus::DISABLED }),
        transitions: (!transitions.is_empty()).then_some(transitions),
    }
}

fn time_to_wire(at: ExpirationTime) -> (Option<i32>, Option<Timestamp>) {
    match at {
        ExpirationTime::Days(number) => (days(number), None),
        ExpirationTime::DateMs(date_ms) => (None, Some(super::bucket::timestamp(date_ms))),
    }
}

fn transition_to_wire(transition: &KeptTransition) -> Transition {
    let (days, date) = time_to_wire(transition.at);
    Transition { date, days, storage_class: class_to_wire(transition.class) }
}

fn noncurrent_transition_to_wire(transition: &KeptNoncurrentTransition) -> NoncurrentVersionTransition {
    NoncurrentVersionTransition {
        newer_noncurrent_versions: transition.keep_newest.and_then(days),
        noncurrent_days: days(transition.days),
        storage_class: class_to_wire(transition.class),
    }
}

fn expiration_to_wire(expiration: Kept) -> LifecycleExpiration {
    match expiration {
        Kept::At(at) => {
            let (days, date) = time_to_wire(at);
            LifecycleExpiration { date, days, expired_object_delete_marker: None }
        }
        Kept::LoneDeleteMarkers(wanted) => {
            LifecycleExpiration { expired_object_delete_marker: Some(wanted), ..LifecycleExpiration::default() }
        }
    }
}

fn filter_to_wire(filter: &KeptFilter) -> LifecycleRuleFilter {
    let tag = |(key, value): (&String, &String)| Tag { key: Some(key.clone()), value: Some(value.clone()) };
    let mut tags = filter.tags.iter().map(tag);
    let bytes = |size: Option<u64>| size.and_then(|size| i64::try_from(size).ok());
    let (larger, smaller) = (bytes(filter.larger_than), bytes(filter.smaller_than));
    let is_and = filter.form == FilterForm::And;
    let and = is_and.then(|| LifecycleRuleAndOperator {
        object_size_greater_than: larger,
        object_size_less_than: smaller,
        prefix: filter.prefix.clone(),
        tags: (!filter.tags.is_empty()).then(|| filter.tags.iter().map(tag).collect()),
    });
    if is_and {
        return LifecycleRuleFilter { and, ..LifecycleRuleFilter::default() };
    }
    LifecycleRuleFilter {
        and: None,
        object_size_greater_than: larger,
        object_size_less_than: smaller,
        // A filter without members is for everything; clients read that as an empty prefix.
        prefix: filter.prefix.clone(),
        tag: tags.next(),
    }
}

/// How requests to set rules are recorded.
fn recorded(lifecycle: &Lifecycle) -> Value {
    let rules: Vec<Value> = lifecycle
        .rules
        .iter()
        .map(|rule| {
            let mut recorded = serde_json::to_value(rule).unwrap_or_default();
            if let Some(members) = recorded.as_object_mut() {
                let id = members.remove("id").unwrap_or_default();
                members.remove("enabled");
                let status = if rule.enabled { "Enabled" } else { "Disabled" };
                members.insert("ID".into(), id);
                members.insert("Status".into(), status.into());
            }
            recorded
        })
        .collect();
    json!({"Rule": rules})
}

#[cfg(test)]
#[path = "lifecycle/tests.rs"]
mod tests;
