//! ListMetrics.

use crate::faults::{invalid_value, unsupported};
use crate::input::{Dimension, Flag, List, place_in, token};
use opentrail_alarms::{KnownMetric, MetricsWanted};
use opentrail_services::{App, Call, Reply, catalog_failure};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const PAGE: usize = 500;
/// How recently a metric must have had samples, in seconds.
const RECENT: i64 = 14 * 86_400;
const VERY_RECENT: i64 = 3 * 3600;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListMetricsInput {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: List<Dimension>,
    next_token: Option<String>,
    recently_active: Option<String>,
    include_linked_accounts: Option<Flag>,
    owning_account: Option<String>,
}

/// # Errors
/// `InvalidParameterValue`; `ValidationError` for linked accounts.
pub async fn list_metrics(app: &Arc<App>, call: &Call, input: ListMetricsInput) -> Result<Reply, ApiError> {
    let other = input.owning_account.as_deref().is_some_and(|account| account != call.account);
    if other || input.include_linked_accounts == Some(Flag(true)) {
        return Err(unsupported("Listing metrics of linked accounts"));
    }
    let recent = match input.recently_active.as_deref() {
        None => RECENT,
        Some("PT3H") => VERY_RECENT + KnownMetric::FRESHNESS,
        Some(_) => return Err(invalid_value("The parameter RecentlyActive must be a value in the set [PT3H].")),
    };
    let after = input.next_token.as_deref().map(|token| place_in(token).ok_or_else(|| invalid_value("Invalid NextToken.")));
    let after = after.transpose()?;
    let dimensions = input.dimensions.0.iter().map(|dimension| {
        let name =
            dimension.name.as_deref().ok_or_else(|| invalid_value("The parameter Dimensions.member.1.Name is required."))?;
        Ok((name, dimension.value.as_deref()))
    });
    let wanted = MetricsWanted {
        namespace: input.namespace.as_deref(),
        name: input.metric_name.as_deref(),
        dimensions: dimensions.collect::<Result<_, ApiError>>()?,
        since: call.now.unix_timestamp() - recent,
        after: after.as_deref(),
        limit: PAGE,
    };
    let page = app.watching.metrics.metrics(&call.account, &call.region, &wanted).map_err(|error| catalog_failure(&error))?;
    let mut output = json!({"Metrics": page.metrics.iter().map(shown).collect::<Vec<_>>()});
    if let Some(next) = page.next {
        output["NextToken"] = token(&next).into();
    }
    Ok(Reply::output(output))
}

fn shown(known: &KnownMetric) -> Value {
    crate::queries::shown_metric(&known.metric)
}
