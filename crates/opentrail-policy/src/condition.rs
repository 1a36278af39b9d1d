//! The `Condition` element: which operators exist and when a condition holds.

use crate::{
    context::RequestContext,
    error::PolicyError,
    json::Json,
    operand::{Comparison, Operand, Relation, read_bool},
};

/// Every comparing operator, what it compares, and whether it negates. `Null` compares nothing and stands apart.
const OPERATORS: &[(&str, Comparison, bool)] = &[
    ("StringEquals", Comparison::Text, false),
    ("StringNotEquals", Comparison::Text, true),
    ("StringEqualsIgnoreCase", Comparison::TextIgnoringCase, false),
    ("StringNotEqualsIgnoreCase", Comparison::TextIgnoringCase, true),
    ("StringLike", Comparison::TextPattern, false),
    ("StringNotLike", Comparison::TextPattern, true),
    ("NumericEquals", Comparison::Number(Relation::Equal), false),
    ("NumericNotEquals", Comparison::Number(Relation::Equal), true),
    ("NumericLessThan", Comparison::Number(Relation::Less), false),
    ("NumericLessThanEquals", Comparison::Number(Relation::LessOrEqual), false),
    ("NumericGreaterThan", Comparison::Number(Relation::Greater), false),
    ("NumericGreaterThanEquals", Comparison::Number(Relation::GreaterOrEqual), false),
    ("DateEquals", Comparison::Date(Relation::Equal), false),
    ("DateNotEquals", Comparison::Date(Relation::Equal), true),
    ("DateLessThan", Comparison::Date(Relation::Less), false),
    ("DateLessThanEquals", Comparison::Date(Relation::LessOrEqual), false),
    ("DateGreaterThan", Comparison::Date(Relation::Greater), false),
    ("DateGreaterThanEquals", Comparison::Date(Relation::GreaterOrEqual), false),
    ("Bool", Comparison::Bool, false),
    ("BinaryEquals", Comparison::Binary, false),
    ("IpAddress", Comparison::Network, false),
    ("NotIpAddress", Comparison::Network, true),
    ("ArnEquals", Comparison::Arn, false),
    ("ArnNotEquals", Comparison::Arn, true),
    ("ArnLike", Comparison::Arn, false),
    ("ArnNotLike", Comparison::Arn, true),
];

/// One operator applied to one key. All conditions of a statement must hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// Holds when "the key is absent" is one of these answers.
    Absent(Vec<bool>),
    /// Holds when the key's values compare with the operands as the operator says.
    Compare { operator: Operator, operands: Vec<Operand> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operator {
    quantifier: Quantifier,
    comparison: Comparison,
    negated: bool,
    if_exists: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// No prefix: meant for keys with one value. With several, one match counts as a match.
    Single,
    /// `ForAllValues:`
    Every,
    /// `ForAnyValue:`
    Some,
}

/// Reads a `Condition` element. `variables` says whether the policy's version has policy variables.
pub(crate) fn parse_conditions(json: Json, variables: bool) -> Result<Vec<Condition>, PolicyError> {
    let mut conditions = Vec::new();
    for (operator, keys) in json.into_fields("Condition")? {
        for (key, values) in keys.into_fields(&operator)? {
            let values = values.into_scalars(&key)?;
            conditions.push(Condition::parse(&operator, key, &values, variables)?);
        }
    }
    Ok(conditions)
}

impl Condition {
    fn parse(name: &str, key: String, values: &[String], variables: bool) -> Result<Self, PolicyError> {
        if !key.split_once(':').is_some_and(|(vendor, rest)| !vendor.is_empty() && !rest.is_empty()) {
            return Err(PolicyError::InvalidConditionKey { key });
        }
        if values.is_empty() {
            return Err(PolicyError::syntax(&key));
        }
        let invalid = |value: &str| PolicyError::InvalidConditionValue { operator: name.to_owned(), value: value.to_owned() };
        let test = if name == "Null" {
            let answers = values.iter().map(|value| read_bool(value).ok_or_else(|| invalid(value)));
            Test::Absent(answers.collect::<Result<_, _>>()?)
        } else {
            let operator = Operator::parse(name)?;
            let operand = |value: &String| operator.comparison.operand(value, variables)?.ok_or_else(|| invalid(value));
            Test::Compare { operator, operands: values.iter().map(operand).collect::<Result<_, _>>()? }
        };
        Ok(Self { key, test })
    }

    /// The key as written.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether the condition holds for a request.
    pub(crate) fn holds(&self, context: &RequestContext) -> bool {
        let values = context.values(&self.key);
        match &self.test {
            Test::Absent(answers) => answers.contains(&values.is_empty()),
            Test::Compare { operator, .. } if values.is_empty() => operator.holds_without_values(),
            Test::Compare { operator, operands } => {
                let matches = |value: &String| operands.iter().any(|operand| operand.matches(value, context));
                operator.holds(values.iter().map(matches))
            }
        }
    }
}

impl Operator {
    /// Reads `[ForAllValues:|ForAnyValue:]Name[IfExists]`.
    fn parse(name: &str) -> Result<Self, PolicyError> {
        let (quantifier, rest) = match name.split_once(':') {
            None => (Quantifier::Single, name),
            Some(("ForAllValues", rest)) => (Quantifier::Every, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Some, rest),
            Some(_) => return Err(PolicyError::UnknownOperator { operator: name.to_owned() }),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        OPERATORS
            .iter()
            .find(|(known, ..)| *known == base)
            .map(|&(_, comparison, negated)| Self { quantifier, comparison, negated, if_exists })
            .ok_or_else(|| PolicyError::UnknownOperator { operator: name.to_owned() })
    }

    /// The answer for a key that is absent.
    fn holds_without_values(self) -> bool {
        self.if_exists
            || match self.quantifier {
                Quantifier::Single => self.negated,
                Quantifier::Every => true,
                Quantifier::Some => false,
            }
    }

    /// The answer for a key with values, given for each value whether it matches any value of the policy.
    fn holds(self, mut matches: impl Iterator<Item = bool>) -> bool {
        match (self.quantifier, self.negated) {
            (Quantifier::Single | Quantifier::Some, false) => matches.any(|matched| matched),
            (Quantifier::Every, false) => matches.all(|matched| matched),
            (Quantifier::Single | Quantifier::Every, true) => matches.all(|matched| !matched),
            (Quantifier::Some, true) => matches.any(|matched| !matched),
        }
    }
}
