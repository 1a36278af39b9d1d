//! Conditions, and how they are put together.

use crate::literal::Literal;

/// Conditions on subjects `S`: places in JSON, or fields of a line. `&&` binds tighter than `||`.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression<S> {
    Or(Vec<Self>),
    And(Vec<Self>),
    Condition(S, Test),
}

/// What is asked of a subject.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Equal(Literal),
    NotEqual(Literal),
    Less(f64),
    LessOrEqual(f64),
    Greater(f64),
    GreaterOrEqual(f64),
    IsNull,
    Is(bool),
    NotExists,
}

impl Test {
    /// Whether a number passes an ordering; `false` for the other tests.
    pub fn orders(&self, value: f64) -> bool {
        match self {
            Self::Less(bound) => value < *bound,
            Self::LessOrEqual(bound) => value <= *bound,
            Self::Greater(bound) => value > *bound,
            Self::GreaterOrEqual(bound) => value >= *bound,
            _ => false,
        }
    }
}

impl<S> Expression<S> {
    /// Evaluates, asking for each condition only until the outcome is certain.
    pub fn holds(&self, condition: &mut impl FnMut(&S, &Test) -> bool) -> bool {
        match self {
            Self::Or(members) => members.iter().any(|member| member.holds(condition)),
            Self::And(members) => members.iter().all(|member| member.holds(condition)),
            Self::Condition(subject, test) => condition(subject, test),
        }
    }

    /// Visits every condition.
    pub fn each(&self, visit: &mut impl FnMut(&S, &Test)) {
        match self {
            Self::Or(members) | Self::And(members) => members.iter().for_each(|member| member.each(visit)),
            Self::Condition(subject, test) => visit(subject, test),
        }
    }

    /// The same expression over other subjects and tests.
    pub fn map<T>(&self, condition: &mut impl FnMut(&S, &Test) -> Expression<T>) -> Expression<T> {
        match self {
            Self::Or(members) => Expression::Or(members.iter().map(|member| member.map(condition)).collect()),
            Self::And(members) => Expression::And(members.iter().map(|member| member.map(condition)).collect()),
            Self::Condition(subject, test) => condition(subject, test),
        }
    }
}
