//! A place in a pattern's text while it is read.

use crate::error::PatternError;

/// The rest of a text, and how it is eaten.
#[derive(Debug, Clone)]
pub struct Cursor<'t> {
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    pub fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Eats `text` if it stands here.
    pub fn take(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    /// Eats characters for as long as they are wanted.
    pub fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|character| !wanted(character)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Eats a word that ends where letters and digits end.
    pub fn take_keyword(&mut self, word: &str) -> bool {
        let ahead = self.rest.strip_prefix(word).filter(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        ahead.map(|rest| self.rest = rest).is_some()
    }

    /// Eats `"…"`, in which `\"` and `\\` stand for themselves.
    ///
    /// # Errors
    /// If the quotes are not closed.
    pub fn quoted(&mut self) -> Result<String, PatternError> {
        let start = self.clone();
        if !self.take("\"") {
            return Err(start.error());
        }
        let mut text = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(start.error())
    }

    /// Eats `%…%` and returns what is between.
    ///
    /// # Errors
    /// If the percent signs are not closed.
    pub fn regular(&mut self) -> Result<&'t str, PatternError> {
        let inner = self.rest.strip_prefix('%').and_then(|rest| rest.split_once('%'));
        let Some((inner, rest)) = inner else { return Err(self.error()) };
        self.rest = rest;
        Ok(inner)
    }

    /// That what stands here is not understood.
    pub fn error(&self) -> PatternError {
        let end = self.rest.char_indices().skip(1).find(|(_, c)| c.is_whitespace()).map_or(self.rest.len(), |(at, _)| at);
        PatternError::Term(self.rest[..end].to_owned())
    }
}
