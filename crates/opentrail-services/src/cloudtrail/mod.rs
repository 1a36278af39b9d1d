//! CloudTrail's control plane: trails, their selectors and tags, public keys, the event history.
//!
//! ```text
//! trails.rs      finding a trail by name or ARN, from home or elsewhere
//! settings.rs    what CreateTrail and UpdateTrail may set        selectors.rs, tags.rs, insights.rs
//! log_group.rs   the log group a trail writes into, as its role sees it
//! lookup_*.rs    LookupEvents' tokens and its rate
//! the others     one operation each
//! ```
//!
//! Source: AWS CloudTrail API Reference. Texts of errors are AWS's where they are known.

mod organization;
mod trails;

mod create_trail;
mod delete_trail;
mod describe_trails;
mod encryption_key;
mod get_trail;
mod get_trail_status;
mod list_trails;
mod log_group;
mod settings;
mod start_logging;
mod stop_logging;
mod update_trail;

mod get_event_selectors;
mod get_insight_selectors;
mod insights;
mod put_event_selectors;
mod put_insight_selectors;
mod selectors;

mod add_tags;
mod list_tags;
mod remove_tags;
mod tags;

mod list_public_keys;
mod lookup_events;
mod lookup_limiter;
pub(crate) mod lookup_token;

#[cfg(test)]
mod tests;

pub use log_group::{DELIVERER, LogGroupFault, LogGroupWriter, stream_name};
pub use lookup_limiter::LookupLimiter;

use crate::app::App;
use crate::call::Call;
use crate::handler;
use crate::service::{Handler, Operation, ResourceOf, Service};
use opentrail_wire::ApiError;
use serde_json::Value;

pub static SERVICE: Service = Service {
    name: "cloudtrail",
    event_source: "cloudtrail.amazonaws.com",
    target: Some("CloudTrail_20131101"),
    version: None,
    namespace: None,
    global: false,
    operations: OPERATIONS,
    missing: MISSING,
    unsupported_code: "UnsupportedOperationException",
};

const OPERATIONS: &[Operation] = &[
    write("CreateTrail", by_name, handler!(create_trail::create_trail)),
    write("UpdateTrail", by_name, handler!(update_trail::update_trail)),
    write("DeleteTrail", by_name, handler!(delete_trail::delete_trail)),
    write("StartLogging", by_name, handler!(start_logging::start_logging)),
    write("StopLogging", by_name, handler!(stop_logging::stop_logging)),
    read("GetTrail", by_name, handler!(get_trail::get_trail)),
    read("GetTrailStatus", by_name, handler!(get_trail_status::get_trail_status)),
    read("DescribeTrails", anything, handler!(describe_trails::describe_trails)),
    read("ListTrails", anything, handler!(list_trails::list_trails)),
    write("PutEventSelectors", by_trail_name, handler!(put_event_selectors::put_event_selectors)),
    read("GetEventSelectors", by_trail_name, handler!(get_event_selectors::get_event_selectors)),
    write("PutInsightSelectors", by_trail_name, handler!(put_insight_selectors::put_insight_selectors)),
    read("GetInsightSelectors", by_trail_name, handler!(get_insight_selectors::get_insight_selectors)),
    write("AddTags", by_resource_id, handler!(add_tags::add_tags)),
    write("RemoveTags", by_resource_id, handler!(remove_tags::remove_tags)),
    read("ListTags", by_first_resource_id, handler!(list_tags::list_tags)),
    write("RegisterOrganizationDelegatedAdmin", anything, handler!(organization::register)),
    write("DeregisterOrganizationDelegatedAdmin", anything, handler!(organization::deregister)),
    Operation {
        parameters: list_public_keys::parameters,
        ..read("ListPublicKeys", anything, handler!(list_public_keys::list_public_keys))
    },
    Operation { parameters: lookup_events::parameters, ..read("LookupEvents", anything, handler!(lookup_events::lookup_events)) },
];

const MISSING: &[&str] = &[
    "CancelQuery",
    "CreateChannel",
    "CreateDashboard",
    "CreateEventDataStore",
    "DeleteChannel",
    "DeleteDashboard",
    "DeleteEventDataStore",
    "DeleteResourcePolicy",
    "DescribeQuery",
    "DisableFederation",
    "EnableFederation",
    "GenerateQuery",
    "GetChannel",
    "GetDashboard",
    "GetEventConfiguration",
    "GetEventDataStore",
    "GetImport",
    "GetQueryResults",
    "GetResourcePolicy",
    "ListChannels",
    "ListDashboards",
    "ListEventDataStores",
    "ListImportFailures",
    "ListImports",
    "ListInsightsData",
    "ListInsightsMetricData",
    "ListQueries",
    "PutEventConfiguration",
    "PutResourcePolicy",
    "RestoreEventDataStore",
    "SearchSampleQueries",
    "StartDashboardRefresh",
    "StartEventDataStoreIngestion",
    "StartImport",
    "StartQuery",
    "StopEventDataStoreIngestion",
    "StopImport",
    "UpdateChannel",
    "UpdateDashboard",
    "UpdateEventDataStore",
];

const fn read(name: &'static str, resource: ResourceOf, handler: Handler) -> Operation {
    Operation { read_only: true, ..write(name, resource, handler) }
}

const fn write(name: &'static str, resource: ResourceOf, handler: Handler) -> Operation {
    Operation { resource, conditions: Some(tags::conditions), ..Operation::new(name, handler) }
}

fn anything(_: &App, _: &Call, _: &Value) -> String {
    "*".into()
}

fn by_name(_: &App, call: &Call, input: &Value) -> String {
    trails::arn_of(call, input["Name"].as_str().unwrap_or_default())
}

fn by_trail_name(_: &App, call: &Call, input: &Value) -> String {
    trails::arn_of(call, input["TrailName"].as_str().unwrap_or_default())
}

fn by_resource_id(_: &App, call: &Call, input: &Value) -> String {
    trails::arn_of(call, input["ResourceId"].as_str().unwrap_or_default())
}

/// ListTags asks about the other resources by itself.
fn by_first_resource_id(_: &App, call: &Call, input: &Value) -> String {
    trails::arn_of(call, input["ResourceIdList"][0].as_str().unwrap_or_default())
}

/// For operations with one page: they hand out no tokens, so any is wrong.
fn refuse_token(token: Option<&str>) -> Result<(), ApiError> {
    match token {
        None | Some("") => Ok(()),
        Some(_) => Err(ApiError::new("InvalidTokenException", "The token is not valid.")),
    }
}

fn reversed_times() -> ApiError {
    ApiError::new("InvalidTimeRangeException", "The start time must not be later than the end time.")
}
