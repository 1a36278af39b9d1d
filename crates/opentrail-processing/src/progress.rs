//! What goes on, told as it happens.

use crate::handler::SourceFile;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Something that happened. Files come with all that is known of them.
#[derive(Debug, Clone)]
pub enum Report {
    /// A receive was answered; zero if there was nothing.
    Received { messages: usize },
    /// A file is fetched.
    Begun { file: Arc<SourceFile> },
    /// All of it is here and sound.
    Downloaded { file: Arc<SourceFile>, bytes: u64 },
    /// The handler took these events.
    Events { file: Arc<SourceFile>, events: u64 },
    /// The handler accepted all of the file. `left_out` events were not wanted by the filter, or known already.
    Done { file: Arc<SourceFile>, events: u64, left_out: u64 },
    /// Something that is not to be processed, and why.
    Skipped { what: String, reason: String },
    /// A file was not accepted, and comes again or is parked.
    Failed { file: Arc<SourceFile>, reason: String },
    /// A message is not understood, or cannot be changed as it should.
    MessageFailed { message_id: String, reason: String },
    /// A request failed and is tried again after a wait.
    Fault { reason: String, wait: Duration },
    /// A message went back to the queue, for this long.
    Returned { message_id: String, delay: Duration },
    /// A message or a file was put aside.
    Parked { what: String, reason: String },
    /// All that a message announced is done, and it is deleted.
    Deleted { message_id: String },
    /// The queue may have given the message to somebody else meanwhile: its events may come twice.
    LeaseLost { message_id: String, reason: String },
}

/// Hears of everything. Called from many tasks; must not block.
pub trait Progress: Send + Sync + 'static {
    fn report(&self, report: Report);
}

/// Hears nothing.
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _report: Report) {}
}

impl<F: Fn(Report) + Send + Sync + 'static> Progress for F {
    fn report(&self, report: Report) {
        self(report);
    }
}

/// A channel hears everything as long as somebody listens. It has no bound: whoever listens slowly pays with memory.
pub struct ToChannel(pub tokio::sync::mpsc::UnboundedSender<Report>);

impl Progress for ToChannel {
    fn report(&self, report: Report) {
        let _ = self.0.send(report);
    }
}

/// What a run amounted to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages that are done with and deleted.
    pub messages: u64,
    /// Files the handler accepted.
    pub files: u64,
    /// Stored bytes fetched.
    pub bytes: u64,
    /// Events in accepted files that the handler was given.
    pub events: u64,
    /// Events in accepted files that were filtered out or known already.
    pub left_out: u64,
    pub skipped: u64,
    /// Times a file was not accepted.
    pub failed: u64,
    /// Messages that were not understood or could not be changed.
    pub message_failures: u64,
    pub parked: u64,
    /// Requests that were tried again.
    pub faults: u64,
}

/// Counts, and passes on.
pub(crate) struct Tally {
    inner: Arc<dyn Progress>,
    counts: [AtomicU64; 10],
}

impl Tally {
    pub fn new(inner: Arc<dyn Progress>) -> Self {
        Self { inner, counts: Default::default() }
    }

    pub fn summary(&self) -> Summary {
        let [messages, files, bytes, events, left_out, skipped, failed, message_failures, parked, faults] =
            std::array::from_fn(|at| self.counts[at].load(Ordering::Relaxed));
        Summary { messages, files, bytes, events, left_out, skipped, failed, message_failures, parked, faults }
    }

    fn add(&self, at: usize, amount: u64) {
        self.counts[at].fetch_add(amount, Ordering::Relaxed);
    }
}

impl Progress for Tally {
    fn report(&self, report: Report) {
        match &report {
            Report::Deleted { .. } => self.add(0, 1),
            Report::Done { events, left_out, .. } => {
                self.add(1, 1);
                self.add(3, *events);
                self.add(4, *left_out);
            }
            Report::Downloaded { bytes, .. } => self.add(2, *bytes),
            Report::Skipped { .. } => self.add(5, 1),
            Report::Failed { .. } => self.add(6, 1),
            Report::MessageFailed { .. } => self.add(7, 1),
            Report::Parked { .. } => self.add(8, 1),
            Report::Fault { .. } => self.add(9, 1),
            _ => {}
        }
        self.inner.report(report);
    }
}
