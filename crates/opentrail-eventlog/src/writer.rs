//! The writer thread: takes what is queued, writes it as one block, syncs, applies, answers.

use crate::block::{self, BlockHeader};
use crate::entry::{Entry, Position};
use crate::error::{ApplyError, LogError};
use crate::log::Shared;
use crate::recovery::Tail;
use crate::segment::{self, SegmentFile, Spare};
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Keeps the state that entries' changes describe. Called by the writer thread only, in log order.
///
/// Durability: may lag; `applied` must never be ahead of what survives a power loss. Idempotence: after a crash, changes
/// at and after `applied` are applied again, in order.
pub trait Applier: Send {
    /// The position up to which all changes have been applied.
    fn applied(&self) -> Position;

    /// Applies the changes of one group and moves `applied` to `end`.
    ///
    /// # Errors
    /// Any: the log then stops accepting, and a restart applies again.
    fn apply(&mut self, changes: &[Bytes], end: Position) -> Result<(), ApplyError>;
}

pub(crate) struct Submission {
    pub entry: Entry,
    pub answer: oneshot::Sender<Result<Position, LogError>>,
}

/// Most bytes gathered into one block before it is written.
const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// How often the applier's position is saved while no change needs it.
const IDLE_APPLY_POSITIONS: u64 = 20_000;

pub(crate) struct Writer {
    pub segment_bytes: u64,
    pub reserve_bytes: u64,
    pub sync: bool,
    pub segment: SegmentFile,
    pub file: File,
    pub tail: Tail,
    pub applier: Box<dyn Applier>,
    pub shared: Arc<Shared>,
    pub spare: Arc<Spare>,
    pub spare_wanted: SyncSender<()>,
}

