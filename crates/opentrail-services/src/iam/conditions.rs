//! IAM's own condition keys: tags and boundaries of what an operation is about, and what is to be attached.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
//! Management".

use super::holders::{self, Holder};
use super::managed_policies;
use crate::app::App;
use crate::authorisation::{with_request_tags, with_tags};
use crate::call::Call;
use opentrail_policy::RequestContext;
use serde_json::Value;
use std::collections::BTreeMap;

/// Of operations on a user, group or role that exists: its tags and boundary.
pub(super) fn of<H: Holder>(app: &App, call: &Call, input: &Value, context: RequestContext) -> RequestContext {
    let name = input[H::MEMBER].as_str().unwrap_or_default();
    let found = holders::find::<H>(app, call, name).ok().flatten();
    let context = match found.as_ref().and_then(|found| found.boundary()) {
        Some(boundary) => context.with("iam:PermissionsBoundary", boundary),
        None => context,
    };
    let context = match found.as_ref().and_then(|found| found.tags()) {
        Some(tags) => with_resource_tags(context, tags),
        None => context,
    };
    requested(app, call, input, context)
}

/// Of operations on a managed policy that exists.
pub(super) fn of_policy(app: &App, call: &Call, input: &Value, context: RequestContext) -> RequestContext {
    let arn = input["PolicyArn"].as_str().unwrap_or_default();
    let found = managed_policies::own(app, call, arn).ok().flatten();
    let context = found.map_or(context.clone(), |policy| with_resource_tags(context, &policy.tags));
    requested(app, call, input, context)
}

/// Of operations that make something, and what all operations have in common: what the input sets.
pub(super) fn requested(_: &App, _: &Call, input: &Value, context: RequestContext) -> RequestContext {
    let keys = [
        ("PolicyArn", "iam:PolicyARN"),
        ("PermissionsBoundary", "iam:PermissionsBoundary"),
        ("AWSServiceName", "iam:AWSServiceName"),
    ];
    let context = keys.iter().fold(context, |context, (member, key)| match input[*member].as_str() {
        Some(value) => context.with(key, value),
        None => context,
    });
    let removed = input["TagKeys"].as_array().map(Vec::as_slice).unwrap_or_default();
    with_request_tags(context, &input["Tags"], removed.iter().filter_map(Value::as_str))
}

fn with_resource_tags(context: RequestContext, tags: &BTreeMap<String, String>) -> RequestContext {
    with_tags(with_tags(context, "aws:ResourceTag", tags), "iam:ResourceTag", tags)
}
