//! Puts a query to files, several at a time.
//!
//! ```text
//! Source::list ──▶ worker threads: read ▸ prefilter ▸ match ▸ select ──batches──▶ the caller's thread: take
//! ```

use crate::error::SearchError;
use crate::files::{Amount, Location, Reader, Receive, Source};
use crate::limits;
use crate::matching::{Matcher, Prefilter, Scratch, extract};
use crate::query::Query;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use time::OffsetDateTime;

/// A record that matched.
pub struct Hit<'a> {
    /// Its JSON, as it stands in the file.
    pub record: &'a [u8],
    /// Bytes before it in the decompressed file.
    pub offset: u64,
}

impl Hit<'_> {
    /// `eventTime`, if it can be read.
    pub fn time(&self) -> Option<OffsetDateTime> {
        extract::event_time(self.record)
    }
}

/// What could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as people write it.
    pub file: String,
    /// Bytes before the place: of the file as stored if its compression is damaged, else of what it decompresses to.
    pub offset: u64,
    pub reason: String,
}

/// What a search went through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files listed, less those whose names say they are of another time.
    pub files: usize,
    /// Files that could not be opened, or of which nothing could be read.
    pub unreadable_files: usize,
    pub stored_bytes: u64,
    pub plain_bytes: u64,
    pub found: u64,
    /// The first [`limits::PROBLEMS`] of them.
    pub problems: Vec<Problem>,
    pub problem_count: u64,
}

impl Summary {
    /// Whether there were files and none could be read.
    pub fn nothing_readable(&self) -> bool {
        self.unreadable_files > 0 && self.unreadable_files == self.files
    }

    fn add(&mut self, problem: Problem) {
        self.problem_count += 1;
        if self.problems.len() < limits::PROBLEMS {
            self.problems.push(problem);
        }
    }
}

/// Watches a search. Calls come one at a time, from the caller's thread.
pub trait Progress {
    fn listed(&mut self, _files: usize) {}
    fn read(&mut self, _files: usize) {}
}

/// Watches nothing.
pub struct Silent;

impl Progress for Silent {}

/// Searches all files. `select` makes, on worker threads, what is wanted of each match; `take` gets it in batches, in no
/// particular order, and ends the search by breaking. Blocks; not to be called where futures run.
///
/// # Errors
/// If a source cannot be listed. What cannot be read of single files is in the summary.
pub fn search<T: Send>(
    query: &Query,
    sources: &[Box<dyn Source>],
    progress: &mut dyn Progress,
    select: &(dyn Fn(&Hit<'_>) -> T + Sync),
    take: &mut dyn FnMut(Vec<T>) -> ControlFlow<()>,
) -> Result<Summary, SearchError> {
    let mut summary = Summary::default();
    let window = query.window();
    let mut files = Vec::new();
    for (source, from) in sources.iter().enumerate() {
        let mut problem = |file, error: SearchError| summary.add(Problem { file, offset: 0, reason: in_full(&error) });
        let listed = from.list(&window, &mut problem)?;
        files.extend(listed.into_iter().map(|location| Location { source, location }));
    }
    progress.listed(files.len());
    summary.files = files.len();
    let job = Job {
        matcher: Matcher::new(query),
        filter: Prefilter::new(query),
        sources,
        files: &files,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        select,
    };
    let workers = sources.iter().map(|source| source.workers()).max().unwrap_or(1).min(files.len());
    thread::scope(|scope| {
        let (sender, news) = sync_channel(limits::BATCHES_WAITING);
        for _ in 0..workers {
            let (job, sender) = (&job, sender.clone());
            scope.spawn(move || job.work(&sender));
        }
        drop(sender);
        collect(&news, &job.stop, &mut summary, progress, take);
    });
    Ok(summary)
}

/// An error with its causes.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// From workers to the caller's thread.
enum News<T> {
    Found(Vec<T>),
    Problem(Problem),
    Done(Done),
}

/// Files that are done with. News of each alone would wake the caller's thread too often.
#[derive(Default)]
struct Done {
    files: usize,
    unreadable: usize,
    stored: u64,
    plain: u64,
}

fn collect<T>(
    news: &Receiver<News<T>>,
    stop: &AtomicBool,
    summary: &mut Summary,
    progress: &mut dyn Progress,
    take: &mut dyn FnMut(Vec<T>) -> ControlFlow<()>,
) {
    for item in news {
        match item {
            News::Found(batch) => {
                if stop.load(Ordering::Relaxed) {
                    continue;
                }
                summary.found += batch.len() as u64;
                if take(batch).is_break() {
                    // Workers see it and leave; what they still send is drained, so that none waits for ever.
                    stop.store(true, Ordering::Relaxed);
                }
            }
            News::Problem(problem) => summary.add(problem),
            News::Done(done) => {
                summary.stored_bytes += done.stored;
                summary.plain_bytes += done.plain;
                summary.unreadable_files += done.unreadable;
                progress.read(done.files);
            }
        }
    }
}

struct Job<'a, T> {
    matcher: Matcher,
    filter: Prefilter,
    sources: &'a [Box<dyn Source>],
    files: &'a [Location],
    next: AtomicUsize,
    stop: AtomicBool,
    select: &'a (dyn Fn(&Hit<'_>) -> T + Sync),
}

