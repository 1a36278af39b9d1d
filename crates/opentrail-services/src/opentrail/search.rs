//! Search: a page of events that match a query.

use super::question::{Question, ask, bounded, fields};
use crate::app::App;
use crate::call::Call;
use crate::cloudtrail::lookup_token;
use crate::service::Reply;
use opentrail_history::{Cursor, Found, Order};
use opentrail_model::timestamp::event_time;
use opentrail_query::matching::Extractor;
use opentrail_search::limits::CELL_VALUES;
use opentrail_search::output::json::object_of;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use time::OffsetDateTime;

/// Most events of a page, and how many there are unless asked otherwise.
const MAX_RESULTS: usize = 1_000;
const DEFAULT_RESULTS: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SearchRequest {
    #[serde(flatten)]
    question: Question,
    /// Values of these fields instead of whole records.
    #[serde(default)]
    fields: Option<Vec<String>>,
    #[serde(default)]
    max_results: Option<i64>,
    #[serde(default)]
    next_token: Option<String>,
    /// Events that arrived after this position, in the order of arrival, instead of the newest.
    #[serde(default)]
    after_position: Option<u64>,
}

/// # Errors
/// `InvalidQueryException`, `InvalidFieldException`, `InvalidNextTokenException` and what searches have in common.
pub async fn search(app: &Arc<App>, call: &Call, input: SearchRequest) -> Result<Reply, ApiError> {
    let limit = bounded("MaxResults", input.max_results, DEFAULT_RESULTS, MAX_RESULTS)?;
    let mut search = input.question.resolve(app, call, limit)?;
    let extractor = input.fields.is_some().then(|| fields(input.fields)).transpose()?.map(Extractor::new);
    let bound = token_question(call, &input.question);
    if let Some(position) = input.after_position {
        search.order = Order::Arrival;
        search.after = Some(Cursor { time: 0, position });
    } else if let Some(token) = input.next_token.as_deref().filter(|token| !token.is_empty()) {
        search.after = Some(lookup_token::read(token, &bound, call.now)?);
    }
    let arrival = search.order == Order::Arrival;
    let (page, end) = ask(app, &call.account, move |history| {
        // What is before this is searchable already, so that nothing can still come before what is found.
        let end = history.end();
        history.search(&search).map(|page| (page, end))
    })
    .await?;
    let (mut events, mut more) = (page.events, page.more);
    if arrival {
        let found = events.len();
        events.retain(|event| event.position < end);
        more &= events.len() == found;
    }
    let mut output = json!({"Events": events.iter().map(|event| shown(event, extractor.as_ref())).collect::<Vec<_>>()});
    if arrival {
        let last = if more { events.last().map(|event| event.position) } else { None };
        output["NextPosition"] = last.unwrap_or(end.saturating_sub(1)).into();
    } else if let Some(last) = events.last().filter(|_| more) {
        output["NextToken"] = lookup_token::write(&bound, last.cursor(), call.now).into();
    }
    Ok(Reply::output(output))
}

/// What a token is bound to.
fn token_question(call: &Call, question: &Question) -> String {
    let nanos = |at: Option<crate::dates::Timestamp>| at.map_or_else(String::new, |at| at.0.unix_timestamp_nanos().to_string());
    let (start, end) = (nanos(question.start_time), nanos(question.end_time));
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let all = question.all_accounts.unwrap_or(false).to_string();
    let parts = ["search".to_owned(), call.account.clone(), text(&question.query), start, end, text(&question.region), all];
    lookup_token::question(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn shown(event: &Found, extractor: Option<&Extractor>) -> Value {
    let time = OffsetDateTime::from_unix_timestamp(event.time).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let mut shown = json!({"Position": event.position, "EventTime": event_time(time)});
    match extractor {
        None => shown["CloudTrailEvent"] = String::from_utf8_lossy(&event.record).into(),
        Some(extractor) => {
            let values = object_of(extractor.fields(), &extractor.values(&event.record, CELL_VALUES));
            shown["Values"] = serde_json::from_str(&values).unwrap_or_default();
        }
    }
    shown
}
