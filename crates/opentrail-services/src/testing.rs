//! A whole application on a temporary directory, for tests of operations.

use crate::app::{App, AuthMode, Settings};
use crate::call::{Call, Caller};
use crate::cloudtrail::LookupLimiter;
use crate::credentials::User;
use crate::last_used::LastUsed;
use crate::logs::InsightsQueries;
use crate::service::{self, Service};
use crate::signin::SignInThrottle;
use async_trait::async_trait;
use opentrail_alarms::Watching;
use opentrail_catalog::{Catalog, Changes};
use opentrail_delivery::SigningKeys;
use opentrail_eventlog::{EventLog, Intake, LogConfig, ManualClock, Sink};
use opentrail_history::{HistoryConfig, HistorySink};
use opentrail_import::Importer;
use opentrail_kms::Kms;
use opentrail_messaging::topics::{TopicsConfig, WebhookNetworks};
use opentrail_messaging::{Queues, Topics};
use opentrail_seal::Seal;
use opentrail_storage::{BucketFault, EmbeddedStore, LogBuckets, LogObject, TrailBinding};
use opentrail_subscriptions::{Endpoints, Subscriptions};
use opentrail_wire::{ApiError, SigningKeyCache};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;

pub const ACCOUNT: &str = "123456789012";
pub const START: OffsetDateTime = datetime!(2026-11-21 10:00:00 UTC);

/// Buckets whose names say what they answer: `missing-…`, `denied-…`, anything else is fine.
#[derive(Default)]
pub struct FakeBuckets {
    pub checked: Mutex<Vec<TrailBinding>>,
}

#[async_trait]
impl LogBuckets for FakeBuckets {
    fn takes_keys(&self) -> bool {
        true
    }

    async fn check(&self, trail: &TrailBinding) -> Result<(), BucketFault> {
        self.checked.lock().expect("no panic").push(trail.clone());
        match trail.bucket.split('-').next() {
            Some("missing") => Err(BucketFault::new("NoSuchBucket", "The specified bucket does not exist")),
            Some("denied") => Err(BucketFault::new("AccessDenied", "Access Denied")),
            _ => Ok(()),
        }
    }

    async fn put(&self, _: &TrailBinding, _: LogObject) -> Result<(), BucketFault> {
        Ok(())
    }
}

pub struct Bench {
    pub app: Arc<App>,
    pub clock: Arc<ManualClock>,
    pub buckets: Arc<FakeBuckets>,
    history: Mutex<HistorySink>,
    /// Deleted last.
    dir: TempDir,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    pub fn new() -> Self {
        Self::limited(None)
    }

    /// With a rate for LookupEvents.
    pub fn limited(lookup_rate: Option<f64>) -> Self {
        Self::with_lookups(lookup_rate, false)
    }

