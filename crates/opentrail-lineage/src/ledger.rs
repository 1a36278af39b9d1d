//! Issuing events in memory, gathered in one pass over files; what sessions did is counted in another.

use crate::clue::Clue;
use crate::event::Event;
use crate::limits;
use crate::trace::{Activity, Records};
use std::collections::HashMap;

/// Events that a chain may need, and how to count what keys did.
pub struct Ledger<F> {
    events: Vec<Event>,
    /// Places in `events`, by what clues ask for: `i` event id, `k` key given out, `s` shared id, `b` key used, `a` session.
    index: HashMap<(char, String), Vec<usize>>,
    left_out: u64,
    count: F,
}

impl<F, E> Ledger<F>
where
    F: FnMut(&[String]) -> Result<Vec<Activity>, E>,
{
    /// `count` tells what was done with keys.
    pub fn new(count: F) -> Self {
        Self { events: Vec::new(), index: HashMap::new(), left_out: 0, count }
    }

    /// Takes an event; beyond the limit it is only counted. Copies of one event are kept once.
    pub fn add(&mut self, event: Event) {
        let known = self.index.get(&('i', event.id.to_ascii_lowercase()));
        if known.is_some_and(|places| places.iter().any(|place| self.events[*place] == event)) {
            return;
        }
        if self.events.len() >= limits::LEDGER_EVENTS {
            self.left_out += 1;
            return;
        }
        let keys = [
            ('i', Some(&event.id)),
            ('k', event.issued_key.as_ref()),
            ('s', event.shared_id.as_ref()),
            ('b', event.identity.access_key.as_ref()),
            ('a', event.issued_arn.as_ref()),
            ('u', event.identity.arn.as_ref()),
        ];
        for (kind, key) in keys {
            if let Some(key) = key {
                self.index.entry((kind, key.to_ascii_lowercase())).or_default().push(self.events.len());
            }
        }
        self.events.push(event);
    }

    /// Events that were too many.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl<F, E> Records for Ledger<F>
where
    F: FnMut(&[String]) -> Result<Vec<Activity>, E>,
{
    type Error = E;

    fn find(&mut self, clue: &Clue, limit: usize) -> Result<Vec<Event>, E> {
        let place = match clue {
            Clue::Id(id) => ('i', id),
            Clue::Issued(key) => ('k', key),
            Clue::Shared(id) => ('s', id),
            Clue::Opened { arn, .. } => ('a', arn),
            Clue::SignIn { arn, .. } => ('u', arn),
            Clue::OpenedBy(key) => ('b', key),
        };
        let places = self.index.get(&(place.0, place.1.to_ascii_lowercase())).map(Vec::as_slice).unwrap_or_default();
        let fitting = places.iter().map(|place| &self.events[*place]).filter(|event| clue.fits(event));
        Ok(fitting.take(limit).cloned().collect())
    }

    fn activity(&mut self, keys: &[String]) -> Result<Vec<Activity>, E> {
        (self.count)(keys)
    }
}
