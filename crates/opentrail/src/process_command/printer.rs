//! Events to standard output, file after file.

use opentrail_processing::{Batch, FileHandler, Handler, Reject, SourceFile, Stopper};
use std::io::{self, Write};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Prints one file at a time, while others are fetched. A file is accepted once all of it is written and flushed.
pub struct Printer {
    turn: Arc<Mutex<()>>,
    stopper: Stopper,
}

/// The turn to print.
pub struct Turn {
    _guard: OwnedMutexGuard<()>,
    stopper: Stopper,
}

impl Printer {
    /// The stopper is used when nobody reads any more.
    pub fn new(stopper: Stopper) -> Self {
        Self { turn: Arc::default(), stopper }
    }
}

impl Handler for Printer {
    type File = Turn;

    async fn begin(&self, _file: &SourceFile) -> Result<Turn, Reject> {
        let guard = Arc::clone(&self.turn).lock_owned().await;
        Ok(Turn { _guard: guard, stopper: self.stopper.clone() })
    }
}

impl Turn {
    async fn write(&self, lines: Vec<u8>) -> Result<(), Reject> {
        let written = tokio::task::spawn_blocking(move || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&lines).and_then(|()| stdout.flush())
        });
        let written = written.await.map_err(io::Error::other).and_then(|written| written);
        written.map_err(|error| {
            self.stopper.stop();
            Reject::retry(format!("cannot write to standard output: {error}"))
        })
    }
}

impl FileHandler for Turn {
    async fn events(&mut self, batch: &Batch<'_>) -> Result<(), Reject> {
        self.write(lines(batch)).await
    }

    async fn accept(self) -> Result<(), Reject> {
        Ok(())
    }
}

/// Events as lines. One that stands on several lines in its file is put on one.
pub fn lines(batch: &Batch<'_>) -> Vec<u8> {
    let mut lines = Vec::with_capacity(batch.iter().map(|event| event.raw().len() + 1).sum());
    for event in batch.iter() {
        // Line breaks within strings are escaped, so these are between members.
        lines.extend(event.raw().bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
        lines.push(b'\n');
    }
    lines
}
