//! A question made ready for the parts of the history: what to look for, where, and by which of the ways there are.

use crate::folding::words;
use crate::limits::WORD_BYTES;
use crate::live::paths::Reserved;
use crate::part::{Uuids, Word, WordForm};
use opentrail_query::matching::{Parts, ValueTest};
use opentrail_query::query::{Bounds, Part, Pattern, Piece};
use opentrail_query::{Clause, Field, Term, Test};
use time::OffsetDateTime;

/// A condition on events.
pub(crate) enum Plan {
    All,
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
    /// What it finds is for the record to decide.
    Unsure(Box<Self>),
    /// The place has exactly this value, capital letters being others than small ones.
    Exact(Place, Vec<u8>),
    /// The place has a value that begins so.
    Begins(Place, Vec<u8>),
    /// The place has a value that ends so.
    Ends(Place, Vec<u8>),
    /// The place has a value.
    Present(Place),
    /// The time, in seconds, both ends included.
    Time(i64, i64),
    Words(Box<WordTest>),
    /// Some of these holds.
    Field(Vec<FieldTest>),
}

/// Exactly one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Reserved(Reserved),
    Named(&'static str),
}

/// A test of every value.
pub(crate) struct WordTest {
    pub parts: Parts,
    pub word: Word,
    /// Bytes of the pattern.
    pub bytes: usize,
}

/// A test of the values at one place and below.
pub(crate) struct FieldTest {
    pub path: String,
    pub part: Part,
    pub test: ValueTest,
    pub by: By,
    pub word: Word,
    /// Bytes of the pattern, if it is one.
    pub bytes: usize,
}

/// What is known of the values that pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Any that is there.
    Presence,
    /// In small letters, the whole value if the part is the whole.
    Text(Vec<u8>),
    /// In small letters, its beginning if the part is the whole.
    Prefix(Vec<u8>),
}

impl Plan {
    pub fn of(clause: &Clause) -> Self {
        match clause {
            Clause::All => Self::All,
            Clause::Not(inner) => Self::Not(Box::new(Self::of(inner))),
            Clause::And(members) => Self::and(members.iter().map(Self::of).collect()),
            Clause::Or(members) => Self::Or(members.iter().map(Self::of).collect()),
            Clause::Term(Term::Phrase(text)) => {
                let word = word_of(&[Piece::Text(text.clone())], Uuids::with_text(text.as_bytes()));
                Self::Words(Box::new(WordTest { parts: Parts::of_text(text), word, bytes: text.len() }))
            }
            Clause::Term(Term::Words(pattern)) => {
                let word = word_of(pattern.pieces(), uuids_like(pattern));
                Self::Words(Box::new(WordTest { parts: Parts::of_pattern(pattern), word, bytes: bytes_of(pattern) }))
            }
            Clause::Term(Term::Field(field, Test::Time(bounds))) if field.is_event_time() => seconds(bounds),
            Clause::Term(Term::Field(field, test)) => Self::Field(field_tests(field, test)),
        }
    }

    /// All of them, those first that are likely to leave least.
    pub fn and(mut members: Vec<Self>) -> Self {
        members.sort_by_key(Self::breadth);
        Self::And(members)
    }

    fn breadth(&self) -> u32 {
        match self {
            Self::Time(..) => 0,
            Self::Exact(Place::Named(_), _) | Self::Exact(Place::Reserved(Reserved::Username), _) => 1,
            Self::Field(tests) => match tests.first().map(|test| &test.by) {
                Some(By::Text(_)) => 2,
                Some(By::Prefix(prefix)) if !prefix.is_empty() => 4,
                _ => 5,
            },
            Self::Words(test) => {
                if test.word.form == WordForm::Unknown {
                    8
                } else {
                    3
                }
            }
            Self::Unsure(inner) => inner.breadth(),
            Self::And(members) => members.iter().map(Self::breadth).min().unwrap_or(9),
            Self::Or(members) => members.iter().map(Self::breadth).max().unwrap_or(0),
            Self::Not(_) => 7,
            Self::Present(_) | Self::Begins(..) | Self::Ends(..) | Self::Exact(..) => 9,
            Self::All => 10,
        }
    }
}

/// Whole seconds within the bounds.
fn seconds(bounds: &Bounds<OffsetDateTime>) -> Plan {
    let lower = bounds.lower.map_or(i64::MIN, |edge| {
        let at = edge.value.unix_timestamp();
        if edge.included && edge.value.nanosecond() == 0 { at } else { at + 1 }
    });
    let upper = bounds.upper.map_or(i64::MAX, |edge| {
        let at = edge.value.unix_timestamp();
        if !edge.included && edge.value.nanosecond() == 0 { at - 1 } else { at }
    });
    Plan::Time(lower, upper)
}

