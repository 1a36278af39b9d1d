//! Delivery end to end against a bucket that misbehaves, judged by the shipped verifier.

use async_trait::async_trait;
use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{Attribute, Attributes, ObjectStore, PutOptions};
use opentrail_catalog::{Catalog, Changes};
use opentrail_delivery::{Delivery, DeliveryConfig, DeliveryState, NoAnnouncer, SigningKeys, TrailStatus, trail_id};
use opentrail_eventlog::{Event, EventLog, Intake, LogConfig, SystemClock};
use opentrail_model::trail::{OrganizationScope, Trail};
use opentrail_seal::Seal;
use opentrail_storage::{BucketFault, LogBuckets, LogObject, TrailBinding};
use opentrail_verify::{KeySet, Options, Silent};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

const ACCOUNT: &str = "123456789012";

/// One for all, as a server keeps its root key over restarts.
static SEAL: LazyLock<Arc<Seal>> = LazyLock::new(|| Arc::new(Seal::ephemeral()));

/// Keeps objects in memory; loses the answer to every first put of a key, and refuses everything while told to.
#[derive(Default)]
struct FaultyBuckets {
    store: Arc<InMemory>,
    seen: Mutex<HashMap<String, Bytes>>,
    refusing: Mutex<Option<BucketFault>>,
}

#[async_trait]
impl LogBuckets for FaultyBuckets {
    fn takes_keys(&self) -> bool {
        false
    }

    async fn check(&self, _: &TrailBinding) -> Result<(), BucketFault> {
        Ok(())
    }

    async fn put(&self, _: &TrailBinding, object: LogObject) -> Result<(), BucketFault> {
        if let Some(fault) = self.refusing.lock().expect("lock").clone() {
            return Err(fault);
        }
        let earlier = self.seen.lock().expect("lock").insert(object.key.clone(), object.body.clone());
        if let Some(earlier) = &earlier {
            assert_eq!(*earlier, object.body, "{} was written twice with different bytes", object.key);
        }
        let mut attributes = Attributes::new();
        for (name, value) in object.metadata {
            attributes.insert(Attribute::Metadata(name.into()), value.into());
        }
        let options = PutOptions { attributes, ..PutOptions::default() };
        let path = ObjectPath::parse(&object.key).expect("a valid key");
        self.store.put_opts(&path, object.body.into(), options).await.expect("memory");
        if earlier.is_none() {
            return Err(BucketFault::new("RequestTimeout", "the answer was lost"));
        }
        Ok(())
    }
}

struct World {
    catalog: Catalog,
    intake: Intake,
    keys: SigningKeys,
    delivery: Delivery,
}

fn open(dir: &Path, buckets: &Arc<FaultyBuckets>) -> World {
    let (catalog, applier) = Catalog::open(&dir.join("catalog.db")).expect("catalog");
    let config = LogConfig { segment_bytes: 1 << 20, ..LogConfig::default() };
    let (log, _) = EventLog::open(&dir.join("log"), &config, Box::new(applier)).expect("log");
    let intake = Intake::new(log, Arc::new(SystemClock));
    let keys = SigningKeys::new(&dir.join("keys"), catalog.clone(), intake.clone(), Arc::clone(&SEAL));
    let config =
        DeliveryConfig { interval: Duration::from_millis(200), max_bytes: 20_000, digest_interval: Duration::from_secs(1) };
    let port: Arc<dyn LogBuckets> = Arc::clone(buckets) as Arc<dyn LogBuckets>;
    let regions = vec!["us-east-1".to_owned(), "eu-west-1".to_owned()];
    let delivery = Delivery::start(catalog.clone(), intake.clone(), port, Arc::new(NoAnnouncer), keys.clone(), regions, config)
        .expect("starts");
    World { catalog, intake, keys, delivery }
}

