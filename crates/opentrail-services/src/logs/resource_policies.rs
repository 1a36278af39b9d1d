//! PutResourcePolicy, DescribeResourcePolicies, DeleteResourcePolicy, and what the policies allow.
//!
//! They let services and other principals of the account write into its groups: each operation on a group or stream asks them
//! beside the caller's own policies.

use super::faults::{constraint, invalid, limit_exceeded, missing};
use super::groups::{self, MAX_PAGE};
use crate::app::{App, catalog_failure};
use crate::call::{Call, Caller};
use crate::service::Reply;
use opentrail_catalog::{Catalog, CatalogError, Changes, Entity};
use opentrail_logs::{LogGroup, ResourcePolicy};
use opentrail_policy::{Policies, PolicyDocument, PolicyKind, Principal, Request, RequestContext, decide};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most policies of an account in a region that are not over one group.
const MAX_POLICIES: usize = 10;
/// Largest document over an account, and over one group, in characters.
const MAX_ACCOUNT_CHARS: usize = 5120;
const MAX_DOCUMENT_CHARS: usize = 51_200;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourcePolicyRequest {
    policy_name: Option<String>,
    policy_document: Option<String>,
    resource_arn: Option<String>,
    expected_revision_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeResourcePoliciesRequest {
    next_token: Option<String>,
    limit: Option<i64>,
    resource_arn: Option<String>,
    policy_scope: Option<String>,
}

/// What a policy is kept under: a name for the account, or the ARN of a group.
struct Place {
    name: String,
    resource_arn: Option<String>,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `LimitExceededException`, `OperationAbortedException`.
pub async fn put_resource_policy(app: &Arc<App>, call: &Call, input: ResourcePolicyRequest) -> Result<Reply, ApiError> {
    let document = input.policy_document.clone().ok_or_else(|| missing("policyDocument"))?;
    let place = place(app, call, &input)?;
    let most = if place.resource_arn.is_some() { MAX_DOCUMENT_CHARS } else { MAX_ACCOUNT_CHARS };
    let length = document.chars().count();
    if length == 0 || length > most {
        let must = format!("have length between 1 and {most}");
        return Err(constraint(&format!("[{length} characters]"), "policyDocument", &must));
    }
    let lock = groups::lock(app, call).await;
    let policies = all(app, call)?;
    let policy = ResourcePolicy {
        account: call.account.clone(),
        region: call.region.clone(),
        name: place.name,
        resource_arn: place.resource_arn,
        document,
        updated: groups::now_ms(call),
        revision: app.intake.event_id(),
    };
    PolicyDocument::parse(&policy.document, PolicyKind::Resource)
        .map_err(|error| invalid(format!("Invalid Policy document: {error}")))?;
    let known = policies.iter().find(|known| known.key() == policy.key());
    check_revision(known, input.expected_revision_id.as_deref())?;
    let of_account = policies.iter().filter(|policy| policy.resource_arn.is_none()).count();
    if known.is_none() && policy.resource_arn.is_none() && of_account >= MAX_POLICIES {
        return Err(limit_exceeded());
    }
    let mut output = json!({"resourcePolicy": shown(&policy)});
    if policy.resource_arn.is_some() {
        output["revisionId"] = policy.revision.as_str().into();
    }
    let mut changes = Changes::new();
    changes.put(&policy);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(output) })
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn describe_resource_policies(
    app: &Arc<App>,
    call: &Call,
    input: DescribeResourcePoliciesRequest,
) -> Result<Reply, ApiError> {
    let limit = groups::limit(input.limit, MAX_PAGE)?;
    let of_group = match input.policy_scope.as_deref() {
        None => input.resource_arn.is_some(),
        Some("ACCOUNT") => false,
        Some("RESOURCE") => true,
        Some(other) => return Err(constraint(other, "policyScope", "satisfy enum value set: [ACCOUNT, RESOURCE]")),
    };
    if of_group && input.resource_arn.is_none() {
        return Err(invalid("resourceArn is required when policyScope is RESOURCE."));
    }
    let arn = match &input.resource_arn {
        Some(arn) => Some(groups::named(app, call, None, Some(arn))?.arn()),
        None => None,
    };
    let policies = all(app, call)?;
    let wanted =
        |policy: &&ResourcePolicy| policy.resource_arn.is_some() == of_group && (!of_group || policy.resource_arn == arn);
    let (page, next) = groups::page(policies.iter().filter(wanted), input.next_token.as_deref(), limit, |policy| policy.key());
    let mut output = json!({"resourcePolicies": page.into_iter().map(shown).collect::<Vec<_>>()});
    if let Some(next) = next {
        output["nextToken"] = next.into();
    }
    Ok(Reply::output(output))
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `OperationAbortedException`.
pub async fn delete_resource_policy(app: &Arc<App>, call: &Call, input: ResourcePolicyRequest) -> Result<Reply, ApiError> {
    let place = place(app, call, &input)?;
    let lock = groups::lock(app, call).await;
    let policies = all(app, call)?;
    let known = policies.iter().find(|policy| (&policy.name, &policy.resource_arn) == (&place.name, &place.resource_arn));
    let Some(known) = known else {
        let message = format!("Policy with name [{}] does not exist.", place.name);
        return Err(ApiError::new("ResourceNotFoundException", message));
    };
    check_revision(Some(known), input.expected_revision_id.as_deref())?;
    let mut changes = Changes::new();
    changes.delete::<ResourcePolicy>(&known.key());
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

fn place(app: &App, call: &Call, input: &ResourcePolicyRequest) -> Result<Place, ApiError> {
    match (&input.policy_name, &input.resource_arn) {
        (_, Some(arn)) => {
            let group = groups::named(app, call, None, Some(arn))?;
            Ok(Place { name: group.name.clone(), resource_arn: Some(group.arn()) })
        }
        (Some(name), None) if name.is_empty() || name.chars().count() > 255 => {
            Err(constraint(name, "policyName", "have length between 1 and 255"))
        }
        (Some(name), None) => Ok(Place { name: name.clone(), resource_arn: None }),
        (None, None) => Err(missing("policyName")),
    }
}

fn check_revision(known: Option<&ResourcePolicy>, expected: Option<&str>) -> Result<(), ApiError> {
    match expected {
        Some(expected) if known.is_none_or(|known| known.revision != expected) => {
            Err(ApiError::new("OperationAbortedException", "The policy has another revision than the expected one."))
        }
        _ => Ok(()),
    }
}

fn shown(policy: &ResourcePolicy) -> Value {
    let mut shown = json!({
        "policyName": policy.name,
        "policyDocument": policy.document,
        "lastUpdatedTime": policy.updated,
        "policyScope": if policy.resource_arn.is_some() { "RESOURCE" } else { "ACCOUNT" },
    });
    if let Some(arn) = &policy.resource_arn {
        shown["resourceArn"] = arn.as_str().into();
        shown["revisionId"] = policy.revision.as_str().into();
    }
    shown
}

fn all(app: &App, call: &Call) -> Result<Arc<Vec<ResourcePolicy>>, ApiError> {
    let prefix = ResourcePolicy::prefix(&call.account, &call.region);
    app.catalog.all::<ResourcePolicy>(&prefix).map_err(|error| catalog_failure(&error))
}

/// The policies over what an input names, as one document: for operations on groups and streams.
///
/// # Errors
/// If the catalog fails.
pub fn policy_of(app: &App, call: &Call, input: &Value) -> Result<Option<Arc<PolicyDocument>>, ApiError> {
    let policies = all(app, call)?;
    // Calls of nobody are not let in, whatever the policies say.
    if policies.is_empty() || call.caller == Caller::Anonymous {
        return Ok(None);
    }
    let arn = groups::arn_of(app, call, input);
    Ok(merged(&policies, &arn).map(Arc::new))
}

/// All statements that hold for a group, in one document.
fn merged(policies: &[ResourcePolicy], group_arn: &str) -> Option<PolicyDocument> {
    let holds = |policy: &&ResourcePolicy| policy.resource_arn.as_deref().is_none_or(|arn| arn == group_arn);
    let mut statements = Vec::new();
    for policy in policies.iter().filter(holds) {
        let document: Value = serde_json::from_str(&policy.document).ok()?;
        match document["Statement"].clone() {
            Value::Array(several) => statements.extend(several),
            one => statements.push(one),
        }
    }
    // Identifiers need only be unique within a policy.
    statements.iter_mut().filter_map(Value::as_object_mut).for_each(|statement| drop(statement.remove("Sid")));
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    PolicyDocument::parse(&document.to_string(), PolicyKind::Resource).ok()
}

/// Whether the resource policies let a service do this to a stream of the group, for the resource `source_arn`.
///
/// # Errors
/// If the catalog fails.
pub fn lets_service(
    catalog: &Catalog,
    group: &LogGroup,
    stream: &str,
    action: &str,
    service: &str,
    source_arn: &str,
) -> Result<bool, CatalogError> {
    let policies = catalog.all::<ResourcePolicy>(&ResourcePolicy::prefix(&group.account, &group.region))?;
    let Some(document) = merged(&policies, &group.arn()) else { return Ok(false) };
    let context = RequestContext::new()
        .with("aws:SourceArn", source_arn)
        .with("aws:SourceAccount", group.account.as_str())
        .with("aws:PrincipalServiceName", service)
        .with("aws:PrincipalIsAWSService", "true")
        .with("aws:SecureTransport", "true");
    let resource = format!("{}:log-stream:{stream}", group.arn());
    let principal = Principal::Service(service.to_owned());
    let request =
        Request { principal: &principal, action, resource: &resource, resource_account: &group.account, context: &context };
    Ok(decide(&request, &Policies { resource: Some(&document), ..Policies::default() }).is_allowed())
}
