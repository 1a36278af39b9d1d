//! Ids of events that the history does not hold yet, though the log does or is about to.
//!
//! Two kinds: ids claimed by imports of this process, from before they are queued; and ids of everything else in the log
//! beyond the history's end (events recorded by the server itself, and imports from before its start), read from the
//! log when an import begins. An id is forgotten once the history has passed its position.
//!
//! Who asks the history after claiming misses nothing: an id was forgotten only after the history held it.

use crate::limits;
use crate::record::{self, Identity};
use opentrail_eventlog::{EventLog, LogError, LogReader, LoggedEntry, Position};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;

/// An account and an event id, as a number that cannot be guessed.
pub(crate) type Key = u128;

pub(crate) struct InFlight {
    log: EventLog,
    hashers: [RandomState; 2],
    /// Where the log ended when this began: imports from there on are claimed.
    began: Position,
    state: Mutex<State>,
    /// Stands behind what is in `state`, claimed, or passed by the history. Kept, because a new reader begins at the
    /// beginning of a segment.
    reader: Mutex<Option<LogReader>>,
}

/// What became of an attempt to claim an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Granted,
    /// In the log.
    Durable,
    /// Claimed by somebody who has not got it into the log yet.
    Pending,
}

#[derive(Default)]
struct State {
    /// And whether they are durable.
    ids: HashMap<Key, bool>,
    /// Positions after which the ids stand, about in order.
    settled: VecDeque<(Position, Vec<Key>)>,
}

impl InFlight {
    pub fn new(log: EventLog) -> Self {
        Self {
            began: log.end(),
            log,
            hashers: [RandomState::new(), RandomState::new()],
            state: Mutex::default(),
            reader: Mutex::new(None),
        }
    }

    pub fn key(&self, account: &str, id: &Identity) -> Key {
        let half = |hasher: &RandomState| Key::from(hasher.hash_one((account, id)));
        half(&self.hashers[0]) << 64 | half(&self.hashers[1])
    }

    /// Claims the ids that are not in flight already.
    pub fn claim(&self, keys: impl Iterator<Item = Key>) -> Vec<Claim> {
        let mut state = self.state.lock().expect("no holder panics");
        let claim = |key| match state.ids.entry(key) {
            Entry::Vacant(free) => {
                free.insert(false);
                Claim::Granted
            }
            Entry::Occupied(taken) if *taken.get() => Claim::Durable,
            Entry::Occupied(_) => Claim::Pending,
        };
        keys.map(claim).collect()
    }

    /// Waits until nobody's claim to these is open. Afterwards they are durable, or in the history, or nowhere.
    pub fn wait_for_claims(&self, keys: &[Key]) {
        let open = || {
            let state = self.state.lock().expect("no holder panics");
            keys.iter().any(|key| state.ids.get(key) == Some(&false))
        };
        while open() {
            std::thread::sleep(limits::PAUSE);
        }
    }

    /// Whether a claimed id has become durable.
    pub fn is_durable(&self, key: Key) -> bool {
        self.state.lock().expect("no holder panics").ids.get(&key) == Some(&true)
    }

    /// Gives up claims whose events were not queued.
    pub fn release(&self, keys: impl IntoIterator<Item = Key>) {
        let mut state = self.state.lock().expect("no holder panics");
        for key in keys {
            state.ids.remove(&key);
        }
    }

    /// Claimed events are durable, all of them before `end`.
    pub fn settle(&self, end: Position, keys: Vec<Key>) {
        let mut state = self.state.lock().expect("no holder panics");
        for key in &keys {
            state.ids.insert(*key, true);
        }
        state.settled.push_back((end, keys));
    }

    /// Forgets what the history holds, and answers how many ids are left.
    pub fn forget(&self, history: Position) -> usize {
        let mut state = self.state.lock().expect("no holder panics");
        while state.settled.front().is_some_and(|(end, _)| *end <= history) {
            for key in state.settled.pop_front().into_iter().flat_map(|(_, keys)| keys) {
                state.ids.remove(&key);
            }
        }
        state.ids.len()
    }

    /// Takes note of what the log holds beyond the history and this has not seen.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn catch_up(&self, history: Position) -> Result<(), LogError> {
        let mut kept = self.reader.lock().expect("no holder panics");
        let near = kept.take().filter(|reader| reader.position() + limits::READ_ON_POSITIONS >= history);
        let mut reader = match near {
            Some(reader) => reader,
            None => self.log.reader(history.max(self.log.first()))?,
        };
        // What was imported since is claimed already.
        if reader.position() >= self.began {
            reader = reader.only_news();
        }
        while let Some(block) = reader.next_block()? {
            for entry in block.iter().filter(|entry| entry.end() > history) {
                let keys = self.unclaimed(entry);
                if !keys.is_empty() {
                    self.settle(entry.end(), keys);
                }
            }
        }
        *kept = Some(reader);
        Ok(())
    }

    fn unclaimed(&self, entry: &LoggedEntry) -> Vec<Key> {
        if entry.entry.imported && entry.position >= self.began {
            return Vec::new();
        }
        let id = |record: &[u8]| record::identity(record);
        entry.entry.events.iter().filter_map(|event| Some(self.key(&event.account, &id(&event.record)?))).collect()
    }

    /// Whether there is room for another batch.
    pub fn has_room(&self, history: Position) -> bool {
        self.forget(history) < limits::IN_FLIGHT_EVENTS
    }
}
