//! Alarms that are open in the region of the page.

use crate::piece;
use crate::problem::Refusal;
use crate::record::shortened;
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;
use serde_json::{Value, json};

/// Alarms that are asked for.
const MAX_ALARMS: usize = 100;

#[derive(Template)]
#[template(path = "dashboard/alarms.html")]
struct Piece {
    refusal: Option<Refusal>,
    region: String,
    /// Name, and why it is open.
    alarms: Vec<(String, String)>,
}

pub async fn show(visitor: Visitor) -> Shown {
    let input = json!({"StateValue": "ALARM", "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": MAX_ALARMS});
    let found = visitor.run("monitoring", "DescribeAlarms", input).await;
    let refusal = found.as_ref().err().map(Refusal::from);
    let found = found.unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |kind: &str| found[kind].as_array().cloned().unwrap_or_default();
    let alarms = of("MetricAlarms").into_iter().chain(of("CompositeAlarms"));
    let alarms = alarms.map(|alarm| (text(&alarm["AlarmName"]), shortened(&text(&alarm["StateReason"]), 300))).collect();
    let piece = Piece { refusal, region: visitor.region().to_owned(), alarms };
    Ok(piece::shown(&visitor, "Open alarms", "", &piece))
}
