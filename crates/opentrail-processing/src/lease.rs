//! Keeps a message from other receivers while it is worked on.

use crate::error::ErrorKind;
use crate::processor::Common;
use crate::progress::{Progress, Report};
use crate::queue::{Message, Queue};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// The keeping of one message; it ends when this is dropped.
///
/// A task of its own, because a handler may keep the task of the message busy.
pub(crate) struct Lease(JoinHandle<()>);

impl Lease {
    pub fn start(common: &Arc<Common>, queue: &Arc<dyn Queue>, message: &Message) -> Self {
        let (common, queue) = (Arc::clone(common), Arc::clone(queue));
        let (id, receipt) = (message.id.clone(), message.receipt.clone());
        Self(tokio::spawn(async move { keep(&common, &*queue, &id, &receipt).await }))
    }

    /// Ends the keeping, so that nothing changes the message any more.
    pub async fn end(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Extends at half of the time, so that there is time for attempts that fail.
async fn keep(common: &Common, queue: &dyn Queue, id: &str, receipt: &str) {
    let visibility = common.settings.visibility;
    let mut until = Instant::now() + visibility;
    loop {
        sleep_until(until - visibility / 2).await;
        let asked = Instant::now();
        let mut failed = 0;
        loop {
            let error = match queue.set_visibility(receipt, visibility).await {
                Ok(()) => break,
                Err(error) => error,
            };
            let wait = common.backoff.wait(common.settings.backoff, failed, None).min(visibility / 4);
            let lost = error.kind == ErrorKind::LeaseLost || error.kind == ErrorKind::Missing;
            if lost || Instant::now() + wait >= until {
                common.tally.report(Report::LeaseLost { message_id: id.to_owned(), reason: error.explained() });
                return;
            }
            common.tally.report(Report::Fault { reason: error.explained(), wait });
            // Never so short that it would be asked for without a pause.
            sleep(wait.max(Duration::from_millis(10))).await;
            failed += 1;
        }
        until = asked + visibility;
    }
}
