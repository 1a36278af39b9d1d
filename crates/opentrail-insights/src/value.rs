//! Values, and how they compare and show.

use crate::calendar::shown_time;
use std::borrow::Cow;
use std::cmp::Ordering;

/// What a field or an expression holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: the field is not there.
    Missing,
    Text(String),
    Number(f64),
    /// Shown as 1 and 0.
    Bool(bool),
    /// Milliseconds since 1970.
    Time(i64),
}

impl Value {
    pub fn is_missing(&self) -> bool {
        *self == Self::Missing
    }

    /// As results show it.
    pub fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Missing => Cow::Borrowed(""),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(shown_number(*number)),
            Self::Bool(value) => Cow::Borrowed(if *value { "1" } else { "0" }),
            Self::Time(at) => Cow::Owned(shown_time(*at)),
        }
    }

    /// The number it is or says.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Number(number) => Some(*number),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Time(at) => Some(*at as f64),
        }
    }

    /// Whether a condition that is this value holds.
    pub fn holds(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Text(text) => !text.is_empty() && text != "false" && text != "0",
            Self::Number(number) => *number != 0.0,
            Self::Bool(value) => *value,
            Self::Time(_) => true,
        }
    }

    /// How it compares; `None` if one of them is missing. Numbers compare as numbers, also when they are texts.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.is_missing() || other.is_missing() {
            return None;
        }
        if let (Self::Bool(value), Self::Text(text)) | (Self::Text(text), Self::Bool(value)) = (self, other)
            && let Ok(said) = text.parse::<bool>()
        {
            return Some(if said == *value { Ordering::Equal } else { Ordering::Less });
        }
        if let (Some(left), Some(right)) = (self.number(), other.number()) {
            return left.partial_cmp(&right);
        }
        Some(self.shown().as_ref().cmp(other.shown().as_ref()))
    }

    /// Whether the two are the same. Texts are, if they are letter by letter.
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => left == right,
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }

    /// An order of all values, for sorting: missing ones first, numbers before texts.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self.is_missing(), other.is_missing()) {
            (false, false) => match (self.number(), other.number()) {
                (Some(left), Some(right)) => left.total_cmp(&right),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => self.shown().as_ref().cmp(other.shown().as_ref()),
            },
            (left, right) => right.cmp(&left),
        }
    }
}

/// Whole numbers without a fraction, others with up to four digits of it.
fn shown_number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    let text = format!("{number:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-" { "0".into() } else { text.to_owned() }
}
