//! GetPolicy and ListPolicies.

use super::input::Input;
use super::managed_policies::{self, Found, Usage};
use super::{aws_managed, create_policy, validation};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// # Errors
/// `ValidationError`, `InvalidInput`, `NoSuchEntity`.
pub async fn get_policy(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let policy = managed_policies::named(app, call, input.policy_arn("PolicyArn")?)?;
    Ok(Reply::output(json!({"Policy": policy.description(&Usage::of(app, call)?)})))
}

/// # Errors
/// `ValidationError`, `SerializationException`.
pub async fn list_policies(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let prefix = input.path_prefix()?;
    let scope = validation::one_of(&input, "Scope", &["All", "AWS", "Local"])?.unwrap_or("All");
    let usage_filter = validation::one_of(&input, "PolicyUsageFilter", &["PermissionsPolicy", "PermissionsBoundary"])?;
    let only_attached = input.flag("OnlyAttached")?;
    let usage = Usage::of(app, call)?;
    let mut found: Vec<(String, Found)> = Vec::new();
    if scope != "AWS" {
        found.extend(create_policy::all(app, call)?.iter().map(|policy| (policy.arn(), Found::Own(Arc::new(policy.clone())))));
    }
    if scope != "Local" {
        found.extend(aws_managed::all().iter().map(|policy| (policy.arn(), Found::Aws(policy))));
    }
    found.retain(|(arn, policy)| {
        let attached = match usage_filter {
            Some("PermissionsPolicy") => usage.attachments(arn) > 0,
            Some(_) => usage.boundaries(arn) > 0,
            None => !only_attached || usage.attachments(arn) + usage.boundaries(arn) > 0,
        };
        attached && policy.path().starts_with(prefix)
    });
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let page = validation::page_of(found, |(arn, _)| arn, &input)?;
    let mut output = json!({"Policies": page.items.iter().map(|(_, policy)| policy.summary(&usage)).collect::<Vec<Value>>()});
    page.finish(&mut output);
    Ok(Reply::output(output))
}
