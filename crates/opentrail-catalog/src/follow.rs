//! Followers: readers of the log in the background whose results are changes in the same log.
//!
//! ```text
//! reader at the cursor ─▶ a stretch of entries ─▶ Follower::take ─▶ Made { changes, events }
//!                                                                      │ with the cursor, one entry
//!                                                                      ▼
//!                                                                   Intake::submit
//! ```
//!
//! The cursor moves in the entry that holds what was made of the entries before it. So whatever a crash interrupts,
//! each entry has its effect once. A follower keeps nothing else; what it has in memory it can build again.

use crate::{Catalog, CatalogError, Changes, Entity, NamedLock};
use opentrail_eventlog::{Event, Intake, LogError, LogErrorKind, LogReader, LoggedEntry, Position};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;

/// Most bytes of records and changes that a follower is given at a time, unless a single block has more.
const STRETCH_BYTES: usize = 1 << 20;
/// A follower that makes nothing saves its cursor after so many positions with events, and when it stops.
const SAVE_EVERY: u64 = 10_000;
/// Pauses between tries of a failing follower: the first and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// How far a follower has come. The log keeps what lies behind the least of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowerCursor {
    pub name: String,
    /// Every entry before this has had its effect.
    pub position: Position,
}

impl Entity for FollowerCursor {
    const TABLE: &'static str = "follower_cursor";

    fn key(&self) -> String {
        self.name.clone()
    }
}

/// What a follower makes of a stretch of the log.
#[derive(Default)]
pub struct Made {
    pub changes: Changes,
    /// Records of what was done, if it is to be recorded.
    pub events: Vec<Event>,
    /// Locks that what was read and decided needs until the changes are applied; see [`Catalog::lock_all`].
    pub locks: Vec<NamedLock>,
    /// If only the entries that end here or before were taken; the others come again. Lets a follower keep what it makes
    /// below the largest entry.
    pub up_to: Option<Position>,
}

/// Something that follows the log.
///
/// Durability: what [`Self::take`] hands back is durable together with the cursor behind the entries it was made of.
/// Idempotence: entries of which nothing was made may come again after a restart, so whoever has settings that came
/// later compares them with [`LoggedEntry::written_ms`]. Ordering: log order. Errors: a failed `take` or submission is
/// tried again, after a pause and [`Self::rewind`], with the same entries.
pub trait Follower: Send + 'static {
    type Error: std::error::Error + Send + Sync + 'static;

    /// Names its cursor and itself in messages. For as long as the cursor is in the catalog, the log is kept for it.
    fn name(&self) -> &str;

    /// What follows from these entries.
    ///
    /// # Errors
    /// Whatever keeps it from saying so now.
    fn take(&mut self, entries: &[LoggedEntry]) -> impl Future<Output = Result<Made, Self::Error>> + Send;

    /// The changes last made are durable and applied.
    fn committed(&mut self) {}

    /// What was last made has not become durable: forget what was taken into memory of it.
    fn rewind(&mut self) {}
}

