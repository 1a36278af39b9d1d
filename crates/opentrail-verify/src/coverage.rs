//! Which time the digests of a folder cover, and what that makes of log files that none of them names. Pure.

use crate::index::Index;
use crate::limits;
use crate::names::Kind;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// What is known of one folder's log files.
#[derive(Debug, Default)]
struct Covered {
    /// Windows of digests that are not invalid.
    windows: Vec<(OffsetDateTime, OffsetDateTime)>,
    /// First and last delivery time of the files that digests name.
    named: Option<(OffsetDateTime, OffsetDateTime)>,
    trails: BTreeSet<u32>,
}

#[derive(Debug, Default)]
pub struct Coverage {
    shelves: BTreeMap<u32, Covered>,
    /// For each file of the index, whether a digest names it.
    named: Vec<bool>,
}

/// What a log file is that no digest names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unnamed {
    /// It was delivered when a digest was to name it.
    Planted,
    /// Newer than the last digest.
    NotYet,
    /// Older than the first.
    Before,
    /// The digest of its time is missing or invalid, or logging was stopped.
    InHole,
    /// Its folder has no digests.
    NoDigests,
}

impl Coverage {
    pub fn new(index: &Index) -> Self {
        Self { shelves: BTreeMap::new(), named: vec![false; index.entries.len()] }
    }

    /// Enters the window of a digest.
    pub fn cover(&mut self, shelf: u32, start: OffsetDateTime, end: OffsetDateTime, trail: u32) {
        let covered = self.shelves.entry(shelf).or_default();
        covered.trails.insert(trail);
        // Digests come newest first; those of one chain touch.
        match covered.windows.last_mut() {
            Some(last) if end == last.0 => last.0 = start,
            _ => covered.windows.push((start, end)),
        }
    }

    /// Enters that a digest names a file; whether it is the first.
    pub fn name(&mut self, index: &Index, id: u32) -> bool {
        let entry = &index.entries[id as usize];
        if let Kind::Log { minute } = entry.kind {
            let named = &mut self.shelves.entry(entry.shelf).or_default().named;
            let (first, last) = named.unwrap_or((minute, minute));
            *named = Some((first.min(minute), last.max(minute)));
        }
        !std::mem::replace(&mut self.named[id as usize], true)
    }

    pub fn is_named(&self, id: u32) -> bool {
        self.named[id as usize]
    }

    /// The trails whose digests cover a folder.
    pub fn trails(&self, shelf: u32) -> Vec<u32> {
        self.shelves.get(&shelf).map(|covered| covered.trails.iter().copied().collect()).unwrap_or_default()
    }

    /// Tells the log files apart that no digest names.
    pub fn unnamed(&mut self, index: &Index) -> Vec<(u32, Unnamed)> {
        for covered in self.shelves.values_mut() {
            covered.windows = merged(std::mem::take(&mut covered.windows));
        }
        let mut found = Vec::new();
        for (id, entry) in index.entries.iter().enumerate() {
            let Kind::Log { minute } = entry.kind else { continue };
            if !self.named[id] {
                let judged = self.shelves.get(&entry.shelf).map_or(Unnamed::NoDigests, |covered| covered.judge(minute));
                found.push((u32::try_from(id).expect("the index holds fewer"), judged));
            }
        }
        found
    }
}

impl Covered {
    fn judge(&self, minute: OffsetDateTime) -> Unnamed {
        let (Some((first, _)), Some((_, last))) = (self.windows.first(), self.windows.last()) else { return Unnamed::NoDigests };
        // The name says to the minute, and some writers round it up: when exactly it was delivered is not known.
        let early = minute.saturating_sub(limits::NAME_TIME_EARLY);
        let late = minute.saturating_add(limits::NAME_TIME_LATE);
        let after = self.windows.partition_point(|(start, _)| *start <= early);
        if after.checked_sub(1).is_some_and(|at| late <= self.windows[at].1) {
            return Unnamed::Planted;
        }
        // Files are delivered in order: one between two that digests name is neither too new nor too old.
        let (oldest, newest) = self.named.unwrap_or((OffsetDateTime::UNIX_EPOCH, OffsetDateTime::UNIX_EPOCH));
        let (is_before, is_after) = (minute > oldest, minute < newest);
        if late > *last && !is_after {
            Unnamed::NotYet
        } else if early < *first && !is_before {
            Unnamed::Before
        } else if self.windows.len() == 1 && is_before && is_after {
            Unnamed::Planted
        } else {
            Unnamed::InHole
        }
    }
}

/// Joins windows that touch.
fn merged(mut windows: Vec<(OffsetDateTime, OffsetDateTime)>) -> Vec<(OffsetDateTime, OffsetDateTime)> {
    windows.sort_unstable();
    let mut joined: Vec<(OffsetDateTime, OffsetDateTime)> = Vec::new();
    for (start, end) in windows {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn time_tells_planted_from_not_yet_digested() {
        let day = |hour: u8, minute: u8| {
            datetime!(2024-01-02 00:00 UTC).replace_hour(hour).expect("an hour").replace_minute(minute).expect("a minute")
        };
        let whole =
            Covered { windows: vec![(day(2, 17), day(5, 17))], named: Some((day(2, 30), day(5, 15))), ..Covered::default() };
        let check =
            |covered: &Covered, hour, minute, expect| assert_eq!(covered.judge(day(hour, minute)), expect, "{hour}:{minute}");
        check(&whole, 3, 0, Unnamed::Planted);
        check(&whole, 5, 14, Unnamed::Planted);
        check(&whole, 5, 17, Unnamed::NotYet);
        check(&whole, 9, 0, Unnamed::NotYet);
        check(&whole, 1, 0, Unnamed::Before);
        check(&whole, 2, 17, Unnamed::Before);
        let torn = Covered { windows: vec![(day(2, 17), day(3, 17)), (day(4, 17), day(5, 17))], ..whole };
        check(&torn, 3, 45, Unnamed::InHole);
        check(&torn, 3, 10, Unnamed::Planted);
        check(&Covered::default(), 3, 10, Unnamed::NoDigests);
    }
}
