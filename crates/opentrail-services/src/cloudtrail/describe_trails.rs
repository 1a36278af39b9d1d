//! DescribeTrails: the trails of a region, shadows included unless they are declined.

use super::trails;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeTrailsRequest {
    #[serde(default)]
    trail_name_list: Option<Vec<String>>,
    #[serde(default)]
    include_shadow_trails: Option<bool>,
}

/// # Errors
/// `InvalidTrailNameException` and `CloudTrailARNInvalidException`; unknown trails are left out without a word.
pub async fn describe_trails(app: &Arc<App>, call: &Call, input: DescribeTrailsRequest) -> Result<Reply, ApiError> {
    let names = input.trail_name_list.unwrap_or_default();
    names.iter().try_for_each(|name| trails::check_reference(name))?;
    let wanted: HashSet<String> = names.iter().map(|name| trails::arn_of(call, name)).collect();
    let with_shadows = input.include_shadow_trails.unwrap_or(true);
    let is_wanted = |trail: &&Trail| {
        trail.covers_region(&call.region)
            && (with_shadows || trail.home_region == call.region)
            && (wanted.is_empty() || wanted.contains(&trail.arn()))
    };
    let list: Vec<Value> = trails::all(app, &call.account)?.iter().filter(is_wanted).map(trails::description).collect();
    Ok(Reply::output(json!({"trailList": list})))
}
