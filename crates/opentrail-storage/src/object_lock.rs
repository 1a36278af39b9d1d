//! Object Lock: what may be removed or shortened, and when.
//!
//! The rule about time: a hold ends when the server's clock says so, and the end of a new hold is counted from the later of
//! that clock and the newest time the store has stamped ([`crate::EmbeddedStore::hold_base_ms`]). So a clock that went
//! backwards makes holds longer, never shorter. A clock that was put forward ends them: whoever sets the clock of the machine
//! could as well remove its files, and Object Lock does not promise anything against them.
//!
//! Source: Amazon S3 User Guide, "Locking objects with Object Lock".

use crate::entity::Object;
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
/// Longest default retention, as S3 has it.
pub const MAX_RETENTION_DAYS: u32 = 36_500;
pub const MAX_RETENTION_YEARS: u32 = 100;

/// How strictly a version is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RetentionMode {
    /// May be bypassed by who may.
    Governance,
    /// May not be bypassed by anybody.
    Compliance,
}

impl RetentionMode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Governance, Self::Compliance].into_iter().find(|mode| mode.name() == name)
    }
}

/// A version is held until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    pub mode: RetentionMode,
    pub until_ms: i64,
}

/// How long new versions are held that bring no retention of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRetention {
    pub mode: RetentionMode,
    pub period: RetentionPeriod,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionPeriod {
    Days(u32),
    /// Of 365 days.
    Years(u32),
}

/// A bucket's Object Lock, which once enabled stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLockSettings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_retention: Option<DefaultRetention>,
}

impl DefaultRetention {
    /// The retention of a version that is stored at `base_ms`.
    pub fn from(self, base_ms: i64) -> Retention {
        let days = match self.period {
            RetentionPeriod::Days(days) => i64::from(days),
            RetentionPeriod::Years(years) => i64::from(years) * 365,
        };
        Retention { mode: self.mode, until_ms: base_ms.saturating_add(days.saturating_mul(DAY_MS)) }
    }
}

impl Object {
    /// Whether this version may not be removed at this time. `bypass`: the caller may bypass governance and asked for it.
    pub fn is_held(&self, now_ms: i64, bypass: bool) -> bool {
        let retained = self
            .settings
            .retention
            .is_some_and(|retention| retention.until_ms > now_ms && (retention.mode == RetentionMode::Compliance || !bypass));
        retained || self.settings.legal_hold == Some(true)
    }

    /// Whether the retention of this version may be replaced by another (`None` takes it away).
    pub fn may_retain(&self, new: Option<Retention>, now_ms: i64, bypass: bool) -> bool {
        let Some(old) = self.settings.retention.filter(|old| old.until_ms > now_ms) else { return true };
        let is_longer = new.is_some_and(|new| new.until_ms >= old.until_ms);
        let is_stricter = new.is_some_and(|new| new.mode == old.mode || new.mode == RetentionMode::Compliance);
        (is_longer && is_stricter) || (old.mode == RetentionMode::Governance && bypass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::ObjectSettings;
    use RetentionMode::{Compliance, Governance};

    fn held(retention: Option<(RetentionMode, i64)>, legal_hold: Option<bool>) -> Object {
        let retention = retention.map(|(mode, until_ms)| Retention { mode, until_ms });
        Object { settings: ObjectSettings { retention, legal_hold, ..ObjectSettings::default() }, ..Object::default() }
    }

    #[test]
    fn who_may_remove_what_and_when() {
        let check = |object: Object, bypass, expect| assert_eq!(object.is_held(100, bypass), expect, "{object:?}");
        check(held(None, None), false, false);
        check(held(Some((Governance, 101)), None), false, true);
        check(held(Some((Governance, 101)), None), true, false);
        check(held(Some((Governance, 100)), None), false, false);
        check(held(Some((Compliance, 101)), None), true, true);
        check(held(Some((Compliance, 100)), None), false, false);
        check(held(None, Some(true)), true, true);
        check(held(Some((Governance, 101)), Some(true)), true, true);
        check(held(Some((Compliance, 99)), Some(false)), false, false);
    }

    #[test]
    fn retention_is_never_weakened_without_bypass() {
        let check = |old, new: Option<(RetentionMode, i64)>, bypass, expect| {
            let new = new.map(|(mode, until_ms)| Retention { mode, until_ms });
            assert_eq!(held(old, None).may_retain(new, 100, bypass), expect, "{old:?} {new:?} {bypass}");
        };
        check(None, Some((Governance, 200)), false, true);
        check(Some((Governance, 200)), Some((Governance, 201)), false, true);
        check(Some((Governance, 200)), Some((Compliance, 200)), false, true);
        check(Some((Governance, 200)), Some((Compliance, 199)), false, false);
        check(Some((Governance, 200)), Some((Governance, 199)), false, false);
        check(Some((Governance, 200)), Some((Governance, 199)), true, true);
        check(Some((Governance, 200)), None, true, true);
        check(Some((Governance, 200)), None, false, false);
        check(Some((Governance, 100)), None, false, true);
        check(Some((Compliance, 200)), Some((Compliance, 201)), false, true);
        check(Some((Compliance, 200)), Some((Governance, 201)), true, false);
        check(Some((Compliance, 200)), Some((Compliance, 199)), true, false);
        check(Some((Compliance, 200)), None, true, false);
        check(Some((Compliance, 100)), None, false, true);
    }

    #[test]
    fn default_retention_counts_whole_days() {
        let of = |period| DefaultRetention { mode: Compliance, period }.from(5).until_ms;
        assert_eq!(of(RetentionPeriod::Days(2)), 5 + 2 * DAY_MS);
        assert_eq!(of(RetentionPeriod::Years(1)), 5 + 365 * DAY_MS);
    }
}