    /// With a rate for LookupEvents, and whether it takes more than AWS's does.
    pub fn with_lookups(lookup_rate: Option<f64>, extended_lookup: bool) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (catalog, applier) = Catalog::open(&dir.path().join("catalog.sqlite")).expect("catalog");
        let config = LogConfig { segment_bytes: 4 * 1024 * 1024, sync: false, ..LogConfig::default() };
        let (log, _) = EventLog::open(&dir.path().join("log"), &config, Box::new(applier)).expect("event log");
        let clock = Arc::new(ManualClock::new(START));
        let intake = Intake::new(log, Arc::clone(&clock) as Arc<_>);
        let (sink, history) = opentrail_history::open(HistoryConfig {
            retention: time::Duration::days(400),
            ..HistoryConfig::new(dir.path().join("history"))
        })
        .expect("history");
        let buckets = Arc::new(FakeBuckets::default());
        let seal = Arc::new(Seal::ephemeral());
        let queues = Queues::open(catalog.clone(), intake.clone()).expect("queues");
        let topics_config = TopicsConfig {
            key_file: dir.path().join("keys/sns.sealed"),
            seal: Arc::clone(&seal),
            webhooks: WebhookNetworks::default(),
        };
        let kms = Kms::new(&dir.path().join("keys/kms"), catalog.clone(), Arc::clone(&seal));
        let topics = Topics::open(catalog.clone(), intake.clone(), queues.clone(), topics_config).expect("topics");
        let endpoints = Endpoints { webhooks: "loopback".parse().expect("a setting"), ..Endpoints::default() };
        let app = App {
            settings: Settings {
                account_id: ACCOUNT.into(),
                regions: ["us-east-1", "eu-west-1", "eu-central-1"].map(Into::into).to_vec(),
                auth_mode: AuthMode::Enforce,
                lookup_rate,
                extended_lookup,
                data_dir: dir.path().to_owned(),
            },
            store: EmbeddedStore::open(&dir.path().join("store"), catalog.clone(), Arc::clone(&seal)).expect("store"),
            signing_keys: SigningKeys::new(&dir.path().join("keys"), catalog.clone(), intake.clone(), Arc::clone(&seal)),
            subscriptions: Subscriptions::new(catalog.clone(), intake.clone(), queues.clone(), topics.clone(), endpoints),
            watching: Watching::open(catalog.clone(), intake.clone(), topics.clone()).expect("metrics and alarms"),
            topics,
            queues,
            catalog,
            searches: crate::opentrail::Searches::default(),
            importer: Importer::new(intake.clone(), history.clone(), time::Duration::days(90)),
            intake,
            seal,
            kms,
            history,
            log_buckets: Arc::clone(&buckets) as Arc<_>,
            sign_in_throttle: SignInThrottle::default(),
            web_keys: Arc::new(crate::sts::NoWebKeys),
            derived_keys: SigningKeyCache::new(),
            lookup_limiter: LookupLimiter::default(),
            insights: InsightsQueries::default(),
            last_used: LastUsed::default(),
        };
        Self { app: Arc::new(app), clock, buckets, history: Mutex::new(sink), dir }
    }

    /// A call of the root user in us-east-1, now.
    pub fn call(&self) -> Call {
        Call {
            caller: Caller::Root { account: ACCOUNT.into(), access_key: "AKIAROOT000000000000".into(), session: None },
            account: ACCOUNT.into(),
            region: "us-east-1".into(),
            source_ip: "192.0.2.1".into(),
            user_agent: Some("test".into()),
            signed_for: None,
            host: Some("localhost".into()),
            request_id: "request".into(),
            now: self.app.intake.now(),
            tls: None,
            client: None,
        }
    }

    pub fn call_in(&self, region: &str) -> Call {
        Call { region: region.into(), ..self.call() }
    }

    /// A call of a user that exists and has this policy.
    pub async fn call_of_user(&self, name: &str, policy: Option<Value>) -> Call {
        let policies = policy.map(|policy| ("p".into(), policy.to_string().into())).into_iter().collect();
        let user = User { policies, ..User::new(ACCOUNT, name, format!("AIDA{name}"), START) };
        let mut changes = Changes::new();
        changes.put(&user);
        self.app.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
        let caller = Caller::User {
            account: ACCOUNT.into(),
            name: user.name.clone(),
            arn: user.arn(),
            user_id: user.id.clone(),
            access_key: "AKIAUSER000000000000".into(),
            session: None,
        };
        Call { caller, ..self.call() }
    }

    pub async fn run(&self, service: &'static Service, call: Call, operation: &str, input: Value) -> Result<Value, ApiError> {
        service::run(&self.app, service, operation, call, input).await
    }

    /// Every record in the log, oldest first.
    pub fn records(&self) -> Vec<Value> {
        let log = self.app.intake.log();
        let mut reader = log.reader(log.first()).expect("reader");
        let mut records = Vec::new();
        while let Some(entries) = reader.next_block().expect("block") {
            for event in entries.iter().flat_map(|entry| &entry.entry.events) {
                let record: Value = serde_json::from_slice(&event.record).expect("a record is JSON");
                assert_eq!(record["recipientAccountId"], event.account.as_str());
                assert_eq!(record["awsRegion"], event.region.as_str());
                records.push(record);
            }
        }
        records
    }

    pub fn last_record(&self) -> Value {
        self.records().pop().expect("something is recorded")
    }

    /// Whether this text is anywhere in the catalog's files.
    pub fn catalog_holds(&self, text: &str) -> bool {
        let files = ["catalog.sqlite", "catalog.sqlite-wal"].map(|name| std::fs::read(self.dir.path().join(name)));
        files.iter().flatten().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    /// Brings the event history up to date.
    pub fn index(&self) {
        let mut sink = self.history.lock().expect("no panic");
        let mut reader = self.app.intake.log().reader(sink.cursor().max(1)).expect("reader");
        while let Some(entries) = reader.next_block().expect("block") {
            sink.apply(&entries).expect("applied");
        }
        sink.commit(reader.position()).expect("committed");
    }
}

