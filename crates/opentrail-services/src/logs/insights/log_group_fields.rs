//! GetLogGroupFields: which fields the events of a group have, and how many of them.

use super::super::faults::unreadable;
use super::super::groups;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_insights::discovered;
use opentrail_logs::{LogStream, newest_first};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Events that are looked at.
const SAMPLE: u64 = 1000;
const MINUTE_MS: i64 = 60_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetLogGroupFieldsRequest {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    /// Seconds since 1970: the eight minutes before and after are looked at.
    time: Option<i64>,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn get_log_group_fields(app: &Arc<App>, call: &Call, input: GetLogGroupFieldsRequest) -> Result<Reply, ApiError> {
    let group = groups::named(app, call, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let now = groups::now_ms(call);
    let (start, end) = match input.time {
        Some(time) => {
            let at = time.clamp(0, i64::MAX >> 28).saturating_mul(1000);
            (at - 8 * MINUTE_MS, at + 8 * MINUTE_MS)
        }
        None => (now - 15 * MINUTE_MS, now),
    };
    let streams: Vec<LogStream> = app.catalog.list(&LogStream::key_of(&group.id, "")).map_err(|error| catalog_failure(&error))?;
    let catalog = app.catalog.clone();
    let read = move || {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut seen = 0;
        let counted = newest_first(&catalog, &streams, start.max(0), end, |_, event| {
            seen += 1;
            discovered(&event.message).into_keys().for_each(|name| *counts.entry(name).or_default() += 1);
            if seen < SAMPLE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        counted.map(|()| (counts, seen))
    };
    let (counts, seen) = groups::reading(read).await?.map_err(|error| unreadable(&error))?;
    let system = ["@ingestionTime", "@log", "@logStream", "@message", "@timestamp"].map(|name| (name.to_owned(), seen));
    let mut fields: Vec<(String, u64)> = system.into_iter().filter(|_| seen > 0).chain(counts).collect();
    fields.sort_by(|(left_name, left), (right_name, right)| right.cmp(left).then_with(|| left_name.cmp(right_name)));
    let shown = |(name, count): (String, u64)| json!({"name": name, "percent": count * 100 / seen.max(1)});
    Ok(Reply::output(json!({"logGroupFields": fields.into_iter().map(shown).collect::<Vec<Value>>()})))
}
