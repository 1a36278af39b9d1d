//! Event selectors: which events a trail delivers.
//!
//! Source: AWS CloudTrail API Reference, `EventSelector`, `AdvancedFieldSelector`. The member names are those of the
//! API, which is also how they are stored.

mod advanced;
mod basic;

pub use advanced::{AdvancedEventSelector, AdvancedFieldSelector};
pub use basic::{DataResource, EventSelector, ReadWriteType};

use crate::facts::EventFacts;
use serde::{Deserialize, Serialize};

/// Most basic selectors a trail may have.
pub const MAX_BASIC_SELECTORS: usize = 5;
/// Most `DataResources.Values` over all selectors of a trail.
pub const MAX_DATA_RESOURCE_VALUES: usize = 250;
/// Most values over all advanced selectors of a trail.
pub const MAX_ADVANCED_VALUES: usize = 500;

/// Why selectors are refused, in words for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorProblem(pub String);

/// The selectors of a trail: basic or advanced, never both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selectors {
    Basic(Vec<EventSelector>),
    Advanced(Vec<AdvancedEventSelector>),
}

impl Default for Selectors {
    /// Every management event, nothing else.
    fn default() -> Self {
        Self::Basic(vec![EventSelector::default()])
    }
}

impl Selectors {
    /// Checks limits, enumerations and combinations.
    ///
    /// # Errors
    /// The first rule that is broken, as `InvalidEventSelectorsException` should say it.
    pub fn validate(&self) -> Result<(), SelectorProblem> {
        match self {
            Self::Basic(selectors) => basic::validate(selectors),
            Self::Advanced(selectors) => advanced::validate(selectors),
        }
    }

    /// Whether any selector takes the event.
    pub fn matches(&self, event: &EventFacts<'_>) -> bool {
        match self {
            Self::Basic(selectors) => selectors.iter().any(|s| s.matches(event)),
            Self::Advanced(selectors) => selectors.iter().any(|s| s.matches(event)),
        }
    }

    /// Whether this is anything but the default.
    pub fn is_custom(&self) -> bool {
        *self != Self::default()
    }
}

#[cfg(test)]
mod tests;