fn trail(name: &str) -> Trail {
    serde_json::from_value(json!({
        "name": name, "account": ACCOUNT, "home_region": "us-east-1", "incarnation": "1", "bucket": "b", "key_prefix": name,
        "sns_topic": null, "include_global_service_events": true, "multi_region": true, "log_file_validation": true,
        "log_group_arn": null, "log_group_role_arn": null, "kms_key_id": null, "organization": false,
        "recursive_logging": true, "selectors": {"Basic": [{"IncludeManagementEvents": true}]}, "insight_selectors": [],
        "tags": {}, "logging": false, "started": null, "stopped": null, "created": 0}))
    .expect("a trail")
}

fn event(id: u32) -> Event {
    let region = if id.is_multiple_of(3) { "eu-west-1" } else { "us-east-1" };
    let record = json!({"eventVersion": "1.11", "eventTime": "2026-11-21T10:00:00Z", "eventSource": "ec2.amazonaws.com",
        "eventName": "RunInstances", "awsRegion": region, "eventID": id.to_string(), "readOnly": false, "eventCategory": "Management",
        "recipientAccountId": ACCOUNT});
    Event { account: ACCOUNT.into(), region: region.into(), record: record.to_string().into() }
}

async fn change(world: &World, trail: &Trail, new: bool, id: u32) {
    let mut changes = Changes::new();
    if new {
        changes.put(&DeliveryState::begin(trail, world.intake.log().end()));
    }
    changes.put(trail);
    world.intake.submit(vec![event(id)], changes.encode()).await.expect("recorded");
}

async fn record(world: &World, ids: std::ops::Range<u32>) {
    for id in ids {
        world.intake.submit(vec![event(id)], Bytes::new()).await.expect("recorded");
    }
}

/// How often each event id stands in the files below a prefix.
fn delivered(buckets: &FaultyBuckets, prefix: &str) -> BTreeMap<u32, u32> {
    let mut counts = BTreeMap::new();
    for (key, body) in buckets.seen.lock().expect("lock").iter() {
        if !key.starts_with(prefix) || key.contains("CloudTrail-Digest") {
            continue;
        }
        let mut text = String::new();
        flate2::bufread::GzDecoder::new(&body[..]).read_to_string(&mut text).expect("gzip");
        let file: Value = serde_json::from_str(&text).expect("JSON");
        for record in file["Records"].as_array().expect("records") {
            // What is not numbered is an event of the delivery itself: a new signing key.
            let Ok(id) = record["eventID"].as_str().expect("id").parse::<u32>() else { continue };
            *counts.entry(id).or_default() += 1;
            assert!(key.contains(record["awsRegion"].as_str().expect("region")), "{key} holds another region's record");
        }
    }
    counts
}

async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    for _ in 0..600 {
        if check() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never happened: {what}");
}