/// Code and text of an error.
pub fn told(result: Result<Value, ApiError>) -> (String, String) {
    match result {
        Ok(output) => panic!("an error was expected, not {output}"),
        Err(error) => (error.code, error.message),
    }
}

/// The expected code alone.
pub fn code(result: Result<Value, ApiError>) -> String {
    told(result).0
}

/// Random inputs for every operation of a service.
pub mod hostile {
    use super::Bench;
    use crate::service::Service;
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;
    use serde_json::{Map, Value, json};
    use tokio::runtime::Runtime;

    /// JSON of any shape, with these members and texts more likely than others.
    pub fn inputs(members: &'static [&'static str], texts: &'static [&'static str]) -> impl Strategy<Value = Value> {
        let name = prop_oneof![4 => prop::sample::select(members).prop_map(str::to_owned), 1 => ".{0,12}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            prop::sample::select(texts).prop_map(Value::from),
        ];
        let nested = leaf.prop_recursive(4, 64, 8, {
            let name = name.clone();
            move |inner| {
                prop_oneof![
                    prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                    prop::collection::vec((name.clone(), inner), 0..8).prop_map(object),
                ]
            }
        });
        prop_oneof![
            8 => prop::collection::vec((name, nested.clone()), 0..10).prop_map(object),
            1 => nested,
        ]
    }

    fn object(members: Vec<(String, Value)>) -> Value {
        Value::Object(members.into_iter().collect::<Map<_, _>>())
    }

    /// Gives random inputs to each operation, as root and as a user, and to `more`: there is an answer or an error of
    /// the client's, and one more record either way.
    pub fn check(
        service: &'static Service,
        members: &'static [&'static str],
        texts: &'static [&'static str],
        more: impl Fn(&Runtime, &Bench, &Value),
    ) {
        check_after(service, members, texts, |_, _| Vec::new(), more);
    }

    /// [`check`] of a service in which `prepare` has made something; it returns what that is called, as further texts.
    pub fn check_after(
        service: &'static Service,
        members: &'static [&'static str],
        texts: &'static [&'static str],
        prepare: impl FnOnce(&Runtime, &Bench) -> Vec<String>,
        more: impl Fn(&Runtime, &Bench, &Value),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        let bench = Bench::new();
        let made: Vec<&'static str> = prepare(&runtime, &bench).into_iter().map(|text| &*text.leak()).collect();
        let texts: &'static [&'static str] = [texts, &made].concat().leak();
        let everything = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
        let user = runtime.block_on(bench.call_of_user("somebody", Some(everything)));
        let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) });
        let outcome = runner.run(&inputs(members, texts), |input| {
            for (operation, call) in
                service.operations.iter().flat_map(|operation| [(operation, bench.call()), (operation, user.clone())])
            {
                let before = bench.app.intake.log().end();
                let result = runtime.block_on(bench.run(service, call, operation.name, input.clone()));
                if let Err(error) = &result {
                    prop_assert!(!error.is_server(), "{} {input}: {error}", operation.name);
                }
                prop_assert!(bench.app.intake.log().end() > before, "{} {input} is recorded", operation.name);
            }
            more(&runtime, &bench, &input);
            Ok(())
        });
        outcome.expect("no input is too much");
        bench.records();
    }
}
