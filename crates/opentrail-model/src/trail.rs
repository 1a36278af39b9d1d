//! A trail: what it is set to, and which events it takes.

use crate::arn;
use crate::facts::EventFacts;
use crate::selector::Selectors;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
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
    /// Whose events an organization trail takes. Joining and leaving the organization rewrites it, so that it stands in
    /// the event log like every other setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<OrganizationScope>,
}

/// The organization behind an organization trail, and its accounts at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationScope {
    /// `o-…`
    pub id: String,
    /// All of them, the management account included. Shared, as trails are copied for every entry of the log.
    pub accounts: Arc<BTreeSet<String>>,
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

    /// The organization id that stands in the keys of an organization trail's files.
    pub fn organization_id(&self) -> Option<&str> {
        self.scope.as_ref().map(|scope| scope.id.as_str())
    }

    /// Whether the trail takes events of this account.
    pub fn covers_account(&self, account: &str) -> bool {
        match &self.scope {
            Some(scope) => scope.accounts.contains(account),
            None => account == self.account,
        }
    }

    /// The accounts whose events the trail takes, in order.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        let members = self.scope.iter().flat_map(|scope| scope.accounts.iter());
        let own = self.scope.is_none().then_some(&self.account);
        members.chain(own).map(String::as_str)
    }

    /// Whether the trail delivers this event of account `account`, recorded in `region`.
    pub fn takes(&self, account: &str, region: &str, event: &EventFacts<'_>) -> bool {
        self.logging
            && self.covers_account(account)
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
            scope: None,
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
    fn organization_trails_take_the_events_of_their_members() {
        let record = r#"{"eventSource":"ec2.amazonaws.com","awsRegion":"eu-west-1","eventCategory":"Management"}"#;
        let facts = EventFacts::read(record.as_bytes()).expect("record");
        let accounts = ["123456789012", "222222222222"].map(String::from);
        let scope = Some(OrganizationScope { id: "o-1".into(), accounts: Arc::new(accounts.into()) });
        let whole = Trail { organization: true, scope, ..trail() };
        for (account, expect) in [("123456789012", true), ("222222222222", true), ("333333333333", false)] {
            assert_eq!(whole.takes(account, "eu-west-1", &facts), expect, "{account}");
        }
        assert!(!trail().takes("222222222222", "eu-west-1", &facts));
        assert_eq!(whole.accounts().collect::<Vec<_>>(), ["123456789012", "222222222222"]);
        assert_eq!(trail().accounts().collect::<Vec<_>>(), ["123456789012"]);
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
