//! A run on a queue.
//!
//! ```text
//! receive ─▶ a task a message: lease ─▶ read ─▶ its files, one after the other ─▶ delete │ give back │ park and delete
//! ```

use crate::error::{ErrorKind, PortError, ProcessingError};
use crate::handler::{Delivery, Handler, SourceFile};
use crate::lease::Lease;
use crate::limits;
use crate::message::{self, Announced, Announcement};
use crate::names::FileName;
use crate::parking::Parked;
use crate::processor::{Common, Processor, Shared, Stop, Stopper, stop as stop_pair};
use crate::progress::{Progress, Report, Summary};
use crate::queue::{Message, Queue};
use crate::store::Store;
use crate::work::{Failure, Outcome, Weight};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// When a run on a queue ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    Stopped,
    /// The queue gave nothing more, and what failed has had all its attempts.
    Drained,
}

impl<H: Handler> Processor<H> {
    /// Works on the messages of a queue, fetching their files from a store.
    ///
    /// Run it on a runtime of several threads, so that a busy handler does not keep messages from being extended.
    ///
    /// # Errors
    /// If the settings make no sense, or the queue cannot be read at all: it is not there, or access is denied. Later
    /// errors of the queue are reported and tried again.
    pub async fn run_queue(
        self,
        queue: Arc<dyn Queue>,
        store: Arc<dyn Store>,
        until: Until,
        stop: Stop,
    ) -> Result<Summary, ProcessingError> {
        let shared = self.share(&stop)?;
        let run = Run { common: Arc::clone(&shared.common), shared, queue, store, memory: Arc::default(), cut_off: stop_pair() };
        run.until(until, &stop).await
    }
}

/// How long giving messages back may take at a stop.
const CUT_OFF: Duration = Duration::from_secs(10);
/// How long the last receives of a run that ends by itself wait.
const LAST_WAIT: Duration = Duration::from_secs(2);

struct Run<H> {
    shared: Arc<Shared<H>>,
    common: Arc<Common>,
    queue: Arc<dyn Queue>,
    store: Arc<dyn Store>,
    memory: Arc<Mutex<Remembered>>,
    /// Ends what did not finish in time.
    cut_off: (Stopper, Stop),
}

/// What is known of messages that were given back, to be forgotten when they are done.
#[derive(Default)]
struct Remembered {
    messages: HashMap<String, Past>,
}

#[derive(Default, Clone)]
struct Past {
    /// Files that were accepted: they are not handed over again.
    done: HashSet<usize>,
    /// Deliveries that failed for no fault of the message.
    faults: u32,
    /// When it comes back, if it has attempts left.
    due: Option<Instant>,
}

/// What to do with a message.
enum Verdict {
    Delete,
    GiveBack(Duration),
    Park(Parked),
}

impl<H: Handler> Run<H> {
    async fn until(&self, until: Until, stop: &Stop) -> Result<Summary, ProcessingError> {
        let mut tasks = JoinSet::new();
        let parallel = self.common.settings.parallel;
        // A few wait for their turn, so that workers need not; not more, because other receivers may be idle.
        let most = parallel + parallel.min(limits::RECEIVE_MESSAGES);
        let result = loop {
            while tasks.try_join_next().is_some() {}
            if tasks.len() > parallel {
                // There is enough to do. Later there is room for several, which costs one receive.
                tokio::select! {
                    _ = tasks.join_next() => continue,
                    () = stop.requested() => break Ok(()),
                }
            }
            let wait = self.common.settings.wait;
            let wait = if until == Until::Drained { wait.min(LAST_WAIT) } else { wait };
            let received = tokio::select! {
                received = self.receive(most - tasks.len(), wait, until) => received,
                () = stop.requested() => break Ok(()),
            };
            let messages = match received {
                Ok(messages) => messages,
                Err(error) => break Err(error),
            };
            if messages.is_empty() && until == Until::Drained && !self.go_on(&mut tasks, stop).await {
                break Ok(());
            }
            for message in messages {
                let work = MessageWork {
                    shared: Arc::clone(&self.shared),
                    common: Arc::clone(&self.common),
                    queue: Arc::clone(&self.queue),
                    store: Arc::clone(&self.store),
                    memory: Arc::clone(&self.memory),
                    cut_off: self.cut_off.1.clone(),
                };
                tasks.spawn(work.run(message));
            }
        };
        self.finish(tasks).await;
        result.map(|()| self.common.summary())
    }

