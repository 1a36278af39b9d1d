//! Query to text that parses to the same query.

use super::ast::{Clause, Query, Term, Test};
use super::bounds::Bounds;
use super::field::Field;
use super::instant;
use super::network::Network;
use super::pattern::{Pattern, Piece};
use std::fmt::{self, Display, Formatter, Write};
use time::OffsetDateTime;

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl Display for Clause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_char('*'),
            Self::Term(term) => term.fmt(f),
            Self::Not(inner) => {
                f.write_str("NOT ")?;
                inside(inner, matches!(**inner, Self::And(_) | Self::Or(_)), f)
            }
            Self::And(members) => joined(members, " AND ", |member| matches!(member, Self::Or(_)), f),
            Self::Or(members) => joined(members, " OR ", |_| false, f),
        }
    }
}

fn joined(members: &[Clause], between: &str, enclosed: fn(&Clause) -> bool, f: &mut Formatter<'_>) -> fmt::Result {
    for (index, member) in members.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { between })?;
        inside(member, enclosed(member), f)?;
    }
    Ok(())
}

fn inside(clause: &Clause, enclosed: bool, f: &mut Formatter<'_>) -> fmt::Result {
    if enclosed { write!(f, "({clause})") } else { clause.fmt(f) }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phrase(text) => quoted(text, f),
            Self::Words(pattern) => escaped(pattern, f),
            Self::Field(field, test) => {
                for (index, c) in field.name().chars().enumerate() {
                    let special = c.is_whitespace() || "\\():\"*?".contains(c) || index == 0 && "-+".contains(c);
                    write!(f, "{}{c}", if special { "\\" } else { "" })?;
                }
                f.write_char(':')?;
                value(field, test, f)
            }
        }
    }
}

fn value(field: &Field, test: &Test, f: &mut Formatter<'_>) -> fmt::Result {
    match test {
        Test::Exists => f.write_char('*'),
        Test::Equals(text) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
            let bare = text.chars().all(plain)
                && text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && Network::parse(text).is_none()
                && !(field.holds_times() && instant::parse_period(text).is_some())
                && !field.is_source();
            if bare { f.write_str(text) } else { quoted(text, f) }
        }
        Test::Like(pattern) => escaped(pattern, f),
        Test::Within(network) => network.fmt(f),
        Test::Number(bounds) => range(bounds, |number, f| write!(f, "{number:?}"), f),
        Test::Time(bounds) => range(bounds, time_text, f),
        Test::Address(bounds) => range(bounds, |address, f| address.fmt(f), f),
        Test::Text(bounds) => range(bounds, |text, f| quoted(text, f), f),
    }
}

fn range<T>(bounds: &Bounds<T>, show: fn(&T, &mut Formatter<'_>) -> fmt::Result, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char(if bounds.lower.as_ref().is_none_or(|edge| edge.included) { '[' } else { '{' })?;
    match &bounds.lower {
        Some(edge) => show(&edge.value, f)?,
        None => f.write_char('*')?,
    }
    f.write_str(" TO ")?;
    match &bounds.upper {
        Some(edge) => show(&edge.value, f)?,
        None => f.write_char('*')?,
    }
    f.write_char(if bounds.upper.as_ref().is_none_or(|edge| edge.included) { ']' } else { '}' })
}

fn time_text(at: &OffsetDateTime, f: &mut Formatter<'_>) -> fmt::Result {
    let (date, time) = (at.date(), at.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
    match time.nanosecond() {
        0 => f.write_char('Z'),
        nanosecond => write!(f, ".{nanosecond:09}Z"),
    }
}

fn quoted(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        write!(f, "{}{c}", if "\\\"".contains(c) { "\\" } else { "" })?;
    }
    f.write_char('"')
}

fn escaped(pattern: &Pattern, f: &mut Formatter<'_>) -> fmt::Result {
    let mut first = true;
    for piece in pattern.pieces() {
        match piece {
            Piece::Any => f.write_char('*')?,
            Piece::One => f.write_char('?')?,
            Piece::Text(text) => {
                for c in text.chars() {
                    let special = c.is_whitespace() || "\\():\"*?".contains(c) || first && "-+<>[{&|".contains(c);
                    write!(f, "{}{c}", if special { "\\" } else { "" })?;
                    first = false;
                }
            }
        }
        first = false;
    }
    Ok(())
}
