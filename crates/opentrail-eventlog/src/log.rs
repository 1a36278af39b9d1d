//! The event log: opening, appending, trimming, figures.

use crate::entry::{Entry, Position};
use crate::error::LogError;
use crate::reader::LogReader;
use crate::recovery::{self, RecoveryReport, Tail};
use crate::segment::{self, SegmentFile, Spare};
use crate::writer::{Applier, Submission, Writer};
use bytes::Bytes;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Settings of a log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// Size of a segment file in bytes; a block never spans two.
    pub segment_bytes: u64,
    /// Whether to sync before answering. Off only for tests and throw-away data.
    pub sync: bool,
    /// Free space, in bytes, below which state changes are refused as [`LogError::DiskFull`]: the applier needs some to
    /// write what has become durable.
    pub reserve_bytes: u64,
    /// Most submissions waiting; beyond that the intake answers [`LogError::Overloaded`].
    pub queue_length: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { segment_bytes: 32 * 1024 * 1024, sync: true, reserve_bytes: 16 * 1024 * 1024, queue_length: 8192 }
    }
}

/// Figures since the log was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogStats {
    /// News: without what was imported.
    pub events: u64,
    pub imported_events: u64,
    pub bytes: u64,
    /// Of `bytes`, records that were imported.
    pub imported_bytes: u64,
    pub groups: u64,
    pub sync_micros: u64,
    /// Submissions refused because the disk was full or the log had stopped.
    pub refused: u64,
    pub segments: usize,
    pub first: Position,
    pub end: Position,
}

pub(crate) struct Shared {
    pub dir: PathBuf,
    pub end: watch::Sender<Position>,
    pub segments: RwLock<Vec<SegmentFile>>,
    pub stopped: AtomicBool,
    pub events: AtomicU64,
    pub imported_events: AtomicU64,
    pub imported_bytes: AtomicU64,
    pub bytes: AtomicU64,
    pub groups: AtomicU64,
    pub sync_micros: AtomicU64,
    pub refused: AtomicU64,
}

/// The position of an entry's first event, once it is durable.
pub(crate) type Answer = oneshot::Receiver<Result<Position, LogError>>;

