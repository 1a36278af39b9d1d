//! What becomes of messages and files, case by case.

mod support;

use opentrail_processing::{
    Growth, Journal, Listing, ParkingDirectory, ParkingQueue, Processor, Reject, Report, Settings, SourceFilter, Stop, Until,
    each_event, stop,
};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::Fake;
use support::files::{Collect, gzip, key, log_file};

fn settings() -> Settings {
    let quick = Growth { first: Duration::from_millis(1), longest: Duration::from_millis(5) };
    Settings {
        wait: Duration::from_millis(100),
        visibility: Duration::from_secs(2),
        backoff: quick,
        redelivery: quick,
        attempts: 3,
        patience: Duration::from_secs(2),
        grace: Duration::from_millis(300),
        seed: Some(1),
        ..Settings::default()
    }
}

fn notification(keys: &[String]) -> String {
    json!({"s3Bucket": "logs", "s3ObjectKey": keys}).to_string()
}

fn reports() -> (Arc<Mutex<Vec<String>>>, Arc<dyn opentrail_processing::Progress>) {
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let hearing = Arc::clone(&heard);
    let progress = move |report: Report| {
        let text = match report {
            Report::Skipped { reason, .. } => format!("skipped: {reason}"),
            Report::Failed { reason, .. } => format!("failed: {reason}"),
            Report::Parked { reason, .. } => format!("parked: {reason}"),
            Report::MessageFailed { reason, .. } => format!("message failed: {reason}"),
            Report::Begun { .. } => "begun".into(),
            Report::Downloaded { .. } => "downloaded".into(),
            Report::Events { events, .. } => format!("events {events}"),
            Report::Done { events, left_out, .. } => format!("done {events} {left_out}"),
            Report::Deleted { .. } => "deleted".into(),
            _ => return,
        };
        hearing.lock().expect("locks").push(text);
    };
    (heard, Arc::new(progress))
}

#[tokio::test]
async fn a_message_goes_its_way() {
    let fake = Fake::start(None).await;
    fake.put("logs", &key(1), log_file(1, 25));
    fake.send("q", &notification(&[key(1)]));
    let (heard, progress) = reports();
    let handler = Collect::new();
    let settings = Settings { batch: 10, ..settings() };
    let processor = Processor::new(handler.clone()).settings(settings).progress(progress);
    let processor = processor.event_filter(|event| event.user_identity().user_name.as_deref() != Some("u3"));
    let summary = processor.run_queue(fake.queue("q"), fake.store(), Until::Drained, Stop::never()).await.expect("runs");
    let heard = heard.lock().expect("locks");
    assert_eq!(*heard, ["begun", "downloaded", "events 10", "events 10", "events 1", "done 21 4", "deleted"]);
    assert_eq!((summary.messages, summary.files, summary.events, summary.left_out), (1, 1, 21, 4));
    assert_eq!(handler.ids().len(), 21);
}

#[tokio::test]
async fn messages_that_announce_nothing_are_deleted_and_others_parked() {
    let fake = Fake::start(None).await;
    let digest = "AWSLogs/1/CloudTrail-Digest/r/2026/11/21/1_CloudTrail-Digest_r_t_r_20261121T100000Z.json.gz";
    for body in [
        "CloudTrail validation message.",
        r#"{"Message":"CloudTrail validation message."}"#,
        r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"logs"}"#,
        &notification(&[digest.to_owned(), "notes.txt".to_owned()]),
        r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectRemoved:Delete"}]}"#,
        "hello",
    ] {
        fake.send("q", body);
    }
    fake.url("parked");
    let (heard, progress) = reports();
    let processor = Processor::new(Collect::new()).settings(settings()).progress(progress);
    let processor = processor.parking(Arc::new(ParkingQueue(fake.queue("parked"))));
    let summary = processor.run_queue(fake.queue("q"), fake.store(), Until::Drained, Stop::never()).await.expect("runs");
    assert_eq!((summary.messages, summary.parked, summary.skipped), (6, 1, 6));
    assert!(fake.messages("q").is_empty());
    let parked = fake.messages("parked");
    assert_eq!((parked.len(), parked[0].body.as_str()), (1, "hello"));
    assert_eq!(parked[0].attributes["OpenTrailReason"]["StringValue"], "the message is not a JSON object");
    let heard = heard.lock().expect("locks");
    for reason in [
        "CloudTrail's validation message",
        "S3's test event",
        "a digest, not a log file",
        "its name is not that of a CloudTrail log file",
    ] {
        assert!(heard.contains(&format!("skipped: {reason}")), "{reason}: {heard:?}");
    }
}

