//! DescribeAlarmHistory.

use crate::faults::{bad_token, constraint};
use crate::input::{List, Number, page_size, place_in, token};
use opentrail_alarms::HistoryItem;
use opentrail_catalog::Entity;
use opentrail_services::dates::{Timestamp, epoch_ms};
use opentrail_services::{App, Call, Reply, catalog_failure};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Items read at a time, and most items looked at for a page.
const PAGE: usize = 500;
const LOOKED_AT: usize = 20_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeAlarmHistoryInput {
    alarm_name: Option<String>,
    #[serde(default)]
    alarm_types: List<String>,
    history_item_type: Option<String>,
    start_date: Option<Timestamp>,
    end_date: Option<Timestamp>,
    max_records: Option<Number>,
    next_token: Option<String>,
    scan_by: Option<String>,
}

/// # Errors
/// `ValidationError`, `InvalidNextToken`.
pub async fn describe_alarm_history(app: &Arc<App>, call: &Call, input: DescribeAlarmHistoryInput) -> Result<Reply, ApiError> {
    let limit = page_size(input.max_records, 50, 100)?;
    let ascending = match input.scan_by.as_deref() {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(other) => {
            return Err(constraint(other, "scanBy", "satisfy enum value set: [TimestampDescending, TimestampAscending]"));
        }
    };
    let kind = input.history_item_type.as_deref();
    let kinds = ["ConfigurationUpdate", "StateUpdate", "Action", "AlarmContributorStateUpdate", "AlarmContributorAction"];
    if let Some(kind) = kind.filter(|kind| !kinds.contains(kind)) {
        return Err(constraint(kind, "historyItemType", &format!("satisfy enum value set: [{}]", kinds.join(", "))));
    }
    let types: Vec<&str> = match &input.alarm_types.0[..] {
        [] if input.alarm_name.is_none() => vec!["MetricAlarm"],
        [] => vec!["MetricAlarm", "CompositeAlarm"],
        given => given.iter().map(String::as_str).collect(),
    };
    let milliseconds = |at: Timestamp| i64::try_from(at.0.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    let (start, end) = (input.start_date.map(milliseconds), input.end_date.map(milliseconds));
    let fits = |item: &HistoryItem| {
        input.alarm_name.as_ref().is_none_or(|name| *name == item.alarm)
            && types.contains(&item.alarm_type.as_str())
            && kind.is_none_or(|kind| kind == item.kind.as_str())
            && start.is_none_or(|start| item.at_ms >= start)
            && end.is_none_or(|end| item.at_ms <= end)
    };
    let mut place = input.next_token.as_deref().map(|token| place_in(token).ok_or_else(bad_token)).transpose()?;
    if place.is_none() {
        let bound = |at: i64| HistoryItem::bound(&call.account, &call.region, at);
        place = if ascending { start.map(bound) } else { end.map(|end| bound(end.saturating_add(1))) };
    }
    let prefix = HistoryItem::prefix(&call.account, &call.region);
    let (mut items, mut looked_at): (Vec<Value>, usize) = (Vec::new(), 0);
    loop {
        let scan = if ascending {
            app.catalog.scan::<HistoryItem>(&prefix, place.as_deref(), PAGE)
        } else {
            app.catalog.scan_back::<HistoryItem>(&prefix, place.as_deref(), PAGE)
        };
        let page = scan.map_err(|error| catalog_failure(&error))?;
        for item in &page {
            if items.len() == limit {
                return Ok(Reply::output(json!({"AlarmHistoryItems": items, "NextToken": token(&place.unwrap_or_default())})));
            }
            place = Some(item.key());
            looked_at += 1;
            if fits(item) {
                items.push(shown(item));
            }
        }
        if page.len() < PAGE {
            return Ok(Reply::output(json!({"AlarmHistoryItems": items})));
        }
        if looked_at >= LOOKED_AT {
            return Ok(Reply::output(json!({"AlarmHistoryItems": items, "NextToken": token(&place.unwrap_or_default())})));
        }
    }
}

fn shown(item: &HistoryItem) -> Value {
    json!({
        "AlarmName": item.alarm,
        "AlarmType": item.alarm_type,
        "Timestamp": epoch_ms(item.at_ms),
        "HistoryItemType": item.kind.as_str(),
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    })
}
