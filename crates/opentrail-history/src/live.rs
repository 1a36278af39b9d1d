//! A live part: the events of one day that are not on disk yet, searchable as soon as they come.
//!
//! ```text
//! record ──walk──▶ path, kind, value ──Leaves──▶ leaf ▸ the row is added to it
//!      └──▶ RecordBlocks
//! ```

pub(crate) mod leaves;
pub(crate) mod paths;
mod reading;

use crate::error::HistoryError;
use crate::limits;
use crate::records::{Place, RecordBlocks};
use leaves::{Kind, Leaves};
use opentrail_eventlog::Position;
use opentrail_query::matching::walk::{Met, Structure, walk};
use opentrail_query::query::parse_instant;
use paths::{Paths, Reserved, Role};
use std::borrow::Cow;
use std::ops::ControlFlow;
use time::OffsetDateTime;

/// An event on its way into the history.
pub(crate) struct Incoming<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub record: &'a [u8],
    pub position: Position,
    /// Epoch seconds.
    pub time: i64,
}

/// Events in the order in which they came.
pub(crate) struct Live {
    pub paths: Paths,
    pub leaves: Leaves,
    pub blocks: RecordBlocks,
    pub times: Vec<i64>,
    pub positions: Vec<Position>,
    pub places: Vec<Place>,
    pub oldest: Option<i64>,
    pub newest: Option<i64>,
    /// When the log wrote the first of them, milliseconds since 1970.
    pub since_ms: u64,
    partition: String,
    text: Vec<u8>,
    met: Vec<u32>,
}

impl Live {
    /// `seed` keeps others from choosing values that collide.
    pub fn new(seed: u64, since_ms: u64) -> Self {
        Self {
            paths: Paths::new(),
            leaves: Leaves::new(seed),
            blocks: RecordBlocks::default(),
            times: Vec::new(),
            positions: Vec::new(),
            places: Vec::new(),
            oldest: None,
            newest: None,
            since_ms,
            partition: String::new(),
            text: Vec::new(),
            met: Vec::new(),
        }
    }

    pub fn len(&self) -> u32 {
        u32::try_from(self.times.len()).expect("a live part is far smaller")
    }

    /// About how many bytes it takes.
    pub fn memory(&self) -> usize {
        self.leaves.memory() + self.blocks.memory() + self.times.len() * 20
    }

    /// Adds an event; false if it is not one JSON object.
    ///
    /// # Errors
    /// If compressing records fails.
    pub fn add(&mut self, event: &Incoming<'_>) -> Result<bool, HistoryError> {
        self.met.clear();
        self.paths.restart();
        let mut reading = Reading {
            paths: &mut self.paths,
            leaves: &mut self.leaves,
            met: &mut self.met,
            facts: [u32::MAX; Role::COUNT],
            times: 0,
        };
        if walk(event.record, &mut self.text, &mut reading).is_err() {
            return Ok(false);
        }
        let Reading { facts, times, .. } = reading;
        let place = self.blocks.add(event.record).map_err(HistoryError::Compressing)?;
        let row = self.len();
        self.partition.clear();
        self.partition.extend([event.account, "/", event.region]);
        let partition = std::mem::take(&mut self.partition);
        self.note(Reserved::Partition, partition.as_bytes());
        self.partition = partition;
        self.note_facts(&facts, times, event.time);
        for leaf in &self.met {
            self.leaves.add_row(*leaf, row);
        }
        self.times.push(event.time);
        self.oldest = Some(self.oldest.map_or(event.time, |oldest| oldest.min(event.time)));
        self.newest = self.newest.max(Some(event.time));
        self.positions.push(event.position);
        self.places.push(place);
        Ok(true)
    }

    fn note(&mut self, reserved: Reserved, value: &[u8]) {
        let path = reserved.id();
        let guess = self.paths.get(path).last;
        let (leaf, new) = self.leaves.intern(path, Kind::Text, value, guess);
        let path = self.paths.get_mut(path);
        path.last = leaf;
        if new {
            path.leaves.push(leaf);
        }
        self.met.push(leaf);
    }

