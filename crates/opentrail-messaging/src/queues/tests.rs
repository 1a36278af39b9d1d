//! The engine on a real log and catalog, with a clock that tests set.

use super::*;
use opentrail_eventlog::{EventLog, LogConfig, ManualClock};
use std::time::Duration;
use tempfile::TempDir;
use time::macros::datetime;

struct Bench {
    queues: Queues,
    clock: Arc<ManualClock>,
    dir: TempDir,
}

fn open(dir: &TempDir, clock: &Arc<ManualClock>) -> Queues {
    let (catalog, applier) = Catalog::open(&dir.path().join("catalog.db")).expect("catalog");
    let config = LogConfig { segment_bytes: 4 * 1024 * 1024, sync: false, ..LogConfig::default() };
    let (log, _) = EventLog::open(&dir.path().join("log"), &config, Box::new(applier)).expect("event log");
    Queues::open(catalog, Intake::new(log, Arc::clone(clock) as Arc<_>)).expect("queues")
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let clock = Arc::new(ManualClock::new(datetime!(2026-11-21 10:00 UTC)));
        Self { queues: open(&dir, &clock), clock, dir }
    }

    fn reopen(self) -> Self {
        let Self { queues, clock, dir } = self;
        drop(queues);
        Self { queues: open(&dir, &clock), clock, dir }
    }

    async fn submit(&self, changes: Changes) {
        self.queues.0.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
    }

    async fn queue(&self, name: &str, edit: impl FnOnce(&mut Queue)) -> Arc<Queue> {
        let mut queue = Queue {
            account: "1".into(),
            region: "r".into(),
            name: name.into(),
            id: format!("id-{name}"),
            created_ms: 0,
            modified_ms: 0,
            visibility_timeout_s: 30,
            retention_s: 3600,
            delay_s: 0,
            wait_s: 0,
            max_message_bytes: 1024,
            managed_encryption: true,
            policy: None,
            redrive: None,
            redrive_allow: None,
            tags: BTreeMap::new(),
            purged_before: 0,
            purged_ms: 0,
        };
        edit(&mut queue);
        let mut changes = Changes::new();
        changes.put(&queue);
        self.submit(changes).await;
        self.queues.find("1", "r", name).expect("it is there")
    }

    async fn send(&self, queue: &Queue, body: &str) {
        let mut changes = Changes::new();
        changes.put(&self.queues.message(queue, "me", body.into()));
        self.submit(changes).await;
    }

    async fn receive_for(&self, queue: &Queue, visibility_s: u64) -> Vec<ReceivedMessage> {
        let wanted = Wanted { max: 10, visibility: Duration::from_secs(visibility_s), wait: Duration::ZERO };
        let received = self.queues.receive(queue, wanted, std::future::pending()).await.expect("received");
        self.submit(received.changes).await;
        received.messages
    }

    async fn bodies(&self, queue: &Queue, visibility_s: u64) -> Vec<String> {
        self.receive_for(queue, visibility_s).await.into_iter().map(|received| received.message.body).collect()
    }

    fn counts(&self, queue: &Queue) -> (usize, usize, usize) {
        let counts = self.queues.counts(queue);
        (counts.visible, counts.in_flight, counts.delayed)
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(time::Duration::seconds(seconds));
    }
}

