//! A run on a directory or a prefix: everything there, or that and everything that comes.

use crate::error::ProcessingError;
use crate::handler::{Handler, SourceFile};
use crate::journal::Journal;
use crate::limits;
use crate::names::FileName;
use crate::parking::Parked;
use crate::processor::{Processor, Shared, Stop};
use crate::progress::{Progress, Report, Summary};
use crate::store::{Listed, Page, Store};
use crate::work::{Outcome, Weight};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What to work on.
pub struct Listing {
    /// Empty for a directory.
    pub bucket: String,
    pub prefix: String,
    /// Look again after this time for what came since; `None` ends after one round.
    pub follow: Option<Duration>,
    /// Remembers what is done. Without one, a single round takes every file.
    pub journal: Option<Journal>,
}

/// Between two syncs of the journal.
const JOURNAL_SYNC: Duration = Duration::from_secs(1);

impl<H: Handler> Processor<H> {
    /// Works on the files below a prefix, in the order of their keys, several at a time.
    ///
    /// A file that fails is tried again while others go on, is parked after its attempts, or else left out until the next
    /// round. Memory does not grow with the number of files, but for the journal's bytes for each.
    ///
    /// # Errors
    /// If the settings make no sense, the listing cannot be read, or the journal cannot be written.
    pub async fn run_listing(self, store: Arc<dyn Store>, listing: Listing, stop: Stop) -> Result<Summary, ProcessingError> {
        let shared = self.share(&stop)?;
        let journal = match (listing.journal, listing.follow) {
            (None, Some(_)) => Some(Journal::in_memory()),
            (journal, _) => journal,
        };
        let Listing { bucket, prefix, follow, .. } = listing;
        let run = Arc::new(Run { shared, store, bucket, prefix, journal, stop: stop.clone() });
        let result = run.rounds(follow, &stop).await;
        run.sync()?;
        result.map(|()| run.shared.common.summary())
    }
}

struct Run<H> {
    shared: Arc<Shared<H>>,
    store: Arc<dyn Store>,
    bucket: String,
    prefix: String,
    journal: Option<Journal>,
    stop: Stop,
}

type Tasks = JoinSet<Result<(), ProcessingError>>;

impl<H: Handler> Run<H> {
    async fn rounds(self: &Arc<Self>, follow: Option<Duration>, stop: &Stop) -> Result<(), ProcessingError> {
        loop {
            self.round(stop).await?;
            let Some(pause) = follow else { return Ok(()) };
            if stop.is_requested() {
                return Ok(());
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.requested() => return Ok(()),
            }
        }
    }

    async fn round(self: &Arc<Self>, stop: &Stop) -> Result<(), ProcessingError> {
        let mut tasks = Tasks::new();
        let begun = self.begin_all(&mut tasks, stop).await;
        let grace = self.shared.common.settings.grace;
        let all = async {
            let mut result = Ok(());
            while let Some(joined) = tasks.join_next().await {
                result = result.and(of_task(joined));
            }
            result
        };
        tokio::pin!(all);
        let ended = tokio::select! {
            result = &mut all => Some(result),
            () = stop.requested() => timeout(grace, &mut all).await.ok(),
        };
        // What does not finish in time is not in the journal, and so comes again.
        begun.and(ended.unwrap_or(Ok(())))
    }

    async fn begin_all(self: &Arc<Self>, tasks: &mut Tasks, stop: &Stop) -> Result<(), ProcessingError> {
        // Those that wait for another attempt must not keep the others from their turn.
        let most = self.shared.common.settings.parallel + limits::FILES_WAITING;
        let mut synced = std::time::Instant::now();
        let mut after: Option<String> = None;
        loop {
            let page = tokio::select! {
                page = self.page(after.as_deref()) => page?,
                () = stop.requested() => return Ok(()),
            };
            after = page.files.last().map(|file| file.key.clone());
            for listed in page.files {
                if self.journal.as_ref().is_some_and(|journal| journal.contains(&listed.key)) {
                    continue;
                }
                while tasks.len() >= most {
                    let joined = tokio::select! {
                        joined = tasks.join_next() => joined,
                        () = stop.requested() => return Ok(()),
                    };
                    joined.map_or(Ok(()), of_task)?;
                }
                if stop.is_requested() {
                    return Ok(());
                }
                tasks.spawn(Arc::clone(self).file(listed));
                if synced.elapsed() > JOURNAL_SYNC {
                    self.sync()?;
                    synced = std::time::Instant::now();
                }
            }
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
    }

    async fn page(&self, after: Option<&str>) -> Result<Page, ProcessingError> {
        let common = &self.shared.common;
        let attempt = || self.store.list(&self.bucket, &self.prefix, after);
        let listed = common.backoff.run(common.settings.backoff, common.settings.patience, attempt).await;
        listed.map_err(ProcessingError::Listing)
    }

    /// One file, until it is done, parked or out of attempts.
    async fn file(self: Arc<Self>, listed: Listed) -> Result<(), ProcessingError> {
        let name = FileName::parse(&listed.key);
        let Listed { key, size } = listed;
        let file = Arc::new(SourceFile { bucket: self.bucket.clone(), key, size: Some(size), name, delivery: None });
        let common = &self.shared.common;
        let mut strikes = 0;
        loop {
            let failure = match self.shared.work(&self.store, &file).await {
                Outcome::Done => return self.keep(&file.key, "done"),
                Outcome::Skipped => return self.keep(&file.key, "skipped"),
                Outcome::Failed(failure) => failure,
            };
            strikes += 1;
            let again = match failure.weight {
                // The network had all its patience, or a digest is not there yet: the next round may find it better.
                Weight::Fault { .. } => return Ok(()),
                Weight::Strike { after } if strikes < common.settings.attempts => {
                    Some(after.unwrap_or_else(|| common.backoff.wait(common.settings.backoff, strikes, None)))
                }
                Weight::Strike { .. } | Weight::Park => {
                    let files = vec![(file.bucket.clone(), file.key.clone())];
                    let parked = Parked { reason: failure.reason, message: None, files };
                    let what = self.store.display(&file.bucket, &file.key);
                    return if common.park(&what, &parked).await { self.keep(&file.key, "parked") } else { Ok(()) };
                }
            };
            let Some(wait) = again else { return Ok(()) };
            common.tally.report(Report::Fault { reason: failure.reason, wait });
            tokio::select! {
                () = sleep(wait) => {}
                () = self.stop.requested() => return Ok(()),
            }
        }
    }

    fn keep(&self, key: &str, outcome: &str) -> Result<(), ProcessingError> {
        self.journal.as_ref().map_or(Ok(()), |journal| journal.add(key, outcome))
    }

    fn sync(&self) -> Result<(), ProcessingError> {
        self.journal.as_ref().map_or(Ok(()), Journal::sync)
    }
}

/// A handler that panics leaves its file undone; that was printed, and shows in what is not done.
fn of_task(joined: Result<Result<(), ProcessingError>, tokio::task::JoinError>) -> Result<(), ProcessingError> {
    joined.unwrap_or(Ok(()))
}
