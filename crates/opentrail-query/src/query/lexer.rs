//! Characters of a query: a place in it, and the words that begin there.

use super::pattern::{Pattern, Piece};
use super::syntax_error::{Reason, SyntaxError};
use std::ops::Range;

/// What ends a word, beside white space and quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Parenthesis,
    /// Also at a closing bracket, inside a range.
    Bracket,
    /// Also at a colon that is not escaped, in what may be a field's name.
    Colon,
}

/// A word as read: escapes resolved, wildcards told apart from text.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub pattern: Pattern,
    pub span: Range<usize>,
    pub escaped: bool,
}

impl Word {
    /// The text, if there are no wildcards.
    pub fn text(&self) -> Option<&str> {
        match self.pattern.pieces() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// A place in a query.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    pub query: &'a str,
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn rest(&self) -> &'a str {
        self.query.get(self.at..).unwrap_or_default()
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn skip_space(&mut self) {
        self.at = self.query.len() - self.rest().trim_start().len();
    }

    pub fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    pub fn error(&self, span: Range<usize>, reason: Reason) -> SyntaxError {
        SyntaxError::new(self.query, span, reason)
    }

    /// An error about the character here, or about the end.
    pub fn error_here(&self, reason: Reason) -> SyntaxError {
        self.error(self.at..self.at + self.peek().map_or(0, char::len_utf8), reason)
    }

    /// Eats an operator that stands alone: `AND`, `||`.
    pub fn eat_operator(&mut self, names: &[&str]) -> Option<Range<usize>> {
        let rest = self.rest();
        let name = names.iter().find(|name| {
            let alone = |c: char| c.is_whitespace() || "()\"".contains(c);
            rest.strip_prefix(**name).is_some_and(|after| after.chars().next().is_none_or(alone))
        })?;
        let span = self.at..self.at + name.len();
        self.at = span.end;
        Some(span)
    }

    /// The text between quotes; the cursor is at the first. `\"` and `\\` mean the characters, any other `\` itself.
    pub fn quoted(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().peekable();
        while let Some((at, c)) = characters.next() {
            match (c, characters.peek()) {
                ('"', _) => {
                    self.at += at + 1;
                    return Ok(text);
                }
                ('\\', Some((_, next @ ('"' | '\\')))) => {
                    text.push(*next);
                    characters.next();
                }
                _ => text.push(c),
            }
        }
        Err(self.error(start..start + 1, Reason::OpenQuote))
    }

    /// The word that begins here; it may be empty.
    pub fn word(&mut self, until: Until) -> Result<Word, SyntaxError> {
        let start = self.at;
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut escaped = false;
        let mut characters = self.rest().char_indices();
        let mut end = self.query.len();
        while let Some((at, c)) = characters.next() {
            let stop = match c {
                '(' | ')' => true,
                ']' | '}' => until == Until::Bracket,
                ':' => until == Until::Colon,
                c => c.is_whitespace(),
            };
            if stop {
                end = start + at;
                break;
            }
            match c {
                '"' => return Err(self.error(start + at..start + at + 1, Reason::QuoteInWord)),
                '\\' => {
                    let open = || self.error(start + at..start + at + 1, Reason::OpenEscape);
                    text.push(characters.next().ok_or_else(open)?.1);
                    escaped = true;
                }
                '*' | '?' => {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(if c == '*' { Piece::Any } else { Piece::One });
                }
                c => text.push(c),
            }
        }
        pieces.push(Piece::Text(text));
        self.at = end;
        Ok(Word { pattern: Pattern::new(pieces), span: start..end, escaped })
    }
}
