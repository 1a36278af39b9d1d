//! What is wrong with a query, and where.

use std::fmt;
use std::ops::Range;

/// An error in the text of a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (column {})", self.column())]
pub struct SyntaxError {
    pub reason: Reason,
    /// The place, in bytes.
    pub span: Range<usize>,
    query: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("a query can have at most {limit} bytes")]
    TooLong { limit: usize },
    #[error("a query can have at most {limit} terms")]
    TooManyTerms { limit: usize },
    #[error("parentheses and NOT can be nested at most {limit} deep")]
    TooDeep { limit: usize },
    #[error("a term can have at most {limit} wildcards")]
    TooManyWildcards { limit: usize },
    #[error("the quote is not closed")]
    OpenQuote,
    #[error("a quote inside a word: put a space before it, or \\ to mean the character")]
    QuoteInWord,
    #[error("nothing follows the \\")]
    OpenEscape,
    #[error("the parenthesis is not closed")]
    OpenParenthesis,
    #[error("no parenthesis is open here")]
    UnmatchedParenthesis,
    #[error("nothing between the parentheses")]
    EmptyParentheses,
    #[error("{operator} needs a term on both sides")]
    MissingOperand { operator: &'static str },
    #[error("{operator} needs a term after it")]
    MissingTerm { operator: &'static str },
    #[error("expected a value right after the colon; * asks whether the field is there")]
    MissingValue,
    #[error("expected a value after the comparison sign")]
    MissingBound,
    #[error("a range is written [from TO to], with * for an open end; {{ and }} leave the end itself out")]
    BadRange,
    #[error("brackets begin a range and need a field before them; quote them to mean the characters")]
    RangeWithoutField,
    #[error("the two ends of a range must both be numbers, times, addresses or texts")]
    MixedRange,
    #[error("a range with two open ends: write * to ask whether the field is there")]
    OpenRange,
    #[error("wildcards cannot be used here; quote or \\ them to mean the characters")]
    WildcardHere,
    #[error("{} is not a field of records{}; quote it to search for the text, or write .{} to name a field all the same", name, nearest.map(|n| format!(", did you mean {n}?")).unwrap_or_default(), name)]
    UnknownField { name: String, nearest: Option<&'static str> },
    #[error("a field name is keys joined by dots")]
    BadFieldName,
    #[error("fields are compared with a colon: {name}:value, {name}:>=5, -{name}:value; quote it to search for the text")]
    WrongOperator { name: String },
    #[error("a word with wildcards cannot have white space")]
    SpaceInPattern,
}

/// Characters shown on either side of the place.
const AROUND: usize = 60;

impl SyntaxError {
    pub(super) fn new(query: &str, span: Range<usize>, reason: Reason) -> Self {
        // A query that is too long is not carried about.
        let end = (0..=query.len().min(crate::limits::QUERY_BYTES)).rev().find(|at| query.is_char_boundary(*at)).unwrap_or(0);
        let span = span.start.min(end)..span.end.min(end).max(span.start.min(end));
        Self { reason, span, query: query[..end].to_owned() }
    }

    /// Characters before the place, plus one.
    pub fn column(&self) -> usize {
        self.query.get(..self.span.start).map_or(1, |before| before.chars().count() + 1)
    }

    /// Three lines: the query near the place, a caret under it, the reason.
    pub fn render(&self) -> String {
        let clean =
            |text: &str| -> Vec<char> { text.chars().map(|c| if crate::neutral::is_unsafe(c) { ' ' } else { c }).collect() };
        let before = clean(self.query.get(..self.span.start).unwrap_or_default());
        let place = clean(self.query.get(self.span.clone()).unwrap_or_default());
        let after = clean(self.query.get(self.span.end..).unwrap_or_default());
        let cut_before = before.len().saturating_sub(AROUND);
        let shown_place = &place[..place.len().min(AROUND)];
        let shown_after = if shown_place.len() < place.len() { &[][..] } else { &after[..after.len().min(AROUND)] };
        let mut line = String::new();
        line.push_str(if cut_before > 0 { "…" } else { "" });
        line.extend(&before[cut_before..]);
        let indent = line.chars().count();
        line.extend(shown_place);
        line.extend(shown_after);
        let whole = shown_place.len() == place.len() && shown_after.len() == after.len();
        line.push_str(if whole { "" } else { "…" });
        format!("{line}\n{}{}\n{}", " ".repeat(indent), "^".repeat(shown_place.len().max(1)), Message(&self.reason))
    }
}

struct Message<'a>(&'a Reason);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            write!(f, "{}", if crate::neutral::is_unsafe(c) { ' ' } else { c })?;
        }
        Ok(())
    }
}
