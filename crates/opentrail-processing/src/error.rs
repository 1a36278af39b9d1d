//! Errors of queues and stores, and what they tell the caller to do.

use std::time::Duration;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Try again, after the time the service asked for: the network, a timeout, an overloaded or broken service.
    Transient { retry_after: Option<Duration> },
    /// The object or queue is not there.
    Missing,
    /// Credentials or permissions do not allow it: call the operator.
    Denied,
    /// The message is no longer ours to change: it was in work for too long, or is gone.
    LeaseLost,
    /// The request can never succeed as it is.
    Invalid,
}

/// An error of a queue or a store: what was attempted, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("{attempted}")]
pub struct PortError {
    pub kind: ErrorKind,
    attempted: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl PortError {
    pub fn new(
        kind: ErrorKind,
        attempted: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, attempted: attempted.into(), source: source.into() }
    }

    /// An error to be tried again.
    pub fn transient(attempted: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Transient { retry_after: None }, attempted, source)
    }

    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::Transient { .. })
    }

    /// The error with all its causes, for a report.
    #[must_use]
    pub fn explained(&self) -> String {
        explained(self)
    }
}

/// An error with all its causes on one line.
pub(crate) fn explained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

/// Why processing could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum ProcessingError {
    #[error("{0}")]
    Settings(&'static str),
    #[error("the queue refuses to be read")]
    Queue(#[source] PortError),
    #[error("the files cannot be listed")]
    Listing(#[source] PortError),
    #[error("the journal {} cannot be used", path.display())]
    Journal { path: std::path::PathBuf, source: std::io::Error },
}