/// A durable, ordered log. Cheap to clone; the last clone to go stops the writer thread.
#[derive(Clone)]
pub struct EventLog {
    queue: SyncSender<Submission>,
    shared: Arc<Shared>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl EventLog {
    /// Opens or creates the log in `dir`, repairs a torn end, brings `applier` up to date and starts the writer.
    ///
    /// # Errors
    /// If the directory cannot be used, or a segment is damaged other than at its very end.
    pub fn open(dir: &Path, config: &LogConfig, mut applier: Box<dyn Applier>) -> Result<(Self, RecoveryReport), LogError> {
        fs::create_dir_all(dir).map_err(|source| LogError::Write { path: dir.to_owned(), source })?;
        let mut segments = segment::list(dir)?;
        let spare = Arc::new(Spare::new(dir, config.segment_bytes));
        let (file, tail, report) = match segments.last() {
            Some(last) => {
                let file = last.open(true)?;
                let (tail, report) = recovery::recover_tail(last, &file)?;
                (file, tail, report)
            }
            None => {
                let first = applier.applied().max(1);
                let (created, file) = spare.begin(first)?;
                segments.push(created);
                (file, Tail { offset: segment::HEADER_BYTES, position: first, sequence: 1 }, RecoveryReport::default())
            }
        };
        let (end, _) = watch::channel(tail.position);
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            end,
            segments: RwLock::new(segments.clone()),
            stopped: AtomicBool::new(false),
            events: AtomicU64::new(0),
            imported_events: AtomicU64::new(0),
            imported_bytes: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            groups: AtomicU64::new(0),
            sync_micros: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        replay(&shared, applier.as_mut(), tail.position)?;

        let (spare_wanted, spare_requests) = mpsc::sync_channel(1);
        spawn_spare_keeper(Arc::clone(&spare), spare_requests);
        let _ = spare_wanted.try_send(());
        let (queue, submissions) = mpsc::sync_channel(config.queue_length);
        let segment = segments.pop().expect("one was listed or created");
        let writer = Writer {
            segment_bytes: config.segment_bytes,
            reserve_bytes: config.reserve_bytes,
            sync: config.sync,
            segment,
            file,
            tail,
            applier,
            shared: Arc::clone(&shared),
            spare,
            spare_wanted,
        };
        let thread = std::thread::Builder::new()
            .name("eventlog-writer".into())
            .spawn(move || writer.run(&submissions))
            .map_err(|source| LogError::Write { path: dir.to_owned(), source })?;
        Ok((Self { queue, shared, thread: Arc::new(Mutex::new(Some(thread))) }, report))
    }

    /// Queues an entry. The receiver answers with its first position once it is durable and its changes are applied.
    ///
    /// # Errors
    /// [`LogError::Overloaded`] if the queue is full, [`LogError::Stopped`] after a failure.
    pub(crate) fn submit(&self, entry: Entry) -> Result<Answer, LogError> {
        self.queue(entry).map_err(|(error, _)| error)
    }

    /// [`Self::submit`] that gives back what it does not take.
    pub(crate) fn queue(&self, entry: Entry) -> Result<Answer, (LogError, Entry)> {
        if self.shared.stopped.load(Ordering::Acquire) {
            return Err((LogError::Stopped, entry));
        }
        let (answer, receiver) = oneshot::channel();
        match self.queue.try_send(Submission { entry, answer }) {
            Ok(()) => Ok(receiver),
            Err(TrySendError::Full(refused)) => Err((LogError::Overloaded, refused.entry)),
            Err(TrySendError::Disconnected(refused)) => Err((LogError::Stopped, refused.entry)),
        }
    }

    /// Whether the log can accept entries.
    pub fn is_accepting(&self) -> bool {
        !self.shared.stopped.load(Ordering::Acquire)
    }

    /// The position after the last durable entry.
    pub fn end(&self) -> Position {
        *self.shared.end.borrow()
    }

    /// Follows [`Self::end`].
    pub fn subscribe(&self) -> watch::Receiver<Position> {
        self.shared.end.subscribe()
    }

    /// The first position still held.
    pub fn first(&self) -> Position {
        self.shared.segments.read().expect("no holder panics").first().map_or(0, |s| s.first_position)
    }

    /// A reader that begins with the entry that holds `from`, or the first one after it.
    ///
    /// # Errors
    /// [`LogError::Trimmed`] if `from` lies before [`Self::first`].
    pub fn reader(&self, from: Position) -> Result<LogReader, LogError> {
        LogReader::new(Arc::clone(&self.shared), from)
    }

    /// Removes the segments that hold nothing at or after `keep_from` and were last written longer than `min_age` ago.
    /// Returns how many.
    ///
    /// # Errors
    /// If a file cannot be removed; the log stays usable.
    pub fn trim(&self, keep_from: Position, min_age: Duration) -> Result<usize, LogError> {
        let mut segments = self.shared.segments.write().expect("no holder panics");
        let mut removed = 0;
        let old = |segment: &SegmentFile| {
            let modified = fs::metadata(&segment.path).and_then(|meta| meta.modified()).ok();
            modified.and_then(|at| at.elapsed().ok()).is_some_and(|age| age >= min_age)
        };
        while segments.len() > 1 && segments[1].first_position <= keep_from && old(&segments[0]) {
            let oldest = segments.remove(0);
            fs::remove_file(&oldest.path).map_err(|source| LogError::Write { path: oldest.path.clone(), source })?;
            removed += 1;
        }
        if removed > 0 {
            segment::sync_dir(&self.shared.dir).map_err(|source| LogError::Write { path: self.shared.dir.clone(), source })?;
        }
        Ok(removed)
    }

    pub fn stats(&self) -> LogStats {
        let shared = &self.shared;
        LogStats {
            events: shared.events.load(Ordering::Acquire),
            imported_events: shared.imported_events.load(Ordering::Relaxed),
            imported_bytes: shared.imported_bytes.load(Ordering::Relaxed),
            bytes: shared.bytes.load(Ordering::Relaxed),
            groups: shared.groups.load(Ordering::Relaxed),
            sync_micros: shared.sync_micros.load(Ordering::Relaxed),
            refused: shared.refused.load(Ordering::Relaxed),
            segments: shared.segments.read().expect("no holder panics").len(),
            first: self.first(),
            end: self.end(),
        }
    }

    /// Waits until the writer thread has finished. Only ends if this is the last clone.
    pub fn close(self) {
        let Self { queue, thread, .. } = self;
        drop(queue);
        let handle = thread.lock().expect("no holder panics").take();
        if let Some(handle) = handle
            && handle.join().is_err()
        {
            tracing::error!("the event log's writer thread panicked");
        }
    }
}

fn replay(shared: &Arc<Shared>, applier: &mut dyn Applier, end: Position) -> Result<(), LogError> {
    let from = applier.applied();
    if from >= end {
        return Ok(());
    }
    let first = shared.segments.read().expect("no holder panics").first().map_or(from, |s| s.first_position);
    let mut reader = LogReader::new(Arc::clone(shared), from.max(first))?;
    while let Some(entries) = reader.next_block()? {
        let block_end = entries.last().map_or(end, crate::entry::LoggedEntry::end);
        let changes: Vec<Bytes> = entries.into_iter().map(|e| e.entry.changes).filter(|c| !c.is_empty()).collect();
        if !changes.is_empty() {
            applier.apply(&changes, block_end).map_err(LogError::Apply)?;
        }
    }
    applier.apply(&[], end).map_err(LogError::Apply)
}

fn spawn_spare_keeper(spare: Arc<Spare>, requests: mpsc::Receiver<()>) {
    let keep = move || {
        while requests.recv().is_ok() {
            if let Err(error) = spare.prepare() {
                tracing::warn!(%error, "preparing the next log segment failed; the writer will try itself");
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("eventlog-spare".into()).spawn(keep) {
        tracing::warn!(%error, "no thread to prepare log segments; the writer prepares them itself");
    }
}