    /// Receives; errors that may pass are tried again for ever, or in a run that is to end, as long as patience lasts.
    async fn receive(&self, most: usize, wait: Duration, until: Until) -> Result<Vec<Message>, ProcessingError> {
        let settings = &self.common.settings;
        let begun = Instant::now();
        let mut failed = 0;
        loop {
            let received = self.queue.receive(most.min(limits::RECEIVE_MESSAGES), settings.visibility, wait);
            // An endpoint that never answers must not stop everything.
            let error = match timeout(wait + settings.stall, received).await {
                Ok(Ok(messages)) => {
                    self.common.tally.report(Report::Received { messages: messages.len() });
                    return Ok(messages);
                }
                Ok(Err(error)) => error,
                Err(_) => PortError::transient(format!("receiving from {}", self.queue.display()), "no answer came in time"),
            };
            let retry_after = match error.kind {
                ErrorKind::Transient { retry_after } => retry_after,
                // What worked before may work again: a permission or a queue that is being replaced.
                _ if self.common.summary().messages > 0 && until == Until::Stopped => None,
                _ => return Err(ProcessingError::Queue(error)),
            };
            if until == Until::Drained && begun.elapsed() > settings.patience {
                return Err(ProcessingError::Queue(error));
            }
            let wait = self.common.backoff.wait(settings.backoff, failed, retry_after).max(Duration::from_millis(1));
            self.common.tally.report(Report::Fault { reason: error.explained(), wait });
            sleep(wait).await;
            failed += 1;
        }
    }

    /// After the queue gave nothing: whether something is in work or will come back.
    async fn go_on(&self, tasks: &mut JoinSet<()>, stop: &Stop) -> bool {
        if tasks.join_next().await.is_some() {
            return true;
        }
        let Some(due) = self.next_due() else { return false };
        tokio::select! {
            () = sleep_until(due) => {}
            () = stop.requested() => {}
        }
        // It was given back for whole seconds; one that does not come after that was taken by somebody else.
        let late = Duration::from_secs(2);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        for past in memory.messages.values_mut() {
            past.due = past.due.filter(|due| due.elapsed() < late);
        }
        true
    }

    /// When the next message that was given back is to come.
    fn next_due(&self) -> Option<Instant> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.messages.values().filter_map(|past| past.due).min()
    }

    /// Lets what is in work finish; what does not in time is given back.
    async fn finish(&self, mut tasks: JoinSet<()>) {
        let all = async |tasks: &mut JoinSet<()>| while tasks.join_next().await.is_some() {};
        if timeout(self.common.settings.grace, all(&mut tasks)).await.is_ok() {
            return;
        }
        self.cut_off.0.stop();
        let _ = timeout(CUT_OFF, all(&mut tasks)).await;
        // What is left gives up its lease: the message comes back when its time is over.
        tasks.shutdown().await;
    }
}

/// Work on one message.
struct MessageWork<H> {
    shared: Arc<Shared<H>>,
    common: Arc<Common>,
    queue: Arc<dyn Queue>,
    store: Arc<dyn Store>,
    memory: Arc<Mutex<Remembered>>,
    cut_off: Stop,
}

impl<H: Handler> MessageWork<H> {
    async fn run(self, message: Message) {
        let lease = Lease::start(&self.common, &self.queue, &message);
        let verdict = tokio::select! {
            verdict = self.judge(&message) => verdict,
            () = self.cut_off.requested() => Verdict::GiveBack(Duration::ZERO),
        };
        match verdict {
            Verdict::Delete => {
                self.delete(&message).await;
                lease.end().await;
            }
            Verdict::Park(parked) => {
                if self.common.park(&message.id, &parked).await {
                    self.delete(&message).await;
                    lease.end().await;
                } else {
                    lease.end().await;
                    let delay = self.common.delay(message.receive_count, None);
                    self.give_back(&message, delay).await;
                }
            }
            Verdict::GiveBack(delay) => {
                lease.end().await;
                self.give_back(&message, delay).await;
            }
        }
    }

    async fn judge(&self, message: &Message) -> Verdict {
        let settings = &self.common.settings;
        if message.receive_count > settings.receives && self.common.can_park() {
            let reason = format!("received {} times and never finished", message.receive_count);
            return Verdict::Park(Parked { reason, message: Some(message.clone()), files: Vec::new() });
        }
        let files = match message::read(&message.body) {
            Ok(Announcement::Files { files, skipped }) => {
                for reason in skipped {
                    self.common.tally.report(Report::Skipped { what: format!("message {}", message.id), reason });
                }
                files
            }
            Ok(Announcement::Validation) => return self.no_files(message, "CloudTrail's validation message"),
            Ok(Announcement::TestEvent) => return self.no_files(message, "S3's test event"),
            Err(error) => return self.not_understood(message, &error.to_string()),
        };
        let mut past = self.past(&message.id);
        let mut failures = Vec::new();
        for (at, announced) in files.into_iter().enumerate() {
            if past.done.contains(&at) {
                continue;
            }
            let file = Arc::new(source_file(announced, message));
            match self.shared.work(&self.store, &file).await {
                Outcome::Done | Outcome::Skipped => {
                    past.done.insert(at);
                }
                Outcome::Failed(failure) => failures.push((file, failure)),
            }
        }
        if failures.is_empty() {
            return Verdict::Delete;
        }
        self.after_failures(message, past, failures)
    }

