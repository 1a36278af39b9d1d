//! A run: digests come in order, each chain is walked, log files are checked meanwhile, as many at once as may be.

use crate::Options;
use crate::chain::{Content, Loaded, Proof, Rules, Step, Walk};
use crate::claim::Claim;
use crate::coverage::Coverage;
use crate::digest::LogFileEntry;
use crate::error::VerifyError;
use crate::event_ids::EventIds;
use crate::finding::{Code, Finding, Severity};
use crate::group::{self, Chain};
use crate::head::Head;
use crate::limits;
use crate::log_content::Readers;
use crate::names::{self, FileName};
use crate::progress::{Checked, FileKind, Progress};
use crate::reading::{self, LogJob, LogOutcome, Whereabouts};
use crate::records::Expected;
use crate::report::{ChainReport, Collector};
use crate::schedule;
use crate::source::Source;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, FuturesUnordered};
use opentrail_model::digest::METADATA_SIGNATURE;
use opentrail_model::timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// A log file that a digest names and that was not found: it may have been renamed.
pub struct MissingLog {
    pub chain: usize,
    pub named: String,
    pub hash: String,
}

pub struct Run<'a> {
    pub sources: &'a [Box<dyn Source>],
    pub rules: Rules<'a>,
    pub collector: Collector,
    pub chains: &'a [Chain],
    pub reports: Vec<ChainReport>,
    pub coverage: Coverage,
    pub missing_logs: Vec<MissingLog>,
    pub readers: Arc<Readers>,
    options: &'a Options,
    progress: &'a dyn Progress,
    threads: usize,
    events: EventIds,
    events_not_compared: bool,
    read_failures: usize,
}

type LogCheck = BoxFuture<'static, Result<Vec<LogOutcome>, VerifyError>>;

/// What is on its way.
#[derive(Default)]
struct Pipeline {
    digests: FuturesOrdered<BoxFuture<'static, Loaded>>,
    jobs: VecDeque<LogJob>,
    checks: FuturesUnordered<LogCheck>,
}

enum Event {
    Digest(Loaded),
    Checked(Vec<LogOutcome>),
    Done,
}

impl Pipeline {
    async fn next(&mut self) -> Result<Event, VerifyError> {
        // Digests wait while there is enough to do; the order of events decides nothing but memory.
        let takes_digests = !self.digests.is_empty() && self.jobs.len() < limits::LOG_FILES_QUEUED;
        tokio::select! {
            biased;
            Some(outcomes) = self.checks.next() => Ok(Event::Checked(outcomes?)),
            Some(loaded) = self.digests.next(), if takes_digests => Ok(Event::Digest(loaded)),
            else => Ok(Event::Done),
        }
    }
}

