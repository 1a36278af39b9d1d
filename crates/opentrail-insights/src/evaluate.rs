//! Expressions of rows.

use crate::arithmetic::apply;
use crate::expression::{Expression, Operator};
use crate::functions::Argument;
use crate::query::Item;
use crate::row::Row;
use crate::value::Value;

/// What expressions are worked out with.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub row: &'a Row,
    /// Seconds since 1970.
    pub now: i64,
    /// Values of the aggregates of a group.
    pub aggregates: &'a [Value],
}

impl Scope<'_> {
    /// The value of an item; a column that is called like it is taken as it is.
    pub fn item(&self, item: &Item) -> Value {
        match self.row.computed(&item.text) {
            Some(known) => known.clone(),
            None => self.value(&item.expression),
        }
    }

    pub fn holds(&self, expression: &Expression) -> bool {
        self.value(expression).holds()
    }

    pub fn value(&self, expression: &Expression) -> Value {
        match expression {
            Expression::Literal(value) => value.clone(),
            Expression::Field(name) => self.row.get(name),
            Expression::Not(inner) => Value::Bool(!self.holds(inner)),
            Expression::Negative(inner) => match self.value(inner).number() {
                Some(number) => Value::Number(-number),
                None => Value::Missing,
            },
            Expression::Binary(Operator::And, left, right) => Value::Bool(self.holds(left) && self.holds(right)),
            Expression::Binary(Operator::Or, left, right) => Value::Bool(self.holds(left) || self.holds(right)),
            Expression::Binary(operator, left, right) => apply(*operator, &self.value(left), &self.value(right)),
            Expression::Matches(of, regex) => {
                let of = self.value(of);
                Value::Bool(!of.is_missing() && regex.is_match(of.shown().as_bytes()))
            }
            Expression::Contains(of, part) => {
                let of = self.value(of);
                Value::Bool(!of.is_missing() && of.shown().contains(self.value(part).shown().as_ref()))
            }
            Expression::In(of, list) => {
                let of = self.value(of);
                Value::Bool(list.iter().any(|member| of.equals(&self.value(member))))
            }
            Expression::Call(function, arguments) => {
                let arguments: Vec<Argument> = arguments.iter().map(|argument| self.argument(argument)).collect();
                let timestamp = self.row.event().map(|event| event.timestamp);
                function.apply(&arguments, self.now, timestamp)
            }
            Expression::Aggregate(place) => self.aggregates.get(*place).cloned().unwrap_or(Value::Missing),
            Expression::Period(_) => Value::Missing,
        }
    }

    fn argument(&self, expression: &Expression) -> Argument {
        match expression {
            Expression::Period(period) => Argument::Period(*period),
            other => Argument::Value(self.value(other)),
        }
    }
}
