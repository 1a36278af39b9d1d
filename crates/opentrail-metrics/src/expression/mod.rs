//! Metric math: `100 * errors / requests`, `IF(m1 > 5, 1, 0)`, `SUM(METRICS())`.
//!
//! Source: CloudWatch user guide, "Using metric math". The functions are those that alarms on counts and rates use;
//! others are refused by name.

mod evaluate;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

/// Longest expression, in characters.
pub const MAX_EXPRESSION_CHARS: usize = 2048;

/// An expression, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    root: Term,
}

/// What an expression is about and comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f64),
    /// Values by the beginning of their period, epoch seconds.
    Series(BTreeMap<i64, f64>),
    Many(Vec<BTreeMap<i64, f64>>),
}

/// The results of other queries, by id, and the period of all.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    pub series: BTreeMap<String, BTreeMap<i64, f64>>,
    /// The ids that are metrics rather than expressions: what `METRICS()` means.
    pub metrics: BTreeSet<String>,
    /// Seconds.
    pub period: i64,
    /// Beginnings of all periods asked for: where `FILL` fills.
    pub times: Vec<i64>,
}

/// Why an expression cannot be understood or evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    #[error("the expression is longer than {MAX_EXPRESSION_CHARS} characters or nested too deeply")]
    TooLarge,
    #[error("Error in expression: unexpected input at character {0}")]
    Syntax(usize),
    #[error("Error in expression: Unsupported operation {0}")]
    UnknownFunction(String),
    #[error("Error in expression: Unknown id {0}")]
    UnknownId(String),
    #[error("Error in expression: {0}")]
    Operand(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    Number(f64),
    Id(String),
    Array(Vec<Self>),
    Negative(Box<Self>),
    Binary(Operator, Box<Self>, Box<Self>),
    Call(Function, Vec<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Abs,
    Avg,
    Ceil,
    Diff,
    Fill,
    Floor,
    If,
    Max,
    MetricCount,
    Metrics,
    Min,
    Period,
    Rate,
    RunningSum,
    Sum,
}

impl Function {
    /// As expressions spell them.
    const NAMES: &[(&str, Self)] = &[
        ("ABS", Self::Abs),
        ("AVG", Self::Avg),
        ("CEIL", Self::Ceil),
        ("DIFF", Self::Diff),
        ("FILL", Self::Fill),
        ("FLOOR", Self::Floor),
        ("IF", Self::If),
        ("MAX", Self::Max),
        ("METRIC_COUNT", Self::MetricCount),
        ("METRICS", Self::Metrics),
        ("MIN", Self::Min),
        ("PERIOD", Self::Period),
        ("RATE", Self::Rate),
        ("RUNNING_SUM", Self::RunningSum),
        ("SUM", Self::Sum),
    ];
}

impl Expression {
    /// Evaluates.
    ///
    /// # Errors
    /// If an id is not among the inputs or a function's operands have the wrong kind.
    pub fn evaluate(&self, inputs: &Inputs) -> Result<Value, ExpressionError> {
        evaluate::value(&self.root, inputs)
    }

    /// The ids it mentions.
    pub fn ids(&self) -> BTreeSet<&str> {
        let mut ids = BTreeSet::new();
        self.root.ids(&mut ids);
        ids
    }
}

impl Term {
    fn ids<'t>(&'t self, into: &mut BTreeSet<&'t str>) {
        match self {
            Self::Number(_) => {}
            Self::Id(id) => {
                into.insert(id);
            }
            Self::Negative(inner) => inner.ids(into),
            Self::Binary(_, left, right) => [left, right].into_iter().for_each(|side| side.ids(into)),
            Self::Array(members) | Self::Call(_, members) => members.iter().for_each(|member| member.ids(into)),
        }
    }
}
