//! Topics on a real log and catalog.

use super::*;
use crate::queues::{Queue, Wanted};
use opentrail_eventlog::{EventLog, LogConfig, ManualClock};
use std::time::Duration;
use tempfile::TempDir;
use time::macros::datetime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

struct Bench {
    topics: Topics,
    topic: Topic,
    _dir: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (catalog, applier) = Catalog::open(&dir.path().join("catalog.db")).expect("catalog");
        let config = LogConfig { segment_bytes: 4 * 1024 * 1024, sync: false, ..LogConfig::default() };
        let (log, _) = EventLog::open(&dir.path().join("log"), &config, Box::new(applier)).expect("event log");
        let intake = Intake::new(log, Arc::new(ManualClock::new(datetime!(2026-11-21 10:00 UTC))));
        let queues = Queues::open(catalog.clone(), intake.clone()).expect("queues");
        let config = TopicsConfig {
            key_file: dir.path().join("sns.sealed"),
            seal: Arc::new(Seal::ephemeral()),
            webhooks: "loopback".parse().expect("a setting"),
        };
        let topics = Topics::open(catalog, intake, queues, config).expect("topics");
        let topic = Topic {
            account: "123456789012".into(),
            region: "r".into(),
            name: "t".into(),
            created_ms: 0,
            display_name: String::new(),
            policy: "{}".into(),
            delivery_policy: Some(
                r#"{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":1,"numRetries":1,"numNoDelayRetries":1}}"#.into(),
            ),
            signature_version: None,
            tags: BTreeMap::new(),
            subscriptions_deleted: 0,
        };
        let bench = Self { topics, topic, _dir: dir };
        let mut changes = Changes::new();
        changes.put(&bench.topic);
        bench.submit(changes).await;
        bench
    }

    async fn submit(&self, changes: Changes) {
        self.topics.0.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
    }

    async fn queue(&self, name: &str, open: bool) -> Arc<Queue> {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:r:123456789012:t"}}}]}"#;
        let mut queue: Queue = serde_json::from_value(serde_json::json!({
            "account": "123456789012", "region": "r", "name": name, "id": format!("id-{name}"), "created_ms": 0, "modified_ms": 0,
            "visibility_timeout_s": 30, "retention_s": 3600, "delay_s": 0, "wait_s": 0, "max_message_bytes": 1024, "managed_encryption": true,
        }))
        .expect("a queue");
        queue.policy = open.then(|| policy.into());
        let mut changes = Changes::new();
        changes.put(&queue);
        self.submit(changes).await;
        Arc::new(queue)
    }

    async fn subscribe(&self, protocol: Protocol, endpoint: &str, edit: impl FnOnce(&mut Subscription)) -> Subscription {
        let mut subscription = Subscription {
            topic: self.topic.key(),
            topic_arn: self.topic.arn(),
            id: uuid::Uuid::new_v4().to_string(),
            owner: self.topic.account.clone(),
            principal: String::new(),
            protocol,
            endpoint: endpoint.into(),
            created_ms: self.topics.0.queues.now_ms(),
            confirmed: true,
            authenticated: true,
            authenticate_on_unsubscribe: false,
            token: None,
            raw: false,
            filter_policy: None,
            filter_body: false,
            dead_letter_arn: None,
            delivery_policy: None,
            webhook_secret: None,
        };
        subscription.give_token(&self.topics.0.config.seal).expect("sealed");
        edit(&mut subscription);
        let mut changes = Changes::new();
        changes.put(&subscription);
        self.submit(changes).await;
        subscription
    }

    async fn publish(&self, text: &str) -> String {
        let mut changes = Changes::new();
        let id = self.topics.publish(&self.topic, Draft::text(text), &mut changes).expect("published");
        self.submit(changes).await;
        id
    }

    async fn bodies(&self, queue: &Queue) -> Vec<String> {
        let wanted = Wanted { max: 10, visibility: Duration::from_secs(30), wait: Duration::ZERO };
        let received = self.topics.0.queues.receive(queue, wanted, std::future::pending()).await.expect("received");
        received.messages.into_iter().map(|received| received.message.body).collect()
    }

    async fn until_nothing_is_pending(&self) {
        while self.topics.stats().pending > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Answers posts with these statuses, one after the other, and gives back what was posted.
async fn webhook(statuses: &'static [u16]) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
    let served = tokio::spawn(async move {
        let mut posts = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut text = Vec::new();
            let mut piece = [0; 4096];
            loop {
                let read = stream.read(&mut piece).await.expect("a request");
                text.extend_from_slice(&piece[..read]);
                let whole = String::from_utf8_lossy(&text).into_owned();
                let length = whole
                    .to_ascii_lowercase()
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
                if let (Some(length), Some((_, body))) = (length, whole.split_once("\r\n\r\n"))
                    && body.len() >= length
                {
                    posts.push(whole);
                    break;
                }
            }
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("answered");
        }
        posts
    });
    (url, served)
}

