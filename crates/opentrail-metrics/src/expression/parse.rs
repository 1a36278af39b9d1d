//! From text to an expression.

use super::{Expression, ExpressionError, Function, MAX_EXPRESSION_CHARS, Operator, Term};
use std::str::FromStr;

/// Deepest nesting.
const MAX_DEPTH: usize = 24;
/// Most operators in a row.
const MAX_OPERATORS: usize = 200;

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        if text.chars().count() > MAX_EXPRESSION_CHARS {
            return Err(ExpressionError::TooLarge);
        }
        let mut parser = Parser { text, at: 0, depth: 0, operators: 0 };
        let root = parser.level(0)?;
        parser.blanks();
        if parser.at < text.len() { Err(parser.error()) } else { Ok(Self { root }) }
    }
}

/// Operators from those that bind loosest to those that bind tightest; longer spellings before their prefixes.
const LEVELS: &[&[(&str, Operator)]] = &[
    &[("||", Operator::Or), ("OR", Operator::Or)],
    &[("&&", Operator::And), ("AND", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
    &[("^", Operator::Power)],
];

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    operators: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn error(&self) -> ExpressionError {
        ExpressionError::Syntax(self.text[..self.at].chars().count())
    }

    fn take(&mut self, spelling: &str) -> bool {
        self.blanks();
        let is_word = spelling.starts_with(char::is_alphabetic);
        let ends = |rest: &str| !is_word || !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let found = self.rest().strip_prefix(spelling).is_some_and(ends);
        self.at += if found { spelling.len() } else { 0 };
        found
    }

    fn level(&mut self, level: usize) -> Result<Term, ExpressionError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(spelling, _)| self.take(spelling)) {
            let right = self.level(level + 1)?;
            left = Term::Binary(*operator, Box::new(left), Box::new(right));
            self.operators += 1;
            if self.operators > MAX_OPERATORS {
                return Err(ExpressionError::TooLarge);
            }
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Term, ExpressionError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ExpressionError::TooLarge);
        }
        let term = self.operand();
        self.depth -= 1;
        term
    }

    fn operand(&mut self) -> Result<Term, ExpressionError> {
        if self.take("-") {
            return Ok(Term::Negative(Box::new(self.unary()?)));
        }
        if self.take("(") {
            let inner = self.level(0)?;
            return self.closed(")", inner);
        }
        if self.take("[") {
            let members = self.list("]")?;
            return Ok(Term::Array(members));
        }
        self.blanks();
        let rest = self.rest();
        if rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let number = rest[..end].parse().map_err(|_| self.error())?;
            self.at += end;
            return Ok(Term::Number(number));
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..end];
        if word.is_empty() {
            return Err(self.error());
        }
        self.at += end;
        if word.starts_with(char::is_lowercase) {
            return Ok(Term::Id(word.to_owned()));
        }
        let function = Function::NAMES.iter().find(|(name, _)| *name == word).map(|(_, function)| *function);
        let function = function.ok_or_else(|| ExpressionError::UnknownFunction(word.to_owned()))?;
        if !self.take("(") {
            return Err(self.error());
        }
        Ok(Term::Call(function, self.list(")")?))
    }

    fn closed(&mut self, closing: &str, inner: Term) -> Result<Term, ExpressionError> {
        if self.take(closing) { Ok(inner) } else { Err(self.error()) }
    }

    fn list(&mut self, closing: &str) -> Result<Vec<Term>, ExpressionError> {
        let mut members = Vec::new();
        if self.take(closing) {
            return Ok(members);
        }
        loop {
            members.push(self.level(0)?);
            if self.take(closing) {
                return Ok(members);
            }
            if !self.take(",") {
                return Err(self.error());
            }
        }
    }
}
