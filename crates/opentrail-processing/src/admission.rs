//! Whether a file may be handed over: a last look at its stored bytes.

use crate::handler::SourceFile;
use crate::store::Store;
use async_trait::async_trait;
use std::time::Duration;

/// A file is not handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotAdmitted {
    pub reason: String,
    /// Ask again after this time; `None` if the answer stays no, and the file is parked.
    pub later: Option<Duration>,
}

/// Decides about files after they were fetched. Asked from many tasks at once, and again at every delivery.
#[async_trait]
pub trait Admission: Send + Sync + 'static {
    async fn admit(&self, store: &dyn Store, file: &SourceFile, stored: &[u8]) -> Result<(), NotAdmitted>;
}
