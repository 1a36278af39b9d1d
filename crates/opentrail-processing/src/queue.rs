//! The port to a queue of messages.

use crate::error::PortError;
use async_trait::async_trait;
use std::time::Duration;
use time::OffsetDateTime;

/// A message as received. Receiving it again gives another receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same at every delivery.
    pub id: String,
    /// What deletes or keeps this delivery.
    pub receipt: String,
    pub body: String,
    /// How often it was received, this time included; 1 if the queue does not tell.
    pub receive_count: u32,
    pub sent: Option<OffsetDateTime>,
}

/// A queue that gives each message to one receiver at a time, until it is deleted or its visibility timeout is over.
///
/// Implementations are used from many tasks at once and do not retry by themselves. Delivery is at least once, in any
/// order. Deleting is idempotent, and is durable when it has returned.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Receives up to `most` messages (1 to 10) that nobody else gets for `visibility`. Waits up to `wait` for the first.
    async fn receive(&self, most: usize, visibility: Duration, wait: Duration) -> Result<Vec<Message>, PortError>;

    /// Deletes a message that was received.
    async fn delete(&self, receipt: &str) -> Result<(), PortError>;

    /// Keeps a message from others for this long from now; zero gives it back at once.
    ///
    /// [`crate::ErrorKind::LeaseLost`] says that the message is no longer with this receiver.
    async fn set_visibility(&self, receipt: &str, visibility: Duration) -> Result<(), PortError>;

    /// Sends a message with text attributes. It is durable when this returns.
    async fn send(&self, body: &str, attributes: &[(&str, &str)]) -> Result<(), PortError>;

    /// The queue as people write it, for reports.
    fn display(&self) -> String;
}
