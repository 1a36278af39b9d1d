//! What conditions compare with.

use crate::leaf::Leaf;
use crate::regular::RegularExpression;

/// The value on the right of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A bare number, and how it was typed.
    Number(f64, String),
    Text(Text),
    Regular(RegularExpression),
}

/// Text with a wildcard at its start, its end, or both. A `*` elsewhere is itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text {
    pub open_start: bool,
    pub open_end: bool,
    pub middle: String,
}

impl Text {
    pub fn new(text: &str) -> Self {
        if text == "*" {
            return Self { open_start: true, open_end: true, middle: String::new() };
        }
        let (open_start, rest) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
        let (open_end, middle) = rest.strip_suffix('*').map_or((false, rest), |middle| (true, middle));
        Self { open_start, open_end, middle: middle.to_owned() }
    }

    /// The text itself if it has no wildcard.
    pub fn exact(&self) -> Option<&str> {
        (!self.open_start && !self.open_end).then_some(self.middle.as_str())
    }

    pub fn fits(&self, text: &str) -> bool {
        match (self.open_start, self.open_end) {
            (false, false) => text == self.middle,
            (true, false) => text.ends_with(&self.middle),
            (false, true) => text.starts_with(&self.middle),
            (true, true) => text.contains(&self.middle),
        }
    }
}

impl Literal {
    /// A bare word: a number if it reads as one, else text.
    pub fn bare(word: &str) -> Self {
        number(word).map_or_else(|| Self::Text(Text::new(word)), |value| Self::Number(value, word.to_owned()))
    }

    /// Whether a value equals this. Only strings and numbers are equal or unequal to anything; for others: `None`.
    ///
    /// A bare number equals a number by value and a string by its spelling; quoted text equals a number by the number's
    /// own spelling.
    pub fn equals(&self, leaf: &Leaf<'_>) -> Option<bool> {
        match (self, leaf) {
            (Self::Number(wanted, _), Leaf::Number(spelling)) => Some(number(spelling) == Some(*wanted)),
            (Self::Number(_, typed), Leaf::Text(text)) => Some(typed == text),
            (Self::Text(wanted), Leaf::Number(spelling)) => Some(wanted.fits(spelling)),
            (Self::Text(wanted), Leaf::Text(text)) => Some(wanted.fits(text)),
            (Self::Regular(wanted), Leaf::Text(text)) => Some(wanted.is_match(text)),
            (Self::Regular(wanted), Leaf::Number(spelling)) => Some(wanted.is_match(spelling)),
            (_, Leaf::Bool(_) | Leaf::Null | Leaf::Array { .. } | Leaf::Object) => None,
        }
    }

    /// The same for a field of a space-delimited line, which is a number if it reads as one.
    pub fn equals_field(&self, field: &str) -> bool {
        match (self, number(field)) {
            (Self::Number(wanted, _), Some(value)) => value == *wanted,
            (Self::Number(_, typed), None) => typed == field,
            (Self::Text(wanted), _) => wanted.fits(field),
            (Self::Regular(wanted), _) => wanted.is_match(field),
        }
    }
}

/// A decimal number with or without sign, fraction and exponent.
pub fn number(text: &str) -> Option<f64> {
    let spelled = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    let starts = text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if spelled && starts { text.parse().ok().filter(|value: &f64| value.is_finite()) } else { None }
}
