//! CountBy and Histogram: how often, and when.

use super::question::{Question, ask, bounded, fields};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Most rows of a count, and how many there are unless asked otherwise.
const MAX_ROWS: usize = 10_000;
const DEFAULT_ROWS: usize = 100;
/// Fields counted by together.
const MAX_COUNTED_FIELDS: usize = 8;
/// Most bars, and how many there are at most unless asked otherwise.
const MAX_BARS: usize = 1_000;
const DEFAULT_BARS: usize = 48;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CountByRequest {
    #[serde(flatten)]
    question: Question,
    #[serde(default)]
    fields: Option<Vec<String>>,
    #[serde(default)]
    max_results: Option<i64>,
}

/// # Errors
/// `InvalidQueryException`, `InvalidFieldException` and what searches have in common.
pub async fn count_by(app: &Arc<App>, call: &Call, input: CountByRequest) -> Result<Reply, ApiError> {
    let top = bounded("MaxResults", input.max_results, DEFAULT_ROWS, MAX_ROWS)?;
    let search = input.question.resolve(app, call, 0)?;
    let fields = fields(input.fields)?;
    if !(1..=MAX_COUNTED_FIELDS).contains(&fields.len()) {
        let message = format!("Fields must name 1 to {MAX_COUNTED_FIELDS} fields.");
        return Err(ApiError::new("InvalidFieldException", message));
    }
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let counts = ask(app, &call.account, move |history| history.count_by(&search, &fields, top)).await?;
    let rows = counts.rows.iter().map(|row| json!({"Values": row.values, "Count": row.count}));
    Ok(Reply::output(json!({
        "Fields": names,
        "Rows": rows.collect::<Vec<_>>(),
        "MoreRows": counts.more,
        "Others": counts.others,
        "Events": counts.events,
    })))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HistogramRequest {
    #[serde(flatten)]
    question: Question,
    #[serde(default)]
    buckets: Option<i64>,
}

/// # Errors
/// `InvalidQueryException` and what searches have in common.
pub async fn histogram(app: &Arc<App>, call: &Call, input: HistogramRequest) -> Result<Reply, ApiError> {
    let most = bounded("Buckets", input.buckets, DEFAULT_BARS, MAX_BARS)?;
    let search = input.question.resolve(app, call, 0)?;
    let histogram = ask(app, &call.account, move |history| history.histogram(&search, most)).await?;
    let bars = histogram.bars.iter().map(|(time, count)| json!({"Time": time, "Count": count}));
    Ok(Reply::output(json!({
        "Bars": bars.collect::<Vec<_>>(),
        "WidthSeconds": histogram.width_seconds,
        "Events": histogram.events,
    })))
}
