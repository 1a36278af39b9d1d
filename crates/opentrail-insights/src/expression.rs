//! Expressions.

use crate::aggregate::AggregateKind;
use crate::calendar::Period;
use crate::functions::Function;
use crate::value::Value;
use regex::bytes::Regex;

/// What can be worked out of a row.
#[derive(Debug, Clone)]
pub enum Expression {
    Literal(Value),
    Field(String),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// Whether the text of the value has a match.
    Matches(Box<Expression>, Regex),
    /// `like "part"`.
    Contains(Box<Expression>, Box<Expression>),
    In(Box<Expression>, Vec<Expression>),
    Call(Function, Vec<Expression>),
    /// A value of a group's events: the place of its state.
    Aggregate(usize),
    Period(Period),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

/// A call of an aggregate function.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    pub kind: AggregateKind,
    /// `None` for all events.
    pub of: Option<Expression>,
}
