//! What a query means, without saying how it is answered.

use super::bounds::Bounds;
use super::field::Field;
use super::network::Network;
use super::pattern::Pattern;
use super::syntax_error::SyntaxError;
use super::window::Window;
use std::net::IpAddr;
use time::OffsetDateTime;

/// A whole query. `Display` writes text that parses to the same query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub root: Clause,
}

/// A condition on one record.
///
/// Normal form, which the parser makes and [`Clause::and`] and [`Clause::or`] keep: `And` and `Or` have at least two
/// members, none of which is of the same kind, and `All` stands only where nothing else is said.
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    /// Every record.
    All,
    Term(Term),
    Not(Box<Clause>),
    And(Vec<Clause>),
    Or(Vec<Clause>),
}

/// The smallest condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// The text stands in some value of the record, its ends at the ends of words.
    Phrase(String),
    /// The same with wildcards, which do not reach across white space. An end that is a wildcard may lie inside a word.
    Words(Pattern),
    /// Some value of the field passes the test.
    Field(Field, Test),
}

/// A test of one value. Letters `A` to `Z` equal their small forms throughout.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// There is a value, and it is not null.
    Exists,
    /// The whole value, as text.
    Equals(String),
    /// The whole value, as text.
    Like(Pattern),
    /// An address in the network, or the text by which the network was given.
    Within(Network),
    /// A number, or text that reads as one.
    Number(Bounds<f64>),
    /// A time in any of the forms records carry.
    Time(Bounds<OffsetDateTime>),
    Address(Bounds<IpAddr>),
    /// Text in the order of its bytes.
    Text(Bounds<String>),
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// If it is not well-formed or larger than [`crate::limits`] allow; the error knows the place.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        super::parser::parse(text)
    }

    /// The query that every record matches.
    pub fn all() -> Self {
        Self { root: Clause::All }
    }

    /// How many terms it has.
    pub fn terms(&self) -> usize {
        self.root.terms()
    }

    /// Records that match both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { root: Clause::and([self.root, other.root]) }
    }

    /// Records whose `eventTime` is at or after `from` and before `to`.
    pub fn between(from: Option<OffsetDateTime>, to: Option<OffsetDateTime>) -> Self {
        if from.is_none() && to.is_none() {
            return Self::all();
        }
        let bounds = Bounds { lower: from.map(super::Edge::included), upper: to.map(super::Edge::excluded) };
        Self { root: Clause::Term(Term::Field(Field::event_time(), Test::Time(bounds))) }
    }

    /// A period outside which no record can match.
    pub fn window(&self) -> Window {
        Window::of(&self.root)
    }
}

impl Clause {
    fn terms(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Term(_) => 1,
            Self::Not(inner) => inner.terms(),
            Self::And(members) | Self::Or(members) => members.iter().map(Self::terms).sum(),
        }
    }

    /// All of them, in normal form.
    pub fn and(members: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for member in members {
            match member {
                Self::All => {}
                Self::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Self::All,
            1 => flat.swap_remove(0),
            _ => Self::And(flat),
        }
    }

    /// Any of them, in normal form. None at all matches nothing.
    pub fn or(members: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for member in members {
            match member {
                Self::All => return Self::All,
                Self::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Self::Not(Box::new(Self::All)),
            1 => flat.swap_remove(0),
            _ => Self::Or(flat),
        }
    }
}
