//! ListLogGroups.

use super::groups::{self, MAX_PAGE};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_logs::LogGroup;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListLogGroupsRequest {
    log_group_name_pattern: Option<String>,
    log_group_class: Option<String>,
    limit: Option<i64>,
    next_token: Option<String>,
}

/// A pattern that begins with `^` is a prefix, any other a part of the name.
///
/// # Errors
/// `InvalidParameterException`.
pub async fn list_log_groups(app: &Arc<App>, call: &Call, input: ListLogGroupsRequest) -> Result<Reply, ApiError> {
    let limit = groups::limit(input.limit, MAX_PAGE)?;
    let all = app
        .catalog
        .all::<LogGroup>(&LogGroup::key_of(&call.account, &call.region, ""))
        .map_err(|error| catalog_failure(&error))?;
    let fits = |name: &str| match input.log_group_name_pattern.as_deref() {
        None => true,
        Some(pattern) => pattern.strip_prefix('^').map_or_else(|| name.contains(pattern), |prefix| name.starts_with(prefix)),
    };
    let wanted =
        |group: &&LogGroup| fits(&group.name) && input.log_group_class.as_deref().is_none_or(|class| class == "STANDARD");
    let token = input.next_token.as_deref();
    let (page, next) = groups::page(all.iter().filter(wanted), token, limit, |group| group.name.clone());
    let listed: Vec<_> = page
        .into_iter()
        .map(|group| json!({"logGroupName": group.name, "logGroupArn": group.arn(), "logGroupClass": "STANDARD"}))
        .collect();
    let mut output = json!({"logGroups": listed});
    if let Some(next) = next {
        output["nextToken"] = next.into();
    }
    Ok(Reply::output(output))
}
