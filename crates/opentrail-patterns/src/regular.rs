//! `%…%`: the regular expressions of filter patterns, a small and linear-time dialect.

use crate::error::PatternError;
use regex::{Regex, RegexBuilder};

/// Most memory of one compiled expression, in bytes.
const MAX_COMPILED_BYTES: usize = 256 * 1024;

/// A regular expression, searched for anywhere in a text.
#[derive(Debug, Clone)]
pub struct RegularExpression {
    source: String,
    compiled: Regex,
}

impl PartialEq for RegularExpression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl RegularExpression {
    /// Compiles what stands between the percent signs.
    ///
    /// # Errors
    /// If it is empty or has a character that the dialect does not know: groups, quotes, anything that is not ASCII.
    pub fn parse(source: &str) -> Result<Self, PatternError> {
        let invalid = || PatternError::RegularExpression(source.to_owned());
        if source.is_empty() {
            return Err(invalid());
        }
        let mut characters = source.chars();
        while let Some(character) = characters.next() {
            let known = match character {
                '\\' => characters.next().is_some_and(is_escape),
                _ => is_plain(character) || is_operator(character),
            };
            if !known {
                return Err(invalid());
            }
        }
        let compiled = RegexBuilder::new(&spelled(source))
            .unicode(false)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(|_| invalid())?;
        Ok(Self { source: source.to_owned(), compiled })
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_:#=@/;, -".contains(character)
}

fn is_operator(character: char) -> bool {
    "^$?[]{}|*+.".contains(character)
}

fn is_escape(character: char) -> bool {
    "dDsSwWx".contains(character) || is_operator(character) || is_plain(character) || "()\\!'\"<>%&~".contains(character)
}

/// The same in the spelling of the regex crate: `{,n}` is `{0,n}`, classes know no set operators or nested classes, and
/// `\s` is tab, blank and newline only. `.` and negated classes stay within a character, since text is UTF-8.
fn spelled(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 8);
    out.push_str("(?u-i)");
    let mut characters = source.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('s') if in_class => out.push_str(r"\t \n"),
                Some('s') => out.push_str(r"[\t \n]"),
                Some('S') => out.push_str(r"[^\t \n]"),
                Some('w') if in_class => out.push_str("a-zA-Z_0-9"),
                Some('w') => out.push_str("[a-zA-Z_0-9]"),
                Some('W') => out.push_str("[^a-zA-Z_0-9]"),
                Some('d') if in_class => out.push_str("0-9"),
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some(plain) if plain == 'x' || !plain.is_ascii_alphanumeric() && plain != '_' && plain != ' ' => {
                    out.extend(['\\', plain]);
                }
                Some(plain) => out.push(plain),
                None => {}
            },
            '[' if in_class => out.push_str(r"\["),
            '[' => {
                in_class = true;
                out.push('[');
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '{' if characters.peek() == Some(&',') => out.push_str("{0"),
            '-' if in_class && characters.peek() == Some(&'-') => out.push_str(r"\-"),
            '#' => out.push_str(r"\#"),
            other => out.push(other),
        }
    }
    out
}
