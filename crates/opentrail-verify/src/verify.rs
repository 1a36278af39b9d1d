//! The run: list, walk each chain, check its log files, look for files nobody names.

use crate::Options;
use crate::chain::{self, ChainKey, Loaded, Period, Proof, Rules, Step, Walk};
use crate::error::VerifyError;
use crate::finding::{Code, Finding, Severity};
use crate::limits;
use crate::names::{Kind, Place};
use crate::progress::{Checked, FileKind, Progress};
use crate::reading::{self, LogJob};
use crate::report::{ChainReport, Collector, Report};
use crate::source::{Index, Source};
use futures::{StreamExt, TryStreamExt, stream};
use opentrail_model::timestamp;
use std::collections::HashMap;
use time::OffsetDateTime;

/// Checks all digests of all sources, and all log files they name.
///
/// Whatever is wrong with the files is in the report; an error means the check could not be done.
pub async fn verify(sources: &[Box<dyn Source>], options: &Options, progress: &dyn Progress) -> Result<Report, VerifyError> {
    let index = list(sources).await?;
    let (digests, log_files) = index.counts();
    progress.listed(digests, log_files);
    let keys = options.keys.as_ref().filter(|keys| !keys.is_empty());
    let rules =
        Rules { index: &index, keys, period: Period { from: options.from, to: options.to }, accept_gap: options.accept_gap };
    let mut run = Run {
        sources,
        rules,
        concurrency: options.concurrency.max(1),
        progress,
        collector: Collector::default(),
        named: vec![false; index.entries.len()],
        windows: HashMap::new(),
    };
    for (key, digests) in chain::group(&index) {
        run.chain(&key, &digests).await?;
    }
    run.unlisted();
    let mut collector = run.collector;
    if !collector.has_chains() {
        collector.add(Finding::new(Code::NoDigests, "", "there is no digest in the sources and the period"));
    } else if keys.is_none() {
        collector.add(Finding::new(Code::NoKeys, "", "no public keys were given: signatures were not checked"));
    }
    Ok(collector.finish(options.from.map(timestamp::event_time), options.to.map(timestamp::event_time)))
}

async fn list(sources: &[Box<dyn Source>]) -> Result<Index, VerifyError> {
    let mut index = Index::default();
    for source in sources {
        index.add_source(source.bucket(), source.list().await?);
    }
    Ok(index)
}

/// Source, place, account and region: log files of all trails lie together there.
type Shelf = (usize, Place, String, String);

struct Run<'a> {
    sources: &'a [Box<dyn Source>],
    rules: Rules<'a>,
    concurrency: usize,
    progress: &'a dyn Progress,
    collector: Collector,
    /// For each file of the index, whether a digest names it.
    named: Vec<bool>,
    /// Windows of digests that are not invalid.
    windows: HashMap<Shelf, Vec<(OffsetDateTime, OffsetDateTime)>>,
}