    fn note_facts(&mut self, facts: &[u32; Role::COUNT], times: u32, time: i64) {
        let text = |role: Role| {
            let leaf = self.leaves.all().get(facts[role as usize] as usize)?;
            self.leaves.text(leaf)
        };
        let category = text(Role::Category).unwrap_or(Cow::Borrowed(b"Management")).into_owned();
        let after_colon = || text(Role::PrincipalId).and_then(|id| Some(id.splitn(2, |byte| *byte == b':').nth(1)?.to_vec()));
        let username = match (text(Role::UserName), text(Role::UserType).as_deref()) {
            (Some(name), _) => Some(name.into_owned()),
            (None, Some(b"Root")) => Some(b"root".to_vec()),
            (None, Some(b"AssumedRole" | b"FederatedUser")) => after_colon(),
            _ => None,
        };
        let username = username.filter(|name| !name.is_empty());
        let written = text(Role::EventTime).and_then(|text| parse_instant(std::str::from_utf8(&text).ok()?));
        let regular = times == 1 && written.is_some_and(|at| at.nanosecond() == 0 && at.unix_timestamp() == time);
        self.note(Reserved::Category, &category);
        if let Some(name) = username {
            self.note(Reserved::Username, &name);
        }
        if !regular {
            self.note(Reserved::IrregularTime, b"");
        }
    }
}

/// Takes a record's values as it is walked.
struct Reading<'a> {
    paths: &'a mut Paths,
    leaves: &'a mut Leaves,
    /// Leaves of the record.
    met: &'a mut Vec<u32>,
    facts: [u32; Role::COUNT],
    /// Values at `eventTime`, however it is spelt, and below.
    times: u32,
}

impl Structure for Reading<'_> {
    fn enter(&mut self, key: &[u8]) {
        self.paths.enter(key);
    }

    fn leave(&mut self) {
        self.paths.leave();
    }

    fn value(&mut self, met: Met<'_>, json: &[u8]) -> ControlFlow<()> {
        match met {
            Met::Null => {}
            Met::Text(text) => self.leaf(Kind::Text, text),
            Met::Plain(text) => self.leaf(Kind::Plain, text),
            // What has something in it is there because that is there; one leaf more would do no harm.
            Met::Object | Met::Array => {
                let counts = may_be_void(json) || self.paths.get(self.paths.here()).asked_in_part;
                if counts && !self.paths.at_root() {
                    self.leaf(Kind::Empty, b"");
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether there may be no value but null in the JSON of an object or array.
fn may_be_void(json: &[u8]) -> bool {
    let inside = json[1..json.len() - 1].trim_ascii();
    inside.is_empty() || inside.ends_with(b"null")
}

impl Reading<'_> {
    fn leaf(&mut self, kind: Kind, value: &[u8]) {
        let id = self.paths.here();
        let path = self.paths.get(id);
        let (leaf, new) = self.leaves.intern(id, kind, value, path.last);
        let path = self.paths.get_mut(id);
        path.last = leaf;
        if new {
            path.leaves.push(leaf);
        }
        if path.role != Role::None {
            self.facts[path.role as usize] = leaf;
        }
        if path.is_time {
            self.times += 1;
        }
        self.met.push(leaf);
    }
}

/// When an event was: `eventTime`; `written` where that is absent, unreadable or more than a day ahead.
pub(crate) fn time_of(record: &[u8], written: OffsetDateTime) -> OffsetDateTime {
    let mut first = FirstTime { depth: 0, wanted: false, time: None };
    // Whether it is a record is asked when it is taken apart.
    let _ = walk(record, &mut Vec::new(), &mut first);
    first.time.filter(|at| *at <= written + limits::AHEAD).unwrap_or(written)
}

struct FirstTime {
    depth: u32,
    wanted: bool,
    time: Option<OffsetDateTime>,
}

impl Structure for FirstTime {
    fn enter(&mut self, key: &[u8]) {
        self.wanted = self.depth == 0 && key == b"eventTime";
        self.depth += 1;
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.wanted = false;
    }

    fn value(&mut self, met: Met<'_>, _: &[u8]) -> ControlFlow<()> {
        if !self.wanted {
            return ControlFlow::Continue(());
        }
        if let Met::Text(text) = met {
            self.time = std::str::from_utf8(text).ok().and_then(parse_instant);
        }
        ControlFlow::Break(())
    }
}
