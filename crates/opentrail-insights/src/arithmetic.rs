//! Operators on values.

use crate::expression::Operator;
use crate::value::Value;
use std::cmp::Ordering;

/// What an operator makes of two values. What is no number makes sums missing.
pub fn apply(operator: Operator, left: &Value, right: &Value) -> Value {
    let ordered = |fits: fn(Ordering) -> bool| Value::Bool(left.compare(right).is_some_and(fits));
    match operator {
        Operator::Or => Value::Bool(left.holds() || right.holds()),
        Operator::And => Value::Bool(left.holds() && right.holds()),
        Operator::Equal => Value::Bool(left.equals(right)),
        // What is missing is different from everything.
        Operator::NotEqual => Value::Bool(!left.equals(right)),
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessOrEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterOrEqual => ordered(Ordering::is_ge),
        Operator::Add => sum(left, right, |a, b| a + b),
        Operator::Subtract => sum(left, right, |a, b| a - b),
        Operator::Multiply => sum(left, right, |a, b| a * b),
        Operator::Divide => sum(left, right, |a, b| a / b),
        Operator::Remainder => sum(left, right, |a, b| a % b),
        Operator::Power => sum(left, right, f64::powf),
    }
}

fn sum(left: &Value, right: &Value, work: fn(f64, f64) -> f64) -> Value {
    match (left.number(), right.number()) {
        (Some(left), Some(right)) => finite(work(left, right)),
        _ => Value::Missing,
    }
}

/// Results that are no number, as of a division by zero, are missing.
pub fn finite(number: f64) -> Value {
    if number.is_finite() { Value::Number(number) } else { Value::Missing }
}
