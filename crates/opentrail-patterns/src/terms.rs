//! Unstructured patterns: terms that a message must, must not, or may have.

use crate::cursor::Cursor;
use crate::error::PatternError;
use crate::regular::RegularExpression;

/// The terms of a pattern.
///
/// Optional terms beside required or excluded ones mean nothing, as with AWS, and are left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms {
    pub required: Vec<Term>,
    pub excluded: Vec<Term>,
    /// At least one of these, if there are any.
    pub optional: Vec<Term>,
}

/// One term.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// A piece of the message, wherever it stands.
    Piece(String),
    Regular(RegularExpression),
}

impl Terms {
    /// # Errors
    /// If a term has characters that must be quoted.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut terms = Self::default();
        let mut cursor = Cursor::new(text);
        loop {
            cursor.skip_blanks();
            if cursor.is_at_end() {
                break;
            }
            let start = cursor.clone();
            let list = match () {
                () if cursor.take("-") => &mut terms.excluded,
                () if cursor.take("?") => &mut terms.optional,
                () => &mut terms.required,
            };
            list.push(Self::term(&mut cursor, &start)?);
            if cursor.peek().is_some_and(|c| !c.is_whitespace()) {
                return Err(start.error());
            }
        }
        if !(terms.required.is_empty() && terms.excluded.is_empty()) {
            terms.optional.clear();
        }
        Ok(terms)
    }

    fn term(cursor: &mut Cursor<'_>, start: &Cursor<'_>) -> Result<Term, PatternError> {
        match cursor.peek() {
            Some('"') => cursor.quoted().map(Term::Piece).map_err(|_| start.error()),
            Some('%') => Ok(Term::Regular(RegularExpression::parse(cursor.regular()?)?)),
            _ => match cursor.take_while(|c| c.is_alphanumeric() || c == '_') {
                "" => Err(start.error()),
                word => Ok(Term::Piece(word.to_owned())),
            },
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Term> {
        self.required.iter().chain(&self.excluded).chain(&self.optional)
    }
}
