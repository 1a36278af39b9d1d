//! A query made ready to be put to many records.

use super::test::ValueTest;
use super::text::Parts;
use super::walk::{Damage, Met, Walker};
use crate::query::{Clause, Part, Query, Term};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// A query, its terms numbered and gathered by the path they look at.
pub struct Matcher {
    tree: Node,
    terms: usize,
    places: Vec<Place>,
    anywhere: Vec<(usize, Parts)>,
}

/// Tests of the values at and below one path.
struct Place {
    path: Vec<u8>,
    tests: Vec<(usize, Part, ValueTest)>,
}

enum Node {
    All,
    Term(usize),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// Memory that evaluations share; one per thread.
#[derive(Default)]
pub struct Scratch {
    walker: Walker,
    passed: Vec<bool>,
}

impl Matcher {
    pub fn new(query: &Query) -> Self {
        let mut builder = Builder::default();
        let tree = builder.node(&query.root);
        Self { tree, terms: builder.terms, places: builder.places, anywhere: builder.anywhere }
    }

    /// Whether a record matches, given its JSON.
    ///
    /// # Errors
    /// If it is not one JSON object. What comes after a value that decides against the record may be left unread.
    pub fn matches(&self, record: &[u8], scratch: &mut Scratch) -> Result<bool, Damage> {
        let Scratch { walker, passed } = scratch;
        passed.clear();
        passed.resize(self.terms, false);
        let mut decided = self.tree.decided(passed);
        walker.walk(record, &mut |path, met, _| {
            if decided.is_none() && self.offer(path, met, passed) {
                decided = self.tree.decided(passed);
            }
            // A match is read to its end all the same: what is damaged is no match.
            if decided == Some(false) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(decided.unwrap_or_else(|| self.tree.holds(passed)))
    }

    /// Whether a record matches, given as a value. Of keys that a value cannot hold twice only the last was kept.
    pub fn matches_value(&self, record: &serde_json::Value, scratch: &mut Scratch) -> Result<bool, Damage> {
        self.matches(record.to_string().as_bytes(), scratch)
    }

    /// Puts a value to the terms that look at its path; whether one passed that had not before.
    fn offer(&self, path: &[u8], met: Met<'_>, passed: &mut [bool]) -> bool {
        let mut news = false;
        for place in &self.places {
            if !is_at_or_below(path, &place.path) {
                continue;
            }
            for (term, part, test) in &place.tests {
                if !passed[*term] && test.passes(met, *part) {
                    passed[*term] = true;
                    news = true;
                }
            }
        }
        if let Met::Text(text) | Met::Plain(text) = met {
            for (term, parts) in &self.anywhere {
                if !passed[*term] && parts.is_in(text) {
                    passed[*term] = true;
                    news = true;
                }
            }
        }
        news
    }
}

fn is_at_or_below(path: &[u8], place: &[u8]) -> bool {
    path.len() >= place.len() && path.starts_with(place) && matches!(path.get(place.len()), None | Some(b'.'))
}

#[derive(Default)]
struct Builder {
    terms: usize,
    places: Vec<Place>,
    by_path: HashMap<String, usize>,
    anywhere: Vec<(usize, Parts)>,
}

impl Builder {
    fn node(&mut self, clause: &Clause) -> Node {
        match clause {
            Clause::All => Node::All,
            Clause::Not(inner) => Node::Not(Box::new(self.node(inner))),
            Clause::And(members) => Node::And(members.iter().map(|member| self.node(member)).collect()),
            Clause::Or(members) => Node::Or(members.iter().map(|member| self.node(member)).collect()),
            Clause::Term(term) => Node::Term(self.term(term)),
        }
    }

    fn term(&mut self, term: &Term) -> usize {
        let number = self.terms;
        self.terms += 1;
        match term {
            Term::Phrase(text) => self.anywhere.push((number, Parts::of_text(text))),
            Term::Words(pattern) => self.anywhere.push((number, Parts::of_pattern(pattern))),
            Term::Field(field, test) => {
                for reading in field.readings() {
                    let place = *self.by_path.entry(reading.path.clone()).or_insert_with(|| {
                        self.places.push(Place { path: reading.path.clone().into_bytes(), tests: Vec::new() });
                        self.places.len() - 1
                    });
                    self.places[place].tests.push((number, reading.part, ValueTest::new(test)));
                }
            }
        }
        number
    }
}

impl Node {
    fn holds(&self, passed: &[bool]) -> bool {
        match self {
            Self::All => true,
            Self::Term(number) => passed[*number],
            Self::Not(inner) => !inner.holds(passed),
            Self::And(members) => members.iter().all(|member| member.holds(passed)),
            Self::Or(members) => members.iter().any(|member| member.holds(passed)),
        }
    }

    /// What it will be whatever comes, since a term that passed stays passed.
    fn decided(&self, passed: &[bool]) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::Term(number) => passed[*number].then_some(true),
            Self::Not(inner) => inner.decided(passed).map(|holds| !holds),
            Self::And(members) => first_decided(members, passed, false),
            Self::Or(members) => first_decided(members, passed, true),
        }
    }
}

/// `And` is decided by one member that fails, `Or` by one that holds, both by all the others together.
fn first_decided(members: &[Node], passed: &[bool], deciding: bool) -> Option<bool> {
    let mut open = false;
    for member in members {
        match member.decided(passed) {
            Some(decision) if decision == deciding => return Some(deciding),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!deciding)
}
