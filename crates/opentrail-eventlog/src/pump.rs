//! The pump: moves one sink forward through the log.

use crate::entry::{LoggedEntry, Position};
use crate::error::LogError;
use crate::log::EventLog;
use std::time::Duration;
use tokio::sync::watch;

/// Something that reads the log and keeps a cursor.
///
/// Durability: the sink owns its cursor and saves it together with what it wrote. Idempotence: after a crash, entries
/// at and after [`Sink::cursor`] come again. Ordering: entries come in log order, each once per run. Errors: a failed
/// `apply` or `commit` is repeated after a pause, from the saved cursor.
pub trait Sink: Send {
    type Error: std::error::Error + Send + Sync + 'static;

    fn name(&self) -> &'static str;

    /// The position from which to read after a start or an error.
    fn cursor(&self) -> Position;

    /// Takes a block's entries. May buffer.
    ///
    /// # Errors
    /// Whatever keeps the sink from taking them.
    fn apply(&mut self, entries: &[LoggedEntry]) -> Result<(), Self::Error>;

    /// Makes everything applied so far visible and durable; afterwards [`Sink::cursor`] is `position`.
    ///
    /// # Errors
    /// Whatever keeps the sink from saving.
    fn commit(&mut self, position: Position) -> Result<(), Self::Error>;

    /// Forgets what was applied and not committed.
    fn rollback(&mut self);
}

#[derive(Debug, thiserror::Error)]
pub enum PumpError {
    #[error("reading the event log failed")]
    Log(#[from] LogError),
}

/// Longest pause between tries of a failing sink.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Runs a sink until `stop` turns true, committing at least every `commit_every` while there is anything to commit.
///
/// Blocks its thread: give it one of its own.
///
/// # Errors
/// If the log is damaged or no longer holds the sink's cursor.
pub fn run_pump<S: Sink>(
    log: &EventLog,
    sink: &mut S,
    commit_every: Duration,
    stop: &watch::Receiver<bool>,
) -> Result<(), PumpError> {
    let mut pause = Duration::from_millis(100);
    loop {
        match follow(log, sink, commit_every, stop) {
            Ok(()) => return Ok(()),
            Err(FollowError::Log(error)) => return Err(PumpError::Log(error)),
            Err(FollowError::Sink(error)) => {
                tracing::error!(sink = sink.name(), %error, "sink failed, will try again");
                sink.rollback();
                std::thread::sleep(pause);
                pause = (pause * 2).min(MAX_PAUSE);
                if *stop.borrow() {
                    return Ok(());
                }
            }
        }
    }
}

enum FollowError<E> {
    Log(LogError),
    Sink(E),
}

fn follow<S: Sink>(
    log: &EventLog,
    sink: &mut S,
    commit_every: Duration,
    stop: &watch::Receiver<bool>,
) -> Result<(), FollowError<S::Error>> {
    let mut reader = log.reader(sink.cursor()).map_err(FollowError::Log)?;
    let mut last_commit = std::time::Instant::now();
    loop {
        let stopping = *stop.borrow();
        let block = reader.next_block().map_err(FollowError::Log)?;
        let idle = block.is_none();
        if let Some(entries) = block {
            sink.apply(&entries).map_err(FollowError::Sink)?;
        }
        let uncommitted = reader.position() > sink.cursor();
        if uncommitted && (last_commit.elapsed() >= commit_every || (idle && stopping)) {
            sink.commit(reader.position()).map_err(FollowError::Sink)?;
            last_commit = std::time::Instant::now();
        }
        if idle {
            if stopping {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
