//! The followers of the event log: started with the server, stopped before delivery, and what the log is kept for.

use opentrail_catalog::{Catalog, CatalogError, Follower, FollowerCursor, follow};
use opentrail_eventlog::{Intake, Position};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Those that run.
pub struct Followers {
    catalog: Catalog,
    intake: Intake,
    stop: watch::Sender<bool>,
    tasks: Vec<(String, JoinHandle<()>)>,
}

impl Followers {
    pub fn new(catalog: Catalog, intake: Intake) -> Self {
        Self { catalog, intake, stop: watch::Sender::new(false), tasks: Vec::new() }
    }

    pub fn start<F: Follower>(&mut self, follower: F) {
        let name = follower.name().to_owned();
        let task = follow(self.catalog.clone(), self.intake.clone(), follower, self.stop.subscribe());
        self.tasks.push((name, tokio::spawn(task)));
    }

    /// Runs what works beside a follower and stops with it.
    pub fn start_beside<T>(&mut self, name: &str, task: impl FnOnce(watch::Receiver<bool>) -> T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        self.tasks.push((name.to_owned(), tokio::spawn(task(self.stop.subscribe()))));
    }

    /// Lets each finish what it is at.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for (name, task) in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "the follower {name} failed");
            }
        }
    }
}

/// The first position that a follower still has to read.
///
/// # Errors
/// If the catalog cannot be read.
pub fn least_read(catalog: &Catalog) -> Result<Option<Position>, CatalogError> {
    Ok(catalog.list::<FollowerCursor>("")?.iter().map(|cursor| cursor.position).min())
}
