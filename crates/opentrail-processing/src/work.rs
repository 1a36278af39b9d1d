//! One file: fetched, checked, handed over, accepted.

use crate::error::{ErrorKind, PortError};
use crate::event::Event;
use crate::gzip::{Plain, expected_length};
use crate::handler::{Batch, FileHandler, Handler, Refusal, Reject, SourceFile};
use crate::limits;
use crate::processor::{Common, Shared};
use crate::progress::{Progress, Report};
use crate::scan::{Found, Splitter, Step};
use crate::store::{Opened, Store};
use bytes::Bytes;
use futures::FutureExt;
use std::collections::HashSet;
use std::io::Read;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SemaphorePermit;

/// What became of a file.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The handler accepted all of it.
    Done,
    /// It is not to be processed.
    Skipped,
    Failed(Failure),
}

/// Why a file is not done, and what that means for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub reason: String,
    pub weight: Weight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// A network or a service failed, or something has to arrive first: it is not the file's fault and never parks it.
    Fault { after: Option<Duration> },
    /// An attempt that counts.
    Strike { after: Option<Duration> },
    /// It will never succeed.
    Park,
}

impl Failure {
    pub fn strike(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), weight: Weight::Strike { after: None } }
    }

    fn of_store(error: &PortError) -> Self {
        let weight = match error.kind {
            ErrorKind::Transient { retry_after } => Weight::Fault { after: retry_after },
            ErrorKind::Invalid => Weight::Park,
            ErrorKind::Missing | ErrorKind::Denied | ErrorKind::LeaseLost => Weight::Strike { after: None },
        };
        Self { reason: error.explained(), weight }
    }
}

/// What a file gave.
#[derive(Default)]
struct Given {
    events: u64,
    left_out: u64,
    ids: HashSet<u128>,
}

/// Why the events of a file are not all handed over.
enum Broken {
    Damaged(String),
    Rejected(Reject),
}

impl<H: Handler> Shared<H> {
    /// Works on a file and reports what becomes of it.
    pub async fn work(&self, store: &Arc<dyn Store>, file: &Arc<SourceFile>) -> Outcome {
        let common = &*self.common;
        if let Some(reason) = common.unwanted(file) {
            common.tally.report(Report::Skipped { what: store.display(&file.bucket, &file.key), reason });
            return Outcome::Skipped;
        }
        let place = tokio::select! {
            biased;
            () = common.stop.requested() => None,
            place = common.files.acquire() => place.ok(),
        };
        let Some(_place) = place else {
            let weight = Weight::Fault { after: Some(Duration::ZERO) };
            return Outcome::Failed(Failure { reason: "the run stops".to_owned(), weight });
        };
        common.tally.report(Report::Begun { file: Arc::clone(file) });
        let result = AssertUnwindSafe(self.fetch_and_hand_over(&**store, file)).catch_unwind().await;
        let panicked = |_| Err(Some(Failure::strike("the handler panicked")));
        let failure = match result.unwrap_or_else(panicked) {
            Ok(given) => {
                let Given { events, left_out, ids } = given;
                if let Some(seen) = &common.seen {
                    seen.accept(ids);
                }
                common.tally.report(Report::Done { file: Arc::clone(file), events, left_out });
                return Outcome::Done;
            }
            Err(failure) => failure,
        };
        let Some(failure) = failure else {
            return Outcome::Skipped;
        };
        common.tally.report(Report::Failed { file: Arc::clone(file), reason: failure.reason.clone() });
        Outcome::Failed(failure)
    }

