//! What selectors would have recorded of the last 24 hours, by the newest events of the history.

use super::info::{self, Info};
use crate::visitor::Visitor;
use opentrail_model::facts::EventFacts;
use opentrail_model::selector::Selectors;
use opentrail_wire::ApiError;
use serde_json::{Value, json};

/// Most events that selectors are tried on.
const MOST: usize = 1_000;
const DAY_SECONDS: i64 = 86_400;

/// The newest events of the last 24 hours.
pub struct Sample {
    records: Vec<String>,
    /// All events of that time.
    total: u64,
}

/// What a trail takes, as far as it can be told from its settings.
#[derive(Debug, Clone)]
pub struct Taking {
    pub selectors: Selectors,
    pub multi_region: bool,
    pub global_events: bool,
    pub home: String,
}

impl Taking {
    fn takes(&self, record: &str) -> bool {
        let Ok(facts) = EventFacts::read(record.as_bytes()) else { return false };
        let here = self.multi_region || facts.aws_region.as_deref() == Some(self.home.as_str());
        here && (self.global_events || !facts.is_global()) && self.selectors.matches(&facts)
    }
}

/// A forecast in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// How many of the events looked at are meant.
    pub hits: usize,
    pub seen: usize,
    pub total: u64,
}

impl Forecast {
    /// In words: exact if all events were looked at.
    pub fn words(&self) -> String {
        let Self { hits, seen, total } = *self;
        if seen == 0 {
            return "nothing was recorded in the last 24 hours".into();
        }
        if total <= seen as u64 {
            return format!("{hits} of the {seen} events of the last 24 hours");
        }
        let about = total.saturating_mul(hits as u64) / seen as u64;
        format!("{hits} of the newest {seen} events, so about {about} of the {total} events of the last 24 hours")
    }
}

impl Sample {
    pub fn forecast(&self, taking: &Taking) -> Forecast {
        self.count(|record| taking.takes(record))
    }

    /// What `taking` takes and none of the others.
    pub fn lost(&self, taking: &Taking, others: &[Taking]) -> Forecast {
        self.count(|record| taking.takes(record) && !others.iter().any(|other| other.takes(record)))
    }

    fn count(&self, is_meant: impl Fn(&str) -> bool) -> Forecast {
        let hits = self.records.iter().filter(|record| is_meant(record)).count();
        Forecast { hits, seen: self.records.len(), total: self.total }
    }
}

/// Reads the sample, by the history's own operations.
///
/// # Errors
/// As Search and Histogram.
pub async fn sample(visitor: &Visitor) -> Result<Sample, ApiError> {
    let now = visitor.now().unix_timestamp();
    let time = json!({"StartTime": now - DAY_SECONDS, "EndTime": now, "MaxResults": MOST});
    let found = visitor.run("opentrail", "Search", time).await?;
    let events = found["Events"].as_array().map(Vec::as_slice).unwrap_or_default();
    let records: Vec<String> = events.iter().filter_map(|event| event["CloudTrailEvent"].as_str()).map(str::to_owned).collect();
    let mut total = records.len() as u64;
    if found["NextToken"].is_string() {
        let counted = json!({"StartTime": now - DAY_SECONDS, "EndTime": now, "Buckets": 1});
        let counted = visitor.run("opentrail", "Histogram", counted).await?;
        total = counted["Events"].as_u64().unwrap_or(total);
    }
    Ok(Sample { records, total })
}

/// What every other trail that is logging takes.
pub async fn others(visitor: &Visitor, but: &Info) -> Result<Vec<Taking>, ApiError> {
    let (trails, _) = info::everywhere(visitor).await?;
    let trails = trails.into_iter().filter(|trail| trail.arn != but.arn).collect();
    let mut taking = Vec::new();
    for known in info::with_status(visitor, trails).await {
        if known.is_logging() {
            taking.push(self::taking(visitor, &known.info).await?.0);
        }
    }
    Ok(taking)
}

/// What a trail takes, and its selectors as the API shows them.
///
/// # Errors
/// As GetEventSelectors.
pub async fn taking(visitor: &Visitor, info: &Info) -> Result<(Taking, Value), ApiError> {
    let (selectors, shown) = info::selectors(visitor, info).await?;
    let taking =
        Taking { selectors, multi_region: info.multi_region, global_events: info.global_events, home: info.home.clone() };
    Ok((taking, shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, region: &str, read_only: bool) -> String {
        json!({"eventName": name, "eventSource": "sqs.amazonaws.com", "awsRegion": region, "readOnly": read_only,
            "eventCategory": "Management", "managementEvent": true, "eventType": "AwsApiCall"})
        .to_string()
    }

    #[test]
    fn forecasts_count_what_is_taken_and_what_would_be_lost() {
        let records = vec![record("A", "eu-west-1", false), record("B", "us-east-1", true), "not json".into()];
        let sample = Sample { records, total: 30 };
        let here = Taking { selectors: Selectors::default(), multi_region: false, global_events: true, home: "eu-west-1".into() };
        let everywhere = Taking { multi_region: true, ..here.clone() };
        assert_eq!(sample.forecast(&here).hits, 1);
        assert_eq!(sample.forecast(&everywhere).hits, 2);
        assert_eq!(sample.lost(&everywhere, std::slice::from_ref(&here)).hits, 1);
        assert_eq!(sample.lost(&here, &[everywhere]).hits, 0);
        assert!(sample.forecast(&here).words().contains("about 10 of the 30"));
        assert_eq!(Forecast { hits: 1, seen: 2, total: 2 }.words(), "1 of the 2 events of the last 24 hours");
    }
}