    /// Parks when every file that is not done has had its attempts; else gives back.
    fn after_failures(&self, message: &Message, mut past: Past, failures: Vec<(Arc<SourceFile>, Failure)>) -> Verdict {
        let faulty = failures.iter().any(|(_, failure)| matches!(failure.weight, Weight::Fault { .. }));
        if faulty {
            past.faults = past.faults.saturating_add(1);
        }
        let strikes = message.receive_count.saturating_sub(past.faults);
        let worn_out = strikes >= self.common.settings.attempts;
        let hopeless = |failure: &Failure| failure.weight == Weight::Park || worn_out;
        if !faulty && failures.iter().all(|(_, failure)| hopeless(failure)) {
            if self.common.can_park() {
                let reasons: Vec<_> = failures
                    .iter()
                    .map(|(file, failure)| format!("{}: {}", self.store.display(&file.bucket, &file.key), failure.reason))
                    .collect();
                let files = failures.iter().map(|(file, _)| (file.bucket.clone(), file.key.clone())).collect();
                // Files that were accepted are remembered, should parking fail and the message come again.
                self.remember(&message.id, past);
                return Verdict::Park(Parked { reason: reasons.join("; "), message: Some(message.clone()), files });
            }
            // Nothing is thrown away: the message stays, and is tried now and then.
            self.remember(&message.id, past);
            return Verdict::GiveBack(self.hopeless_delay());
        }
        let after = failures.iter().filter_map(|(_, failure)| match failure.weight {
            Weight::Fault { after } | Weight::Strike { after } => after,
            Weight::Park => None,
        });
        let delay = self.common.delay(message.receive_count.saturating_sub(1), after.max());
        past.due = (past.faults <= self.common.settings.attempts).then(|| Instant::now() + delay);
        self.remember(&message.id, past);
        Verdict::GiveBack(delay)
    }

    fn no_files(&self, message: &Message, reason: &str) -> Verdict {
        self.common.tally.report(Report::Skipped { what: format!("message {}", message.id), reason: reason.to_owned() });
        Verdict::Delete
    }

    fn not_understood(&self, message: &Message, reason: &str) -> Verdict {
        let (message_id, reason) = (message.id.clone(), reason.to_owned());
        self.common.tally.report(Report::MessageFailed { message_id, reason: reason.clone() });
        if self.common.can_park() {
            return Verdict::Park(Parked { reason, message: Some(message.clone()), files: Vec::new() });
        }
        Verdict::GiveBack(self.hopeless_delay())
    }

    /// For what cannot be parked: as long as possible, and longer than the last receive of a run waits for it.
    fn hopeless_delay(&self) -> Duration {
        self.common.settings.redelivery.longest.max(LAST_WAIT * 2)
    }

    async fn delete(&self, message: &Message) {
        let attempt = || self.queue.delete(&message.receipt);
        match self.common.backoff.run(self.common.settings.backoff, self.common.settings.patience, attempt).await {
            Ok(()) => {
                self.lock().messages.remove(&message.id);
                self.common.tally.report(Report::Deleted { message_id: message.id.clone() });
            }
            Err(error) => {
                let reason = format!("done, but cannot be deleted and so comes again: {}", error.explained());
                self.common.tally.report(Report::MessageFailed { message_id: message.id.clone(), reason });
            }
        }
    }

    async fn give_back(&self, message: &Message, delay: Duration) {
        let delay = delay.min(Duration::from_secs(limits::VISIBILITY_SECONDS));
        let attempt = || self.queue.set_visibility(&message.receipt, delay);
        // It comes back anyway when its time is over: not worth long patience.
        let patience = self.common.settings.visibility;
        match self.common.backoff.run(self.common.settings.backoff, patience, attempt).await {
            Ok(()) => self.common.tally.report(Report::Returned { message_id: message.id.clone(), delay }),
            Err(error) => {
                let reason = format!("cannot be given back before its time is over: {}", error.explained());
                self.common.tally.report(Report::MessageFailed { message_id: message.id.clone(), reason });
            }
        }
    }

    fn past(&self, id: &str) -> Past {
        let mut memory = self.lock();
        let Some(past) = memory.messages.get_mut(id) else { return Past::default() };
        past.due = None;
        past.clone()
    }

    fn remember(&self, id: &str, past: Past) {
        let mut memory = self.lock();
        if memory.messages.len() >= limits::MESSAGES_REMEMBERED {
            memory.messages.clear();
        }
        memory.messages.insert(id.to_owned(), past);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn source_file(announced: Announced, message: &Message) -> SourceFile {
    let Announced { bucket, key, size, .. } = announced;
    let delivery = Delivery { message_id: message.id.clone(), receive_count: message.receive_count, sent: message.sent };
    SourceFile { name: FileName::parse(&key), bucket, key, size, delivery: Some(delivery) }
}