impl<T: Send> Job<'_, T> {
    fn work(&self, news: &SyncSender<News<T>>) {
        let mut reader = Reader::default();
        let mut scratch = Scratch::default();
        let mut done = Done::default();
        while !self.stop.load(Ordering::Relaxed) {
            let Some(file) = self.files.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            let source = &self.sources[file.source];
            let mut visit = Visit { job: self, file, news, scratch: &mut scratch, batch: Vec::new(), bytes: 0, problems: 0 };
            let amount = match source.open(&file.location) {
                Ok(mut bytes) => reader.read(&mut bytes, &file.location, &self.filter, &mut visit),
                Err(error) => {
                    visit.problem(0, &in_full(&error));
                    Amount::default()
                }
            };
            visit.flush();
            done.files += 1;
            done.unreadable += usize::from(visit.problems > 0 && !amount.sensible);
            done.stored += amount.stored;
            done.plain += amount.plain;
            if done.files >= limits::FILES_REPORTED || done.plain >= limits::BLOCK_BYTES as u64 {
                visit.send(News::Done(std::mem::take(&mut done)));
            }
        }
        // The receiver outlives the workers.
        let _ = news.send(News::Done(done));
    }
}

/// One file being read.
struct Visit<'a, T> {
    job: &'a Job<'a, T>,
    file: &'a Location,
    news: &'a SyncSender<News<T>>,
    scratch: &'a mut Scratch,
    batch: Vec<T>,
    /// Of the records in the batch.
    bytes: usize,
    problems: usize,
}

impl<T: Send> Visit<'_, T> {
    fn send(&self, item: News<T>) {
        // The receiver outlives the workers.
        let _ = self.news.send(item);
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.send(News::Found(batch));
            self.bytes = 0;
        }
    }
}

impl<T: Send> Receive for Visit<'_, T> {
    fn record(&mut self, record: &[u8], offset: u64) {
        match self.job.matcher.matches(record, self.scratch) {
            Ok(true) => {}
            Ok(false) => return,
            Err(damage) => return self.problem(offset + damage.offset as u64, damage.reason),
        }
        self.batch.push((self.job.select)(&Hit { record, offset }));
        self.bytes += record.len();
        if self.batch.len() >= limits::BATCH_RECORDS || self.bytes >= limits::BATCH_BYTES {
            self.flush();
        }
    }

    fn problem(&mut self, offset: u64, reason: &str) {
        self.problems += 1;
        let last = self.problems == limits::PROBLEMS_PER_FILE;
        let more = if last { "; the rest of the file was left out after so many problems" } else { "" };
        let file = self.job.sources[self.file.source].display(&self.file.location);
        self.send(News::Problem(Problem { file, offset, reason: format!("{reason}{more}") }));
    }

    fn stopped(&self) -> bool {
        self.problems >= limits::PROBLEMS_PER_FILE || self.job.stop.load(Ordering::Relaxed)
    }
}
