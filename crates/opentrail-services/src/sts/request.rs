//! What requests for temporary credentials have in common: durations, tags, session policies, their bounds.

use crate::iam::validation::{broken, length};
use crate::recording::lower_cased;
use opentrail_policy::{PolicyDocument, PolicyKind};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use time::Duration;

/// Shortest session.
pub(super) const MIN_SECONDS: i64 = 900;
/// Longest session policy, in characters.
const MAX_POLICY_CHARS: usize = 2048;
/// Most managed policies of a session.
const MAX_POLICY_ARNS: usize = 10;
/// Most tags of a session.
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY_CHARS: usize = 128;
const MAX_TAG_VALUE_CHARS: usize = 256;
/// Session policy, policy ARNs and tags together, in bytes; AWS packs them and keeps its limit to itself.
const MAX_PACKED_BYTES: usize = 4096;

/// One of `PolicyArns`.
#[derive(Debug, Clone, Deserialize)]
pub struct PolicyDescriptor {
    #[serde(default)]
    pub arn: Option<String>,
}

/// One of `Tags`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionTag {
    #[serde(default)]
    pub key: Option<String>,
    #[serde(default)]
    pub value: Option<String>,
}

/// How far a session is narrowed, checked.
#[derive(Debug, Default)]
pub(super) struct Narrowing {
    pub policy: Option<String>,
    pub policy_arns: Vec<String>,
}

/// `DurationSeconds` within its bounds.
///
/// # Errors
/// `ValidationError`.
pub(super) fn duration(given: Option<&str>, default: i64, max: i64) -> Result<Duration, ApiError> {
    let Some(text) = given else { return Ok(Duration::seconds(default)) };
    let bound = |relation: &str, bound: i64| {
        Err(broken(text, "durationSeconds", &format!("Member must have value {relation} than or equal to {bound}")))
    };
    match text.parse::<i64>() {
        Ok(seconds) if seconds < MIN_SECONDS => bound("greater", MIN_SECONDS),
        Ok(seconds) if seconds > max => bound("less", max),
        Ok(seconds) => Ok(Duration::seconds(seconds)),
        Err(_) => Err(broken(text, "durationSeconds", "Member must be a number")),
    }
}

/// A text of `[\w+=,.@-]*` and `more` characters.
///
/// # Errors
/// `ValidationError`.
pub(super) fn text(value: &str, member: &str, min: usize, max: usize, more: &str) -> Result<(), ApiError> {
    length(value, member, min, max)?;
    if value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b) || more.as_bytes().contains(&b)) {
        return Ok(());
    }
    Err(broken(value, member, &format!("Member must satisfy regular expression pattern: [\\w+=,.@{more}-]*")))
}

