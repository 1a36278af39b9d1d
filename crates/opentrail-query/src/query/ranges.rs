//! Ranges and comparisons: what their ends are, and which kind of values they speak of.

use super::ast::Test;
use super::bounds::{Bounds, Edge};
use super::instant;
use super::lexer::{Cursor, Until};
use super::syntax_error::{Reason, SyntaxError};
use std::net::IpAddr;
use time::OffsetDateTime;

/// An end of a range, as far as its text alone tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound {
    Number(f64),
    /// The time named and the first after it.
    Time(OffsetDateTime, OffsetDateTime),
    Address(IpAddr),
    Text(String),
}

impl Bound {
    /// `None` for text that could never be an end.
    pub fn read(text: &str) -> Option<Self> {
        if let Some(number) = parse_number(text) {
            return Some(Self::Number(number));
        }
        if let Some((start, end)) = instant::parse_span(text) {
            return Some(Self::Time(start, end));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(address));
        }
        (!text.is_empty()).then(|| Self::Text(text.to_owned()))
    }
}

/// A finite number in decimal notation. The standard library would also take `inf` and `nan`.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) && text.bytes().any(|b| b.is_ascii_digit());
    let number: f64 = plain.then(|| text.parse().ok()).flatten()?;
    number.is_finite().then_some(number)
}

/// An end as written.
struct End {
    text: String,
    included: bool,
}

/// `[a TO b]`; the cursor is at the bracket. `times` if a year is to be taken for a time.
pub(super) fn range(cursor: &mut Cursor<'_>, times: bool) -> Result<Test, SyntaxError> {
    let start = cursor.at;
    let lower_included = cursor.eat('[') || !cursor.eat('{');
    let lower = end(cursor)?;
    cursor.skip_space();
    if cursor.eat_operator(&["TO"]).is_none() {
        return Err(cursor.error(start..cursor.at.max(start + 1), Reason::BadRange));
    }
    let upper = end(cursor)?;
    cursor.skip_space();
    let upper_included = cursor.eat(']');
    if !upper_included && !cursor.eat('}') {
        return Err(cursor.error(start..cursor.at.max(start + 1), Reason::BadRange));
    }
    if cursor.peek().is_some_and(|c| !c.is_whitespace() && c != ')') {
        return Err(cursor.error_here(Reason::BadRange));
    }
    let lower = lower.map(|text| End { text, included: lower_included });
    let upper = upper.map(|text| End { text, included: upper_included });
    test(lower, upper, times).map_err(|reason| cursor.error(start..cursor.at, reason))
}

/// `>=a`; the cursor is at the sign.
pub(super) fn comparison(cursor: &mut Cursor<'_>, times: bool) -> Result<Test, SyntaxError> {
    let start = cursor.at;
    let greater = cursor.eat('>');
    if !greater {
        cursor.eat('<');
    }
    let included = cursor.eat('=');
    let text = if cursor.peek() == Some('"') {
        cursor.quoted()?
    } else {
        let word = cursor.word(Until::Parenthesis)?;
        word.text().ok_or_else(|| cursor.error(word.span.clone(), Reason::WildcardHere))?.to_owned()
    };
    if text.is_empty() {
        return Err(cursor.error(start..cursor.at, Reason::MissingBound));
    }
    let only = Some(End { text, included });
    let (lower, upper) = if greater { (only, None) } else { (None, only) };
    test(lower, upper, times).map_err(|reason| cursor.error(start..cursor.at, reason))
}

/// One end of a range; `None` for `*`.
fn end(cursor: &mut Cursor<'_>) -> Result<Option<String>, SyntaxError> {
    cursor.skip_space();
    if cursor.peek() == Some('"') {
        let start = cursor.at;
        let text = cursor.quoted()?;
        return if text.is_empty() { Err(cursor.error(start..cursor.at, Reason::BadRange)) } else { Ok(Some(text)) };
    }
    let word = cursor.word(Until::Bracket)?;
    if word.pattern.is_any() {
        return Ok(None);
    }
    match word.text() {
        Some("") => Err(cursor.error_here(Reason::BadRange)),
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(cursor.error(word.span, Reason::WildcardHere)),
    }
}

fn test(lower: Option<End>, upper: Option<End>, times: bool) -> Result<Test, Reason> {
    let read = |end: &Option<End>| end.as_ref().and_then(|end| Bound::read(&end.text));
    let (mut low, mut high) = (read(&lower), read(&upper));
    // Beside a time, or where times are expected, a year is one.
    if times || [&low, &high].iter().any(|bound| matches!(bound, Some(Bound::Time(..)))) {
        for (bound, end) in [(&mut low, &lower), (&mut high, &upper)] {
            let year = end.as_ref().and_then(|end| instant::parse_year(&end.text));
            if let Some((start, after)) = year {
                *bound = Some(Bound::Time(start, after));
            }
        }
    }
    let included = |end: &Option<End>| end.as_ref().is_some_and(|end| end.included);
    let (from, to) = (included(&lower), included(&upper));
    match (low, high) {
        (None, None) => Err(Reason::OpenRange),
        (Some(Bound::Number(_)) | None, Some(Bound::Number(_)) | None) => {
            let number = |end: &Option<End>| end.as_ref().and_then(|end| parse_number(&end.text));
            Ok(Test::Number(bounds(number(&lower), from, number(&upper), to)))
        }
        (low @ (Some(Bound::Time(..)) | None), high @ (Some(Bound::Time(..)) | None)) => {
            // Whole days, hours, minutes are in or out.
            let lower = low.and_then(|low| match low {
                Bound::Time(start, after) => Some(Edge::included(if from { start } else { after })),
                _ => None,
            });
            let upper = high.and_then(|high| match high {
                Bound::Time(start, after) => Some(Edge::excluded(if to { after } else { start })),
                _ => None,
            });
            Ok(Test::Time(Bounds { lower, upper }))
        }
        (Some(Bound::Address(_)) | None, Some(Bound::Address(_)) | None) => {
            let address = |end: &Option<End>| end.as_ref().and_then(|end| end.text.parse().ok());
            Ok(Test::Address(bounds(address(&lower), from, address(&upper), to)))
        }
        (Some(Bound::Text(_)), _) | (_, Some(Bound::Text(_))) => {
            Ok(Test::Text(bounds(lower.map(|end| end.text), from, upper.map(|end| end.text), to)))
        }
        _ => Err(Reason::MixedRange),
    }
}

fn bounds<T>(lower: Option<T>, lower_included: bool, upper: Option<T>, upper_included: bool) -> Bounds<T> {
    let edge = |value: Option<T>, included| value.map(|value| Edge { value, included });
    Bounds { lower: edge(lower, lower_included), upper: edge(upper, upper_included) }
}