#[tokio::test]
async fn a_message_is_hidden_while_it_is_worked_on_and_gone_when_deleted() {
    let bench = Bench::new();
    let queue = bench.queue("q", |_| {}).await;
    bench.send(&queue, "a").await;
    bench.send(&queue, "b").await;
    assert_eq!(bench.counts(&queue), (2, 0, 0));
    let first = bench.receive_for(&queue, 30).await;
    assert_eq!(first.len(), 2);
    assert_eq!(bench.counts(&queue), (0, 2, 0));
    assert!(bench.bodies(&queue, 30).await.is_empty());
    let mut changes = Changes::new();
    bench.queues.delete(&queue, &first[0].receipt_handle, &mut changes).expect("deleted");
    bench.submit(changes).await;
    bench.pass(31);
    let again = bench.receive_for(&queue, 30).await;
    assert_eq!(again.iter().map(|m| (m.message.body.as_str(), m.receives)).collect::<Vec<_>>(), [("b", 2)]);
    // The older handle is accepted and deletes nothing; a made-up one is refused.
    let mut changes = Changes::new();
    bench.queues.delete(&queue, &first[1].receipt_handle, &mut changes).expect("accepted");
    assert!(changes.is_empty());
    let forged = Receipt { nonce: 1, ..Receipt::decode(&again[0].receipt_handle).expect("ours") };
    assert!(matches!(bench.queues.delete(&queue, &forged.encode(), &mut changes), Err(QueueError::BadHandle)));
}

#[tokio::test]
async fn everything_is_as_it_was_after_a_restart() {
    let bench = Bench::new();
    let queue = bench.queue("q", |_| {}).await;
    for body in ["a", "b", "c"] {
        bench.send(&queue, body).await;
    }
    let wanted = Wanted { max: 2, visibility: Duration::from_secs(30), wait: Duration::ZERO };
    let received = bench.queues.receive(&queue, wanted, std::future::pending()).await.expect("received");
    let mut changes = received.changes.clone();
    bench.queues.delete(&queue, &received.messages[0].receipt_handle, &mut changes).expect("deleted");
    bench.submit(changes).await;
    let bench = bench.reopen();
    assert_eq!(bench.counts(&queue), (1, 1, 0));
    assert_eq!(bench.bodies(&queue, 0).await, ["c"]);
    bench.pass(31);
    let mut seen: Vec<_> = bench.receive_for(&queue, 1).await.into_iter().map(|m| (m.message.body, m.receives)).collect();
    seen.sort();
    assert_eq!(seen, [("b".to_owned(), 2), ("c".to_owned(), 2)]);
    // Not submitted: after a crash it was never received.
    bench.send(&queue, "d").await;
    let _ = bench.queues.receive(&queue, wanted, std::future::pending()).await.expect("received");
    let bench = bench.reopen();
    assert_eq!(bench.bodies(&queue, 1).await, ["d"]);
}

#[tokio::test]
async fn visibility_can_be_changed_while_in_flight() {
    let bench = Bench::new();
    let queue = bench.queue("q", |_| {}).await;
    bench.send(&queue, "a").await;
    let handle = bench.receive_for(&queue, 30).await.remove(0).receipt_handle;
    let change = async |seconds: u64| {
        let mut changes = Changes::new();
        let done = bench.queues.change_visibility(&queue, &handle, seconds * 1000, &mut changes);
        bench.submit(changes).await;
        done
    };
    change(100).await.expect("changed");
    bench.pass(50);
    assert!(bench.bodies(&queue, 1).await.is_empty());
    assert!(matches!(change(43_200).await, Err(QueueError::HiddenTooLong)));
    change(0).await.expect("changed");
    assert_eq!(bench.counts(&queue), (1, 0, 0));
    change(5).await.expect("nobody else has it");
    assert_eq!(bench.counts(&queue), (0, 1, 0));
    bench.pass(6);
    assert_eq!(bench.bodies(&queue, 9).await, ["a"]);
    assert!(matches!(change(5).await, Err(QueueError::NotInFlight)));
}

#[tokio::test]
async fn messages_received_too_often_go_to_the_dead_letter_queue() {
    let bench = Bench::new();
    let dead = bench.queue("dead", |_| {}).await;
    let redrive = Redrive { target_arn: dead.arn(), max_receives: 2 };
    let queue = bench.queue("q", |queue| queue.redrive = Some(redrive)).await;
    bench.send(&queue, "poison").await;
    for _ in 0..2 {
        assert_eq!(bench.bodies(&queue, 1).await, ["poison"]);
        bench.pass(2);
    }
    assert!(bench.bodies(&queue, 1).await.is_empty());
    assert_eq!((bench.counts(&queue), bench.counts(&dead)), ((0, 0, 0), (1, 0, 0)));
    let bench = bench.reopen();
    let buried = bench.receive_for(&dead, 1).await.remove(0);
    assert_eq!((buried.receives, buried.message.dead_letter_source), (3, Some(queue.arn())));
}

