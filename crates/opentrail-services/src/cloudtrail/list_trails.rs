//! ListTrails: ARN, name and home of every trail that reaches the region, on one page.

use super::trails;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTrailsRequest {
    #[serde(default)]
    next_token: Option<String>,
}

/// # Errors
/// `InvalidTokenException` for any token, as there is only one page.
pub async fn list_trails(app: &Arc<App>, call: &Call, input: ListTrailsRequest) -> Result<Reply, ApiError> {
    super::refuse_token(input.next_token.as_deref())?;
    let brief = |trail: &Trail| json!({"TrailARN": trail.arn(), "Name": trail.name, "HomeRegion": trail.home_region});
    let list: Vec<Value> =
        trails::all(app, &call.account)?.iter().filter(|trail| trail.covers_region(&call.region)).map(brief).collect();
    Ok(Reply::output(json!({"Trails": list})))
}