impl<'a> Run<'a> {
    pub fn new(
        sources: &'a [Box<dyn Source>],
        rules: Rules<'a>,
        chains: &'a [Chain],
        options: &'a Options,
        progress: &'a dyn Progress,
    ) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let report = |chain: &Chain| {
            let shelf = &rules.index.shelves[chain.shelf as usize];
            let key = chain.key.clone();
            let place = sources[shelf.source].display(&shelf.place.base);
            ChainReport::new(key, shelf.place.organization.clone(), place)
        };
        Self {
            sources,
            rules,
            collector: Collector::default(),
            chains,
            reports: chains.iter().map(report).collect(),
            coverage: Coverage::new(rules.index),
            missing_logs: Vec::new(),
            readers: Arc::new(Readers::new(threads)),
            options,
            progress,
            threads,
            events: EventIds::default(),
            events_not_compared: false,
            read_failures: 0,
        }
    }

    /// Where a file of the index is.
    pub fn whereabouts(&self, id: u32) -> Whereabouts {
        let source = self.rules.index.shelf(id as usize).source;
        self.place(source, &self.rules.index.entries[id as usize].location)
    }

    pub fn place(&self, source: usize, location: &str) -> Whereabouts {
        let source = &self.sources[source];
        Whereabouts { files: source.files(), location: location.to_owned(), file: source.display(location) }
    }

    /// Where a file may be that no listing has.
    pub fn elsewhere(&self, bucket: &str, key: &str) -> Vec<Whereabouts> {
        let (bucket, key) = self.rules.index.mapping.apply(bucket, key);
        let may_have = |number: &usize| self.sources[*number].bucket().is_none_or(|own| own == bucket);
        (0..self.sources.len()).filter(may_have).map(|number| self.place(number, &key)).collect()
    }

    /// Walks all chains and checks what they name.
    pub async fn check_chains(&mut self) -> Result<(), VerifyError> {
        let (chains, rules) = (self.chains, self.rules);
        let mut order = chains.iter().enumerate().flat_map(|(number, chain)| {
            let digests = group::select(chain, rules.index, rules.period);
            digests.into_iter().map(move |id| (number, id))
        });
        // The same order once more: loading runs ahead of walking.
        let mut walked: VecDeque<(usize, u32)> = VecDeque::new();
        let mut walk: Option<(usize, Walk<'a>)> = None;
        let mut pipeline = Pipeline::default();
        loop {
            while pipeline.digests.len() < limits::DIGESTS_IN_FLIGHT
                && let Some((number, id)) = order.next()
            {
                let place = self.whereabouts(id);
                pipeline.digests.push_back(Box::pin(reading::load_digest(id, place, limits::SMALL_DIGEST_BYTES)));
                walked.push_back((number, id));
            }
            self.start_checks(&mut pipeline);
            match pipeline.next().await? {
                Event::Checked(outcomes) => self.take_outcomes(outcomes)?,
                Event::Digest(loaded) => {
                    let (number, id) = walked.pop_front().expect("one for each digest that was begun");
                    if walk.as_ref().is_none_or(|(current, _)| *current != number) {
                        self.end_walk(walk.take()).await?;
                        walk = Some((number, Walk::new(rules, &chains[number])));
                    }
                    let (_, walk) = walk.as_mut().expect("was set above");
                    let loaded = self.large(loaded, id).await?;
                    let jobs = self.take_digest(number, walk, loaded).await?;
                    pipeline.jobs.extend(jobs);
                }
                Event::Done => break,
            }
        }
        self.end_walk(walk).await
    }

    /// Reads a large digest now that it is its turn.
    async fn large(&mut self, loaded: Loaded, id: u32) -> Result<Loaded, VerifyError> {
        let mut loaded = match loaded.content {
            Content::Large => reading::load_digest(id, self.whereabouts(id), limits::DIGEST_BYTES).await,
            _ => loaded,
        };
        if let Content::Unreadable(error) = loaded.content {
            loaded.content = Content::Unreadable(self.failed(&loaded.file, error)?);
        }
        Ok(loaded)
    }

    /// Counts what could not be read, and gives up when it is too much.
    pub fn failed(&mut self, file: &str, error: VerifyError) -> Result<VerifyError, VerifyError> {
        self.read_failures += 1;
        if self.read_failures > limits::READ_FAILURES {
            let (count, file) = (self.read_failures, file.to_owned());
            return Err(VerifyError::GaveUp { count, file, source: Box::new(error) });
        }
        Ok(error)
    }

    /// Begins as many checks as may run at once.
    fn start_checks(&self, pipeline: &mut Pipeline) {
        while let Some(first) = pipeline.jobs.front() {
            let is_local = first.is_local();
            // Files of this machine keep a processor busy each; more threads than a few only get in each other's way.
            let most = if is_local { self.threads + 1 } else { self.options.concurrency.max(1) };
            if pipeline.checks.len() >= most {
                return;
            }
            let readers = Arc::clone(&self.readers);
            if is_local {
                let mut jobs = Vec::new();
                while jobs.len() < limits::LOCAL_BATCH
                    && let Some(job) = pipeline.jobs.pop_front_if(|job| job.is_local())
                {
                    jobs.push(job);
                }
                pipeline.checks.push(Box::pin(reading::check_local(jobs, readers)));
            } else if let Some(job) = pipeline.jobs.pop_front() {
                pipeline.checks.push(Box::pin(reading::check_anywhere(job, readers)));
            }
        }
    }

    /// Enters what a digest amounts to; the log files to check for it.
    async fn take_digest(&mut self, chain: usize, walk: &mut Walk<'a>, loaded: Loaded) -> Result<Vec<LogJob>, VerifyError> {
        let step = walk.step(&loaded);
        let Step { proof, missing, .. } = step;
        let report = &mut self.reports[chain];
        match proof {
            Proof::Valid => report.digests.valid += 1,
            Proof::Invalid => report.digests.invalid += 1,
            Proof::Unproved => report.digests.unproved += 1,
            Proof::OutOfPeriod => {}
        }
        report.digests.missing += missing;
        if proof != Proof::OutOfPeriod {
            self.show_digest(chain, &loaded, &step);
        }
        if let (Proof::Valid | Proof::Unproved, Some(digest)) = (proof, loaded.digest()) {
            let report = &mut self.reports[chain];
            report.covered_to.get_or_insert_with(|| timestamp::event_time(digest.end));
            report.covered_from = Some(timestamp::event_time(digest.start));
            if report.head.is_none() {
                report.head = Some(head(&self.chains[chain], &loaded, digest));
            }
            let shelf = self.rules.index.entries[loaded.id as usize].shelf;
            self.coverage.cover(shelf, digest.start, digest.end, self.chains[chain].trail);
        }
        step.findings.into_iter().for_each(|finding| self.collector.add(finding));
        if let Some(claim) = step.unresolved {
            self.resolve(chain, walk, claim).await?;
        }
        let Content::Digest(digest) = loaded.content else { return Ok(Vec::new()) };
        Ok(self.jobs(chain, loaded.id, proof, digest.document.log_files))
    }

    fn show_digest(&self, chain: usize, loaded: &Loaded, step: &Step) {
        // One line a file: what AWS's own check would say goes before what it does not check.
        let own = step.findings.iter().filter(|finding| finding.file == loaded.file && finding.code != Code::Gap);
        let finding = own.max_by_key(|finding| (finding.severity, finding.code.aws_text() != finding.code.name()));
        // One that was moved is where it is, not where it says.
        let is_moved = finding.is_some_and(|finding| finding.code == Code::DigestMoved);
        let named = loaded.digest().filter(|_| !is_moved).map_or_else(|| loaded.file.clone(), |digest| digest.named());
        self.progress.checked(&Checked {
            kind: FileKind::Digest,
            chain: &self.chains[chain].key,
            backfill: self.chains[chain].key.backfill,
            named: &named,
            proved: step.proof == Proof::Valid,
            finding,
        });
    }

    /// Looks once more for a digest that was not listed.
    async fn resolve(&mut self, chain: usize, walk: &mut Walk<'a>, claim: Claim) -> Result<(), VerifyError> {
        for place in self.elsewhere(&claim.bucket, &claim.key) {
            let previous = reading::load_digest(u32::MAX, place, limits::DIGEST_BYTES).await;
            if !matches!(previous.content, Content::Gone) {
                self.settle(&claim, &previous);
                return Ok(());
            }
        }
        self.reports[chain].digests.missing += 1;
        let finding = claim.missing();
        self.progress.checked(&Checked {
            kind: FileKind::Digest,
            chain: &self.chains[chain].key,
            backfill: self.chains[chain].key.backfill,
            named: &finding.file,
            proved: false,
            finding: Some(&finding),
        });
        self.collector.add(finding);
        walk.is_missing(claim);
        Ok(())
    }

    /// Compares a claim with a digest outside the walk.
    fn settle(&mut self, claim: &Claim, loaded: &Loaded) {
        let findings = match &loaded.content {
            Content::Digest(digest) => claim.check(&loaded.file, &digest.hash, &loaded.metadata),
            Content::Gone => vec![claim.missing()],
            // Its own chain reports that.
            _ => Vec::new(),
        };
        findings.into_iter().for_each(|finding| self.collector.add(finding));
    }

    async fn end_walk(&mut self, walk: Option<(usize, Walk<'a>)>) -> Result<(), VerifyError> {
        let Some((chain, walk)) = walk else { return Ok(()) };
        self.check_end(chain, walk.interval());
        let (pending, findings) = walk.finish();
        findings.into_iter().for_each(|finding| self.collector.add(finding));
        for claim in pending {
            let Some(id) = claim.target else { continue };
            let loaded = reading::load_digest(id, self.whereabouts(id), limits::DIGEST_BYTES).await;
            self.settle(&claim, &loaded);
        }
        Ok(())
    }

    /// Whether the chain goes on to the end of the period, or to now.
    fn check_end(&mut self, chain: usize, interval: time::Duration) {
        let Chain { key, digests, shelf, .. } = &self.chains[chain];
        let Some(until) = self.options.to.into_iter().chain(self.options.now).min() else { return };
        let newest = digests.first().map(|id| &self.rules.index.entries[*id as usize]);
        let Some(end) = newest.and_then(crate::index::Entry::digest_end) else { return };
        if key.backfill || !self.reports[chain].has_digests() || !schedule::ends_early(end, until, interval) {
            return;
        }
        let is_copy = self.sources[self.rules.index.shelves[*shelf as usize].source].bucket().is_none();
        let severity = match self.options.to {
            Some(_) if !self.options.accept_gap => Severity::Invalid,
            None if !is_copy && !self.options.accept_gap => Severity::Warning,
            _ => Severity::Info,
        };
        let newest =
            newest.map(|entry| self.sources[self.rules.index.shelves[entry.shelf as usize].source].display(&entry.location));
        let (end, until) = (timestamp::event_time(end), timestamp::event_time(until));
        let text = format!("is the newest digest of trail {} in {}: nothing covers {end} to {until}", key.trail, key.region);
        self.collector.add(Finding::new(Code::ChainEndsEarly, newest.unwrap_or_default(), text).with_severity(severity));
    }

    /// Marks the log files a digest names, and makes the jobs to check them.
    fn jobs(&mut self, chain: usize, digest: u32, proof: Proof, entries: Vec<LogFileEntry>) -> Vec<LogJob> {
        let index = self.rules.index;
        if proof == Proof::Invalid {
            self.reports[chain].log_files.not_checked += entries.len() as u64;
        }
        let mut jobs = Vec::new();
        for entry in entries {
            let id = index.find(&entry.s3_bucket, &entry.s3_object, Some(digest)).and_then(|id| u32::try_from(id).ok());
            let is_first = id.is_none_or(|id| self.coverage.name(index, id));
            if !matches!(proof, Proof::Valid | Proof::Unproved) {
                continue;
            }
            let places = match id {
                Some(id) => vec![self.whereabouts(id)],
                None => self.elsewhere(&entry.s3_bucket, &entry.s3_object),
            };
            let expected = || {
                let name = FileName::parse(names::file_name(&entry.s3_object))?;
                Some(Expected { account: name.account, region: name.region })
            };
            let expected = if is_first && self.options.records { expected() } else { None };
            jobs.push(LogJob { id, chain, proved: proof == Proof::Valid, places, expected, entry });
        }
        jobs
    }

    fn take_outcomes(&mut self, outcomes: Vec<LogOutcome>) -> Result<(), VerifyError> {
        for outcome in outcomes {
            self.take_outcome(outcome)?;
        }
        Ok(())
    }

    fn take_outcome(&mut self, outcome: LogOutcome) -> Result<(), VerifyError> {
        let finding = outcome.finding();
        let LogOutcome { job, file, result } = outcome;
        let chain = &self.chains[job.chain];
        self.progress.checked(&Checked {
            kind: FileKind::Log,
            chain: &chain.key,
            backfill: chain.key.backfill,
            named: &job.named(),
            proved: job.proved,
            finding: finding.as_ref(),
        });
        let counts = &mut self.reports[job.chain].log_files;
        let Some(finding) = finding else {
            counts.valid += 1;
            if let (Ok(Ok(content)), Some(id), Some(file)) = (result, job.id, file) {
                self.take_records(chain.trail, id, file, content.records.unwrap_or_default());
            }
            return Ok(());
        };
        counts.invalid += 1;
        if let Err(error) = result {
            self.failed(&job.named(), error)?;
        }
        if finding.code == Code::LogMissing && self.missing_logs.len() < limits::CONTENT_SEARCH_FILES {
            self.missing_logs.push(MissingLog { chain: job.chain, named: job.named(), hash: job.entry.hash_value });
        } else {
            self.collector.add(finding);
        }
        Ok(())
    }

    /// Enters what the records of a file say.
    pub fn take_records(&mut self, trail: u32, id: u32, file: String, records: crate::records::Records) {
        self.compare(trail, id, &records.ids);
        if records.doubtful {
            self.collector.add(Finding::new(Code::RecordsNotChecked, &file, "is too large to parse its records"));
        }
        if let Some(text) = records.contradiction {
            self.collector.add(Finding::new(Code::RecordContradiction, file, text));
        }
    }

    /// Keeps the events of a file to compare them with those of the trail's other files.
    pub fn compare(&mut self, trail: u32, id: u32, hashes: &[u128]) {
        if !self.events_not_compared {
            self.events_not_compared = self.events.add(trail, id, hashes).is_err();
        }
    }

    /// Compares the events of all files.
    pub fn compare_events(&mut self) {
        let Ok(duplicates) = std::mem::take(&mut self.events).finish() else {
            self.events_not_compared = true;
            return;
        };
        let file = |id: u32| self.whereabouts(id).file;
        let mut findings = Vec::new();
        for ((first, second), count) in &duplicates.pairs {
            let events = if *count == 1 { "1 event".to_owned() } else { format!("{count} events") };
            let finding = if self.coverage.is_named(*second) && self.coverage.is_named(*first) {
                let other = if first == second { "more than once".to_owned() } else { format!("of {}", file(*first)) };
                Finding::new(Code::DuplicateEvent, file(*second), format!("has {events} {other}"))
            } else {
                let (planted, named) = if self.coverage.is_named(*first) { (*second, *first) } else { (*first, *second) };
                Finding::new(
                    Code::Unlisted,
                    file(planted),
                    format!("repeats {events} of {}, but no digest names it", file(named)),
                )
            };
            findings.push(finding);
        }
        findings.into_iter().for_each(|finding| self.collector.add(finding));
        let more = duplicates.omitted + duplicates.not_compared;
        if more > 0 {
            let text = format!(
                "{} events of several files were not made out, and {} events were not compared",
                duplicates.omitted, duplicates.not_compared
            );
            self.collector.add(Finding::new(Code::RecordsNotChecked, "", text));
        }
    }

    pub fn finish(mut self) -> Collector {
        if self.events_not_compared {
            let text = "event IDs were not compared: no room for temporary files";
            self.collector.add(Finding::new(Code::RecordsNotChecked, "", text));
        }
        for report in self.reports.into_iter().filter(ChainReport::has_digests) {
            self.collector.add_chain(report);
        }
        self.collector
    }
}

/// What to record of a digest as the newest of its chain.
fn head(chain: &Chain, loaded: &Loaded, digest: &crate::digest::ParsedDigest) -> Head {
    let key = chain.key.clone();
    Head {
        account: key.account,
        region: key.region,
        trail: key.trail,
        home_region: key.home_region,
        backfill: key.backfill,
        bucket: digest.document.digest_s3_bucket.clone(),
        object: digest.document.digest_s3_object.clone(),
        hash: digest.hash.clone(),
        signature: loaded.metadata.get(METADATA_SIGNATURE).cloned(),
        end_time: timestamp::event_time(digest.end),
    }
}
