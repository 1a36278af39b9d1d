//! What every queue and every store promises, put to all that are shipped.

mod support;

use opentrail_processing::{Directory, ErrorKind, Queue, Store};
use std::sync::Arc;
use std::time::Duration;
use support::Fake;

const NONE: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(60);

/// A queue that is empty.
async fn check_queue(queue: Arc<dyn Queue>, missing: Arc<dyn Queue>) {
    assert!(queue.receive(10, LONG, NONE).await.expect("receives").is_empty());
    for n in 0..12 {
        queue.send(&format!("{{\"n\":{n},\"text\":\"ä\\n\"}}"), &[("Reason", "why: \"x\"")]).await.expect("sends");
    }
    let first = queue.receive(10, LONG, NONE).await.expect("receives");
    assert!(first.len() <= 10 && !first.is_empty());
    let again = queue.receive(10, LONG, NONE).await.expect("receives");
    assert!(again.iter().all(|message| first.iter().all(|other| other.id != message.id)), "two have the same message");
    let message = &first[0];
    assert!(message.body.contains("ä") && message.receive_count == 1 && message.sent.is_some(), "{message:?}");
    queue.set_visibility(&message.receipt, LONG).await.expect("keeps");
    queue.set_visibility(&message.receipt, NONE).await.expect("gives back");
    let back = queue.receive(1, LONG, Duration::from_secs(1)).await.expect("receives");
    assert_eq!((back[0].id.as_str(), back[0].receive_count), (message.id.as_str(), 2));
    queue.delete(&back[0].receipt).await.expect("deletes");
    queue.delete(&back[0].receipt).await.expect("deletes what is deleted");
    let error = queue.set_visibility(&back[0].receipt, LONG).await.expect_err("it is gone");
    assert_eq!(error.kind, ErrorKind::LeaseLost, "{}", error.explained());
    for message in first[1..].iter().chain(&again) {
        queue.delete(&message.receipt).await.expect("deletes");
    }
    let error = missing.receive(1, LONG, NONE).await.expect_err("no such queue");
    assert_eq!(error.kind, ErrorKind::Missing, "{}", error.explained());
}

const NAMES: [&str; 6] = ["a/b c+ä.gz", "a/b.gz", "a/c/d.gz", "ab.gz", "b/e&f.gz", "c.gz"];

/// A store with [`NAMES`] and many files below `many/`, each with its own name as content.
async fn check_store(store: Arc<dyn Store>, bucket: &str, many: usize) {
    for name in NAMES {
        let opened = store.open(bucket, name).await.expect("opens");
        assert_eq!(opened.size, Some(name.len() as u64));
        let bytes = opened.read("reading", 1 << 20, LONG).await.expect("reads");
        assert_eq!(bytes, name.as_bytes());
    }
    let opened = store.open(bucket, "c.gz").await.expect("opens");
    let error = opened.read("reading", 3, LONG).await.expect_err("too large");
    assert_eq!(error.kind, ErrorKind::Invalid);
    let kind = async |key: &str| store.open(bucket, key).await.err().map(|error| error.kind);
    assert_eq!(kind("nothing.gz").await, Some(ErrorKind::Missing));
    // Such a key is refused, or means itself: never another file.
    assert!(matches!(kind("a/../c.gz").await, Some(ErrorKind::Invalid | ErrorKind::Missing)));
    let list = async |prefix: &str, after: Option<&str>| {
        let page = store.list(bucket, prefix, after).await.expect("lists");
        page.files.into_iter().map(|file| (file.key, file.size)).collect::<Vec<_>>()
    };
    let named = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), name.len() as u64)).collect::<Vec<_>>();
    assert_eq!(list("a", None).await, named(&NAMES[..4]));
    assert_eq!(list("a/", None).await, named(&NAMES[..3]));
    assert_eq!(list("a/", Some("a/b.gz")).await, named(&NAMES[2..3]));
    assert_eq!(list("a/c/d", None).await, named(&NAMES[2..3]));
    assert_eq!(list("none", None).await, named(&[]));
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.list(bucket, "many/", after.as_deref()).await.expect("lists");
        assert!(page.more || seen.len() + page.files.len() == many, "{}", seen.len());
        seen.extend(page.files.into_iter().map(|file| file.key));
        if !page.more {
            break;
        }
        after = seen.last().cloned();
    }
    assert!(seen.len() == many && seen.is_sorted());
}

fn fill(fake: &Fake, bucket: &str, many: usize) {
    for name in NAMES {
        fake.put(bucket, name, name.as_bytes());
    }
    for n in 0..many {
        fake.put(bucket, &format!("many/{}/{n}", n % 7), "x");
    }
}

#[tokio::test]
async fn our_own_client_of_sqs() {
    let fake = Fake::start(None).await;
    let missing = opentrail_processing::SqsQueue::new(&format!("{}/1/none", fake.address), fake.connection()).expect("a queue");
    check_queue(fake.queue("q"), Arc::new(missing)).await;
}

#[tokio::test]
async fn our_own_client_of_s3() {
    let fake = Fake::start(None).await;
    fill(&fake, "logs", 2_345);
    check_store(fake.store(), "logs", 2_345).await;
    let error = fake.store().list("absent", "", None).await.expect_err("no such bucket");
    assert_eq!(error.kind, ErrorKind::Missing);
    fake.put("far", "k", "x");
    fake.lock().regions.insert("far".into(), "eu-west-1".into());
    let store = fake.store();
    for expected in [2, 1] {
        let before = fake.lock().requests;
        store.open("far", "k").await.expect("finds the bucket's region");
        assert_eq!(fake.lock().requests - before, expected, "and remembers it");
    }
    let error = fake.store().open("a/b", "k").await.err().expect("no bucket's name");
    assert_eq!(error.kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn directories() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, content).expect("written");
    };
    NAMES.iter().for_each(|name| put(name, name));
    (0..2_345).for_each(|n| put(&format!("many/{}/{n}", n % 7), "x"));
    check_store(Arc::new(Directory::new(folder.path())), "", 2_345).await;
}

#[cfg(feature = "aws-sdk")]
mod aws_sdk {
    use super::*;
    use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
    use opentrail_processing::aws_sdk::{SdkQueue, SdkStore};

    #[tokio::test]
    async fn the_sdks_client_of_sqs() {
        let fake = Fake::start(None).await;
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&fake.address)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKIA", "s", Some("t".into()), None, "test"))
            .retry_config(RetryConfig::disabled())
            .build();
        let client = aws_sdk_sqs::Client::from_conf(config);
        let missing = SdkQueue::new(client.clone(), format!("{}/1/none", fake.address));
        check_queue(Arc::new(SdkQueue::new(client, fake.url("q"))), Arc::new(missing)).await;
    }

    #[tokio::test]
    async fn the_sdks_client_of_s3() {
        let fake = Fake::start(None).await;
        fill(&fake, "logs", 2_345);
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .endpoint_url(&fake.address)
            .force_path_style(true)
            .region(aws_sdk_s3::config::Region::new("us-east-1"))
            .credentials_provider(aws_sdk_s3::config::Credentials::new("AKIA", "s", Some("t".into()), None, "test"))
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .build();
        check_store(Arc::new(SdkStore::new(aws_sdk_s3::Client::from_conf(config))), "logs", 2_345).await;
    }
}
