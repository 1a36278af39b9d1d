//! S3 as its clients see it: boto3 and the AWS command line against a server of its own. Skipped where they are missing.

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentrail_catalog::{Catalog, Changes};
use opentrail_eventlog::{EventLog, Intake, LogConfig, SystemClock};
use opentrail_kms::Kms;
use opentrail_seal::Seal;
use opentrail_services::s3::{S3, S3Context, serve, service};
use opentrail_services::{AccessKey, Account, AuthMode, Call, Caller, User};
use opentrail_storage::{
    Bucket, DefaultRetention, EmbeddedLogBuckets, EmbeddedStore, LogBuckets, LogObject, ObjectLockSettings, RemoteConfig,
    RemoteLogBuckets, RetentionMode, RetentionPeriod, TrailBinding, Versioning,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use time::OffsetDateTime;
use zeroize::Zeroizing;

const ACCOUNT: &str = "123456789012";

struct Server {
    _dir: tempfile::TempDir,
    endpoint: String,
    root: (AccessKey, Zeroizing<String>),
    reader: (AccessKey, Zeroizing<String>),
    intake: Intake,
    store: EmbeddedStore,
    kms: Kms,
}

fn user(name: &str, policy: &str, now: OffsetDateTime) -> User {
    User {
        policies: BTreeMap::from([("p".to_owned(), policy.into())]),
        ..User::new(ACCOUNT, name, "AIDAEXAMPLE0000000001".into(), now)
    }
}

async fn start(auth_mode: AuthMode) -> Server {
    let dir = tempfile::tempdir().expect("a temp dir");
    let (catalog, applier) = Catalog::open(&dir.path().join("catalog.db")).expect("the catalog opens");
    let config = LogConfig { segment_bytes: 32 * 1024 * 1024, sync: false, ..LogConfig::default() };
    let (log, _) = EventLog::open(&dir.path().join("log"), &config, Box::new(applier)).expect("the log opens");
    let seal = Arc::new(Seal::ephemeral());
    let store = EmbeddedStore::open(dir.path(), catalog.clone(), Arc::clone(&seal)).expect("the store opens");
    let kms = Kms::new(&dir.path().join("keys"), catalog.clone(), Arc::clone(&seal));
    let intake = Intake::new(log, Arc::new(SystemClock));
    let now = intake.now();
    let root = AccessKey::generate(&seal, ACCOUNT, None, now);
    let reader = AccessKey::generate(&seal, ACCOUNT, Some("reader"), now);
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::first/*"},
        {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::first","Condition":{"StringLike":{"s3:prefix":"open/*"}}}]}"#;
    let mut changes = Changes::new();
    changes.put(&Account::begin(ACCOUNT, now)).put(&root.0).put(&reader.0).put(&user("reader", policy, now));
    intake.submit(Vec::new(), changes.encode()).await.expect("the log takes it");
    let context = S3Context {
        catalog,
        intake: intake.clone(),
        store: store.clone(),
        seal,
        kms: kms.clone(),
        bucket_keys: Arc::default(),
        account_id: ACCOUNT.into(),
        auth_mode,
        domains: Vec::new(),
    };
    let endpoint = listen(service(context)).await;
    Server { _dir: dir, endpoint, root, reader, intake, store, kms }
}

async fn listen(s3: S3) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let s3 = s3.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request: hyper::Request<Incoming>| {
                    let s3 = s3.clone();
                    async move {
                        let call = call(&request);
                        Ok::<_, std::convert::Infallible>(serve(&s3, call, request.map(s3s::Body::from)).await)
                    }
                });
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    endpoint
}

fn call(request: &hyper::Request<Incoming>) -> Call {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Call {
        caller: Caller::Anonymous,
        account: ACCOUNT.into(),
        region: "us-east-1".into(),
        source_ip: "127.0.0.1".into(),
        user_agent: header("user-agent"),
        signed_for: Some("s3".into()),
        host: header("host"),
        request_id: format!("{:016X}", rand::random::<u64>()),
        now: OffsetDateTime::now_utc(),
        client: None,
        tls: None,
    }
}

impl Server {
    /// Runs a script with the endpoint and the keys in its environment; `false` if what it needs is missing.
    async fn run(&self, program: &str, script: &'static str) -> bool {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/s3").join(script);
        let mut command = Command::new(program);
        command
            .arg(path)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", &self.root.0.id)
            .env("AWS_SECRET_ACCESS_KEY", self.root.1.as_str())
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .env("READER_ID", &self.reader.0.id)
            .env("READER_SECRET", self.reader.1.as_str());
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("runs").expect("starts");
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}:\n{text}");
        !text.contains("SKIPPED")
    }

    fn records(&self) -> Vec<Value> {
        let mut reader = self.intake.log().reader(self.intake.log().first()).expect("the log is there from its start");
        let mut records = Vec::new();
        while let Some(block) = reader.next_block().expect("the log is whole") {
            let events = block.into_iter().flat_map(|logged| logged.entry.events);
            records.extend(events.map(|event| serde_json::from_slice::<Value>(&event.record).expect("JSON")));
        }
        records
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_finds_s3() {
    let server = start(AuthMode::Enforce).await;
    if !server.run("python3", "boto.py").await {
        eprintln!("boto3 is not installed: skipped");
        return;
    }
    let records = server.records();
    let ids: std::collections::BTreeSet<_> = records.iter().map(|record| record["eventID"].to_string()).collect();
    assert_eq!(ids.len(), records.len());
    let find = |name: &str, code: Option<&str>| {
        records
            .iter()
            .find(|record| record["eventName"] == name && record["errorCode"].as_str() == code)
            .unwrap_or_else(|| panic!("no {name} with {code:?}"))
    };
    let put = find("PutObject", None);
    assert_eq!(put["eventCategory"], "Data");
    assert_eq!(put["resources"][0]["type"], "AWS::S3::Object");
    assert_eq!(put["resources"][1]["accountId"], ACCOUNT);
    assert_eq!(put["awsRegion"], "us-east-1");
    assert_eq!(put["additionalEventData"]["SignatureVersion"], "SigV4");
    assert_eq!(find("CreateBucket", None)["managementEvent"], true);
    assert!(find("PutBucketPolicy", None)["requestParameters"]["bucketPolicy"]["Statement"].is_array());
    assert_eq!(find("PutObject", Some("SignatureDoesNotMatch"))["userIdentity"]["type"], "Unknown");
    find("GetObject", Some("NoSuchKey"));
    find("GetObject", Some("AccessDenied"));
    find("ListObjects", Some("NoSuchBucket"));
    find("CompleteMultipartUpload", None);
    find("PutObject", Some("NotImplemented"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_key_is_root_where_signatures_do_not_matter() {
    let server = start(AuthMode::AcceptAny).await;
    if !server.run("python3", "accept_any.py").await {
        eprintln!("boto3 is not installed: skipped");
        return;
    }
    let records = server.records();
    let put = records.iter().find(|record| record["eventName"] == "PutObject").expect("recorded");
    assert_eq!(put["userIdentity"]["type"], "Root");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_finds_s3() {
    let server = start(AuthMode::Enforce).await;
    if !server.run("bash", "cli.sh").await {
        eprintln!("the AWS command line is not installed: skipped");
    }
}

const TRAIL_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::held"},
  {"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::held/*"}]}"#;
const CLOSED_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::closed/*"}]}"#;

/// A bucket with Object Lock that trails may use, and one that lets nobody write.
async fn log_buckets(server: &Server) {
    let mut held = Bucket { policy: Some(TRAIL_POLICY.into()), ..Bucket::new("held", ACCOUNT, "us-east-1", 0) };
    let default_retention = DefaultRetention { mode: RetentionMode::Compliance, period: RetentionPeriod::Days(1) };
    held.settings.versioning = Versioning::Enabled;
    held.settings.object_lock = Some(ObjectLockSettings { default_retention: Some(default_retention) });
    let closed = Bucket { policy: Some(CLOSED_POLICY.into()), ..Bucket::new("closed", ACCOUNT, "us-east-1", 0) };
    let mut changes = Changes::new();
    changes.put(&held).put(&closed);
    server.intake.submit(Vec::new(), changes.encode()).await.expect("the log takes it");
}

fn binding(bucket: &str) -> TrailBinding {
    TrailBinding {
        service: "cloudtrail.amazonaws.com".into(),
        trail_arn: format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main"),
        account: ACCOUNT.into(),
        home_region: "us-east-1".into(),
        bucket: bucket.into(),
        key_prefix: None,
        organization: None,
        kms_key: None,
    }
}

/// What every implementation of the port promises.
async fn conforms(server: &Server, buckets: &dyn LogBuckets) {
    let object = LogObject {
        key: format!("AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/01/01/file.json.gz"),
        body: bytes::Bytes::from_static(b"bytes"),
        content_type: "application/json",
        content_encoding: Some("gzip"),
        metadata: vec![("signature".into(), "abc".into())],
    };
    buckets.check(&binding("held")).await.expect("the bucket takes a trail's files");
    for _ in 0..2 {
        buckets.put(&binding("held"), object.clone()).await.expect("the same again is fine");
    }
    let there = server.store.object("held", &object.key).expect("reads").expect("is durable");
    assert_eq!((there.size, there.etag.as_str()), (5, "4b3a6218bb3e3a7303e8a171a60fcf92"));
    assert_eq!(there.headers.content_type.as_deref(), Some("application/json"));
    assert_eq!(there.headers.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(there.headers.user_metadata.get("signature").map(String::as_str), Some("abc"));
    assert_eq!(there.settings.retention.map(|retention| retention.mode), Some(RetentionMode::Compliance), "held by default");
    for (bucket, code) in [("absent", "NoSuchBucket"), ("closed", "AccessDenied")] {
        let check = buckets.check(&binding(bucket)).await.expect_err("refused");
        let put = buckets.put(&binding(bucket), object.clone()).await.expect_err("refused");
        assert_eq!((check.code.as_str(), put.code.as_str()), (code, code), "{check} / {put}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_log_buckets_conform() {
    let server = start(AuthMode::Enforce).await;
    log_buckets(&server).await;
    conforms(&server, &EmbeddedLogBuckets::new(server.store.clone(), server.intake.clone(), server.kms.clone())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn remote_log_buckets_conform() {
    let server = start(AuthMode::Enforce).await;
    log_buckets(&server).await;
    let remote = RemoteLogBuckets::new(RemoteConfig {
        endpoint: server.endpoint.clone(),
        region: "us-east-1".into(),
        access_key: server.root.0.id.clone(),
        secret_key: server.root.1.to_string(),
    });
    conforms(&server, &remote).await;
}
