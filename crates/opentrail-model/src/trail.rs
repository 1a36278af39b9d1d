//! A trail: what it is set to, and which events it takes.

use crate::arn;
use crate::facts::EventFacts;
use crate::selector::Selectors;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Most trails in one region; a multi-region trail counts in each.
pub const MAX_TRAILS_PER_REGION: usize = 5;

/// A trail's settings and logging state, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    pub name: String,
    pub account: String,
    pub home_region: String,
    /// Tells a trail from a later one of the same name.
    pub incarnation: String,
    pub bucket: String,
    pub key_prefix: Option<String>,
    pub sns_topic: Option<String>,
    pub include_global_service_events: bool,
    pub multi_region: bool,
    pub log_file_validation: bool,
    pub log_group_arn: Option<String>,
    pub log_group_role_arn: Option<String>,
    pub kms_key_id: Option<String>,
    pub organization: bool,
    pub recursive_logging: bool,
    pub selectors: Selectors,
    pub insight_selectors: Vec<InsightSelector>,
    pub tags: BTreeMap<String, Option<String>>,
    pub logging: bool,
    #[serde(with = "time::serde::timestamp::milliseconds::option")]
    pub started: Option<OffsetDateTime>,
    #[serde(with = "time::serde::timestamp::milliseconds::option")]
    pub stopped: Option<OffsetDateTime>,
    #[serde(with = "time::serde::timestamp::milliseconds")]
    pub created: OffsetDateTime,
}

/// Which unusual activity a trail reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InsightSelector {
    pub insight_type: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_categories: Vec<String>,
}

impl Trail {
    pub fn arn(&self) -> String {
        arn::trail_arn(&self.home_region, &self.account, &self.name)
    }

    /// The topic as an ARN: a name alone means one of the trail's own account and region.
    pub fn sns_topic_arn(&self) -> Option<String> {
        let topic = self.sns_topic.as_ref()?;
        if topic.starts_with("arn:") {
            return Some(topic.clone());
        }
        Some(format!("arn:aws:sns:{}:{}:{topic}", self.home_region, self.account))
    }

    /// Whether the trail is seen in a region, at home or as a shadow.
    pub fn covers_region(&self, region: &str) -> bool {
        self.multi_region || self.home_region == region
    }

    /// Whether the trail delivers this event of account `account`, recorded in `region`.
    pub fn takes(&self, account: &str, region: &str, event: &EventFacts<'_>) -> bool {
        self.logging
            && account == self.account
            && self.covers_region(region)
            && (self.include_global_service_events || !event.is_global())
            && (self.recursive_logging || !is_delivery_traffic(event))
            && self.selectors.matches(event)
    }
}

/// CloudTrail's own writes of log files and log events.
fn is_delivery_traffic(event: &EventFacts<'_>) -> bool {
    event.invoked_by.as_deref() == Some("cloudtrail.amazonaws.com")
        && matches!(event.event_name.as_deref(), Some("PutObject" | "PutLogEvents"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail() -> Trail {
        Trail {
            name: "main".into(),
            account: "123456789012".into(),
            home_region: "eu-west-1".into(),
            incarnation: "i".into(),
            bucket: "b".into(),
            key_prefix: None,
            sns_topic: None,
            include_global_service_events: true,
            multi_region: false,
            log_file_validation: true,
            log_group_arn: None,
            log_group_role_arn: None,
            kms_key_id: None,
            organization: false,
            recursive_logging: true,
            selectors: Selectors::default(),
            insight_selectors: vec![],
            tags: BTreeMap::new(),
            logging: true,
            started: None,
            stopped: None,
            created: OffsetDateTime::UNIX_EPOCH,
        }
    }

    fn check(trail: &Trail, region: &str, record: &str, expect: bool) {
        let facts = EventFacts::read(record.as_bytes()).expect("record");
        assert_eq!(trail.takes("123456789012", region, &facts), expect, "{region} {record}");
    }

    #[test]
    fn regions_and_global_services() {
        let local = r#"{"eventSource":"ec2.amazonaws.com","awsRegion":"eu-west-1","eventCategory":"Management"}"#;
        let global = r#"{"eventSource":"iam.amazonaws.com","awsRegion":"us-east-1","eventCategory":"Management"}"#;
        check(&trail(), "eu-west-1", local, true);
        check(&trail(), "us-east-1", global, false);
        let everywhere = Trail { multi_region: true, ..trail() };
        check(&everywhere, "us-east-1", global, true);
        check(&Trail { include_global_service_events: false, ..everywhere.clone() }, "us-east-1", global, false);
        check(&Trail { logging: false, ..everywhere }, "eu-west-1", local, false);
    }

    #[test]
    fn recursive_logging_off_drops_delivery_traffic() {
        let put = r#"{"eventSource":"s3.amazonaws.com","eventName":"PutObject","eventCategory":"Management","userIdentity":{"type":"AWSService","invokedBy":"cloudtrail.amazonaws.com"}}"#;
        check(&trail(), "eu-west-1", put, true);
        check(&Trail { recursive_logging: false, ..trail() }, "eu-west-1", put, false);
    }

    #[test]
    fn stored_form_round_trips() {
        let text = serde_json::to_string(&trail()).expect("serialises");
        assert_eq!(serde_json::from_str::<Trail>(&text).expect("parses"), trail());
    }
}
