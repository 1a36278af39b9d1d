//! What an alarm is told to do.

use opentrail_catalog::Entity;
use opentrail_metrics::{AlarmRule, AlarmState, Metric};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An alarm and its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub account: String,
    pub region: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub actions_enabled: bool,
    #[serde(default)]
    pub ok_actions: Vec<String>,
    #[serde(default)]
    pub alarm_actions: Vec<String>,
    #[serde(default)]
    pub insufficient_data_actions: Vec<String>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// When the settings were last given, milliseconds since 1970.
    pub updated_ms: i64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    pub watches: Watches,
}

/// What an alarm goes by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Watches {
    Metric(MetricAlarm),
    Composite(CompositeAlarm),
}

/// An alarm on a metric or on an expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricAlarm {
    pub rule: AlarmRule,
    /// Whether `DatapointsToAlarm` was given.
    #[serde(default)]
    pub datapoints_given: bool,
    /// `TreatMissingData` as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_given: Option<String>,
    /// `EvaluateLowSampleCountPercentile` as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_samples: Option<String>,
    pub source: Source,
}

/// Where the points of an alarm come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Source {
    Metric(MetricStat),
    /// One of them is returned, the others serve it.
    Queries(Vec<MetricQuery>),
}

/// A statistic of a metric by period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricStat {
    pub metric: Metric,
    /// Seconds.
    pub period: i64,
    /// `Sum`, `p99.9`.
    pub statistic: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// `MetricDataQuery`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricQuery {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub return_data: bool,
    pub what: QueryOf,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum QueryOf {
    Stat(MetricStat),
    Expression {
        expression: String,
        /// Seconds; that of the metrics it uses if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        period: Option<i64>,
    },
}

/// An alarm on other alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompositeAlarm {
    pub rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressor: Option<Suppressor>,
}

/// An alarm that keeps another one's actions back while it is in alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suppressor {
    /// Name or ARN.
    pub alarm: String,
    /// Seconds.
    pub wait: i64,
    /// Seconds.
    pub extension: i64,
}

impl Entity for Alarm {
    const TABLE: &'static str = "alarm";

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }
}

impl Alarm {
    /// Names can hold slashes; accounts and regions cannot.
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        format!("{account}/{region}/{name}")
    }

    pub fn arn(&self) -> String {
        format!("arn:aws:cloudwatch:{}:{}:alarm:{}", self.region, self.account, self.name)
    }

    /// What is done on coming into a state.
    pub fn actions(&self, state: AlarmState) -> &[String] {
        match state {
            AlarmState::Ok => &self.ok_actions,
            AlarmState::Alarm => &self.alarm_actions,
            AlarmState::InsufficientData => &self.insufficient_data_actions,
        }
    }

    pub fn is_composite(&self) -> bool {
        matches!(self.watches, Watches::Composite(_))
    }

    /// `AlarmType`.
    pub fn kind(&self) -> &'static str {
        if self.is_composite() { "CompositeAlarm" } else { "MetricAlarm" }
    }

    /// The lock that whoever changes an account's alarms in a region, or their states, holds.
    pub fn lock_name(account: &str, region: &str) -> String {
        format!("alarms {account} {region}")
    }
}

impl MetricAlarm {
    /// Every metric that the alarm depends on.
    pub fn metrics(&self) -> Vec<&MetricStat> {
        match &self.source {
            Source::Metric(stat) => vec![stat],
            Source::Queries(queries) => queries
                .iter()
                .filter_map(|query| match &query.what {
                    QueryOf::Stat(stat) => Some(stat),
                    QueryOf::Expression { .. } => None,
                })
                .collect(),
        }
    }

    /// Seconds between two points.
    pub fn period(&self) -> i64 {
        match &self.source {
            Source::Metric(stat) => stat.period,
            Source::Queries(queries) => {
                let given = |query: &MetricQuery| match &query.what {
                    QueryOf::Stat(stat) => Some(stat.period),
                    QueryOf::Expression { period, .. } => *period,
                };
                queries.iter().filter_map(given).max().unwrap_or(60)
            }
        }
    }
}

/// The name in a name or an alarm's ARN.
pub fn name_in(name_or_arn: &str) -> &str {
    match name_or_arn.strip_prefix("arn:aws:cloudwatch:") {
        Some(rest) => rest.splitn(4, ':').nth(3).unwrap_or(name_or_arn),
        None => name_or_arn,
    }
}