async fn verify(world: &World, buckets: &FaultyBuckets) -> opentrail_verify::Report {
    let keys: Vec<Value> =
        world.keys.all().expect("keys").iter().map(|k| json!({"Value": k.value, "Fingerprint": k.fingerprint})).collect();
    let keys = KeySet::from_json(json!({ "PublicKeyList": keys }).to_string().as_bytes()).expect("keys");
    let store = Arc::clone(&buckets.store) as Arc<dyn ObjectStore>;
    let source = opentrail_verify::bucket::Bucket::new(store, "b", "").expect("source");
    let options = Options { keys: Some(keys), ..Options::default() };
    opentrail_verify::verify(&[Box::new(source)], &options, &Silent).await.expect("runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_once_through_faults_restarts_stop_and_delete() {
    let dir = tempfile::tempdir().expect("temp dir");
    let buckets = Arc::new(FaultyBuckets::default());
    let mut world = open(dir.path(), &buckets);
    let main = trail("main");
    change(&world, &main, true, 0).await;
    record(&world, 1..10).await;
    let started = Trail { logging: true, ..main.clone() };
    change(&world, &started, false, 10).await;
    record(&world, 11..300).await;
    eventually("the first files", || delivered(&buckets, "main/").len() > 100).await;

    // A restart in the middle of whatever is going on.
    world.delivery.stop().await;
    drop((world.catalog, world.intake, world.keys));
    world = open(dir.path(), &buckets);
    record(&world, 300..400).await;

    // A bucket that is gone for a while shows in the status, and nothing is lost.
    *buckets.refusing.lock().expect("lock") = Some(BucketFault::new("NoSuchBucket", "gone"));
    record(&world, 400..450).await;
    let status = || {
        let key = TrailStatus::key_of(&trail_id(&main), "us-east-1");
        world.catalog.get::<TrailStatus>(&key).expect("catalog").map(|status| TrailStatus::clone(&status)).unwrap_or_default()
    };
    eventually("the error in the status", || status().latest_delivery_error.as_deref() == Some("NoSuchBucket")).await;
    *buckets.refusing.lock().expect("lock") = None;
    eventually("the error to go", || status().latest_delivery_error.is_none()).await;

    let stopped = Trail { logging: false, ..started.clone() };
    change(&world, &stopped, false, 450).await;
    record(&world, 451..460).await;
    assert!(world.delivery.flush(Duration::from_secs(20)).await, "flushes");
    let counts = delivered(&buckets, "main/");
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), (10..451).collect::<Vec<_>>());
    assert!(counts.values().all(|&count| count == 1), "{counts:?}");

    eventually("the last digests", || chains(&world.catalog) == 0).await;
    let report = verify(&world, &buckets).await;
    assert_eq!(report.exit_code(), 0, "{}", report.to_text());

    // Started again, then deleted: a second chain, ended, and no state left behind.
    change(&world, &started, false, 460).await;
    record(&world, 461..470).await;
    let mut changes = Changes::new();
    changes.delete::<Trail>(&format!("{ACCOUNT}/us-east-1/main"));
    world.intake.submit(vec![event(470)], changes.encode()).await.expect("recorded");
    record(&world, 471..480).await;
    eventually("the state to go", || world.catalog.list::<DeliveryState>("").expect("catalog").is_empty()).await;
    assert_eq!(
        delivered(&buckets, "main/").keys().filter(|id| **id > 450).copied().collect::<Vec<_>>(),
        (460..471).collect::<Vec<_>>()
    );
    assert_eq!(chains(&world.catalog), 0);
    let report = verify(&world, &buckets).await;
    let text = report.to_text();
    assert!(report.findings.iter().all(|finding| finding.code == opentrail_verify::Code::Gap), "{text}");
    world.delivery.stop().await;
}

fn chains(catalog: &Catalog) -> usize {
    catalog.list::<opentrail_delivery::DigestChain>("").expect("catalog").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn trails_with_different_selectors_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().expect("temp dir");
    let buckets = Arc::new(FaultyBuckets::default());
    let world = open(dir.path(), &buckets);
    let one = Trail { logging: true, ..trail("one") };
    let other: Trail = Trail { logging: true, multi_region: false, log_file_validation: false, ..trail("other") };
    change(&world, &one, true, 1).await;
    change(&world, &other, true, 2).await;
    record(&world, 3..50).await;
    assert!(world.delivery.flush(Duration::from_secs(20)).await, "flushes");
    assert_eq!(delivered(&buckets, "one/").len(), 49);
    let home: Vec<u32> = (2u32..50).filter(|id| !id.is_multiple_of(3)).collect();
    assert_eq!(delivered(&buckets, "other/").keys().copied().collect::<Vec<_>>(), home);
    world.delivery.stop().await;
}

const MEMBER: &str = "222222222222";

fn event_of(account: &str, id: u32) -> Event {
    let event = event(id);
    let text = String::from_utf8(event.record.to_vec()).expect("UTF-8").replace(ACCOUNT, account);
    Event { account: account.into(), record: text.into(), ..event }
}

