//! The port through which others are told of delivered log files.

use opentrail_catalog::Changes;
use opentrail_model::trail::Trail;

/// Why nobody was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AnnounceFault {
    /// The error code that GetTrailStatus shows.
    pub code: String,
    pub message: String,
}

/// Tells of log files, to the topic that a trail names.
///
/// Atomicity: what is added to `changes` goes into the entry that commits the delivery, so each file is announced exactly
/// once. Must be quick. A fault delays nothing: what was not announced is not announced later, as CloudTrail has it.
pub trait Announcer: Send + Sync + 'static {
    /// Adds what announcing these files of the trail takes.
    ///
    /// # Errors
    /// If the topic is not there or refuses.
    fn announce(&self, trail: &Trail, keys: &[String], changes: &mut Changes) -> Result<(), AnnounceFault>;
}

/// Tells nobody. For where there are no topics.
pub struct NoAnnouncer;

impl Announcer for NoAnnouncer {
    fn announce(&self, _: &Trail, _: &[String], _: &mut Changes) -> Result<(), AnnounceFault> {
        Err(AnnounceFault { code: "NotFound".into(), message: "there are no topics here".into() })
    }
}
