//! A filter pattern of any of the three kinds.

use crate::cursor::Cursor;
use crate::error::PatternError;
use crate::expression::{Expression, Test};
use crate::fields::Fields;
use crate::literal::Literal;
use crate::parser;
use crate::selector::Selector;
use crate::terms::{Term, Terms};
use std::str::FromStr;

/// Longest pattern, in characters.
pub const MAX_PATTERN_CHARS: usize = 1024;
/// Most regular expressions of a pattern.
const MAX_REGULAR_EXPRESSIONS: usize = 2;
/// Most selectors with a wildcard of a JSON pattern.
const MAX_WILDCARDS: usize = 3;

/// A filter pattern, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterPattern {
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Terms(Terms),
    Json(Expression<Selector>),
    Fields(Fields),
}

impl FromStr for FilterPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.chars().count() > MAX_PATTERN_CHARS {
            return Err(PatternError::TooLong { limit: MAX_PATTERN_CHARS });
        }
        let trimmed = text.trim();
        let kind = match trimmed.as_bytes().first() {
            Some(b'{') => Kind::Json(json(trimmed)?),
            Some(b'[') => Kind::Fields(Fields::parse(trimmed)?),
            _ => Kind::Terms(Terms::parse(trimmed)?),
        };
        let pattern = Self { kind };
        if pattern.regular_expressions() > MAX_REGULAR_EXPRESSIONS {
            return Err(PatternError::TooManyRegularExpressions { limit: MAX_REGULAR_EXPRESSIONS });
        }
        Ok(pattern)
    }
}

fn json(text: &str) -> Result<Expression<Selector>, PatternError> {
    let mut cursor = Cursor::new(text);
    cursor.take("{");
    let expression = parser::expression(&mut cursor, Selector::read, true)?;
    cursor.skip_blanks();
    if !cursor.take("}") {
        return Err(if cursor.is_at_end() { Cursor::new(text).error() } else { cursor.error() });
    }
    cursor.skip_blanks();
    if !cursor.is_at_end() {
        return Err(cursor.error());
    }
    let mut wildcards = 0;
    expression.each(&mut |selector, _| wildcards += selector.wildcards());
    if wildcards > MAX_WILDCARDS {
        return Err(PatternError::TooManyWildcards { limit: MAX_WILDCARDS });
    }
    Ok(expression)
}

impl FilterPattern {
    /// How many regular expressions it holds. A log group takes five filters that hold any.
    pub fn regular_expressions(&self) -> usize {
        let mut count = 0;
        let mut look = |test: &Test| {
            count += usize::from(matches!(test, Test::Equal(Literal::Regular(_)) | Test::NotEqual(Literal::Regular(_))));
        };
        match &self.kind {
            Kind::Terms(terms) => count = terms.iter().filter(|term| matches!(term, Term::Regular(_))).count(),
            Kind::Json(expression) => expression.each(&mut |_, test| look(test)),
            Kind::Fields(fields) => fields.tests(&mut look),
        }
        count
    }

    /// Whether it is a JSON pattern, whose values are named by selectors.
    pub fn is_json(&self) -> bool {
        matches!(self.kind, Kind::Json(_))
    }

    /// Whether it is a space-delimited pattern, whose values are named by fields.
    pub fn is_space_delimited(&self) -> bool {
        matches!(self.kind, Kind::Fields(_))
    }
}