impl Writer {
    /// Runs until every handle is dropped.
    pub(crate) fn run(mut self, queue: &Receiver<Submission>) {
        let mut buffer = BytesMut::new();
        let mut held: Option<Submission> = None;
        loop {
            let first = match held.take() {
                Some(submission) => submission,
                None => match queue.recv_timeout(Duration::from_secs(1)) {
                    Ok(submission) => submission,
                    Err(RecvTimeoutError::Timeout) => {
                        self.save_applied(0);
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                },
            };
            let mut size = first.entry.encoded_len();
            let mut group = vec![first];
            while size < GROUP_BYTES {
                let Ok(next) = queue.try_recv() else { break };
                if size + next.entry.encoded_len() > block::MAX_PAYLOAD_BYTES {
                    held = Some(next);
                    break;
                }
                size += next.entry.encoded_len();
                group.push(next);
            }
            self.commit(group, &mut buffer);
            self.save_applied(IDLE_APPLY_POSITIONS);
        }
        self.save_applied(0);
    }

    fn commit(&mut self, group: Vec<Submission>, buffer: &mut BytesMut) {
        if self.shared.stopped.load(Ordering::Acquire) {
            for submission in group {
                let _ = submission.answer.send(Err(LogError::Stopped));
            }
            return;
        }
        let first_position = self.tail.position;
        let outcome = self.check_space(&group).and_then(|()| self.write(&group, buffer)).and_then(|()| self.apply(&group));
        match outcome {
            Ok(()) => {
                let mut position = first_position;
                for submission in group {
                    let span = submission.entry.span();
                    let _ = submission.answer.send(Ok(position));
                    position += span;
                }
            }
            Err(error) => {
                let retry = matches!(error, LogError::DiskFull { .. });
                if !retry {
                    self.shared.stopped.store(true, Ordering::Release);
                    tracing::error!(%error, source = ?std::error::Error::source(&error), "the event log stopped accepting");
                }
                self.shared.refused.fetch_add(group.len() as u64, Ordering::Relaxed);
                let mut first = Some(error);
                for submission in group {
                    let error = first.take().unwrap_or(if retry { LogError::Overloaded } else { LogError::Stopped });
                    let _ = submission.answer.send(Err(error));
                }
            }
        }
    }

    /// Refuses changes while the applier might not have the space to write them.
    fn check_space(&self, group: &[Submission]) -> Result<(), LogError> {
        if group.iter().all(|submission| submission.entry.changes.is_empty()) {
            return Ok(());
        }
        // A file system that cannot tell its space is taken to have some.
        let Ok(space) = rustix::fs::statvfs(&self.shared.dir) else { return Ok(()) };
        if space.f_bavail.saturating_mul(space.f_frsize) >= self.reserve_bytes {
            return Ok(());
        }
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        Err(LogError::DiskFull { path: self.shared.dir.clone(), source })
    }

    fn write(&mut self, group: &[Submission], buffer: &mut BytesMut) -> Result<(), LogError> {
        buffer.clear();
        buffer.resize(block::HEADER_BYTES, 0);
        let mut span = 0;
        for submission in group {
            submission.entry.encode(buffer);
            span += submission.entry.span();
        }
        let mut header = BlockHeader {
            payload_len: u32::try_from(buffer.len() - block::HEADER_BYTES).expect("groups are bounded"),
            crc: 0,
            entries: u32::try_from(group.len()).expect("groups are bounded"),
            first_position: self.tail.position,
            sequence: self.tail.sequence,
            written_ms: now_ms(),
        };
        header.crc = header.checksum(&buffer[block::HEADER_BYTES..]);
        buffer[..block::HEADER_BYTES].copy_from_slice(&header.to_bytes());
        buffer.resize(block::padded(buffer.len()), 0);

        if self.tail.offset + buffer.len() as u64 > self.segment_bytes {
            self.roll()?;
        }
        let on_error = |source| LogError::Write { path: self.segment.path.clone(), source };
        self.file.write_all_at(buffer, self.tail.offset).map_err(on_error)?;
        if self.sync {
            let started = Instant::now();
            self.file.sync_data().map_err(on_error)?;
            self.shared
                .sync_micros
                .fetch_add(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        // From here on the group is durable.
        self.tail.offset += buffer.len() as u64;
        self.tail.position += span;
        self.tail.sequence += 1;
        self.shared.groups.fetch_add(1, Ordering::Relaxed);
        self.shared.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn apply(&mut self, group: &[Submission]) -> Result<(), LogError> {
        let changes: Vec<Bytes> = group.iter().filter(|s| !s.entry.changes.is_empty()).map(|s| s.entry.changes.clone()).collect();
        if !changes.is_empty() {
            self.applier.apply(&changes, self.tail.position).map_err(LogError::Apply)?;
        }
        self.shared.end.send_replace(self.tail.position);
        // Counted only now, so that whoever sees the count finds the events before the end.
        let imported = || group.iter().filter(|submission| submission.entry.imported).map(|submission| &submission.entry);
        let imported_events: usize = imported().map(|entry| entry.events.len()).sum();
        let imported_bytes: usize = imported().map(Entry::encoded_len).sum();
        self.shared.imported_events.fetch_add(imported_events as u64, Ordering::Relaxed);
        self.shared.imported_bytes.fetch_add(imported_bytes as u64, Ordering::Relaxed);
        let events: usize = group.iter().map(|submission| submission.entry.news().len()).sum();
        self.shared.events.fetch_add(events as u64, Ordering::Release);
        Ok(())
    }

    /// Saves how far the applier is, if it is at least `lag` positions behind for want of changes.
    fn save_applied(&mut self, lag: u64) {
        let behind = self.tail.position - self.applier.applied();
        if behind > lag
            && !self.shared.stopped.load(Ordering::Acquire)
            && let Err(error) = self.applier.apply(&[], self.tail.position)
        {
            tracing::warn!(%error, "saving the applied position failed; a restart will read more of the log");
        }
    }

    fn roll(&mut self) -> Result<(), LogError> {
        let (segment, file) = self.spare.begin(self.tail.position)?;
        self.shared.segments.write().expect("no holder panics").push(segment.clone());
        self.segment = segment;
        self.file = file;
        self.tail.offset = segment::HEADER_BYTES;
        let _ = self.spare_wanted.try_send(());
        Ok(())
    }
}

fn now_ms() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