#[tokio::test]
async fn old_and_purged_messages_are_swept_and_so_are_those_of_deleted_queues() {
    let bench = Bench::new();
    let queue = bench.queue("q", |queue| queue.retention_s = 60).await;
    bench.send(&queue, "old").await;
    bench.pass(61);
    bench.send(&queue, "new").await;
    assert_eq!(bench.counts(&queue), (1, 0, 0));
    assert_eq!(bench.queues.sweep().await.expect("swept"), 1);
    let mut changes = Changes::new();
    changes.put(&Queue { purged_before: bench.queues.next_sequence(), ..(*queue).clone() });
    bench.submit(changes).await;
    assert_eq!(bench.counts(&queue), (0, 0, 0));
    bench.send(&queue, "later").await;
    let bench = bench.reopen();
    assert_eq!(bench.counts(&queue), (1, 0, 0));
    assert_eq!(bench.queues.sweep().await.expect("swept"), 1);
    let mut changes = Changes::new();
    changes.delete::<Queue>("1/r/q");
    bench.submit(changes).await;
    assert!(bench.queues.find("1", "r", "q").is_none());
    assert_eq!(bench.queues.sweep().await.expect("swept"), 1);
    assert!(bench.queues.0.catalog.list::<Message>("").expect("catalog").is_empty());
}

#[tokio::test]
async fn waiting_receivers_wake_when_something_arrives_and_leave_when_told() {
    let bench = Bench::new();
    let queue = bench.queue("q", |_| {}).await;
    let wanted = Wanted { max: 1, visibility: Duration::from_secs(30), wait: Duration::from_secs(20) };
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let (queues, queue) = (bench.queues.clone(), Arc::clone(&queue));
            tokio::spawn(async move { queues.receive(&queue, wanted, std::future::pending()).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for body in ["a", "b", "c"] {
        bench.send(&queue, body).await;
    }
    let mut bodies = Vec::new();
    for one in waiting {
        let received = one.await.expect("no panic").expect("received");
        bodies.push(received.messages[0].message.body.clone());
    }
    bodies.sort();
    assert_eq!(bodies, ["a", "b", "c"]);
    // The client leaves; the queue is deleted; the server stops.
    assert!(bench.queues.receive(&queue, wanted, std::future::ready(())).await.expect("left").messages.is_empty());
    let (queues, same) = (bench.queues.clone(), Arc::clone(&queue));
    let deleted = tokio::spawn(async move { queues.receive(&same, wanted, std::future::pending()).await });
    tokio::task::yield_now().await;
    let mut changes = Changes::new();
    changes.delete::<Queue>("1/r/q");
    bench.submit(changes).await;
    assert!(matches!(deleted.await.expect("no panic"), Err(QueueError::NoSuchQueue)));
    let queue = bench.queue("r", |_| {}).await;
    bench.queues.close();
    assert!(bench.queues.receive(&queue, wanted, std::future::pending()).await.expect("stopped").messages.is_empty());
}

#[tokio::test]
async fn delayed_messages_come_when_they_are_due() {
    let bench = Bench::new();
    let queue = bench.queue("q", |queue| queue.delay_s = 5).await;
    bench.send(&queue, "a").await;
    assert_eq!(bench.counts(&queue), (0, 0, 1));
    assert!(bench.bodies(&queue, 1).await.is_empty());
    let bench = bench.reopen();
    bench.pass(6);
    assert_eq!(bench.bodies(&queue, 1).await, ["a"]);
}
