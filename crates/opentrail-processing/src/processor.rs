//! A handler, and how it is to be given events.

use crate::admission::Admission;
use crate::dedupe::Seen;
use crate::error::ProcessingError;
use crate::event::Event;
use crate::filter::SourceFilter;
use crate::handler::{Handler, SourceFile};
use crate::parking::{Parked, Parking};
use crate::progress::{Progress, Report, Silent, Summary, Tally};
use crate::retry::Backoff;
use crate::settings::Settings;
use crate::store::Store;
use crate::work::{Failure, Weight};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

pub(crate) type SourceTest = Arc<dyn Fn(&SourceFile) -> bool + Send + Sync>;
pub(crate) type EventTest = Arc<dyn Fn(&Event<'_>) -> bool + Send + Sync>;

/// Gives the events of log files to a handler. Built with what it needs, then run on a queue, a directory or a prefix.
pub struct Processor<H> {
    handler: H,
    settings: Settings,
    source_filter: SourceFilter,
    source_test: Option<SourceTest>,
    event_test: Option<EventTest>,
    progress: Arc<dyn Progress>,
    parking: Option<Arc<dyn Parking>>,
    admission: Option<Arc<dyn Admission>>,
}

/// What the tasks of a run share.
pub(crate) struct Shared<H> {
    pub handler: H,
    pub common: Arc<Common>,
}

pub(crate) struct Common {
    pub settings: Settings,
    pub source_filter: SourceFilter,
    pub source_test: Option<SourceTest>,
    pub event_test: Option<EventTest>,
    pub tally: Arc<Tally>,
    pub backoff: Backoff,
    pub seen: Option<Seen>,
    /// KiB.
    pub memory: Semaphore,
    pub files: Semaphore,
    /// Once it is requested, no file is begun.
    pub stop: Stop,
    parking: Option<Arc<dyn Parking>>,
    admission: Option<Arc<dyn Admission>>,
}

impl<H: Handler> Processor<H> {
    pub fn new(handler: H) -> Self {
        Self {
            handler,
            settings: Settings::default(),
            source_filter: SourceFilter::default(),
            source_test: None,
            event_test: None,
            progress: Arc::new(Silent),
            parking: None,
            admission: None,
        }
    }

    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Only files that this filter wants are fetched.
    #[must_use]
    pub fn source_filter(mut self, filter: SourceFilter) -> Self {
        self.source_filter = filter;
        self
    }

    /// Only files for which this says yes are fetched, of those the filter wants.
    #[must_use]
    pub fn source_test(mut self, test: impl Fn(&SourceFile) -> bool + Send + Sync + 'static) -> Self {
        self.source_test = Some(Arc::new(test));
        self
    }

    /// Only events for which this says yes are handed over.
    #[must_use]
    pub fn event_filter(mut self, test: impl Fn(&Event<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.event_test = Some(Arc::new(test));
        self
    }

    #[must_use]
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Where goes what cannot be processed. Without it, such messages stay in the queue, and its redrive policy decides.
    #[must_use]
    pub fn parking(mut self, parking: Arc<dyn Parking>) -> Self {
        self.parking = Some(parking);
        self
    }

    /// Only files that are admitted are handed over, such as those that a digest vouches for.
    #[must_use]
    pub fn admission(mut self, admission: Arc<dyn Admission>) -> Self {
        self.admission = Some(admission);
        self
    }

    pub(crate) fn share(self, stop: &Stop) -> Result<Arc<Shared<H>>, ProcessingError> {
        self.settings.check()?;
        let Self { handler, settings, source_filter, source_test, event_test, progress, parking, admission } = self;
        let tally = Arc::new(Tally::new(progress));
        let common = Common {
            backoff: Backoff::new(settings.seed, Arc::clone(&tally) as Arc<dyn Progress>),
            seen: (settings.dedupe > 0).then(|| Seen::new(settings.dedupe)),
            memory: Semaphore::new(settings.memory >> 10),
            files: Semaphore::new(settings.parallel),
            settings,
            source_filter,
            source_test,
            event_test,
            tally,
            stop: stop.clone(),
            parking,
            admission,
        };
        Ok(Arc::new(Shared { handler, common: Arc::new(common) }))
    }
}

impl Common {
    pub fn summary(&self) -> Summary {
        self.tally.summary()
    }

    pub fn can_park(&self) -> bool {
        self.parking.is_some()
    }

    /// Puts something aside; `false` if that is not possible, which is reported.
    pub async fn park(&self, what: &str, parked: &Parked) -> bool {
        let Some(parking) = &self.parking else { return false };
        let attempt = || parking.park(parked);
        match self.backoff.run(self.settings.backoff, self.settings.patience, attempt).await {
            Ok(()) => {
                self.tally.report(Report::Parked { what: what.to_owned(), reason: parked.reason.clone() });
                true
            }
            Err(error) => {
                let reason = format!("cannot be parked: {}", error.explained());
                self.tally.report(Report::MessageFailed { message_id: what.to_owned(), reason });
                false
            }
        }
    }

    /// Asks whether a file may be handed over.
    pub async fn admit(&self, store: &dyn Store, file: &SourceFile, stored: &[u8]) -> Result<(), Failure> {
        let Some(admission) = &self.admission else { return Ok(()) };
        admission.admit(store, file, stored).await.map_err(|refused| {
            let weight = match refused.later {
                Some(after) => Weight::Fault { after: Some(after) },
                None => Weight::Park,
            };
            Failure { reason: refused.reason, weight }
        })
    }

    /// How long a file or message that failed stays away; `strikes` is how often it failed before.
    pub fn delay(&self, strikes: u32, after: Option<Duration>) -> Duration {
        after.unwrap_or_else(|| self.backoff.wait(self.settings.redelivery, strikes, None))
    }
}

/// Tells a run to stop.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<bool>>);

/// Heard by a run.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// A run ends when the stopper says so: nothing new is begun, and what is being worked on gets its time to finish.
#[must_use]
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(Arc::new(sender)), Stop(receiver))
}

impl Stopper {
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Never.
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until a stop is requested. A stopper that is gone requests none.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
