//! From what is put into a group to what its subscriber gets.

use crate::*;
use flate2::read::GzDecoder;
use opentrail_catalog::{Catalog, Changes, Entity, follow};
use opentrail_eventlog::{EventLog, Intake, LogConfig, ManualClock};
use opentrail_logs::{InputEvent, LogGroup, LogStream, stored};
use opentrail_messaging::topics::{TopicsConfig, WebhookNetworks};
use opentrail_messaging::{Queues, Topics};
use opentrail_seal::Seal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A service that speaks as much of Kinesis and Firehose as is needed, and any web address.
#[derive(Default)]
struct Service {
    /// Head and body of each request.
    requests: Mutex<Vec<(String, Vec<u8>)>>,
    /// What it answers next, instead of success.
    failures: Mutex<Vec<u16>>,
    /// Whether it refuses the second record of the next request.
    refuses_second: Mutex<bool>,
}

impl Service {
    async fn start() -> (Arc<Self>, String) {
        let service = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = Arc::clone(&service);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let service = Arc::clone(&serving);
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    let mut piece = [0; 65536];
                    while let Ok(read) = stream.read(&mut piece).await {
                        bytes.extend(&piece[..read]);
                        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
                        let length = length.unwrap_or(0);
                        if bytes.len() < end + 4 + length {
                            if read == 0 {
                                return;
                            }
                            continue;
                        }
                        let body = bytes[end + 4..end + 4 + length].to_vec();
                        bytes.drain(..end + 4 + length);
                        let answer = service.answer(head, body);
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        (service, url)
    }

    fn answer(&self, head: String, body: Vec<u8>) -> String {
        let status = self.failures.lock().expect("no panic").pop().unwrap_or(200);
        let mut text = String::new();
        if status == 200 {
            let records = records(&body).len();
            let refused = std::mem::take(&mut *self.refuses_second.lock().expect("no panic"));
            let one = |n: usize| if refused && n == 1 { r#"{"ErrorCode":"Throttled"}"# } else { r#"{"SequenceNumber":"1"}"# };
            let all: Vec<&str> = (0..records).map(one).collect();
            text = format!(r#"{{"Records":[{0}],"RequestResponses":[{0}]}}"#, all.join(","));
            self.requests.lock().expect("no panic").push((head, body));
        }
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{text}", text.len())
    }

    /// The messages of all records, in order, without control messages.
    fn messages(&self) -> Vec<Value> {
        let requests = self.requests.lock().expect("no panic");
        let all = requests.iter().flat_map(|(head, body)| match head.contains("content-encoding: gzip") {
            true => vec![unpacked(body)],
            false => records(body).iter().map(|data| unpacked(data)).collect(),
        });
        all.filter(|message| message["messageType"] == "DATA_MESSAGE").collect()
    }

    fn texts(&self) -> Vec<String> {
        let messages = self.messages();
        let events = messages.iter().flat_map(|message| message["logEvents"].as_array().cloned().unwrap_or_default());
        events.map(|event| event["message"].as_str().expect("a message").to_owned()).collect()
    }
}

fn records(body: &[u8]) -> Vec<Vec<u8>> {
    use base64::Engine;
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let list = body["Records"].as_array().cloned().unwrap_or_default();
    let decode = |record: &Value| base64::engine::general_purpose::STANDARD.decode(record["Data"].as_str()?).ok();
    list.iter().filter_map(decode).collect()
}

fn unpacked(gzip: &[u8]) -> Value {
    let mut text = String::new();
    GzDecoder::new(gzip).read_to_string(&mut text).expect("a gzip member");
    serde_json::from_str(&text).expect("JSON")
}

struct Fixture {
    _dir: tempfile::TempDir,
    catalog: Catalog,
    intake: Intake,
    courier: Subscriptions,
    clock: Arc<ManualClock>,
    service: Arc<Service>,
    url: String,
    puts: u64,
}

const KINESIS: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/events";

impl Fixture {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (service, url) = Service::start().await;
        let (catalog, applier) = Catalog::open(&dir.path().join("catalog.db")).expect("catalog");
        let config = LogConfig { sync: false, ..LogConfig::default() };
        let (log, _) = EventLog::open(&dir.path().join("log"), &config, Box::new(applier)).expect("log");
        let clock = Arc::new(ManualClock::new(OffsetDateTime::now_utc()));
        let intake = Intake::new(log, Arc::clone(&clock) as Arc<_>);
        let queues = Queues::open(catalog.clone(), intake.clone()).expect("queues");
        let webhooks: WebhookNetworks = "loopback".parse().expect("a setting");
        let topics_config = TopicsConfig {
            key_file: dir.path().join("sns.sealed"),
            seal: Arc::new(Seal::ephemeral()),
            webhooks: webhooks.clone(),
        };
        let topics = Topics::open(catalog.clone(), intake.clone(), queues.clone(), topics_config).expect("topics");
        let endpoint = Endpoint {
            url: url.clone(),
            region: None,
            access_key_id: "AKIA".into(),
            secret_access_key: "secret".to_owned().into(),
        };
        let endpoints = Endpoints { kinesis: Some(endpoint.clone()), firehose: Some(endpoint), webhooks };
        let courier = Subscriptions::new(catalog.clone(), intake.clone(), queues, topics, endpoints);
        Self { _dir: dir, catalog, intake, courier, clock, service, url, puts: 0 }
    }

    async fn submit(&self, changes: Changes) {
        self.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
    }

    async fn subscribe(&self, name: &str, pattern: &str, destination: &str) {
        let filter = SubscriptionFilter {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            group: "g".into(),
            group_id: "gid".into(),
            name: name.into(),
            id: format!("id-{name}"),
            pattern: pattern.into(),
            destination: destination.into(),
            role: None,
            random: false,
            created: 0,
            changed: 0,
        };
        let mut changes = Changes::new();
        changes.put(&filter);
        self.submit(changes).await;
    }

    async fn put(&mut self, messages: &[&str]) {
        self.puts += 1;
        let group = LogGroup {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            name: "g".into(),
            id: "gid".into(),
            created: 0,
            retention_days: None,
            deletion_protection: false,
            tags: BTreeMap::new(),
        };
        let mut stream = LogStream::new(&group, "s", "sid".into(), 0);
        let now = 1_800_000_000_000;
        let events: Vec<InputEvent> =
            messages.iter().map(|message| InputEvent { timestamp: now, message: (*message).to_owned() }).collect();
        self.submit(stored(&mut stream, &events, now, self.puts)).await;
    }

    /// Runs follower and courier until `done`, at most ten seconds.
    async fn run_until(&self, mut done: impl FnMut(&Self) -> bool) {
        let (stop, stopping) = watch::channel(false);
        let follower = SubscriptionFollower::new(self.catalog.clone(), self.courier.clone());
        let following = tokio::spawn(follow(self.catalog.clone(), self.intake.clone(), follower, stopping.clone()));
        let delivering = tokio::spawn(self.courier.clone().deliver_until(stopping));
        for _ in 0..500 {
            if done(self) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ended = done(self);
        stop.send_replace(true);
        following.await.expect("the follower ends");
        delivering.await.expect("the courier ends");
        assert!(ended, "waited in vain; requests: {:?}", self.service.texts());
    }

    fn parcels(&self) -> usize {
        self.catalog.list::<Parcel>("").expect("catalog").len()
    }

    /// The follower's cursor, so that what is put from now on counts.
    async fn begin(&self) {
        self.run_until(|place| {
            place.catalog.get::<opentrail_catalog::FollowerCursor>("subscription filters").expect("catalog").is_some()
        })
        .await;
    }
}

#[tokio::test]
async fn what_matches_arrives_in_kinesis_in_its_form() {
    let mut place = Fixture::new().await;
    place.begin().await;
    place.subscribe("errors", "ERROR", KINESIS).await;
    place.put(&["ERROR one", "fine", "ERROR two"]).await;
    place.put(&["fine"]).await;
    place.put(&["ERROR three"]).await;
    place.run_until(|place| place.service.texts().len() == 3 && place.parcels() == 0).await;
    assert_eq!(place.service.texts(), ["ERROR one", "ERROR two", "ERROR three"]);
    let message = place.service.messages().remove(0);
    assert_eq!(message["owner"], "123456789012");
    assert_eq!(message["logGroup"], "g");
    assert_eq!(message["logStream"], "s");
    assert_eq!(message["subscriptionFilters"], serde_json::json!(["errors"]));
    assert_eq!(message["logEvents"][0]["timestamp"], 1_800_000_000_000_i64);
    assert_eq!(message["logEvents"][0]["id"].as_str().expect("an id").len(), 56);
    let (head, body) = place.service.requests.lock().expect("no panic")[0].clone();
    assert!(head.contains("x-amz-target: Kinesis_20131202.PutRecords"), "{head}");
    assert!(head.contains("AWS4-HMAC-SHA256 Credential=AKIA/") && head.contains("/us-east-1/kinesis/aws4_request"), "{head}");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((&body["StreamName"], &body["Records"][0]["PartitionKey"]), (&"events".into(), &"s".into()));
    assert_eq!(place.courier.stats().delivered, 2);
}

#[tokio::test]
async fn firehose_and_web_addresses_get_the_same() {
    let mut place = Fixture::new().await;
    place.begin().await;
    place.subscribe("fire", "", "arn:aws:firehose:us-east-1:123456789012:deliverystream/d").await;
    place.put(&["a", "b"]).await;
    place.run_until(|place| place.service.texts().len() == 2).await;
    let head = place.service.requests.lock().expect("no panic").remove(0).0;
    assert!(head.contains("x-amz-target: Firehose_20150804.PutRecordBatch"), "{head}");
    let url = format!("{}/hook", place.url);
    place.subscribe("fire", "", &url).await;
    place.put(&["c"]).await;
    place.run_until(|place| place.service.texts() == ["c"]).await;
    let head = place.service.requests.lock().expect("no panic").remove(0).0;
    assert!(head.starts_with("POST /hook ") && head.contains("content-encoding: gzip"), "{head}");
}

#[tokio::test]
async fn failures_are_tried_again_and_records_that_arrived_are_not_sent_twice() {
    let mut place = Fixture::new().await;
    place.begin().await;
    place.subscribe("all", "", KINESIS).await;
    place.service.failures.lock().expect("no panic").extend([500, 400]);
    *place.service.refuses_second.lock().expect("no panic") = true;
    place.put(&["one"]).await;
    place.put(&["two"]).await;
    place.run_until(|place| place.parcels() == 0 && place.courier.stats().delivered == 2).await;
    // The answer of the refused record does not matter to the one that arrived.
    assert_eq!(place.service.texts(), ["one", "two", "two"]);
    assert_eq!(place.courier.stats().failed, 3);
}

#[tokio::test]
async fn what_waits_for_a_day_is_given_up_and_said() {
    let mut place = Fixture::new().await;
    place.begin().await;
    place.subscribe("lost", "", "http://127.0.0.1:1/nobody").await;
    place.put(&["one"]).await;
    place.run_until(|place| place.courier.stats().failed > 0).await;
    assert_eq!(place.parcels(), 1);
    place.clock.advance(time::Duration::hours(25));
    place.run_until(|place| place.parcels() == 0).await;
    assert_eq!(place.courier.stats().lost, 1);
    let log = place.intake.log();
    let mut reader = log.reader(log.first()).expect("reader");
    let mut records = Vec::new();
    while let Some(entries) = reader.next_block().expect("block") {
        records.extend(entries.into_iter().flat_map(|entry| entry.entry.events));
    }
    let record: Value = serde_json::from_slice(&records[0].record).expect("JSON");
    assert_eq!(record["eventName"], "SubscriptionDeliveryAbandoned");
    assert_eq!(record["serviceEventDetails"]["filterName"], "lost");
}

#[tokio::test]
async fn filters_that_come_later_or_are_gone_take_nothing() {
    let mut place = Fixture::new().await;
    place.begin().await;
    place.put(&["before"]).await;
    place.subscribe("all", "", KINESIS).await;
    // As if it had been made just now; the log still has what was put before.
    let filter = place.catalog.list::<SubscriptionFilter>("").expect("catalog").remove(0);
    let now = OffsetDateTime::now_utc() + time::Duration::milliseconds(50);
    let changed = i64::try_from(now.unix_timestamp_nanos() / 1_000_000).expect("a time");
    let mut changes = Changes::new();
    changes.put(&SubscriptionFilter { changed, ..filter.clone() });
    place.submit(changes).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    place.put(&["after"]).await;
    place.run_until(|place| place.service.texts() == ["after"]).await;
    let mut changes = Changes::new();
    changes.delete::<SubscriptionFilter>(&filter.key());
    changes.put(&Parcel {
        filter_id: filter.id.clone(),
        filter: filter.key(),
        position: 1,
        number: 0,
        batch: "gone".into(),
        stream: "s".into(),
        places: None,
        created: 0,
    });
    place.submit(changes).await;
    place.run_until(|place| place.parcels() == 0).await;
    assert_eq!(place.service.texts(), ["after"]);
}

#[test]
fn targets_are_told_apart() {
    let check = |text: &str, expect: Option<&str>| {
        let found = Target::parse(text).map(|target| format!("{target:?}"));
        let kind = found.as_deref().map(|found| found.split([' ', '(', '{']).next().unwrap_or(found));
        assert_eq!(kind, expect, "{text}");
    };
    check(KINESIS, Some("Kinesis"));
    check("arn:aws:firehose:us-east-1:123456789012:deliverystream/x", Some("Firehose"));
    check("arn:aws:sqs:us-east-1:123456789012:q", Some("Queue"));
    check("arn:aws:sns:us-east-1:123456789012:t", Some("Topic"));
    check("arn:aws:logs:us-east-1:123456789012:destination:d", Some("Destination"));
    check("arn:aws:lambda:us-east-1:123456789012:function:f", Some("Function"));
    check("https://example.com/x?y=1", Some("Http"));
    for bad in [
        "",
        "arn",
        "arn:aws:kinesis:us-east-1:1:stream/x",
        "arn:aws:kinesis:us-east-1:123456789012:x",
        "ftp://x",
        "http://user:secret@example.com/",
        "https://",
        "arn:aws:sns:us-east-1:123456789012:a:b",
        "arn:aws:sqs::123456789012:q",
    ] {
        check(bad, None);
    }
}