fn field_tests(field: &Field, test: &Test) -> Vec<FieldTest> {
    let tests = field.readings().iter().map(|reading| {
        let lower = |text: &str| text.as_bytes().to_ascii_lowercase();
        let (by, word) = match test {
            Test::Exists => (By::Presence, unknown(Uuids::All)),
            Test::Equals(text) => {
                let uuids = match Uuids::with_text(text.as_bytes()) {
                    only @ Uuids::Only(_) => only,
                    _ => Uuids::None,
                };
                (By::Text(lower(text)), word_of(&[Piece::Text(text.clone())], uuids))
            }
            Test::Like(pattern) => {
                let prefix = match pattern.pieces().first() {
                    Some(Piece::Text(text)) => lower(text),
                    _ => Vec::new(),
                };
                (By::Prefix(prefix), word_of(pattern.pieces(), uuids_like(pattern)))
            }
            Test::Text(_) => (By::Prefix(Vec::new()), unknown(Uuids::All)),
            Test::Within(_) | Test::Number(_) | Test::Time(_) | Test::Address(_) => {
                (By::Prefix(Vec::new()), unknown(Uuids::None))
            }
        };
        let bytes = if let Test::Like(pattern) = test { bytes_of(pattern) } else { 0 };
        FieldTest { path: reading.path.clone(), part: reading.part, test: ValueTest::new(test), by, word, bytes }
    });
    tests.collect()
}

fn bytes_of(pattern: &Pattern) -> usize {
    pattern.pieces().iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { 1 }).sum()
}

fn unknown(uuids: Uuids) -> Word {
    Word { form: WordForm::Unknown, uuids }
}

fn uuids_like(pattern: &Pattern) -> Uuids {
    let can_hold = |piece: &Piece| !matches!(piece, Piece::Text(text) if !Uuids::can_hold(text.as_bytes()));
    if pattern.pieces().iter().all(can_hold) { Uuids::All } else { Uuids::None }
}

/// The longest word of a pattern that values have as a whole, or else the beginning of one.
fn word_of(pieces: &[Piece], uuids: Uuids) -> Word {
    let (mut whole, mut prefix): (&[u8], &[u8]) = (b"", b"");
    for (number, piece) in pieces.iter().enumerate() {
        let Piece::Text(text) = piece else { continue };
        let (first, last) = (number == 0, number + 1 == pieces.len());
        let text = text.as_bytes();
        for word in words(text) {
            let start = word.as_ptr().addr() - text.as_ptr().addr();
            let begins = first || start > 0;
            let ends = last || start + word.len() < text.len();
            let kept = &word[..word.len().min(WORD_BYTES)];
            if begins && ends && kept.len() > whole.len() {
                whole = kept;
            } else if begins && !ends && kept.len() > prefix.len() {
                prefix = kept;
            }
        }
    }
    let form = match (whole, prefix) {
        ([], [_, _, ..]) => WordForm::Prefix(prefix.to_ascii_lowercase()),
        ([], _) => WordForm::Unknown,
        (whole, _) => WordForm::Whole(whole.to_ascii_lowercase()),
    };
    Word { form, uuids }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentrail_query::Query;

    #[test]
    fn words_are_taken_from_patterns() {
        let check = |query: &str, expect: WordForm| {
            let plan = Plan::of(&Query::parse(query).expect("a query").root);
            let Plan::Words(test) = plan else { panic!("{query}") };
            assert_eq!(test.word.form, expect, "{query}");
        };
        check("Alice", WordForm::Whole(b"alice".to_vec()));
        check("sg-0123abc", WordForm::Whole(b"0123abc".to_vec()));
        check("sg-0123*", WordForm::Whole(b"sg".to_vec()));
        check("*lice", WordForm::Unknown);
        check("Del*", WordForm::Prefix(b"del".to_vec()));
        check("*a/b*", WordForm::Unknown);
        check("*x/word/y*", WordForm::Whole(b"word".to_vec()));
        check("a?bc/def", WordForm::Whole(b"def".to_vec()));
        check("\"--\"", WordForm::Unknown);
    }

    #[test]
    fn bounds_of_time_are_whole_seconds() {
        let check = |query: &str, from: i64, to: i64| {
            let plan = Plan::of(&Query::parse(query).expect("a query").root);
            assert!(matches!(plan, Plan::Time(a, b) if (a, b) == (from, to)), "{query}");
        };
        check("eventTime:[1970-01-01T00:00:05Z TO 1970-01-01T00:00:06Z]", 5, 6);
        check("eventTime:{1970-01-01T00:00:05Z TO 1970-01-01T00:00:07Z}", 6, 6);
        check("eventTime:>=1970-01-01T00:00:05.5Z", 6, i64::MAX);
        check("eventTime:<1970-01-01T00:00:05.5Z", i64::MIN, 5);
    }
}