/// The session policy and the ARNs of managed ones. Whether those exist is for the caller to find out.
///
/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`.
pub(super) fn narrowing(policy: Option<String>, arns: Option<Vec<PolicyDescriptor>>) -> Result<Narrowing, ApiError> {
    if let Some(text) = &policy {
        length(text, "policy", 1, MAX_POLICY_CHARS)?;
        PolicyDocument::parse(text, PolicyKind::Identity).map_err(|error| malformed(&error.to_string()))?;
    }
    let arns = arns.unwrap_or_default();
    if arns.len() > MAX_POLICY_ARNS {
        let message = format!("The number of policy ARNs exceeds the limit of {MAX_POLICY_ARNS}.");
        return Err(ApiError::new("ValidationError", message));
    }
    let policy_arns = arns.into_iter().map(|descriptor| {
        let arn = descriptor.arn.unwrap_or_default();
        length(&arn, "policyArns", 20, 2048).map(|()| arn)
    });
    Ok(Narrowing { policy, policy_arns: policy_arns.collect::<Result<_, _>>()? })
}

pub(super) fn malformed(problem: &str) -> ApiError {
    ApiError::new("MalformedPolicyDocument", problem)
}

/// Session tags by key.
///
/// # Errors
/// `ValidationError`, `InvalidParameterValue` for the same key twice in different case.
pub(super) fn tags(given: Option<Vec<SessionTag>>) -> Result<BTreeMap<String, String>, ApiError> {
    let given = given.unwrap_or_default();
    if given.len() > MAX_TAGS {
        return Err(ApiError::new("ValidationError", format!("A session can have at most {MAX_TAGS} tags.")));
    }
    let mut tags = BTreeMap::new();
    for tag in given {
        let (key, value) = (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        length(&key, "tags.member.key", 1, MAX_TAG_KEY_CHARS)?;
        length(&value, "tags.member.value", 0, MAX_TAG_VALUE_CHARS)?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(ApiError::new("ValidationError", format!("The tag key {key} is reserved for AWS.")));
        }
        if tags.keys().any(|other: &String| other.eq_ignore_ascii_case(&key)) {
            let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        tags.insert(key, value);
    }
    Ok(tags)
}

/// `TransitiveTagKeys`, each of which must be among the tags.
///
/// # Errors
/// `ValidationError`.
pub(super) fn transitive(given: Option<Vec<String>>, tags: &BTreeMap<String, String>) -> Result<BTreeSet<String>, ApiError> {
    let given = given.unwrap_or_default();
    match given.iter().find(|key| !tags.contains_key(*key)) {
        Some(key) => {
            Err(ApiError::new("ValidationError", format!("The transitive tag key {key} is not among the specified tags.")))
        }
        None => Ok(given.into_iter().collect()),
    }
}

/// `PackedPolicySize`: how much of the room for policies and tags is used, in percent; `None` if nothing is.
///
/// # Errors
/// `PackedPolicyTooLarge`.
pub(super) fn packed(narrowing: &Narrowing, tags: &BTreeMap<String, String>) -> Result<Option<usize>, ApiError> {
    let bytes = narrowing.policy.as_ref().map_or(0, String::len)
        + narrowing.policy_arns.iter().map(String::len).sum::<usize>()
        + tags.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    match (bytes * 100).div_ceil(MAX_PACKED_BYTES) {
        0 => Ok(None),
        percent @ 1..=100 => Ok(Some(percent)),
        percent => {
            let message = format!("Packed size of session tags and policies consumes {percent}% of allotted space.");
            Err(ApiError::new("PackedPolicyTooLarge", message))
        }
    }
}

/// `requestParameters`: numbers as numbers, without what is secret.
pub(super) fn recorded(input: &Value) -> Value {
    let mut parameters = lower_cased(input);
    if let Some(members) = parameters.as_object_mut() {
        for secret in ["tokenCode", "webIdentityToken"] {
            members.remove(secret);
        }
        if let Some(seconds) = members.get_mut("durationSeconds")
            && let Some(number) = seconds.as_str().and_then(|text| text.parse::<i64>().ok())
        {
            *seconds = number.into();
        }
        if members.is_empty() {
            return Value::Null;
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_have_bounds() {
        let check = |given, expect: Option<i64>| {
            assert_eq!(duration(given, 3600, 43_200).ok(), expect.map(Duration::seconds), "{given:?}");
        };
        check(None, Some(3600));
        check(Some("900"), Some(900));
        check(Some("43200"), Some(43_200));
        for bad in ["899", "43201", "", "x", "-1", "99999999999999999999"] {
            check(Some(bad), None);
        }
    }

    #[test]
    fn records_have_no_secrets() {
        let input = json!({"RoleArn": "r", "DurationSeconds": "900", "TokenCode": "123456", "WebIdentityToken": "x"});
        assert_eq!(recorded(&input), json!({"roleArn": "r", "durationSeconds": 900}));
        assert_eq!(recorded(&json!({"TokenCode": "123456"})), Value::Null);
    }

    #[test]
    fn tags_are_told_apart_without_case() {
        let tag = |key: &str| SessionTag { key: Some(key.into()), value: Some("v".into()) };
        assert!(tags(Some(vec![tag("a"), tag("b")])).is_ok());
        for bad in [vec![tag("a"), tag("A")], vec![tag("aws:x")], vec![tag("")], vec![tag(&"k".repeat(129))]] {
            assert!(tags(Some(bad.clone())).is_err(), "{bad:?}");
        }
        let one = tags(Some(vec![tag("a")])).expect("fine");
        assert!(transitive(Some(vec!["a".into()]), &one).is_ok());
        assert!(transitive(Some(vec!["b".into()]), &one).is_err());
    }
}
