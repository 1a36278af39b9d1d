//! What state an alarm is in, and what happened to it.

use super::config::Alarm;
use opentrail_catalog::{Changes, Entity};
use opentrail_metrics::AlarmState;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

/// The state of an alarm. Kept beside its settings, so that neither overwrites the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmStatus {
    pub account: String,
    pub region: String,
    pub name: String,
    pub state: AlarmState,
    pub reason: String,
    /// JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_data: Option<String>,
    /// When state or reason were last set, milliseconds since 1970.
    pub updated_ms: i64,
    /// When the state last changed.
    pub transitioned_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
}

/// Why actions of a composite alarm are kept back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suppression {
    pub by: SuppressedBy,
    /// When they are carried out unless something else happens, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// The state before the one whose actions are kept back.
    pub from: AlarmState,
}

/// `ActionsSuppressedBy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SuppressedBy {
    WaitPeriod,
    ExtensionPeriod,
    Alarm,
}

impl SuppressedBy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaitPeriod => "WaitPeriod",
            Self::ExtensionPeriod => "ExtensionPeriod",
            Self::Alarm => "Alarm",
        }
    }
}

impl Entity for AlarmStatus {
    const TABLE: &'static str = "alarm_status";

    fn key(&self) -> String {
        Alarm::key_of(&self.account, &self.region, &self.name)
    }
}

/// The reason of an alarm that has never been evaluated.
pub const UNCHECKED: &str = "Unchecked: Initial alarm creation";

impl AlarmStatus {
    pub fn new(alarm: &Alarm, at_ms: i64) -> Self {
        Self {
            account: alarm.account.clone(),
            region: alarm.region.clone(),
            name: alarm.name.clone(),
            state: AlarmState::InsufficientData,
            reason: UNCHECKED.into(),
            reason_data: None,
            updated_ms: at_ms,
            transitioned_ms: at_ms,
            suppressed: None,
        }
    }

    /// As histories show it.
    pub fn shown(&self) -> Value {
        let mut shown = json!({"stateValue": self.state.as_str(), "stateReason": self.reason});
        if let Some(data) = self.reason_data.as_deref().and_then(|data| serde_json::from_str::<Value>(data).ok()) {
            shown["stateReasonData"] = data;
        }
        shown
    }
}

/// Something that happened to an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryItem {
    pub account: String,
    pub region: String,
    pub alarm: String,
    /// `AlarmType`.
    pub alarm_type: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Orders what happened in the same millisecond and tells it apart.
    pub sequence: String,
    pub kind: HistoryKind,
    pub summary: String,
    /// JSON.
    pub data: String,
}

/// `HistoryItemType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HistoryKind {
    ConfigurationUpdate,
    StateUpdate,
    Action,
}

impl HistoryKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigurationUpdate => "ConfigurationUpdate",
            Self::StateUpdate => "StateUpdate",
            Self::Action => "Action",
        }
    }
}

impl Entity for HistoryItem {
    const TABLE: &'static str = "alarm_history";

    fn key(&self) -> String {
        format!("{}{}", Self::bound(&self.account, &self.region, self.at_ms), self.sequence)
    }
}

/// Longest `HistorySummary` and `HistoryData`.
const MAX_SUMMARY_CHARS: usize = 255;
const MAX_DATA_BYTES: usize = 4095;

impl HistoryItem {
    /// How long history is kept, in milliseconds.
    pub const KEPT_MS: i64 = 30 * 86_400_000;

    /// What the keys of an account and region begin with.
    pub fn prefix(account: &str, region: &str) -> String {
        format!("{account}/{region}/")
    }

    /// Sorts before everything at or after `at_ms`, and after everything before.
    pub fn bound(account: &str, region: &str, at_ms: i64) -> String {
        format!("{}{:016x}", Self::prefix(account, region), at_ms.max(0))
    }

    /// Adds an item to `changes`.
    pub fn note(alarm: &Alarm, at_ms: i64, kind: HistoryKind, summary: &str, data: &Value, changes: &mut Changes) {
        let order = changes.iter().filter(|change| change.table == Self::TABLE).count();
        let mut data = data.to_string();
        if data.len() > MAX_DATA_BYTES {
            data = json!({"version": "1.0", "truncated": true}).to_string();
        }
        changes.put(&Self {
            account: alarm.account.clone(),
            region: alarm.region.clone(),
            alarm: alarm.name.clone(),
            alarm_type: alarm.kind().into(),
            at_ms,
            sequence: format!("-{order:04x}-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]),
            kind,
            summary: summary.chars().take(MAX_SUMMARY_CHARS).collect(),
            data,
        });
    }
}

/// `2019-10-02T17:04:40.989+0000`, as messages and histories spell times.
pub fn spelt(at_ms: i64) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]+0000");
    moment(at_ms).format(form).unwrap_or_default()
}

/// `Friday 22 July, 2022 15:57:45 UTC`, as reasons of composite alarms spell times.
pub fn spelt_out(at_ms: i64) -> String {
    let form = format_description!("[weekday] [day] [month repr:long], [year] [hour]:[minute]:[second] UTC");
    moment(at_ms).format(form).unwrap_or_default()
}

fn moment(at_ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