/// Keys of the files that hold events of one account, without their unique parts.
fn folders_of(buckets: &FaultyBuckets, account: &str) -> Vec<String> {
    let seen = buckets.seen.lock().expect("lock");
    let mut folders: Vec<String> = seen
        .keys()
        .filter(|key| key.contains(&format!("/{account}/CloudTrail/")))
        .filter_map(|key| Some(key.split_once("/CloudTrail/")?.0.to_owned()))
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

#[tokio::test(flavor = "multi_thread")]
async fn organization_trails_follow_who_joins_and_who_leaves() {
    let dir = tempfile::tempdir().expect("temp dir");
    let buckets = Arc::new(FaultyBuckets::default());
    let world = open(dir.path(), &buckets);
    let of = |accounts: &[&str]| Trail {
        logging: true,
        organization: true,
        scope: Some(OrganizationScope {
            id: "o-exampleorg1".into(),
            accounts: Arc::new(accounts.iter().map(|&account| account.to_owned()).collect()),
        }),
        ..trail("org")
    };
    let events = |ids: std::ops::Range<u32>| ids.flat_map(|id| [event(id), event_of(MEMBER, 1000 + id)]).collect::<Vec<_>>();
    let submit = |events: Vec<Event>| world.intake.submit(events, Bytes::new());
    change(&world, &of(&[ACCOUNT]), true, 1).await;
    submit(events(2..10)).await.expect("recorded");
    change(&world, &of(&[ACCOUNT, MEMBER]), false, 10).await;
    submit(events(11..20)).await.expect("recorded");
    eventually("the member's digest", || {
        let seen = buckets.seen.lock().expect("lock");
        seen.keys().any(|key| key.contains(&format!("AWSLogs/o-exampleorg1/{MEMBER}/CloudTrail-Digest/")))
    })
    .await;
    change(&world, &of(&[ACCOUNT]), false, 20).await;
    submit(events(21..30)).await.expect("recorded");
    assert!(world.delivery.flush(Duration::from_secs(20)).await, "flushes");

    let expect: Vec<u32> = (1..30).chain(1011..1020).collect();
    assert_eq!(delivered(&buckets, "org/").into_keys().collect::<Vec<_>>(), expect);
    for account in [ACCOUNT, MEMBER] {
        assert_eq!(folders_of(&buckets, account), [format!("org/AWSLogs/o-exampleorg1/{account}")]);
    }
    eventually("the member's chains to end", || {
        let chains = world.catalog.list::<opentrail_delivery::DigestChain>("").expect("catalog");
        chains.iter().all(|chain| chain.account == ACCOUNT)
    })
    .await;

    // No organization trail any more: the account's own folder, and the chain goes on.
    change(&world, &Trail { organization: false, scope: None, ..of(&[ACCOUNT]) }, false, 30).await;
    submit(events(31..40)).await.expect("recorded");
    assert!(world.delivery.flush(Duration::from_secs(20)).await, "flushes");
    let own = format!("org/AWSLogs/{ACCOUNT}");
    assert_eq!(folders_of(&buckets, ACCOUNT), [own, format!("org/AWSLogs/o-exampleorg1/{ACCOUNT}")]);
    change(&world, &Trail { logging: false, organization: false, scope: None, ..of(&[ACCOUNT]) }, false, 40).await;
    assert!(world.delivery.flush(Duration::from_secs(20)).await, "flushes");
    eventually("the last digests", || chains(&world.catalog) == 0).await;
    let report = verify(&world, &buckets).await;
    assert_eq!(report.exit_code(), 0, "{}", report.to_text());
    world.delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_events_are_not_delivered() {
    let dir = tempfile::tempdir().expect("temp dir");
    let buckets = Arc::new(FaultyBuckets::default());
    let world = open(dir.path(), &buckets);
    change(&world, &Trail { logging: true, ..trail("main") }, true, 1).await;
    for id in 2..20 {
        record(&world, id..id + 1).await;
        let queued = world.intake.queue_imported(vec![event(1000 + id), event(2000 + id)]).expect("queued");
        let end = tokio::task::spawn_blocking(|| queued.wait_blocking()).await.expect("joins").expect("imported");
        assert_eq!(end, world.intake.log().end());
    }
    assert!(world.delivery.flush(Duration::from_secs(20)).await, "flushes");
    assert_eq!(delivered(&buckets, "main/").into_keys().collect::<Vec<_>>(), (1..20).collect::<Vec<_>>());
    let stats = world.intake.log().stats();
    assert_eq!((stats.events, stats.imported_events), (19, 36));
    world.delivery.stop().await;
}
