//! From text to tokens.

use crate::error::QueryFault;

/// A piece of a query, and the bytes it stands at.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A name, bare or between backticks (`true`).
    Name(String, bool),
    Text(String),
    /// Between slashes.
    Regex(String),
    Number(f64),
    /// `5m`: how many of which unit.
    Period(f64, String),
    /// `|`, `,`, `(`, `=`, `!=`, …
    Mark(&'static str),
}

const MARKS: &[&str] = &["|", ",", "(", ")", "[", "]", "==", "=~", "=", "!=", "<=", "<", ">=", ">", "+", "-", "*", "/", "%", "^"];

/// Cuts a query into tokens.
pub fn tokens(text: &str) -> Result<Vec<Token>, QueryFault> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    while lexer.next()? {}
    Ok(lexer.tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn fault(&self, start: usize, message: impl Into<String>) -> QueryFault {
        place(self.text, start, self.text.len().min(start + 1), message)
    }

    /// Takes one token; `false` at the end.
    fn next(&mut self) -> Result<bool, QueryFault> {
        self.skip();
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return Ok(false) };
        let start = self.at;
        let (kind, length) = match first {
            '"' | '\'' => self.quoted(rest, first)?,
            '`' => match rest[1..].find('`') {
                Some(end) if end > 0 => (Kind::Name(rest[1..=end].to_owned(), true), end + 2),
                _ => return Err(self.fault(start, "a name between backticks has no end")),
            },
            '/' if self.regex_may_stand_here() => self.regex(rest)?,
            digit if digit.is_ascii_digit() => number(rest),
            letter if begins_name(letter) => {
                let length = rest.find(|c: char| !in_name(c)).unwrap_or(rest.len());
                // A name does not end with a dot.
                let name = rest[..length].trim_end_matches('.');
                (Kind::Name(name.to_owned(), false), name.len())
            }
            _ => match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
                Some(mark) => (Kind::Mark(mark), mark.len()),
                None => return Err(self.fault(start, format!("unexpected symbol found {first}"))),
            },
        };
        self.at += length;
        self.tokens.push(Token { kind, start, end: self.at });
        Ok(true)
    }

    /// Over blanks and comments.
    fn skip(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let blanks = rest.len() - rest.trim_start().len();
            self.at += blanks;
            let rest = &rest[blanks..];
            if !rest.starts_with('#') {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn quoted(&self, rest: &str, quote: char) -> Result<(Kind, usize), QueryFault> {
        let mut text = String::new();
        let mut characters = rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, escaped @ ('"' | '\'' | '\\' | '/'))) => text.push(escaped),
                    // Other escapes are for regular expressions.
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                end if end == quote => return Ok((Kind::Text(text), at + end.len_utf8())),
                other => text.push(other),
            }
        }
        Err(self.fault(self.at, "a text between quotes has no end"))
    }

    /// A slash divides after a value, and begins a regular expression anywhere else.
    fn regex_may_stand_here(&self) -> bool {
        match self.tokens.last().map(|token| &token.kind) {
            Some(Kind::Name(name, false)) => {
                ["like", "parse", "and", "or", "not", "in"].iter().any(|word| name.eq_ignore_ascii_case(word))
                    || self.tokens.iter().rev().nth(1).is_some_and(|before| is_word(before, "parse"))
            }
            Some(Kind::Name(_, true)) => self.tokens.iter().rev().nth(1).is_some_and(|before| is_word(before, "parse")),
            Some(Kind::Mark(mark)) => !matches!(*mark, ")" | "]"),
            Some(Kind::Text(_) | Kind::Regex(_) | Kind::Number(_) | Kind::Period(..)) => false,
            None => true,
        }
    }

    fn regex(&self, rest: &str) -> Result<(Kind, usize), QueryFault> {
        let mut pattern = String::new();
        let mut characters = rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '/' => return Ok((Kind::Regex(pattern), at + 1)),
                '\\' => match characters.next() {
                    Some((_, '/')) => pattern.push('/'),
                    Some((_, other)) => pattern.extend(['\\', other]),
                    None => break,
                },
                other => pattern.push(other),
            }
        }
        Err(self.fault(self.at, "a regular expression has no end"))
    }
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(&token.kind, Kind::Name(name, false) if name.eq_ignore_ascii_case(word))
}

fn number(rest: &str) -> (Kind, usize) {
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let fraction = rest[digits..].strip_prefix('.').map_or(0, |after| {
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        if digits > 0 { digits + 1 } else { 0 }
    });
    let length = digits + fraction;
    let value = rest[..length].parse().unwrap_or(f64::INFINITY);
    let unit = rest[length..].find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len() - length);
    match &rest[length..length + unit] {
        "" => (Kind::Number(value), length),
        unit => (Kind::Period(value, unit.to_ascii_lowercase()), length + unit.len()),
    }
}

fn begins_name(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '@' | '$')
}

fn in_name(character: char) -> bool {
    begins_name(character) || character.is_numeric() || character == '.'
}

/// A fault at these bytes of a query.
pub fn place(text: &str, start: usize, end: usize, message: impl Into<String>) -> QueryFault {
    let chars = |to: usize| text.get(..to).map_or_else(|| text.chars().count(), |before| before.chars().count());
    QueryFault { message: message.into(), start: chars(start), end: chars(end).max(chars(start)) }
}