    /// `Err(None)` if the handler wants it left out, which is reported here.
    async fn fetch_and_hand_over(&self, store: &dyn Store, file: &Arc<SourceFile>) -> Result<Given, Option<Failure>> {
        let common = &*self.common;
        let mut damaged = 0;
        // Bytes that were damaged on their way are fetched again. Nothing of them was handed over.
        let (stored, whole, _memory) = loop {
            let (stored, memory) = common.fetch(store, file).await.map_err(|error| Some(Failure::of_store(&error)))?;
            let reason = match check(&stored).await {
                Ok(whole) => break (stored, whole, memory),
                Err(reason) => reason,
            };
            drop((stored, memory));
            damaged += 1;
            if damaged == limits::DAMAGED_DOWNLOADS {
                return Err(Some(Failure::strike(reason)));
            }
            let wait = common.backoff.wait(common.settings.backoff, damaged, None);
            common.tally.report(Report::Fault { reason, wait });
            tokio::time::sleep(wait).await;
        };
        common.tally.report(Report::Downloaded { file: Arc::clone(file), bytes: stored.len() as u64 });
        common.admit(store, file, &stored).await.map_err(Some)?;
        let handed = match self.handler.begin(file).await {
            Ok(handler) => self.hand_over(file, whole.unwrap_or_else(|| Block::new(&stored)), handler).await,
            Err(reject) => Err(Broken::Rejected(reject)),
        };
        handed.map_err(|broken| match broken {
            Broken::Damaged(reason) => Some(Failure::strike(reason)),
            Broken::Rejected(Reject { refusal, reason }) => {
                let weight = match refusal {
                    Refusal::Retry { after } => Weight::Strike { after },
                    Refusal::Park => Weight::Park,
                    Refusal::Skip => {
                        common.tally.report(Report::Skipped { what: store.display(&file.bucket, &file.key), reason });
                        return None;
                    }
                };
                Some(Failure { reason, weight })
            }
        })
    }

    /// Splits the file and gives its events in batches.
    async fn hand_over(&self, file: &Arc<SourceFile>, mut plain: Block, mut handler: H::File) -> Result<Given, Broken> {
        let common = &*self.common;
        let mut splitter = Splitter::default();
        let (mut given, mut found) = (Given::default(), Vec::new());
        loop {
            let last = plain.fill().map_err(Broken::Damaged)?;
            let (mut at, text) = (0, plain.text());
            let ended = loop {
                let step = splitter.next(text, &mut at, last).map_err(|error| Broken::Damaged(error.to_string()))?;
                match step {
                    Step::Record(record) => common.take(text, record, &mut found, &mut given)?,
                    Step::NeedMore => break false,
                    Step::End => break true,
                }
                if found.len() == common.settings.batch {
                    give(common, file, text, &mut found, &mut handler, &mut given).await?;
                }
            };
            give(common, file, text, &mut found, &mut handler, &mut given).await?;
            if ended {
                handler.accept().await.map_err(Broken::Rejected)?;
                return Ok(given);
            }
            plain.pass(at);
            tokio::task::yield_now().await;
        }
    }
}

async fn give<F: FileHandler>(
    common: &Common,
    file: &Arc<SourceFile>,
    text: &[u8],
    found: &mut Vec<Found>,
    handler: &mut F,
    given: &mut Given,
) -> Result<(), Broken> {
    if found.is_empty() {
        return Ok(());
    }
    handler.events(&Batch { file, text, found }).await.map_err(Broken::Rejected)?;
    let events = found.len() as u64;
    given.events += events;
    common.tally.report(Report::Events { file: Arc::clone(file), events });
    found.clear();
    Ok(())
}

impl Common {
    /// Why a file is not to be fetched.
    fn unwanted(&self, file: &SourceFile) -> Option<String> {
        if let Some(unwanted) = self.source_filter.refuses(file) {
            return Some(unwanted.reason().to_owned());
        }
        let wanted = self.source_test.as_ref().is_none_or(|test| test(file));
        (!wanted).then(|| "the program's own filter does not want it".to_owned())
    }

    /// All stored bytes of a file, and its share of the memory.
    async fn fetch(&self, store: &dyn Store, file: &SourceFile) -> Result<(Bytes, SemaphorePermit<'_>), PortError> {
        let attempted = format!("fetching {}", store.display(&file.bucket, &file.key));
        let limit = limits::STORED_FILE_BYTES.min(self.settings.memory as u64);
        let attempt = || async {
            // The announced size is a hint; without one, the answer tells.
            let mut wanted = file.size.map(|size| self.needed(Some(size)));
            loop {
                let held = match wanted {
                    Some(wanted) => Some(self.share(wanted).await),
                    None => None,
                };
                let opened = self.open(store, file, &attempted).await?;
                let needed = self.needed(opened.size);
                let share = match held {
                    Some(share) if share.num_permits() >= needed as usize => share,
                    held => {
                        // Whoever waits for memory holds none, and an answer does not wait: it is asked for again.
                        drop(held);
                        match self.memory.try_acquire_many(needed) {
                            Ok(share) => share,
                            Err(_) => {
                                wanted = Some(needed);
                                continue;
                            }
                        }
                    }
                };
                let bytes = opened.read(&attempted, limit, self.settings.stall).await?;
                return Ok((Bytes::from(bytes), share));
            }
        };
        self.backoff.run(self.settings.backoff, self.settings.patience, attempt).await
    }