/// Runs a follower until `stop` turns true or the log stops. It begins where its cursor is; without one at the log's end.
pub async fn follow<F: Follower>(catalog: Catalog, intake: Intake, mut follower: F, mut stop: watch::Receiver<bool>) {
    let mut pause = FIRST_PAUSE;
    let mut place: Option<Following> = None;
    while !*stop.borrow() {
        let begun = match place.take() {
            Some(following) => following.again(),
            None => Following::begin(&catalog, &intake, follower.name()).await,
        };
        let error = match begun {
            Ok(mut following) => match following.run(&mut follower, &mut stop).await {
                Ok(()) => return,
                Err(error) => {
                    if std::mem::take(&mut following.moved) {
                        pause = FIRST_PAUSE;
                    }
                    place = Some(following);
                    error
                }
            },
            Err(error) => error,
        };
        follower.rewind();
        if error.is_final() {
            tracing::error!(follower = follower.name(), error = error.cause(), "a follower of the log stopped");
            return;
        }
        tracing::warn!(follower = follower.name(), error = error.cause(), "a follower of the log failed, will try again");
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(MAX_PAUSE),
            () = stopped(&mut stop) => {}
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the event log failed")]
    Log(#[from] LogError),
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("making something of the log failed")]
    Follower(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Fault {
    /// Whether the log is at its end for this process.
    fn is_final(&self) -> bool {
        matches!(self, Self::Log(error) if error.kind() != LogErrorKind::Retry)
    }

    fn cause(&self) -> &(dyn std::error::Error + 'static) {
        self
    }
}

/// A follower's place in the log.
struct Following<'a> {
    intake: &'a Intake,
    cursor: FollowerCursor,
    reader: LogReader,
    /// Every entry before this was taken; the cursor is here or behind.
    taken: Position,
    /// Events between the cursor and `taken`.
    unsaved: u64,
    /// Whether anything was taken since the last failure.
    moved: bool,
}

impl<'a> Following<'a> {
    async fn begin(catalog: &Catalog, intake: &'a Intake, name: &str) -> Result<Self, Fault> {
        let log = intake.log();
        let cursor = match catalog.get::<FollowerCursor>(name)? {
            Some(cursor) => FollowerCursor::clone(&cursor),
            None => {
                let cursor = FollowerCursor { name: name.into(), position: log.end() };
                let mut changes = Changes::new();
                intake.submit(Vec::new(), changes.put(&cursor).encode()).await?;
                cursor
            }
        };
        let from = cursor.position.max(log.first());
        Ok(Self { intake, reader: log.reader(from)?.only_news(), taken: from, cursor, unsaved: 0, moved: false })
    }

    /// Reads again what was not taken.
    fn again(self) -> Result<Self, Fault> {
        Ok(Self { reader: self.intake.log().reader(self.taken)?.only_news(), ..self })
    }

    async fn run<F: Follower>(&mut self, follower: &mut F, stop: &mut watch::Receiver<bool>) -> Result<(), Fault> {
        loop {
            let entries = self.next_stretch()?;
            if !entries.is_empty() {
                self.take(follower, &entries).await?;
                continue;
            }
            tokio::select! {
                ready = self.reader.wait() => ready?,
                () = stopped(stop) => {
                    if self.unsaved > 0 {
                        self.save(Made::default(), self.taken).await?;
                    }
                    return Ok(());
                }
            }
        }
    }

    /// The next entries, about [`STRETCH_BYTES`] of them; none if all are read.
    fn next_stretch(&mut self) -> Result<Vec<LoggedEntry>, LogError> {
        let mut stretch = Vec::new();
        let mut bytes = 0;
        while bytes < STRETCH_BYTES
            && let Some(entries) = self.reader.next_block()?
        {
            bytes += entries.iter().map(bytes_of).sum::<usize>();
            stretch.extend(entries);
        }
        Ok(stretch)
    }

    /// Hands entries to the follower until it took them all.
    async fn take<F: Follower>(&mut self, follower: &mut F, entries: &[LoggedEntry]) -> Result<(), Fault> {
        let mut left = entries;
        while let Some(last) = left.last() {
            let made = follower.take(left).await.map_err(|error| Fault::Follower(Box::new(error)))?;
            let reached = made.up_to.unwrap_or(last.end());
            let taken = left.partition_point(|entry| entry.end() <= reached);
            assert!(taken > 0, "a follower takes at least one entry");
            let reached = left[taken - 1].end();
            let unsaved = self.unsaved + left[..taken].iter().map(|entry| entry.entry.events.len() as u64).sum::<u64>();
            if made.changes.is_empty() && made.events.is_empty() && unsaved < SAVE_EVERY {
                (self.taken, self.unsaved) = (reached, unsaved);
            } else {
                self.save(made, reached).await?;
                follower.committed();
            }
            self.moved = true;
            left = &left[taken..];
        }
        Ok(())
    }

    /// Commits what was made of the entries before `reached`.
    async fn save(&mut self, mut made: Made, reached: Position) -> Result<(), Fault> {
        self.cursor.position = reached;
        made.changes.put(&self.cursor);
        self.intake.submit(made.events, made.changes.encode()).await?;
        (self.taken, self.unsaved) = (reached, 0);
        Ok(())
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopping| *stopping).await;
}

fn bytes_of(entry: &LoggedEntry) -> usize {
    entry.entry.changes.len() + entry.entry.events.iter().map(|event| size_of_val(event) + event.record.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentrail_eventlog::{EventLog, LogConfig, SystemClock};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// How often an event was seen, kept in the catalog.
    #[derive(Debug, Serialize, Deserialize)]
    struct Seen {
        record: String,
        times: u32,
    }

    impl Entity for Seen {
        const TABLE: &'static str = "seen";
        fn key(&self) -> String {
            self.record.clone()
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct Refused;

    /// Counts events one entry at a time; some calls fail.
    struct Counter {
        catalog: Catalog,
        calls: Arc<AtomicUsize>,
    }

    impl Follower for Counter {
        type Error = Refused;

        fn name(&self) -> &str {
            "counter"
        }

        async fn take(&mut self, entries: &[LoggedEntry]) -> Result<Made, Refused> {
            if self.calls.fetch_add(1, Ordering::Relaxed) % 7 == 3 {
                return Err(Refused);
            }
            let mut made = Made { up_to: Some(entries[0].end()), ..Made::default() };
            for event in &entries[0].entry.events {
                let record = String::from_utf8_lossy(&event.record).into_owned();
                let times = self.catalog.get::<Seen>(&record).expect("catalog").map_or(0, |seen| seen.times);
                made.changes.put(&Seen { record, times: times + 1 });
            }
            Ok(made)
        }
    }

    struct Place {
        catalog: Catalog,
        intake: Intake,
        dir: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self::open(tempfile::tempdir().expect("directory"))
        }

        fn open(dir: tempfile::TempDir) -> Self {
            let (catalog, applier) = Catalog::open(&dir.path().join("catalog.db")).expect("catalog");
            let config = LogConfig { sync: false, ..LogConfig::default() };
            let (log, _) = EventLog::open(&dir.path().join("log"), &config, Box::new(applier)).expect("log");
            Self { catalog, intake: Intake::new(log, Arc::new(SystemClock)), dir }
        }

        fn reopen(self) -> Self {
            let Self { intake, dir, .. } = self;
            let log = intake.log().clone();
            drop(intake);
            log.close();
            Self::open(dir)
        }

        async fn say(&self, record: String) {
            let event = Event { account: "1".into(), region: "r".into(), record: record.into() };
            self.intake.submit(vec![event], bytes::Bytes::new()).await.expect("submitted");
        }

        fn start(&self) -> (tokio::task::JoinHandle<()>, watch::Sender<bool>) {
            let (stop, stopping) = watch::channel(false);
            let counter = Counter { catalog: self.catalog.clone(), calls: Arc::default() };
            (tokio::spawn(follow(self.catalog.clone(), self.intake.clone(), counter, stopping)), stop)
        }

        async fn seen(&self, count: usize) -> Vec<Seen> {
            loop {
                let seen = self.catalog.list::<Seen>("").expect("catalog");
                if seen.len() >= count {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    #[tokio::test]
    async fn each_entry_has_its_effect_once_whatever_fails_and_restarts() {
        let mut place = Place::new();
        place.say("before anybody followed".into()).await;
        let mut expected = 0;
        for round in 0..3 {
            let (task, stop) = place.start();
            while place.catalog.get::<FollowerCursor>("counter").expect("catalog").is_none() {
                tokio::task::yield_now().await;
            }
            for n in 0..5 {
                place.say(format!("{round}/{n}")).await;
                expected += 1;
            }
            if round == 1 {
                task.abort();
                let _ = task.await;
                place = place.reopen();
            } else {
                place.seen(expected).await;
                stop.send_replace(true);
                task.await.expect("the follower ends");
            }
        }
        let seen = place.seen(expected).await;
        assert_eq!(seen.len(), expected, "nothing from before the first start");
        assert!(seen.iter().all(|seen| seen.times == 1), "{seen:?}");
    }

    #[tokio::test]
    async fn an_idle_follower_writes_nothing() {
        let place = Place::new();
        let (task, stop) = place.start();
        place.say("one".into()).await;
        place.seen(1).await;
        let end = place.intake.log().end();
        stop.send_replace(true);
        task.await.expect("the follower ends");
        assert_eq!(place.intake.log().end(), end);
    }
}
