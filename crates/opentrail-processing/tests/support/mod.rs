//! An SQS and an S3 in this process, over real HTTP, with faults as ordered.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod faults;
pub mod files;

use bytes::Bytes;
use faults::{Fault, Faults};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response};
use opentrail_processing::{Connection, Credentials, S3Store, SqsQueue};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

type Body = BoxBody<Bytes, io::Error>;

#[derive(Debug, Clone)]
pub struct Waiting {
    pub id: String,
    pub body: String,
    pub attributes: Value,
    pub count: u32,
    receipt: String,
    visible: Instant,
}

#[derive(Default)]
pub struct State {
    /// By queue.
    pub queues: BTreeMap<String, Vec<Waiting>>,
    pub deleted: Vec<String>,
    /// Visibility changes, by message.
    pub kept: Vec<(String, u64)>,
    /// By bucket and key.
    pub objects: BTreeMap<(String, String), Bytes>,
    /// Buckets of other regions than the client's.
    pub regions: BTreeMap<String, String>,
    pub requests: u64,
    pub faults: u64,
    next: u64,
}

/// What is called with the id of a message that is about to be deleted.
type OnDelete = Box<dyn Fn(&str) + Send + Sync>;

pub struct Fake {
    pub state: Mutex<State>,
    pub address: String,
    faults: Option<Faults>,
    on_delete: Mutex<Option<OnDelete>>,
}

