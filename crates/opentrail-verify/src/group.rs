//! Which digests belong to one chain, before any is read.

use crate::index::Index;
use crate::names::Kind;
use crate::period::Period;
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

/// What the digests of one chain have in common, wherever they lie.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainKey {
    pub account: String,
    pub region: String,
    pub trail: String,
    pub home_region: String,
    pub backfill: bool,
}

/// Copies of one trail among which the regular chain of a backfill chain is sought.
const MOST_COPIES: usize = 64;

/// One chain as listed.
#[derive(Debug, Clone)]
pub struct Chain {
    pub key: ChainKey,
    /// The shelf of its newest digest.
    pub shelf: u32,
    /// Entries of the index, newest first.
    pub digests: Vec<u32>,
    /// The usual time between two digests; zero if there are too few to tell.
    pub interval: Duration,
    /// Number of the trail it is of: backfill digests are of the same one.
    pub trail: u32,
}

/// All chains. A trail that moved to another bucket or prefix goes on there: what does not overlap in time is one chain.
/// Several copies of the same digests are chains of their own.
pub fn chains(index: &Index) -> Vec<Chain> {
    let mut parts: BTreeMap<ChainKey, BTreeMap<u32, Vec<(OffsetDateTime, u32)>>> = BTreeMap::new();
    for (id, entry) in index.entries.iter().enumerate() {
        let Kind::Digest(name) = &entry.kind else { continue };
        let shelf = &index.shelves[entry.shelf as usize];
        let key = ChainKey {
            account: shelf.account.clone(),
            region: shelf.region.clone(),
            trail: name.trail.clone(),
            home_region: name.home_region.clone(),
            backfill: name.backfill,
        };
        let id = u32::try_from(id).expect("the index holds fewer");
        parts.entry(key).or_default().entry(entry.shelf).or_default().push((name.end, id));
    }
    let mut chains: Vec<Chain> = Vec::new();
    for (key, shelves) in parts {
        for (shelf, digests) in joined(shelves) {
            // Regular chains come before their backfill chain; a copy is a trail of its own.
            let is_same =
                |chain: &&Chain| chain.shelf == shelf && ChainKey { backfill: key.backfill, ..chain.key.clone() } == key;
            let own = u32::try_from(chains.len()).expect("the index holds fewer");
            let trail = chains.iter().rev().take(MOST_COPIES).find(is_same).map_or(own, |chain| chain.trail);
            let interval = usual_interval(&digests);
            let digests = digests.into_iter().map(|(_, id)| id).collect();
            chains.push(Chain { key: key.clone(), shelf, digests, interval, trail });
        }
    }
    chains
}

type Part = (u32, Vec<(OffsetDateTime, u32)>);

/// Joins the parts of a chain on different shelves if they follow one another. Newest first.
fn joined(shelves: BTreeMap<u32, Vec<(OffsetDateTime, u32)>>) -> Vec<Part> {
    let mut parts: Vec<Part> = shelves.into_iter().collect();
    for (_, digests) in &mut parts {
        digests.sort_unstable_by(|a, b| b.cmp(a));
    }
    parts.sort_by_key(|(shelf, digests)| (std::cmp::Reverse(digests.first().map(|(end, _)| *end)), *shelf));
    let mut joined: Vec<Part> = Vec::new();
    for (shelf, digests) in parts {
        let newest = digests.first().map(|(end, _)| *end);
        let before = joined.iter_mut().find(|(_, newer)| newer.last().map(|(end, _)| *end) > newest);
        match before {
            Some((_, newer)) => newer.extend(digests),
            None => joined.push((shelf, digests)),
        }
    }
    joined
}

/// The commonest time between two digests.
fn usual_interval(newest_first: &[(OffsetDateTime, u32)]) -> Duration {
    let mut counts: BTreeMap<Duration, usize> = BTreeMap::new();
    for pair in newest_first.windows(2) {
        let between = pair[0].0 - pair[1].0;
        if between.is_positive() {
            *counts.entry(between).or_default() += 1;
        }
    }
    // Of two equally common ones the shorter: the longer has a hole in it.
    counts
        .into_iter()
        .max_by_key(|(between, count)| (*count, std::cmp::Reverse(*between)))
        .map_or(Duration::ZERO, |(between, _)| between)
}

/// The digests to read: those that may touch the period and the neighbour on each side. The newer one may begin
/// within the period and has the signature of the last one inside; the older one is what the first one refers to.
pub fn select(chain: &Chain, index: &Index, period: Period) -> Vec<u32> {
    let end = |id: &&u32| match &index.entries[**id as usize].kind {
        Kind::Digest(name) => name.end,
        Kind::Log { minute } => *minute,
    };
    let later = chain.digests.iter().take_while(|id| period.to.is_some_and(|to| end(id) > to)).count();
    let inside = chain.digests.iter().take_while(|id| period.begins_by(end(id))).count();
    let last = chain.digests.len().min(inside.max(later) + 1);
    chain.digests[later.saturating_sub(1)..last].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(locations: &[&str]) -> Index {
        let mut index = Index::default();
        let source = index.add_source(None);
        for location in locations {
            let (folder, time) = location.split_once(' ').expect("folder and time");
            let file = format!("111122223333_CloudTrail-Digest_r_t_h_202310{time}.json.gz");
            assert!(index.add(source, format!("{folder}/{file}")), "{location}");
        }
        index.finish();
        index
    }

    fn check(locations: &[&str], expect: &[&[u32]]) {
        let chains = chains(&index(locations));
        assert_eq!(chains.iter().map(|chain| &chain.digests[..]).collect::<Vec<_>>(), expect, "{locations:?}");
    }

    #[test]
    fn what_follows_one_another_is_one_chain() {
        check(&["a 15T010000Z", "a 15T020000Z"], &[&[1, 0]]);
        check(&["a 15T010000Z", "b 15T020000Z"], &[&[1, 0]]);
        check(&["a 15T010000Z", "b 15T010000Z"], &[&[0], &[1]]);
        check(&["a 15T010000Z", "a 15T030000Z", "b 15T020000Z"], &[&[1, 0], &[2]]);
        check(&["a 15T010000Z", "a 15T020000Z_backfill"], &[&[0], &[1]]);
    }

    #[test]
    fn the_interval_is_the_commonest() {
        let chains = chains(&index(&["a 15T010000Z", "a 15T020000Z", "a 15T040000Z", "a 15T050000Z"]));
        assert_eq!(chains[0].interval, Duration::HOUR);
        let chains = super::chains(&index(&["a 15T010000Z", "a 15T020000Z", "a 15T040000Z"]));
        assert_eq!(chains[0].interval, Duration::HOUR);
        let chains = super::chains(&index(&["a 15T010000Z"]));
        assert_eq!(chains[0].interval, Duration::ZERO);
    }
}
