//! Records as events: "AWS API Call via CloudTrail" and its kin.
//!
//! Source: EventBridge user guide, "AWS service events delivered via CloudTrail".

use crate::event::envelope;
use opentrail_eventlog::Event;
use opentrail_model::facts::EventFacts;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// The source of an event that an application put into a channel.
#[derive(Deserialize)]
struct Activity<'a> {
    #[serde(borrow, rename = "eventData")]
    data: ActivityData<'a>,
}

#[derive(Deserialize)]
struct ActivityData<'a> {
    #[serde(borrow, rename = "eventSource")]
    source: Cow<'a, str>,
}

/// A record as far as rules are chosen by it.
pub struct TrailEvent<'e> {
    event: &'e Event,
    pub facts: EventFacts<'e>,
    pub detail_type: &'static str,
    pub source: String,
}

impl<'e> TrailEvent<'e> {
    /// `None` for records that make no events: unreadable ones, and kinds that EventBridge is not told of.
    pub fn read(event: &'e Event) -> Option<Self> {
        let facts = EventFacts::read(&event.record).ok()?;
        let detail_type = match facts.event_type.as_deref()? {
            "AwsApiCall" => "AWS API Call via CloudTrail",
            "AwsConsoleSignIn" => "AWS Console Sign In via CloudTrail",
            "AwsConsoleAction" => "AWS Console Action via CloudTrail",
            "AwsServiceEvent" => "AWS Service Event via CloudTrail",
            "AwsCloudTrailInsight" => "AWS Insight via CloudTrail",
            // Events of people's own applications, which AWS keeps away from EventBridge.
            "ActivityLog" => {
                let activity: Activity<'_> = serde_json::from_slice(&event.record).ok()?;
                let source = activity.data.source.into_owned();
                return Some(Self { event, facts, detail_type: "Activity Event via CloudTrail", source });
            }
            _ => return None,
        };
        let source = match facts.event_source.as_deref()? {
            _ if facts.event_type.as_deref() == Some("AwsCloudTrailInsight") => "aws.cloudtrail".to_owned(),
            host => match host.strip_suffix(".amazonaws.com") {
                Some(service) => format!("aws.{}", service.split('.').next().unwrap_or(service)),
                None => host.to_owned(),
            },
        };
        Some(Self { event, facts, detail_type, source })
    }

    /// Whether it is a management event that only reads, which ordinary rules do not get.
    pub fn only_reads(&self) -> bool {
        self.facts.read_only == Some(true) && self.facts.event_category.as_deref() == Some("Management")
    }

    /// Whether it reaches rules only if a trail takes it.
    pub fn needs_trail(&self) -> bool {
        matches!(self.facts.event_category.as_deref(), Some("Data" | "NetworkActivity"))
    }

    /// The event as rules see it. `None` if the record is not JSON after all.
    pub fn envelope(&self) -> Option<Value> {
        let detail: Value = serde_json::from_slice(&self.event.record).ok()?;
        let time = self.facts.event_time.as_deref().unwrap_or_default();
        let event = self.event;
        Some(envelope(self.detail_type, &self.source, &event.account, time, &event.region, json!([]), detail))
    }
}
