//! CreatePolicyVersion, GetPolicyVersion, ListPolicyVersions, SetDefaultPolicyVersion, DeletePolicyVersion.

use super::aws_managed::AwsManaged;
use super::create_policy::document;
use super::inline_policies::changed;
use super::input::Input;
use super::managed_policies::{self, Found};
use super::managed_policy::{ManagedPolicy, PolicyVersion};
use super::users::{self, delete_conflict, limit_exceeded, no_such_entity};
use super::validation::{self, percent_encoded};
use crate::app::App;
use crate::call::Call;
use crate::dates::recorded;
use crate::service::Reply;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most versions of a policy.
pub(super) const MAX_VERSIONS: usize = 5;

/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`, `NoSuchEntity`, `LimitExceeded`.
pub async fn create(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let arn = input.policy_arn("PolicyArn")?;
    let document = document(&input)?;
    let set_as_default = input.flag("SetAsDefault")?;
    let lock = users::lock(app, call).await;
    let mut policy = ManagedPolicy::clone(&*managed_policies::own_named(app, call, arn)?);
    if policy.versions.len() >= MAX_VERSIONS {
        return Err(limit_exceeded(format!(
            "A managed policy can have up to {MAX_VERSIONS} versions. Before you create a new version, you must delete an \
             existing version."
        )));
    }
    let number = policy.next_version;
    policy.versions.insert(number, PolicyVersion { document, created: call.now });
    policy.next_version += 1;
    policy.updated = call.now;
    if set_as_default {
        policy.default_version = number;
    }
    let told =
        |created: String| json!({"VersionId": format!("v{number}"), "IsDefaultVersion": set_as_default, "CreateDate": created});
    let output = json!({"PolicyVersion": told(event_time(call.now))});
    let elements = opentrail_model::record::lower_first(json!({"PolicyVersion": told(recorded(call.now))}));
    Ok(Reply { output, response_elements: Some(elements), ..changed(&policy, lock) })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn get(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (arn, number) = (input.policy_arn("PolicyArn")?, version_number(&input)?);
    let found = managed_policies::named(app, call, arn)?;
    let (text, mut told) = match &found {
        Found::Own(policy) => {
            let version = policy.versions.get(&number).ok_or_else(|| no_such_version(arn, number))?;
            (&version.document, described(policy, number, version))
        }
        Found::Aws(policy) if policy.version == number => (policy.document(), aws_version(policy)),
        Found::Aws(_) => return Err(no_such_version(arn, number)),
    };
    told["Document"] = percent_encoded(text.as_str()).into();
    Ok(Reply::output(json!({"PolicyVersion": told})))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn list(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let found = managed_policies::named(app, call, input.policy_arn("PolicyArn")?)?;
    let versions: Vec<Value> = match &found {
        Found::Own(policy) => policy.versions.iter().rev().map(|(number, version)| described(policy, *number, version)).collect(),
        Found::Aws(policy) => vec![aws_version(policy)],
    };
    // There are at most five: always one page.
    validation::page_of(Vec::<&str>::new(), |name| name, &input)?;
    Ok(Reply::output(json!({"Versions": versions, "IsTruncated": false})))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn set_default(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (arn, number) = (input.policy_arn("PolicyArn")?, version_number(&input)?);
    let lock = users::lock(app, call).await;
    let mut policy = ManagedPolicy::clone(&*managed_policies::own_named(app, call, arn)?);
    if !policy.versions.contains_key(&number) {
        return Err(no_such_version(arn, number));
    }
    policy.default_version = number;
    policy.updated = call.now;
    Ok(changed(&policy, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `DeleteConflict`.
pub async fn delete(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (arn, number) = (input.policy_arn("PolicyArn")?, version_number(&input)?);
    let lock = users::lock(app, call).await;
    let mut policy = ManagedPolicy::clone(&*managed_policies::own_named(app, call, arn)?);
    if policy.default_version == number {
        return Err(delete_conflict("Cannot delete the default version of a policy."));
    }
    policy.versions.remove(&number).ok_or_else(|| no_such_version(arn, number))?;
    policy.updated = call.now;
    Ok(changed(&policy, lock))
}

/// Reads `v3`.
fn version_number(input: &Input) -> Result<u32, ApiError> {
    let given = input.required("VersionId")?;
    let number = given.strip_prefix('v').filter(|digits| !digits.starts_with(['0', '+'])).and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| {
        let constraint = "Member must satisfy regular expression pattern: v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?";
        validation::broken(given, "versionId", constraint)
    })
}

fn no_such_version(arn: &str, number: u32) -> ApiError {
    no_such_entity(format!("Policy {arn} version v{number} does not exist or is not attachable."))
}

/// A version in answers.
pub(super) fn described(policy: &ManagedPolicy, number: u32, version: &PolicyVersion) -> Value {
    json!({
        "VersionId": format!("v{number}"),
        "IsDefaultVersion": policy.default_version == number,
        "CreateDate": event_time(version.created),
    })
}

/// The version of a policy of AWS that is in effect.
pub(super) fn aws_version(policy: &AwsManaged) -> Value {
    json!({
        "VersionId": format!("v{}", policy.version),
        "IsDefaultVersion": true,
        "CreateDate": event_time(policy.updated()),
    })
}