impl Run<'_> {
    async fn chain(&mut self, key: &ChainKey, digests: &[usize]) -> Result<(), VerifyError> {
        let (sources, rules) = (self.sources, self.rules);
        let source = &sources[key.source];
        let mut report = ChainReport {
            trail: key.trail.clone(),
            account: key.account.clone(),
            region: key.region.clone(),
            home_region: key.home_region.clone(),
            organization: key.place.organization.clone(),
            backfill: key.backfill,
            place: source.display(&key.place.base),
            ..ChainReport::default()
        };
        let mut walk = Walk::new(rules, key, source.bucket().is_some());
        for batch in rules.period.select(rules.index, digests).chunks(limits::DIGESTS_PER_BATCH) {
            let reads: Vec<_> = batch.iter().map(|id| reading::load_digest(sources, rules.index, *id)).collect();
            let in_flight = self.concurrency.min(limits::DIGESTS_IN_FLIGHT);
            let loaded: Vec<Loaded> = stream::iter(reads).buffered(in_flight).try_collect().await?;
            let mut jobs = Vec::new();
            for digest in &loaded {
                let step = walk.step(digest);
                let proof = step.proof;
                self.record(key, digest, step, &mut report).await?;
                let logs = self.name_logs(digest);
                match proof {
                    Proof::Valid => jobs.extend(logs.into_iter().map(|job| (job, true))),
                    Proof::Unproved => jobs.extend(logs.into_iter().map(|job| (job, false))),
                    Proof::Invalid => report.log_files.not_checked += logs.len() as u64,
                    Proof::OutOfPeriod => {}
                }
            }
            for jobs in jobs.chunks(limits::LOG_FILES_PER_BATCH) {
                self.check_logs(jobs, &mut report).await?;
            }
        }
        let (pending, findings) = walk.finish();
        findings.into_iter().for_each(|finding| self.collector.add(finding));
        for claim in pending {
            let Some(id) = claim.target else { continue };
            let loaded = reading::load_digest(sources, rules.index, id).await?;
            self.settle(&claim, &loaded);
        }
        let digests = report.digests;
        if digests.valid + digests.invalid + digests.unproved > 0 {
            self.collector.add_chain(report);
        }
        Ok(())
    }

    /// Enters what a step found, and looks once more for a digest that was not listed.
    async fn record(&mut self, key: &ChainKey, loaded: &Loaded, step: Step, report: &mut ChainReport) -> Result<(), VerifyError> {
        match step.proof {
            Proof::Valid => report.digests.valid += 1,
            Proof::Invalid => report.digests.invalid += 1,
            Proof::Unproved => report.digests.unproved += 1,
            Proof::OutOfPeriod => {}
        }
        if step.proof != Proof::OutOfPeriod {
            let digest = loaded.content.as_ref().and_then(|content| content.as_ref().ok());
            let named = digest.map_or_else(|| loaded.file.clone(), |digest| digest.named());
            let invalid = step.findings.iter().find(|f| f.severity == Severity::Invalid && f.code != Code::Gap);
            self.progress.checked(&Checked {
                kind: FileKind::Digest,
                backfill: key.backfill,
                named: &named,
                proved: step.proof == Proof::Valid,
                finding: invalid.or(step.findings.first()).filter(|f| f.code != Code::Gap),
            });
        }
        if let (Proof::Valid | Proof::Unproved, Some(Ok(digest))) = (step.proof, &loaded.content) {
            report.covered_to.get_or_insert_with(|| timestamp::event_time(digest.end));
            report.covered_from = Some(timestamp::event_time(digest.start));
            let shelf = (key.source, key.place.clone(), key.account.clone(), key.region.clone());
            if !key.backfill {
                self.windows.entry(shelf).or_default().push((digest.start, digest.end));
            }
        }
        step.findings.into_iter().for_each(|finding| self.collector.add(finding));
        let Some(claim) = step.unresolved else { return Ok(()) };
        for source in reading::sources_of(self.sources, &claim.bucket) {
            let previous = reading::load_digest_at(source, &claim.key, loaded.id).await?;
            if previous.content.is_some() {
                self.settle(&claim, &previous);
                return Ok(());
            }
        }
        report.digests.invalid += 1;
        let finding = claim.missing();
        let file = finding.file.clone();
        self.progress.checked(&Checked {
            kind: FileKind::Digest,
            backfill: key.backfill,
            named: &file,
            proved: false,
            finding: Some(&finding),
        });
        self.collector.add(finding);
        Ok(())
    }

    /// Compares a claim with a digest outside the walk.
    fn settle(&mut self, claim: &chain::Claim, loaded: &Loaded) {
        let findings = match &loaded.content {
            Some(Ok(digest)) => claim.check(&loaded.file, &digest.hash, &loaded.metadata),
            // Unreadable: its own chain reports that. Vanished: it is missing.
            Some(Err(_)) => Vec::new(),
            None => vec![claim.missing()],
        };
        findings.into_iter().for_each(|finding| self.collector.add(finding));
    }

    /// Marks the log files a digest names, and makes the jobs to check them.
    fn name_logs<'d>(&mut self, loaded: &'d Loaded) -> Vec<LogJob<'d>> {
        let index = self.rules.index;
        let near = &index.entries[loaded.id];
        let mut jobs = Vec::new();
        for entry in chain::log_files(loaded) {
            let id = index.find(&entry.s3_bucket, &entry.s3_object, near);
            if let Some(id) = id {
                self.named[id] = true;
            }
            jobs.push(LogJob { entry, id, backfill: matches!(near.name.kind, Kind::Digest { backfill: true, .. }) });
        }
        jobs
    }

    async fn check_logs(&mut self, jobs: &[(LogJob<'_>, bool)], report: &mut ChainReport) -> Result<(), VerifyError> {
        let (sources, index) = (self.sources, self.rules.index);
        // Collected, because a stream of borrowing closures cannot be moved between threads.
        let check = |(job, proved)| async move {
            let finding = reading::check_log(sources, index, job).await;
            finding.map(|finding| (job, proved, finding))
        };
        let checks: Vec<_> = jobs.iter().map(|(job, proved)| check((job, *proved))).collect();
        let mut checks = stream::iter(checks).buffer_unordered(self.concurrency);
        while let Some((job, proved, finding)) = checks.try_next().await? {
            self.progress.checked(&Checked {
                kind: FileKind::Log,
                backfill: job.backfill,
                named: &job.named(),
                proved,
                finding: finding.as_ref(),
            });
            match finding {
                None => report.log_files.valid += 1,
                Some(finding) => {
                    report.log_files.invalid += 1;
                    self.collector.add(finding);
                }
            }
        }
        Ok(())
    }

    /// Log files that lie well within a covered window and that no digest names.
    fn unlisted(&mut self) {
        for windows in self.windows.values_mut() {
            *windows = merged(std::mem::take(windows));
        }
        for (entry, _) in self.rules.index.entries.iter().zip(&self.named).filter(|(_, named)| !**named) {
            let Kind::Log { minute } = entry.name.kind else { continue };
            let shelf = (entry.source, entry.place.clone(), entry.name.account.clone(), entry.name.region.clone());
            let Some(windows) = self.windows.get(&shelf) else { continue };
            let (early, late) = (minute - limits::NAME_TIME_EARLY, minute + limits::NAME_TIME_LATE);
            if windows.iter().any(|(start, end)| *start <= early && late <= *end) {
                let file = self.sources[entry.source].display(&entry.location);
                self.collector.add(Finding::new(Code::Unlisted, file, "lies in the covered period, but no digest names it"));
            }
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
