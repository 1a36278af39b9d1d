//! 100,000 events through 1,000 files, with a fifth of all requests going wrong: nothing is lost, nothing acknowledged early.

mod support;

use opentrail_processing::{Growth, Processor, Reject, Settings, Stop, Until};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::Fake;
use support::faults::Faults;
use support::files::{Collect, key, log_file};

const FILES: usize = 1_000;
const EVENTS: usize = 100;
const BUCKET: &str = "logs";

fn settings(seed: u64) -> Settings {
    let quick = Growth { first: Duration::from_millis(2), longest: Duration::from_millis(50) };
    Settings {
        parallel: 16,
        memory: 8 << 20,
        batch: 30,
        visibility: Duration::from_secs(2),
        wait: Duration::from_secs(1),
        backoff: quick,
        redelivery: quick,
        stall: Duration::from_secs(5),
        seed: Some(seed),
        ..Settings::default()
    }
}

/// Messages of every form, of one to three files each.
fn announce(fake: &Fake) -> HashMap<String, Vec<String>> {
    let mut announced = HashMap::new();
    let (mut next, mut form) = (0, 0);
    while next < FILES {
        let keys: Vec<String> = (next..(next + 1 + next % 3).min(FILES)).map(key).collect();
        next += keys.len();
        let plain = json!({"s3Bucket": BUCKET, "s3ObjectKey": keys}).to_string();
        let record = |key: &String| json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}});
        let s3 = json!({"Records": keys.iter().map(record).collect::<Vec<_>>()}).to_string();
        let body = match form % 4 {
            0 => plain,
            1 => json!({"Type": "Notification", "Message": plain}).to_string(),
            2 => s3,
            _ => json!({"Type": "Notification", "Message": s3}).to_string(),
        };
        form += 1;
        announced.insert(fake.send("q", &body), keys);
    }
    announced
}

async fn run(seed: u64) {
    let fake = Fake::start(Some(Faults::new(seed))).await;
    for file in 0..FILES {
        fake.put(BUCKET, &key(file), log_file(file, EVENTS));
    }
    let announced = announce(&fake);
    let messages = announced.len();
    // Now and then the handler says no as well.
    let asked = AtomicU64::new(0);
    let handler = Collect::with(move |_| match asked.fetch_add(1, Ordering::Relaxed) % 50 {
        7 => Err(Reject::retry("not now")),
        _ => Ok(()),
    });
    let early: Arc<Mutex<Vec<String>>> = Arc::default();
    let (accepted, found) = (Arc::clone(&handler.accepted), Arc::clone(&early));
    fake.on_delete(move |id| {
        let accepted = accepted.lock().expect("locks");
        if !announced[id].iter().all(|key| accepted.contains_key(key)) {
            found.lock().expect("locks").push(id.to_owned());
        }
    });
    let processor = Processor::new(handler.clone()).settings(settings(seed));
    let summary = processor.run_queue(fake.queue("q"), fake.store(), Until::Drained, Stop::never()).await.expect("runs");

    assert!(early.lock().expect("locks").is_empty(), "acknowledged early: {early:?}");
    assert!(fake.messages("q").is_empty(), "left: {:?}", fake.messages("q").first());
    assert_eq!(fake.lock().deleted.len(), messages);
    let unique: BTreeSet<String> = handler.ids().into_iter().collect();
    assert_eq!(unique.len(), FILES * EVENTS, "{summary:?}");
    for file in 0..FILES {
        let accepted = handler.accepted.lock().expect("locks");
        for ids in &accepted[&key(file)] {
            let whole: Vec<String> = (0..EVENTS).map(|n| format!("{file}-{n}")).collect();
            assert_eq!(ids, &whole, "file {file} came whole, in order, once at each acceptance");
        }
    }
    let state = fake.lock();
    assert!(state.faults > state.requests / 7, "{} faults in {} requests", state.faults, state.requests);
    assert!(summary.faults > 0 && summary.parked == 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_under_faults() {
    run(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_under_other_faults() {
    run(0xfeed).await;
}
