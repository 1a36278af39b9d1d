//! Lifecycle rules: what they say, and what is due when.
//!
//! Days count from the moment a version was stored (or stopped being the latest), and the result is put off to the next
//! midnight, UTC. Where several things are due, expiring goes before transitions, and the coldest class before others.
//!
//! Source: Amazon S3 User Guide, "Managing the lifecycle of objects".

use crate::entity::{Object, Upload};
use crate::storage_class::StorageClass;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Smaller objects stay where they are, unless a rule asks for sizes itself.
const TRANSITION_MINIMUM_BYTES: u64 = 128 * 1024;

/// A bucket's lifecycle configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    pub rules: Vec<LifecycleRule>,
    #[serde(default)]
    pub transition_minimum: TransitionMinimum,
}

/// Which objects are too small to be moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionMinimum {
    /// Those under 128 KB, to whatever class.
    #[default]
    AllStorageClasses,
    /// Those under 128 KB, except to the archive classes.
    VariesByStorageClass,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    pub id: String,
    pub enabled: bool,
    #[serde(default)]
    pub filter: LifecycleFilter,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<Expiration>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent_expiration: Option<NoncurrentExpiration>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noncurrent_transitions: Vec<NoncurrentTransition>,
    /// Days after which uploads that were not completed are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_uploads_days: Option<u32>,
}

/// Which objects a rule is for. All that is set must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleFilter {
    pub form: FilterForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub larger_than: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smaller_than: Option<u64>,
}

/// How a filter was written, so that it is told as it was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterForm {
    /// A prefix beside the filter, as the first version of the API had it.
    RulePrefix,
    /// One member, or none.
    #[default]
    Single,
    And,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiration {
    At(ExpirationTime),
    /// Only delete markers that have no versions left to hide.
    LoneDeleteMarkers(bool),
}

/// When current versions expire or move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpirationTime {
    Days(u32),
    /// From this midnight on, whatever their age.
    DateMs(i64),
}

/// The same times serve both.
pub type TransitionTime = ExpirationTime;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    pub at: TransitionTime,
    pub class: StorageClass,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncurrentExpiration {
    pub days: u32,
    /// So many of the newest are kept, however old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_newest: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncurrentTransition {
    pub days: u32,
    pub class: StorageClass,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_newest: Option<u32>,
}

/// What is due, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub rule: String,
    pub action: DueAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DueAction {
    Expire,
    Move(StorageClass),
}

/// The present, and how long a day is: 24 hours, other than in tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Today {
    pub now_ms: i64,
    pub day_ms: i64,
}

impl Today {
    /// Whether so many days after `since_ms` are over, counted to the midnight behind.
    fn is_past(self, since_ms: i64, days: u32) -> bool {
        let at = since_ms.saturating_add(i64::from(days).saturating_mul(self.day_ms));
        let midnight = at.div_euclid(self.day_ms).saturating_add(i64::from(at.rem_euclid(self.day_ms) != 0));
        self.now_ms >= midnight.saturating_mul(self.day_ms)
    }

    fn is_due(self, since_ms: i64, at: ExpirationTime) -> bool {
        match at {
            ExpirationTime::Days(days) => self.is_past(since_ms, days),
            ExpirationTime::DateMs(date_ms) => self.now_ms >= date_ms,
        }
    }
}

impl LifecycleFilter {
    fn takes_key(&self, key: &str) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix))
    }

    fn takes(&self, object: &Object) -> bool {
        self.takes_key(&object.key)
            && self.larger_than.is_none_or(|bound| object.size > bound)
            && self.smaller_than.is_none_or(|bound| object.size < bound)
            && self.tags.iter().all(|(name, value)| object.settings.tags.get(name) == Some(value))
    }

    fn asks_for_sizes(&self) -> bool {
        self.larger_than.is_some() || self.smaller_than.is_some()
    }

    /// Delete markers and uploads have neither tags nor sizes.
    fn is_prefix_only(&self) -> bool {
        self.tags.is_empty() && !self.asks_for_sizes()
    }
}

