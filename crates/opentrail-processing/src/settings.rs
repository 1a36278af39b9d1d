//! How a processor works.

use crate::error::ProcessingError;
use crate::limits;
use crate::retry::Growth;
use std::time::Duration;

/// Settings of a processor. The defaults suit a queue of a busy trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Files worked on at the same time.
    pub parallel: usize,
    /// Bytes that files being worked on may take in memory, beside what the handler keeps.
    pub memory: usize,
    /// Most events of a batch.
    pub batch: usize,
    /// How long a message is kept from other receivers, and by how much that is extended while it is worked on.
    pub visibility: Duration,
    /// How long a receive waits for the first message.
    pub wait: Duration,
    /// Attempts after which a file that cannot be processed is parked. Faults of networks and services do not count.
    pub attempts: u32,
    /// Deliveries after which a message is parked unseen: one that brings the process down each time gets here.
    pub receives: u32,
    /// Waits between the attempts of a request.
    pub backoff: Growth,
    /// How long a request is tried again before the file is given back to the queue.
    pub patience: Duration,
    /// How long nothing may come of a body before the request is given up.
    pub stall: Duration,
    /// How long a message that failed stays away.
    pub redelivery: Growth,
    /// At a stop, how long files being worked on have to finish.
    pub grace: Duration,
    /// Events whose ids are remembered to leave out copies; zero hands over everything.
    pub dedupe: usize,
    /// For repeatable waits, in tests.
    pub seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            parallel: 8,
            memory: 256 << 20,
            batch: 1_000,
            visibility: Duration::from_secs(60),
            wait: Duration::from_secs(limits::RECEIVE_WAIT_SECONDS),
            attempts: 5,
            receives: 100,
            backoff: Growth { first: Duration::from_millis(100), longest: Duration::from_secs(20) },
            patience: Duration::from_secs(300),
            stall: Duration::from_secs(30),
            redelivery: Growth { first: Duration::from_secs(10), longest: Duration::from_secs(900) },
            grace: Duration::from_secs(60),
            dedupe: 0,
            seed: None,
        }
    }
}

impl Settings {
    /// # Errors
    /// If a value makes no sense.
    pub fn check(&self) -> Result<(), ProcessingError> {
        let problem = if self.parallel == 0 || self.batch == 0 || self.attempts == 0 || self.receives == 0 {
            "parallel, batch, attempts and receives must be at least 1"
        } else if self.memory < 1 << 20 {
            "memory must be at least 1 MiB"
        } else if self.visibility < Duration::from_secs(1) || self.visibility.as_secs() > limits::VISIBILITY_SECONDS {
            "visibility must be between 1 second and 12 hours"
        } else if self.wait.as_secs() > limits::RECEIVE_WAIT_SECONDS {
            "wait must be at most 20 seconds"
        } else {
            return Ok(());
        };
        Err(ProcessingError::Settings(problem))
    }
}
