//! Rules of composite alarms: `ALARM("a") AND (OK("b") OR NOT INSUFFICIENT_DATA(c))`.

use crate::alarm::AlarmState;
use std::collections::BTreeSet;
use std::str::FromStr;

/// Longest rule, in characters.
const MAX_RULE_CHARS: usize = 10_240;
/// Most alarms of a rule.
const MAX_CHILDREN: usize = 100;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// A rule, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompositeRule {
    root: Clause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Clause {
    Constant(bool),
    Is(AlarmState, String),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// Why a text is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompositeError {
    #[error("AlarmRule is longer than {MAX_RULE_CHARS} characters")]
    TooLong,
    #[error("AlarmRule must not contain more than {MAX_CHILDREN} alarms")]
    TooManyChildren,
    #[error("AlarmRule expression is nested too deeply")]
    TooDeep,
    #[error("AlarmRule contains a syntax error at character {0}")]
    Syntax(usize),
}

impl CompositeRule {
    /// Names or ARNs of the alarms it depends on.
    pub fn children(&self) -> BTreeSet<&str> {
        let mut children = BTreeSet::new();
        self.root.children(&mut children);
        children
    }

    /// Whether it is in alarm; an alarm that `state` does not know has insufficient data.
    pub fn holds(&self, state: impl Fn(&str) -> Option<AlarmState>) -> bool {
        self.root.holds(&state)
    }
}

impl Clause {
    fn children<'c>(&'c self, into: &mut BTreeSet<&'c str>) {
        match self {
            Self::Constant(_) => {}
            Self::Is(_, name) => {
                into.insert(name);
            }
            Self::Not(inner) => inner.children(into),
            Self::And(members) | Self::Or(members) => members.iter().for_each(|member| member.children(into)),
        }
    }

    fn holds(&self, state: &impl Fn(&str) -> Option<AlarmState>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Is(wanted, name) => state(name).unwrap_or(AlarmState::InsufficientData) == *wanted,
            Self::Not(inner) => !inner.holds(state),
            Self::And(members) => members.iter().all(|member| member.holds(state)),
            Self::Or(members) => members.iter().any(|member| member.holds(state)),
        }
    }
}

impl FromStr for CompositeRule {
    type Err = CompositeError;

    fn from_str(text: &str) -> Result<Self, CompositeError> {
        if text.chars().count() > MAX_RULE_CHARS {
            return Err(CompositeError::TooLong);
        }
        let mut parser = Parser { text, at: 0, depth: 0 };
        let root = parser.or()?;
        parser.blanks();
        if parser.at < text.len() {
            return Err(parser.error());
        }
        let rule = Self { root };
        if rule.children().len() > MAX_CHILDREN { Err(CompositeError::TooManyChildren) } else { Ok(rule) }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn error(&self) -> CompositeError {
        CompositeError::Syntax(self.text[..self.at].chars().count())
    }

    fn take(&mut self, text: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn word(&mut self, word: &str) -> bool {
        self.blanks();
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let found = self.rest().strip_prefix(word).is_some_and(ends);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn or(&mut self) -> Result<Clause, CompositeError> {
        let mut members = vec![self.and()?];
        while self.word("OR") {
            members.push(self.and()?);
        }
        Ok(if members.len() == 1 { members.remove(0) } else { Clause::Or(members) })
    }

    fn and(&mut self) -> Result<Clause, CompositeError> {
        let mut members = vec![self.not()?];
        while self.word("AND") {
            members.push(self.not()?);
        }
        Ok(if members.len() == 1 { members.remove(0) } else { Clause::And(members) })
    }

    fn not(&mut self) -> Result<Clause, CompositeError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(CompositeError::TooDeep);
        }
        let clause = if self.word("NOT") { Clause::Not(Box::new(self.not()?)) } else { self.primary()? };
        self.depth -= 1;
        Ok(clause)
    }

    fn primary(&mut self) -> Result<Clause, CompositeError> {
        if self.take("(") {
            let inner = self.or()?;
            return if self.take(")") { Ok(inner) } else { Err(self.error()) };
        }
        for (word, constant) in [("TRUE", true), ("FALSE", false)] {
            if self.word(word) {
                return Ok(Clause::Constant(constant));
            }
        }
        let states = [AlarmState::Alarm, AlarmState::Ok, AlarmState::InsufficientData];
        let Some(state) = states.into_iter().find(|state| self.word(state.as_str())) else { return Err(self.error()) };
        if !self.take("(") {
            return Err(self.error());
        }
        let name = self.name()?;
        if self.take(")") { Ok(Clause::Is(state, name)) } else { Err(self.error()) }
    }

    fn name(&mut self) -> Result<String, CompositeError> {
        self.blanks();
        let quoted = self.rest().starts_with('"');
        let start = self.at + usize::from(quoted);
        let end =
            self.text[start..].find(if quoted { '"' } else { ')' }).map(|length| start + length).ok_or_else(|| self.error())?;
        let name = if quoted { &self.text[start..end] } else { self.text[start..end].trim() };
        if name.is_empty() || (!quoted && name.contains(['(', '"', ' '])) {
            return Err(self.error());
        }
        self.at = end + usize::from(quoted);
        Ok(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(rule: &str) -> bool {
        let state = |name: &str| match name {
            "a" | "arn:aws:cloudwatch:us-east-1:1:alarm:a" => Some(AlarmState::Alarm),
            "o" => Some(AlarmState::Ok),
            _ => None,
        };
        rule.parse::<CompositeRule>().unwrap_or_else(|error| panic!("{rule}: {error}")).holds(state)
    }

    #[test]
    fn rules_hold() {
        let table = [
            ("ALARM(\"a\")", true),
            ("ALARM(a)", true),
            ("ALARM(arn:aws:cloudwatch:us-east-1:1:alarm:a)", true),
            ("OK(a)", false),
            ("INSUFFICIENT_DATA(x)", true),
            ("NOT ALARM(a)", false),
            ("ALARM(o) OR ALARM(a) AND OK(o)", true),
            ("(ALARM(o) OR ALARM(a)) AND ALARM(o)", false),
            ("TRUE AND NOT FALSE", true),
            ("NOT (ALARM(a) AND ALARM(o))", true),
        ];
        for (rule, expect) in table {
            assert_eq!(holds(rule), expect, "{rule}");
        }
        assert_eq!("ALARM(a) AND OK(b) OR ALARM(a)".parse::<CompositeRule>().expect("a rule").children().len(), 2);
    }

    #[test]
    fn what_is_not_a_rule_is_refused() {
        let deep = format!("{}TRUE{}", "(".repeat(1000), ")".repeat(1000));
        for rule in ["", "ALARM", "ALARM()", "ALARM(a", "ALARM(a) ALARM(b)", "ALARM(a) AND", "alarm(a)", "NOT", "(TRUE", &deep] {
            assert!(rule.parse::<CompositeRule>().is_err(), "{rule}");
        }
        assert_eq!("ALARM(a) AND x".parse::<CompositeRule>(), Err(CompositeError::Syntax(13)));
    }
}
