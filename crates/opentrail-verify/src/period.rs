//! The period that was asked for.

use time::OffsetDateTime;

/// Open at a side that is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period {
    pub from: Option<OffsetDateTime>,
    pub to: Option<OffsetDateTime>,
}

impl Period {
    /// Whether a window touches the period, both ends included, as AWS's own check has it.
    pub fn touches(&self, start: OffsetDateTime, end: OffsetDateTime) -> bool {
        self.begins_by(end) && self.to.is_none_or(|to| start <= to)
    }

    pub fn begins_by(&self, at: OffsetDateTime) -> bool {
        self.from.is_none_or(|from| from <= at)
    }

    pub fn is_open(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }
}
