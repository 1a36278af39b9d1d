//! The period a query confines itself to.

use super::ast::{Clause, Term, Test};
use time::OffsetDateTime;

/// From `from` up to `to`, both included; open where missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    pub from: Option<OffsetDateTime>,
    pub to: Option<OffsetDateTime>,
}

impl Window {
    pub(super) fn of(clause: &Clause) -> Self {
        match clause {
            Clause::Term(Term::Field(field, Test::Time(bounds))) if field.is_event_time() => {
                Self { from: bounds.lower.map(|edge| edge.value), to: bounds.upper.map(|edge| edge.value) }
            }
            Clause::And(members) => members.iter().map(Self::of).fold(Self::default(), Self::both),
            Clause::Or(members) => members.iter().map(Self::of).reduce(Self::either).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    fn both(self, other: Self) -> Self {
        // An open end gives way to the other's.
        Self { from: self.from.max(other.from), to: self.to.into_iter().chain(other.to).min() }
    }

    fn either(self, other: Self) -> Self {
        Self { from: self.from.zip(other.from).map(|(a, b)| a.min(b)), to: self.to.zip(other.to).map(|(a, b)| a.max(b)) }
    }
}