impl Lifecycle {
    fn enabled(&self) -> impl Iterator<Item = &LifecycleRule> {
        self.rules.iter().filter(|rule| rule.enabled)
    }

    /// What is due for a current object.
    pub(crate) fn due_for_current(&self, object: &Object, today: Today) -> Option<Due> {
        let since = object.last_modified_ms;
        let expiring = self.enabled().find(|rule| {
            rule.filter.takes(object) && matches!(rule.expiration, Some(Expiration::At(at)) if today.is_due(since, at))
        });
        if let Some(rule) = expiring {
            return Some(Due { rule: rule.id.clone(), action: DueAction::Expire });
        }
        let moves = self.enabled().flat_map(|rule| {
            let due = rule.transitions.iter().filter(move |transition| today.is_due(since, transition.at));
            due.map(move |transition| (rule, transition.class))
        });
        self.coldest(object, moves)
    }

    /// What is due for an older version that has `newer` objects among the versions between it and the latest.
    pub(crate) fn due_for_noncurrent(&self, version: &Object, newer: usize, today: Today) -> Option<Due> {
        let since = version.noncurrent_since_ms?;
        let is_past = |days: u32, keep: Option<u32>| {
            today.is_past(since, days) && keep.is_none_or(|keep| version.delete_marker || newer >= keep as usize)
        };
        let expiring = self.enabled().find(|rule| {
            rule.filter.takes(version) && rule.noncurrent_expiration.is_some_and(|due| is_past(due.days, due.keep_newest))
        });
        if let Some(rule) = expiring {
            return Some(Due { rule: rule.id.clone(), action: DueAction::Expire });
        }
        let moves = self.enabled().flat_map(|rule| {
            let due = rule.noncurrent_transitions.iter().filter(|transition| is_past(transition.days, transition.keep_newest));
            due.map(move |transition| (rule, transition.class))
        });
        self.coldest(version, moves.collect::<Vec<_>>().into_iter())
    }

    /// Whether a delete marker goes that is all there is of its key.
    pub(crate) fn due_for_lone_marker(&self, marker: &Object, today: Today) -> Option<Due> {
        let rule = self.enabled().find(|rule| {
            let is_due = match rule.expiration {
                Some(Expiration::LoneDeleteMarkers(wanted)) => wanted,
                Some(Expiration::At(at)) => today.is_due(marker.last_modified_ms, at),
                None => false,
            };
            is_due && rule.filter.takes_key(&marker.key) && rule.filter.is_prefix_only()
        })?;
        Some(Due { rule: rule.id.clone(), action: DueAction::Expire })
    }

    /// Whether an upload is given up.
    pub(crate) fn due_for_upload(&self, upload: &Upload, today: Today) -> Option<Due> {
        let rule = self.enabled().find(|rule| {
            rule.filter.takes_key(&upload.key)
                && rule.filter.is_prefix_only()
                && rule.abort_uploads_days.is_some_and(|days| today.is_past(upload.started_ms, days))
        })?;
        Some(Due { rule: rule.id.clone(), action: DueAction::Expire })
    }

    /// The coldest class that is due; objects only ever get colder.
    fn coldest<'r>(&self, object: &Object, due: impl Iterator<Item = (&'r LifecycleRule, StorageClass)>) -> Option<Due> {
        let is_large_enough = |rule: &LifecycleRule, class: StorageClass| {
            let any_size = rule.filter.asks_for_sizes()
                || (self.transition_minimum == TransitionMinimum::VariesByStorageClass && class.is_archive());
            any_size || object.size >= TRANSITION_MINIMUM_BYTES
        };
        let (rule, class) = due
            .filter(|(rule, class)| {
                !object.delete_marker
                    && *class > object.settings.storage_class
                    && rule.filter.takes(object)
                    && is_large_enough(rule, *class)
            })
            .max_by_key(|(_, class)| *class)?;
        Some(Due { rule: rule.id.clone(), action: DueAction::Move(class) })
    }
}

#[cfg(test)]
#[path = "lifecycle_rules/tests.rs"]
mod tests;
