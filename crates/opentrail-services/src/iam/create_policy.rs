//! CreatePolicy and DeletePolicy.

use super::create_role::MAX_DESCRIPTION_CHARS;
use super::input::Input;
use super::managed_policies::{self, Found, Usage};
use super::managed_policy::{ManagedPolicy, PolicyVersion};
use super::users::{self, delete_conflict, limit_exceeded};
use super::{tags, validation};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::unique_id;
use crate::dates::recorded;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_model::record::lower_first;
use opentrail_policy::{PolicyKind, PolicyText};
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most managed policies of an account.
pub(super) const MAX_POLICIES: usize = 1500;
/// Most characters of a managed policy, white space not counted.
pub(super) const MAX_CHARS: usize = 6144;

/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`, `EntityAlreadyExists`, `LimitExceeded`, `InvalidInput`.
pub async fn create_policy(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (name, path) = (input.name("PolicyName")?, input.path()?);
    let document = document(&input)?;
    let description = input.bounded("Description", 0..=MAX_DESCRIPTION_CHARS)?;
    let tags = tags::of(&input)?;
    let lock = users::lock(app, call).await;
    let existing = all(app, call)?;
    if existing.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
        let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    if existing.len() >= MAX_POLICIES {
        return Err(limit_exceeded(format!("Cannot exceed quota for PoliciesPerAccount: {MAX_POLICIES}")));
    }
    let policy = ManagedPolicy {
        account: call.account.clone(),
        name: name.to_owned(),
        path: path.to_owned(),
        id: unique_id("ANPA"),
        created: call.now,
        updated: call.now,
        description: description.map(Into::into).filter(|text: &String| !text.is_empty()),
        versions: BTreeMap::from([(1, PolicyVersion { document, created: call.now })]),
        default_version: 1,
        next_version: 2,
        tags,
    };
    let mut changes = Changes::new();
    changes.put(&policy);
    let mut described = Found::Own(Arc::new(policy)).description(&Usage::default());
    let output = json!({"Policy": described});
    for date in ["CreateDate", "UpdateDate"] {
        described[date] = recorded(call.now).into();
    }
    let elements = lower_first(json!({"Policy": described}));
    Ok(Reply { changes, lock: Some(lock), response_elements: Some(elements), ..Reply::output(output) })
}

/// Only once it is attached to nothing and has no version but the default.
///
/// # Errors
/// `ValidationError`, `NoSuchEntity`, `DeleteConflict`, `AccessDenied` for policies of AWS.
pub async fn delete_policy(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let arn = input.policy_arn("PolicyArn")?;
    let lock = users::lock(app, call).await;
    let policy = managed_policies::own_named(app, call, arn)?;
    let usage = Usage::of(app, call)?;
    if usage.attachments(arn) + usage.boundaries(arn) > 0 {
        return Err(delete_conflict("Cannot delete a policy attached to entities."));
    }
    if policy.versions.len() > 1 {
        return Err(delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
             The default version is deleted with the policy.",
        ));
    }
    let mut changes = Changes::new();
    changes.delete::<ManagedPolicy>(&policy.key());
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// All managed policies of the caller's account, in the order of their names.
pub(super) fn all(app: &App, call: &Call) -> Result<Arc<Vec<ManagedPolicy>>, ApiError> {
    app.catalog.all(&format!("{}/", call.account)).map_err(|error| catalog_failure(&error))
}

/// The document of a policy or version that is made.
///
/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`, `LimitExceeded`.
pub(super) fn document(input: &Input) -> Result<PolicyText, ApiError> {
    let document = validation::policy_document(input, "PolicyDocument", PolicyKind::Identity)?;
    if document.counted_chars() > MAX_CHARS {
        return Err(limit_exceeded(format!("Cannot exceed quota for PolicySize: {MAX_CHARS}")));
    }
    Ok(document)
}

/// The ARN that a new policy would have.
pub(super) fn new_resource(_: &App, call: &Call, input: &Value) -> String {
    let path = input["Path"].as_str().unwrap_or("/");
    format!("arn:aws:iam::{}:policy{path}{}", call.account, input["PolicyName"].as_str().unwrap_or_default())
}

/// The ARN of the policy that is named.
pub(super) fn resource(_: &App, _: &Call, input: &Value) -> String {
    input["PolicyArn"].as_str().unwrap_or("*").to_owned()
}

/// What ListPolicies asks about.
pub(super) fn path_resource(_: &App, call: &Call, input: &Value) -> String {
    format!("arn:aws:iam::{}:policy{}", call.account, input["PathPrefix"].as_str().unwrap_or("/"))
}
