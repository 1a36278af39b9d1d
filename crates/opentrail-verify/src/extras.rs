//! What no digest names, and what was named but not found: compared with each other by content.

use crate::coverage::Unnamed;
use crate::digest::LogFileEntry;
use crate::error::VerifyError;
use crate::finding::{Code, Finding, Severity};
use crate::index::Shelf;
use crate::limits;
use crate::log_content::LogContent;
use crate::reading::{self, LogJob, Whereabouts};
use crate::records::Expected;
use crate::run::Run;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// A file to look into: one of the index, or one of another name.
struct Candidate {
    id: Option<u32>,
    place: Whereabouts,
    /// For a file in doubt, whose events are compared with those of named files.
    expected: Option<Expected>,
}

/// Looks for missing log files under other names, and reports the files that no digest names.
pub async fn check(run: &mut Run<'_>, odd: &[(usize, String)]) -> Result<(), VerifyError> {
    let mut unnamed = run.coverage.unnamed(run.rules.index);
    let candidates = candidates(run, &unnamed, odd);
    let mut renamed = HashSet::new();
    let mut missing: HashMap<String, Vec<usize>> = HashMap::new();
    for (number, log) in run.missing_logs.iter().enumerate() {
        missing.entry(log.hash.to_ascii_lowercase()).or_default().push(number);
    }
    let mut found = HashSet::new();
    let mut waiting = candidates.into_iter();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < limits::DIGESTS_IN_FLIGHT
            && let Some(candidate) = waiting.next()
        {
            running.push(look_into(candidate, Arc::clone(&run.readers)));
        }
        let Some(done) = running.next().await else { break };
        let (candidate, content) = done?;
        let Some(content) = content else { continue };
        if let Some(numbers) = missing.get(&content.hash) {
            for number in numbers.iter().copied() {
                if found.insert(number) {
                    let named = &run.missing_logs[number].named;
                    let text = format!("is what was recorded as {named}, found by its content");
                    run.collector.add(Finding::new(Code::Renamed, &candidate.place.file, text));
                }
            }
            renamed.extend(candidate.id);
        } else if let (Some(id), Some(records)) = (candidate.id, content.records) {
            for trail in run.coverage.trails(run.rules.index.entries[id as usize].shelf) {
                run.compare(trail, id, &records.ids);
            }
        }
    }
    for (number, log) in std::mem::take(&mut run.missing_logs).into_iter().enumerate() {
        let counts = &mut run.reports[log.chain].log_files;
        if found.contains(&number) {
            counts.invalid -= 1;
            counts.valid += 1;
        } else {
            run.collector.add(Finding::new(Code::LogMissing, log.named, "is not there, but a digest names it"));
        }
    }
    unnamed.retain(|(id, _)| !renamed.contains(id));
    report(run, &unnamed);
    Ok(())
}

/// The files to look into: all of them when something is missing, otherwise those that time alone does not judge.
fn candidates(run: &Run<'_>, unnamed: &[(u32, Unnamed)], odd: &[(usize, String)]) -> Vec<Candidate> {
    let is_missing = !run.missing_logs.is_empty();
    let in_doubt = |judged: Unnamed| matches!(judged, Unnamed::NotYet | Unnamed::Before | Unnamed::InHole);
    let of_index = unnamed.iter().filter(|(_, judged)| is_missing || in_doubt(*judged)).map(|(id, judged)| {
        let shelf = run.rules.index.shelf(*id as usize);
        let expected = || Expected { account: shelf.account.clone(), region: shelf.region.clone() };
        Candidate { id: Some(*id), place: run.whereabouts(*id), expected: in_doubt(*judged).then(expected) }
    });
    let others = odd.iter().filter(|_| is_missing).map(|(source, location)| Candidate {
        id: None,
        place: run.place(*source, location),
        expected: None,
    });
    of_index.chain(others).take(limits::CONTENT_SEARCH_FILES).collect()
}

/// Reads one file; `None` if that cannot be done.
async fn look_into(
    candidate: Candidate,
    readers: Arc<crate::log_content::Readers>,
) -> Result<(Candidate, Option<LogContent>), VerifyError> {
    let nameless = LogFileEntry { s3_bucket: String::new(), s3_object: String::new(), hash_value: String::new() };
    let job = LogJob {
        entry: nameless,
        id: candidate.id,
        chain: 0,
        proved: false,
        places: vec![candidate.place.clone()],
        expected: candidate.expected.clone(),
    };
    let outcomes = reading::check_anywhere(job, readers).await?;
    let content = outcomes.into_iter().next().and_then(|outcome| outcome.result.ok()?.ok());
    Ok((candidate, content))
}

fn report(run: &mut Run<'_>, unnamed: &[(u32, Unnamed)]) {
    let mut without_digests: BTreeMap<u32, u64> = BTreeMap::new();
    let mut alike: BTreeMap<(u32, Unnamed), u64> = BTreeMap::new();
    for (id, judged) in unnamed {
        let (code, severity, text) = match judged {
            Unnamed::Planted => (Code::Unlisted, Severity::Invalid, "lies in the covered period, but no digest names it"),
            Unnamed::NotYet => (Code::Undigested, Severity::Info, "is newer than the last digest, so none names it yet"),
            Unnamed::Before => (Code::Undigested, Severity::Info, "is older than the first digest, so none names it"),
            Unnamed::InHole => {
                (Code::Undigested, Severity::Warning, "is of a time whose digest is missing or invalid, or without logging")
            }
            Unnamed::NoDigests => {
                *without_digests.entry(run.rules.index.entries[*id as usize].shelf).or_default() += 1;
                continue;
            }
        };
        // What lies outside the period has no digests read for it.
        if *judged != Unnamed::Planted && !is_in_period(run, *id) {
            continue;
        }
        let count = alike.entry((run.rules.index.entries[*id as usize].shelf, *judged)).or_default();
        *count += 1;
        if code == Code::Unlisted || *count <= limits::UNDIGESTED_FILES {
            let file = run.whereabouts(*id).file;
            run.collector.add(Finding::new(code, file, text).with_severity(severity));
        }
    }
    for ((shelf, judged), count) in alike.into_iter().filter(|((_, judged), _)| *judged != Unnamed::Planted) {
        if let Some(more) = count.checked_sub(limits::UNDIGESTED_FILES).filter(|more| *more > 0) {
            let severity = if judged == Unnamed::InHole { Severity::Warning } else { Severity::Info };
            let text = format!("has {more} more log files of the same kind");
            run.collector.add(Finding::new(Code::Undigested, shelf_name(run, shelf), text).with_severity(severity));
        }
    }
    if run.chains.is_empty() || !run.rules.period.is_open() {
        return;
    }
    for (shelf, count) in without_digests {
        let text = format!("has {count} log files, but no digests for them");
        run.collector.add(Finding::new(Code::Undigested, shelf_name(run, shelf), text).with_severity(Severity::Warning));
    }
}

/// A folder of log files, with what its files have in common.
fn shelf_name(run: &Run<'_>, shelf: u32) -> String {
    let Shelf { source, place, account, region } = &run.rules.index.shelves[shelf as usize];
    format!("{} (account {account}, {region})", run.sources[*source].display(&place.base))
}

fn is_in_period(run: &Run<'_>, id: u32) -> bool {
    match run.rules.index.entries[id as usize].kind {
        crate::names::Kind::Log { minute } => run.rules.period.touches(minute, minute),
        crate::names::Kind::Digest(_) => false,
    }
}