#[tokio::test]
async fn poison_is_parked_after_its_attempts_and_good_files_are_not_repeated() {
    let fake = Fake::start(None).await;
    let whole = log_file(2, 5);
    fake.put("logs", &key(1), log_file(1, 5));
    fake.put("logs", &key(2), whole[..whole.len() - 3].to_vec());
    fake.put("logs", &key(3), gzip(b"{\"no\":1}"));
    fake.put("logs", &key(4), gzip(&[b' '; 10 << 20]));
    fake.send("q", &notification(&[key(1), key(2), key(3), key(4), key(5)]));
    let folder = tempfile::tempdir().expect("a folder");
    let handler = Collect::new();
    let processor = Processor::new(handler.clone()).settings(settings());
    let processor = processor.parking(Arc::new(ParkingDirectory::open(folder.path()).expect("made")));
    let summary = processor.run_queue(fake.queue("q"), fake.store(), Until::Drained, Stop::never()).await.expect("runs");
    assert_eq!((summary.parked, summary.failed, summary.files), (1, 12, 1), "{summary:?}");
    assert_eq!(handler.accepted.lock().expect("locks")[&key(1)].len(), 1);
    assert!(fake.messages("q").is_empty());
    let path = std::fs::read_dir(folder.path()).expect("listed").next().expect("one").expect("read").path();
    let parked: serde_json::Value = serde_json::from_slice(&std::fs::read(path).expect("read")).expect("JSON");
    let reason = parked["reason"].as_str().expect("text");
    for part in ["the file is damaged", "no list called Records", "NoSuchKey"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!((parked["files"].as_array().expect("a list").len(), parked["receiveCount"].as_u64()), (4, Some(3)));
}

#[tokio::test]
async fn without_parking_nothing_is_thrown_away() {
    let fake = Fake::start(None).await;
    fake.send("q", "hello");
    fake.send("q", &notification(&[key(1)]));
    let processor = Processor::new(Collect::new()).settings(settings());
    let summary = processor.run_queue(fake.queue("q"), fake.store(), Until::Drained, Stop::never()).await.expect("runs");
    assert_eq!((summary.messages, fake.messages("q").len()), (0, 2));
    assert!(summary.failed >= 3, "{summary:?}");
}

#[tokio::test]
async fn handlers_decide() {
    let fake = Fake::start(None).await;
    fake.url("parked");
    for n in 0..4 {
        fake.put("logs", &key(n), log_file(n, 3));
        fake.send("q", &notification(&[key(n)]));
    }
    let tries = Arc::new(AtomicUsize::new(0));
    let trying = Arc::clone(&tries);
    let handler = Collect::with(move |file| match file.key {
        ref name if *name == key(1) => Err(Reject::park("never")),
        ref name if *name == key(2) => Err(Reject::skip("not mine")),
        ref name if *name == key(3) && trying.fetch_add(1, Ordering::Relaxed) < 2 => {
            match file.delivery.as_ref().map(|delivery| delivery.receive_count) {
                Some(1) => panic!("a bug"),
                _ => Err(Reject::retry_after(Duration::from_secs(1), "later")),
            }
        }
        _ => Ok(()),
    });
    let processor = Processor::new(handler.clone()).settings(settings()).parking(Arc::new(ParkingQueue(fake.queue("parked"))));
    let summary = processor.run_queue(fake.queue("q"), fake.store(), Until::Drained, Stop::never()).await.expect("runs");
    assert_eq!(
        (summary.messages, summary.files, summary.parked, summary.skipped, summary.failed),
        (4, 2, 1, 1, 3),
        "{summary:?}"
    );
    assert_eq!(tries.load(Ordering::Relaxed), 3);
    assert_eq!(
        fake.messages("parked")[0].attributes["OpenTrailReason"]["StringValue"].as_str().map(|text| text.ends_with("never")),
        Some(true)
    );
    assert!(fake.lock().kept.iter().any(|(_, seconds)| *seconds == 1), "the wait the handler asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_kept_while_they_are_worked_on_and_given_back_at_a_stop() {
    let fake = Fake::start(None).await;
    fake.put("logs", &key(1), log_file(1, 3));
    let id = fake.send("q", &notification(&[key(1)]));
    let calls = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&calls);
    let handler = each_event(move |_| {
        counting.fetch_add(1, Ordering::Relaxed);
        // Longer than the message is kept, in all.
        std::thread::sleep(Duration::from_millis(900));
        Ok(())
    });
    let processor = Processor::new(handler).settings(settings());
    let summary = processor.run_queue(fake.queue("q"), fake.store(), Until::Drained, Stop::never()).await.expect("runs");
    assert_eq!((summary.messages, calls.load(Ordering::Relaxed)), (1, 3), "{summary:?}");
    assert!(fake.lock().kept.contains(&(id, 2)), "extended");

    let id = fake.send("q", &notification(&[key(1)]));
    let (stopper, stop) = stop();
    let never = Never { begun: Arc::default() };
    let begun = Arc::clone(&never.begun);
    tokio::spawn(async move {
        begun.notified().await;
        stopper.stop();
    });
    let processor = Processor::new(never).settings(settings());
    let summary = processor.run_queue(fake.queue("q"), fake.store(), Until::Stopped, stop).await.expect("runs");
    assert_eq!((summary.messages, fake.messages("q").len()), (0, 1));
    assert!(fake.lock().kept.contains(&(id, 0)), "given back: {:?}", fake.lock().kept);
}

/// Never done with a file.
struct Never {
    begun: Arc<tokio::sync::Notify>,
}

struct NeverDone;

impl opentrail_processing::Handler for Never {
    type File = NeverDone;

    async fn begin(&self, _file: &opentrail_processing::SourceFile) -> Result<NeverDone, Reject> {
        self.begun.notify_one();
        Ok(NeverDone)
    }
}

impl opentrail_processing::FileHandler for NeverDone {
    async fn events(&mut self, _batch: &opentrail_processing::Batch<'_>) -> Result<(), Reject> {
        std::future::pending().await
    }

    async fn accept(self) -> Result<(), Reject> {
        Ok(())
    }
}

#[tokio::test]
async fn prefixes_are_worked_through_and_journals_remember() {
    let fake = Fake::start(None).await;
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    for n in 0..1_500 {
        fake.put("logs", &key(n), log_file(n, 1));
    }
    let run = async |handler: &Collect, dedupe: usize| {
        let settings = Settings { dedupe, ..settings() };
        let listing = Listing {
            bucket: "logs".into(),
            prefix: "AWSLogs/".into(),
            follow: None,
            journal: Some(Journal::open(&journal).expect("opens")),
        };
        let processor = Processor::new(handler.clone())
            .settings(settings)
            .source_filter(SourceFilter { regions: vec!["us-east-1".into()], ..SourceFilter::default() });
        processor.run_listing(fake.store(), listing, Stop::never()).await.expect("runs")
    };
    let handler = Collect::new();
    assert_eq!(run(&handler, 0).await.files, 1_500);
    fake.put("logs", &key(1_500), log_file(3, 2));
    fake.put("logs", &key(1_501), vec![1, 2, 3]);
    let summary = run(&handler, 0).await;
    assert_eq!((summary.files, summary.failed), (1, 3), "only what is new, and damage is tried again");
    assert_eq!(handler.ids().len(), 1_502);
    fake.put("logs", &key(1_502), log_file(9, 2));
    fake.put("logs", &key(1_503), log_file(9, 3));
    let settings = Settings { dedupe: 100, parallel: 1, ..settings() };
    let listing = Listing {
        bucket: "logs".into(),
        prefix: key(1_502)[..120.min(key(1_502).len() - 9)].into(),
        follow: None,
        journal: Some(Journal::open(&journal).expect("opens")),
    };
    let summary =
        Processor::new(handler).settings(settings).run_listing(fake.store(), listing, Stop::never()).await.expect("runs");
    assert_eq!((summary.files, summary.events, summary.left_out), (2, 3, 2), "copies are left out");
}

#[tokio::test]
async fn large_files_pass_through_in_blocks() {
    let fake = Fake::start(None).await;
    let events = 60_000;
    let two = [log_file(1, events), log_file(2, 10)].concat();
    fake.put("logs", &key(1), two);
    fake.send("q", &notification(&[key(1)]));
    let handler = Collect::new();
    let settings = Settings { memory: 8 << 20, ..settings() };
    let processor = Processor::new(handler.clone()).settings(settings);
    let summary = processor.run_queue(fake.queue("q"), fake.store(), Until::Drained, Stop::never()).await.expect("runs");
    assert_eq!((summary.files, summary.events), (1, events as u64 + 10));
    let accepted = handler.accepted.lock().expect("locks");
    let ids = &accepted[&key(1)][0];
    assert!((0..events).all(|n| ids[n] == format!("1-{n}")));
}