    async fn open(&self, store: &dyn Store, file: &SourceFile, attempted: &str) -> Result<Opened, PortError> {
        let opened = tokio::time::timeout(self.settings.stall, store.open(&file.bucket, &file.key)).await;
        opened.unwrap_or_else(|_| Err(PortError::transient(attempted, "no answer came in time")))
    }

    async fn share(&self, kibibytes: u32) -> SemaphorePermit<'_> {
        self.memory.acquire_many(kibibytes).await.expect("the memory's semaphore is never closed")
    }

    /// KiB for a file: its stored bytes, and the block they are decompressed into. One that needs everything gets it.
    fn needed(&self, size: Option<u64>) -> u32 {
        let all = self.settings.memory as u64;
        let size = size.unwrap_or(all);
        let block = size.saturating_mul(20).saturating_add(64 << 10).min(limits::BLOCK_BYTES as u64);
        u32::try_from(size.saturating_add(block).min(all) >> 10).unwrap_or(u32::MAX)
    }

    /// Takes a record into the batch, unless nobody wants it.
    fn take(&self, text: &[u8], record: Found, found: &mut Vec<Found>, given: &mut Given) -> Result<(), Broken> {
        let Some(event) = Event::at(text, &record) else {
            return Err(Broken::Damaged("a record is not UTF-8".to_owned()));
        };
        if self.event_test.as_ref().is_some_and(|test| !test(&event)) {
            given.left_out += 1;
            return Ok(());
        }
        if let Some(seen) = &self.seen
            && let Some(id) = event.event_id()
        {
            let hash = seen.hash(&id);
            if seen.contains(hash) || !given.ids.insert(hash) {
                given.left_out += 1;
                return Ok(());
            }
        }
        found.push(record);
        Ok(())
    }
}

/// Whether a file is sound to its end. One that fits a block comes back as one: it need not be decompressed again.
async fn check(stored: &Bytes) -> Result<Option<Block>, String> {
    let mut block = Block::new(stored);
    if block.fill()? {
        return Ok(Some(block));
    }
    let mut plain = block.plain;
    let mut piece = block.bytes;
    let mut length = 0_u64;
    loop {
        match plain.read(&mut piece) {
            Err(error) => return Err(format!("the file is damaged: {error}")),
            Ok(0) => return Ok(None),
            Ok(read) => length += read as u64,
        }
        if length > limits::PLAIN_FILE_BYTES {
            return Err("the file decompresses to more than the limit".to_owned());
        }
        tokio::task::yield_now().await;
    }
}

/// The plain text of a file, a block at a time.
struct Block {
    plain: Plain,
    bytes: Vec<u8>,
    filled: usize,
    hint: usize,
}

impl Block {
    fn new(stored: &Bytes) -> Self {
        Self {
            plain: Plain::new(stored.clone()),
            bytes: Vec::new(),
            filled: 0,
            hint: expected_length(stored).min(limits::BLOCK_BYTES),
        }
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Reads until the block is full; whether the file ends here.
    fn fill(&mut self) -> Result<bool, String> {
        // A record larger than a block needs a larger one.
        let wanted = if self.filled < limits::BLOCK_BYTES { limits::BLOCK_BYTES } else { self.filled * 2 };
        if wanted > 2 * limits::EVENT_BYTES {
            return Err("a record is larger than the limit".to_owned());
        }
        loop {
            if self.filled == self.bytes.len() {
                if self.filled >= wanted {
                    return Ok(false);
                }
                let room = (self.hint + 64).max(self.filled * 2).max(4096).min(wanted);
                self.bytes.resize(room, 0);
            }
            match self.plain.read(&mut self.bytes[self.filled..]) {
                Err(error) => return Err(format!("the file is damaged: {error}")),
                Ok(0) => return Ok(true),
                Ok(length) => self.filled += length,
            }
        }
    }

    /// Forgets the beginning of the block.
    fn pass(&mut self, length: usize) {
        self.bytes.copy_within(length..self.filled, 0);
        self.filled -= length;
    }
}
