//! Why a file could not be imported. What single records lack is no error but part of the outcome.

use opentrail_eventlog::LogError;
use opentrail_history::HistoryError;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    #[error("the event log did not take what was imported")]
    Log(#[from] LogError),
    #[error("the event history could not be asked for what it holds")]
    History(#[from] HistoryError),
    #[error("another import of the same events failed")]
    OtherFailed,
    #[error("the event history does not keep up: it stands at {history}, the log at {log}")]
    HistoryBehind { history: u64, log: u64 },
}
