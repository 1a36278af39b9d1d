//! Trails and their health: last delivery, last digest, errors, lag; and what is stored.

use crate::piece;
use crate::problem::Refusal;
use crate::routes::Shown;
use crate::times::{Moment, ago};
use crate::visitor::Visitor;
use askama::Template;
use futures::future::{join, join_all};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Trails that are shown.
const MAX_TRAILS: usize = 20;

#[derive(Template)]
#[template(path = "dashboard/trails.html")]
struct Piece {
    refusal: Option<Refusal>,
    trails: Vec<Trail>,
    more: usize,
    /// Facts about what is kept.
    kept: Vec<(&'static str, String)>,
}

struct Trail {
    name: String,
    region: String,
    bucket: String,
    /// How the badge looks, and what it says.
    look: &'static str,
    state: String,
    delivery: Option<(Moment, String)>,
    digest: Option<(Moment, String)>,
    /// What went wrong with deliveries and digests last.
    errors: Vec<String>,
    /// `None` if log files are not validated.
    validated: bool,
}

pub async fn show(visitor: Visitor) -> Shown {
    let trails = visitor.run("cloudtrail", "DescribeTrails", json!({"includeShadowTrails": true}));
    let (trails, history) = join(trails, visitor.run("opentrail", "DescribeHistory", json!({}))).await;
    let refusal = trails.as_ref().err().map(Refusal::from);
    let trails = trails.unwrap_or_default();
    let list = trails["trailList"].as_array().or_else(|| trails["TrailList"].as_array()).cloned().unwrap_or_default();
    let shown = join_all(list.iter().take(MAX_TRAILS).map(|trail| described(&visitor, trail))).await;
    let piece =
        Piece { refusal, trails: shown, more: list.len().saturating_sub(MAX_TRAILS), kept: kept(&history.unwrap_or_default()) };
    Ok(piece::shown(&visitor, "Trails and storage", "", &piece))
}

async fn described(visitor: &Visitor, trail: &Value) -> Trail {
    let text = |name: &str| trail[name].as_str().unwrap_or_default().to_owned();
    let region = text("HomeRegion");
    let status = visitor.run_in(&region, "cloudtrail", "GetTrailStatus", json!({"Name": text("TrailARN")})).await;
    let validated = trail["LogFileValidationEnabled"] == true;
    let mut told = Trail {
        name: text("Name"),
        bucket: text("S3BucketName"),
        region,
        look: "quiet",
        state: String::new(),
        delivery: None,
        digest: None,
        errors: Vec::new(),
        validated,
    };
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            told.state = "Status not shown".into();
            told.errors.push(error.message);
            return told;
        }
    };
    let errors =
        ["LatestDeliveryError", "LatestDigestDeliveryError", "LatestNotificationError", "LatestCloudWatchLogsDeliveryError"];
    told.errors =
        errors.iter().filter_map(|name| status[name].as_str()).filter(|text| !text.is_empty()).map(str::to_owned).collect();
    (told.look, told.state) = match (status["IsLogging"] == true, told.errors.is_empty()) {
        (true, true) => ("good", "Logging".into()),
        (true, false) => ("bad", "Logging, with errors".into()),
        (false, _) => ("warn", "Stopped".into()),
    };
    let moment = |name: &str| seconds(&status[name]).map(|at| (Moment(at), ago(at, visitor.now())));
    told.delivery = moment("LatestDeliveryTime");
    told.digest = moment("LatestDigestDeliveryTime");
    told
}

/// Seconds since 1970, with fractions.
fn seconds(value: &Value) -> Option<OffsetDateTime> {
    let seconds = value.as_f64()?;
    if !(0.0..2.5e11).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    OffsetDateTime::from_unix_timestamp(seconds as i64).ok()
}

fn kept(history: &Value) -> Vec<(&'static str, String)> {
    let mut kept = Vec::new();
    if let Some(seconds) = history["RetentionSeconds"].as_i64() {
        kept.push(("History is kept for", format!("{} days", seconds / 86_400)));
    }
    if let Some(events) = history["Events"].as_u64() {
        kept.push(("Events that can be searched", events.to_string()));
    }
    if let (Some(recorded), Some(indexed)) = (history["RecordedThrough"].as_u64(), history["IndexedThrough"].as_u64()) {
        let behind = recorded.saturating_sub(indexed);
        kept.push(("Search is behind by", format!("{behind} positions")));
    }
    let sizes = [
        ("LogBytes", "Event log"),
        ("HistoryBytes", "Index of the history"),
        ("ObjectBytes", "Objects in buckets"),
        ("DiskFreeBytes", "Free on the disk"),
    ];
    for (name, words) in sizes {
        if let Some(bytes) = history["Storage"][name].as_u64() {
            kept.push((words, size(bytes)));
        }
    }
    kept
}

/// `1.5 GB`, in steps of 1,000.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let unit = units.iter().find(|(least, _)| bytes >= *least);
    unit.map_or_else(|| format!("{bytes} bytes"), |(one, unit)| format!("{}.{} {unit}", bytes / one, bytes % one * 10 / one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_readable() {
        assert_eq!([5, 1_500, 2_340_000].map(size), ["5 bytes", "1.5 kB", "2.3 MB"].map(str::to_owned));
        assert_eq!(seconds(&json!(1.5)).map(OffsetDateTime::unix_timestamp), Some(1));
        assert!(seconds(&json!(-1)).is_none() && seconds(&json!("x")).is_none() && seconds(&json!(1e300)).is_none());
    }
}