impl Fake {
    pub async fn start(faults: Option<Faults>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let fake = Arc::new(Self { state: Mutex::default(), address, faults, on_delete: Mutex::new(None) });
        let serving = Arc::clone(&fake);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fake = Arc::clone(&serving);
                let service = hyper::service::service_fn(move |request| {
                    let fake = Arc::clone(&fake);
                    async move { fake.answer(request).await }
                });
                tokio::spawn(async move {
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(hyper_util::rt::TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        fake
    }

    pub fn connection(&self) -> Connection {
        let credentials =
            Credentials::Fixed { access_key_id: "AKIA".into(), secret_access_key: "s".into(), session_token: Some("t".into()) };
        Connection { endpoint: Some(self.address.clone()), region: "us-east-1".into(), credentials }
    }

    pub fn url(&self, queue: &str) -> String {
        self.lock().queues.entry(queue.to_owned()).or_default();
        format!("{}/123456789012/{queue}", self.address)
    }

    pub fn queue(&self, name: &str) -> Arc<SqsQueue> {
        Arc::new(SqsQueue::new(&self.url(name), self.connection()).expect("a queue"))
    }

    pub fn store(&self) -> Arc<S3Store> {
        Arc::new(S3Store::new(self.connection()).expect("a store"))
    }

    pub fn put(&self, bucket: &str, key: &str, stored: impl Into<Bytes>) {
        self.lock().objects.insert((bucket.to_owned(), key.to_owned()), stored.into());
    }

    pub fn send(&self, queue: &str, body: &str) -> String {
        let mut state = self.lock();
        state.next += 1;
        let id = format!("m-{}", state.next);
        let waiting = Waiting {
            id: id.clone(),
            body: body.to_owned(),
            attributes: json!({}),
            count: 0,
            receipt: String::new(),
            visible: Instant::now(),
        };
        state.queues.entry(queue.to_owned()).or_default().push(waiting);
        id
    }

    pub fn messages(&self, queue: &str) -> Vec<Waiting> {
        self.lock().queues.get(queue).cloned().unwrap_or_default()
    }

    pub fn on_delete(&self, call: impl Fn(&str) + Send + Sync + 'static) {
        *self.on_delete.lock().expect("locks") = Some(Box::new(call));
    }

    pub fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("locks")
    }

    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        assert!(head.headers.contains_key("authorization") && head.headers.contains_key("x-amz-security-token"), "unsigned");
        self.lock().requests += 1;
        let operation = head
            .headers
            .get("x-amz-target")
            .map(|target| target.to_str().expect("text").rsplit('.').next().expect("one").to_owned());
        let identity = match &operation {
            Some(operation) => format!("{operation} {}", self.what(&body)),
            None => head.uri.to_string(),
        };
        let fault = self.faults.as_ref().and_then(|faults| faults.next(&identity));
        if let Some(fault) = fault {
            self.lock().faults += 1;
            match fault {
                Fault::Delay(time) => tokio::time::sleep(time).await,
                Fault::Refuse => return Err(io::Error::other("cut before anything was done")),
                Fault::Status(status, retry) => return Ok(error(status, operation.is_some(), retry)),
                Fault::CutAfter | Fault::CutBody | Fault::Truncate => {}
            }
        }
        let bucket = head.uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
        let elsewhere = self.lock().regions.get(bucket).cloned();
        let signed = head.headers["authorization"].to_str().expect("text");
        if let Some(region) = elsewhere.filter(|region| !signed.contains(&format!("/{region}/s3/"))) {
            let mut answer = whole(400, "<Error><Code>AuthorizationHeaderMalformed</Code></Error>".into());
            answer.headers_mut().insert("x-amz-bucket-region", region.parse().expect("a header"));
            return Ok(answer);
        }
        let answer = match &operation {
            Some(operation) => self.sqs(operation, &serde_json::from_slice(&body).expect("JSON")).await,
            None => Ok(self.s3(head.uri.path(), head.uri.query().unwrap_or_default())),
        };
        let (status, bytes) = answer.unwrap_or_else(|code| {
            (400, json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "m"}).to_string().into())
        });
        match fault {
            Some(Fault::CutAfter) => Err(io::Error::other("cut after it was done")),
            Some(Fault::CutBody) if bytes.len() > 1 => {
                let part = bytes.slice(..bytes.len() / 2);
                let pieces = futures::stream::iter([Ok(Frame::data(part)), Err(io::Error::other("cut"))]);
                let body = BodyExt::boxed(StreamBody::new(pieces));
                Ok(Response::builder()
                    .status(status)
                    .header("content-length", bytes.len())
                    .body(BoxBody::new(body))
                    .expect("valid"))
            }
            Some(Fault::Truncate) if operation.is_none() && bytes.len() > 1 => {
                Ok(whole(status, bytes.slice(..bytes.len() - 1 - bytes.len() / 3)))
            }
            _ => Ok(whole(status, bytes)),
        }
    }

    /// What a request to SQS is about, the same at every attempt.
    fn what(&self, body: &[u8]) -> String {
        let input: Value = serde_json::from_slice(body).expect("JSON");
        let receipt = input["ReceiptHandle"].as_str().unwrap_or_default();
        receipt.split('#').next().unwrap_or_default().to_owned()
    }

    async fn sqs(&self, operation: &str, input: &Value) -> Result<(u16, Bytes), &'static str> {
        let queue = input["QueueUrl"].as_str().expect("a URL").rsplit('/').next().expect("a name").to_owned();
        if !self.lock().queues.contains_key(&queue) {
            return Err("QueueDoesNotExist");
        }
        let receipt = input["ReceiptHandle"].as_str().unwrap_or_default();
        let output = match operation {
            "ReceiveMessage" => self.receive(&queue, input).await,
            "SendMessage" => {
                let id = self.send(&queue, input["MessageBody"].as_str().expect("a body"));
                let mut state = self.lock();
                let sent = state.queues.get_mut(&queue).and_then(|queue| queue.last_mut()).expect("just sent");
                sent.attributes = input["MessageAttributes"].clone();
                json!({"MessageId": id})
            }
            "DeleteMessage" => {
                let id = receipt.split('#').next().unwrap_or_default();
                if let Some(call) = &*self.on_delete.lock().expect("locks") {
                    call(id);
                }
                let mut state = self.lock();
                let waiting = state.queues.get_mut(&queue).expect("there");
                let before = waiting.len();
                waiting.retain(|waiting| waiting.receipt != receipt);
                if waiting.len() < before {
                    state.deleted.push(id.to_owned());
                }
                Value::Null
            }
            "ChangeMessageVisibility" => {
                let seconds = input["VisibilityTimeout"].as_u64().expect("seconds");
                let mut state = self.lock();
                let waiting = state.queues.get_mut(&queue).expect("there").iter_mut().find(|waiting| waiting.receipt == receipt);
                let waiting = waiting.filter(|waiting| waiting.visible > Instant::now()).ok_or("MessageNotInflight")?;
                waiting.visible = Instant::now() + Duration::from_secs(seconds);
                let id = waiting.id.clone();
                state.kept.push((id, seconds));
                Value::Null
            }
            _ => return Err("InvalidAction"),
        };
        Ok((200, if output.is_null() { Bytes::new() } else { output.to_string().into() }))
    }

    async fn receive(&self, queue: &str, input: &Value) -> Value {
        let number = |name: &str| input[name].as_u64().expect("a number");
        let (most, visibility) = (number("MaxNumberOfMessages"), number("VisibilityTimeout"));
        let until = Instant::now() + Duration::from_secs(number("WaitTimeSeconds"));
        loop {
            let mut received = Vec::new();
            {
                let mut state = self.lock();
                let now = Instant::now();
                let next = state.next;
                state.next += most;
                let waiting = state.queues.get_mut(queue).expect("there").iter_mut().filter(|waiting| waiting.visible <= now);
                for (at, waiting) in waiting.take(most as usize).enumerate() {
                    waiting.count += 1;
                    waiting.visible = now + Duration::from_secs(visibility);
                    waiting.receipt = format!("{}#{}", waiting.id, next + at as u64);
                    received.push(json!({"MessageId": waiting.id, "ReceiptHandle": waiting.receipt, "Body": waiting.body,
                        "Attributes": {"ApproximateReceiveCount": waiting.count.to_string(), "SentTimestamp": "1795206935194"}}));
                }
            }
            if !received.is_empty() {
                return json!({"Messages": received});
            }
            if Instant::now() >= until {
                return json!({});
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn s3(&self, path: &str, query: &str) -> (u16, Bytes) {
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned();
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        let state = self.lock();
        if !key.is_empty() {
            let found = state.objects.get(&(bucket.to_owned(), decode(key)));
            return found.map_or_else(
                || (404, "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>".into()),
                |bytes| (200, bytes.clone()),
            );
        }
        let parameter = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(decode).unwrap_or_default()
        };
        let (prefix, after, most) =
            (parameter("prefix"), parameter("start-after"), parameter("max-keys").parse::<usize>().expect("a number"));
        if !state.objects.keys().any(|(name, _)| name == bucket) {
            return (404, "<Error><Code>NoSuchBucket</Code></Error>".into());
        }
        let listed: Vec<_> =
            state.objects.iter().filter(|((name, key), _)| name == bucket && key.starts_with(&prefix) && *key > after).collect();
        let mut text = format!("<ListBucketResult><IsTruncated>{}</IsTruncated>", listed.len() > most);
        for ((_, key), bytes) in listed.into_iter().take(most) {
            let encoded = match parameter("encoding-type").as_str() {
                "url" => percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string(),
                _ => key.replace('&', "&amp;"),
            };
            text.push_str(&format!("<Contents><Key>{encoded}</Key><Size>{}</Size></Contents>", bytes.len()));
        }
        (200, (text + "</ListBucketResult>").into())
    }
}

fn whole(status: u16, bytes: Bytes) -> Response<Body> {
    let body = Full::new(bytes).map_err(|never| match never {}).boxed();
    Response::builder().status(status).body(body).expect("valid")
}

fn error(status: u16, json: bool, retry: bool) -> Response<Body> {
    let text = if json {
        r#"{"__type":"ServiceUnavailable"}"#
    } else {
        "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
    };
    let mut answer = whole(status, text.into());
    if retry {
        answer.headers_mut().insert("retry-after", hyper::header::HeaderValue::from_static("0"));
    }
    answer
}