#[tokio::test]
async fn queues_get_messages_in_the_same_entry() {
    let bench = Bench::new().await;
    let (open, shut, raw, filtered) = (
        bench.queue("open", true).await,
        bench.queue("shut", false).await,
        bench.queue("raw", true).await,
        bench.queue("filtered", true).await,
    );
    bench.subscribe(Protocol::Sqs, &open.arn(), |_| {}).await;
    bench.subscribe(Protocol::Sqs, &shut.arn(), |one| one.dead_letter_arn = Some(raw.arn())).await;
    bench.subscribe(Protocol::Sqs, &raw.arn(), |one| one.raw = true).await;
    bench.subscribe(Protocol::Sqs, &filtered.arn(), |one| one.filter_policy = Some(r#"{"a":["b"]}"#.into())).await;
    let id = bench.publish("hello").await;
    let envelope: serde_json::Value = serde_json::from_str(&bench.bodies(&open).await[0]).expect("JSON");
    assert_eq!(
        (&envelope["Type"], &envelope["MessageId"], &envelope["Message"]),
        (&"Notification".into(), &id.as_str().into(), &"hello".into())
    );
    assert_eq!((&envelope["SignatureVersion"], &envelope["Timestamp"]), (&"1".into(), &"2026-11-21T10:00:00.000Z".into()));
    let mut got = bench.bodies(&raw).await;
    got.sort();
    assert_eq!(got[0], "hello");
    assert!(got[1].contains("Notification"), "what the shut queue did not take is a dead letter");
    assert!(bench.bodies(&shut).await.is_empty() && bench.bodies(&filtered).await.is_empty());
    assert_eq!(bench.topics.stats().pending, 0);
}

#[tokio::test]
async fn webhooks_are_retried_and_then_dead_letters() {
    let bench = Bench::new().await;
    let dead = bench.queue("dead", true).await;
    let (good, served) = webhook(&[503, 200]).await;
    let (bad, failed) = webhook(&[500, 500]).await;
    let (refusing, refused) = webhook(&[404]).await;
    let seal = Arc::clone(&bench.topics.0.config.seal);
    bench.subscribe(Protocol::Http, &good, |one| one.set_webhook_secret(&seal, Some("secret")).expect("sealed")).await;
    bench.subscribe(Protocol::Http, &bad, |one| one.dead_letter_arn = Some(dead.arn())).await;
    bench.subscribe(Protocol::Http, &refusing, |one| one.raw = true).await;
    bench.publish("hello").await;
    let courier = bench.topics.clone();
    let courier = tokio::spawn(async move { courier.deliver_until_closed().await });
    bench.until_nothing_is_pending().await;
    let posts = served.await.expect("served");
    assert!(
        posts[0].contains("x-amz-sns-message-type: Notification") && posts[0].contains("x-opentrail-signature: t="),
        "{}",
        posts[0]
    );
    assert_eq!(posts.len(), 2);
    assert_eq!(failed.await.expect("served").len(), 2);
    assert!(refused.await.expect("served")[0].ends_with("\r\n\r\nhello"));
    assert!(bench.bodies(&dead).await[0].contains("\"Message\":\"hello\""));
    let stats = bench.topics.stats();
    assert_eq!((stats.delivered, stats.failed, stats.dropped), (1, 4, 1));
    assert!(bench.topics.0.catalog.list::<Published>("").expect("catalog").is_empty());
    bench.topics.0.queues.close();
    courier.await.expect("ends");
}

#[tokio::test]
async fn subscribers_are_asked_to_confirm() {
    let bench = Bench::new().await;
    let (url, served) = webhook(&[200]).await;
    let subscription = bench.subscribe(Protocol::Http, &url, |one| one.confirmed = false).await;
    bench.publish("not yet").await;
    let mut changes = Changes::new();
    bench.topics.ask_to_confirm(&subscription, &mut changes);
    bench.submit(changes).await;
    let courier = bench.topics.clone();
    let courier = tokio::spawn(async move { courier.deliver_until_closed().await });
    let post = served.await.expect("served").remove(0);
    let body: serde_json::Value = serde_json::from_str(post.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    let token = subscription.open_token(&bench.topics.0.config.seal).expect("opens").expect("a token");
    assert_eq!((&body["Type"], &body["Token"]), (&"SubscriptionConfirmation".into(), &token.as_str().into()));
    assert!(
        body["SubscribeURL"]
            .as_str()
            .expect("a URL")
            .ends_with(&format!("/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:r:123456789012:t&Token={}", *token))
    );
    assert_eq!(bench.topics.by_token(&bench.topic.arn(), &token).map(|found| found.id.clone()), Some(subscription.id));
    for wrong in ["", "token", &token[..32], &token[..token.len() - 1], &format!("{}0", *token)] {
        assert!(bench.topics.by_token(&bench.topic.arn(), wrong).is_none(), "{wrong}");
    }
    bench.until_nothing_is_pending().await;
    bench.topics.0.queues.close();
    courier.await.expect("ends");
}
