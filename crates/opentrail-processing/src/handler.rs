//! What a program gives to be called with events.

use crate::event::Event;
use crate::names::FileName;
use crate::scan::Found;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// A log file on its way to the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Empty if the file comes from a directory.
    pub bucket: String,
    pub key: String,
    /// Stored bytes, if known before it is fetched.
    pub size: Option<u64>,
    /// What the key tells.
    pub name: FileName,
    /// The message that announced it.
    pub delivery: Option<Delivery>,
}

/// The message that announced a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub message_id: String,
    /// 1 at the first delivery: more than that, and events may come a second time.
    pub receive_count: u32,
    pub sent: Option<OffsetDateTime>,
}

/// Events of one file, in the order of the file, borrowed from its text.
pub struct Batch<'a> {
    pub(crate) file: &'a SourceFile,
    pub(crate) text: &'a [u8],
    pub(crate) found: &'a [Found],
}

impl<'a> Batch<'a> {
    #[must_use]
    pub fn file(&self) -> &'a SourceFile {
        self.file
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = Event<'a>> + use<'a> {
        let text = self.text;
        // Each was checked to be UTF-8 before it came here.
        self.found.iter().filter_map(move |found| Event::at(text, found))
    }
}

/// What becomes of a file that a handler does not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Come again, after this time or after a growing one. Too many of these park the file.
    Retry { after: Option<Duration> },
    /// Park it now.
    Park,
    /// Leave it out: it counts as done, and is reported as skipped.
    Skip,
}

/// A handler's no, with its reason for reports and for whoever looks at what was parked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Reject {
    pub refusal: Refusal,
    pub reason: String,
}

impl Reject {
    pub fn retry(reason: impl Into<String>) -> Self {
        Self { refusal: Refusal::Retry { after: None }, reason: reason.into() }
    }

    pub fn retry_after(after: Duration, reason: impl Into<String>) -> Self {
        Self { refusal: Refusal::Retry { after: Some(after) }, reason: reason.into() }
    }

    pub fn park(reason: impl Into<String>) -> Self {
        Self { refusal: Refusal::Park, reason: reason.into() }
    }

    pub fn skip(reason: impl Into<String>) -> Self {
        Self { refusal: Refusal::Skip, reason: reason.into() }
    }
}

/// Takes files. Called from several tasks at once, once for each file and delivery.
///
/// Whoever blocks for long (a slow disk, a lock, much computing) does so in `tokio::task::spawn_blocking`.
pub trait Handler: Send + Sync + 'static {
    type File: FileHandler;

    /// A file has been fetched and is sound; its events follow. A transaction of one's own may begin here.
    fn begin(&self, file: &SourceFile) -> impl Future<Output = Result<Self::File, Reject>> + Send;
}

/// Takes the events of one file. Dropped without [`Self::accept`], the file was not finished and will come again: nothing
/// of it should have an effect, or the effect should be one that may come twice.
pub trait FileHandler: Send {
    /// The next events. The next batch comes when this returns.
    fn events(&mut self, batch: &Batch<'_>) -> impl Future<Output = Result<(), Reject>> + Send;

    /// All events were handed over. Once this says yes, the file counts as done and its message is deleted: what was made
    /// of the events must be durable by then.
    fn accept(self) -> impl Future<Output = Result<(), Reject>> + Send;
}

/// A handler that calls a function with each event, and accepts a file when the function took all its events.
pub fn each_event<F>(function: F) -> EachEvent<F>
where
    F: Fn(&Event<'_>) -> Result<(), Reject> + Send + Sync + 'static,
{
    EachEvent(Arc::new(function))
}

/// A handler that calls a function with each batch.
pub fn each_batch<F>(function: F) -> EachBatch<F>
where
    F: Fn(&Batch<'_>) -> Result<(), Reject> + Send + Sync + 'static,
{
    EachBatch(Arc::new(function))
}

/// See [`each_event`].
pub struct EachEvent<F>(Arc<F>);

/// See [`each_batch`].
pub struct EachBatch<F>(Arc<F>);

impl<F: Fn(&Event<'_>) -> Result<(), Reject> + Send + Sync + 'static> Handler for EachEvent<F> {
    type File = Self;

    async fn begin(&self, _file: &SourceFile) -> Result<Self, Reject> {
        Ok(Self(Arc::clone(&self.0)))
    }
}

impl<F: Fn(&Event<'_>) -> Result<(), Reject> + Send + Sync + 'static> FileHandler for EachEvent<F> {
    async fn events(&mut self, batch: &Batch<'_>) -> Result<(), Reject> {
        batch.iter().try_for_each(|event| (self.0)(&event))
    }

    async fn accept(self) -> Result<(), Reject> {
        Ok(())
    }
}

impl<F: Fn(&Batch<'_>) -> Result<(), Reject> + Send + Sync + 'static> Handler for EachBatch<F> {
    type File = Self;

    async fn begin(&self, _file: &SourceFile) -> Result<Self, Reject> {
        Ok(Self(Arc::clone(&self.0)))
    }
}

impl<F: Fn(&Batch<'_>) -> Result<(), Reject> + Send + Sync + 'static> FileHandler for EachBatch<F> {
    async fn events(&mut self, batch: &Batch<'_>) -> Result<(), Reject> {
        (self.0)(batch)
    }

    async fn accept(self) -> Result<(), Reject> {
        Ok(())
    }
}
