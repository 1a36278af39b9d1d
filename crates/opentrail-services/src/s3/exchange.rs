//! One call of S3 from its first byte to its record.

use super::answer::Answer;
use super::operation::{self, S3Operation, Scope};
use super::{S3Context, fault, record};
use crate::call::{Call, Caller};
use crate::temporary::TemporaryCredentials;
use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, StatusCode};
use opentrail_eventlog::LogErrorKind;
use opentrail_storage::{Bucket, Cause, Staged};
use s3s::{Body, S3Result};
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Where the Block Public Access of accounts is set.
pub const CONTROL_PATH: &str = "/v20180820/configuration/publicAccessBlock";

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    None,
    V4Header,
    V4Query,
    V2Header,
    V2Query,
}

/// A call on its way.
pub struct Exchange {
    pub context: Arc<S3Context>,
    /// As the front knows it; who calls is in [`Self::call_now`].
    pub call: Call,
    pub method: Method,
    pub bucket: Option<String>,
    pub key: Option<String>,
    /// Decoded query parameters, in order.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub signing: Signing,
    /// Body bytes received so far.
    pub bytes_in: Arc<AtomicU64>,
    /// Trailers that came with a body decoded here rather than by `s3s`.
    pub trailers: Arc<Mutex<HeaderMap>>,
    state: Mutex<State>,
}

struct State {
    caller: Caller,
    /// Of the temporary credentials that the request claims; who holds them is proved with the signature.
    session: Option<Arc<TemporaryCredentials>>,
    operation: &'static S3Operation,
    /// The name to record, where it is not the operation's.
    name: Option<String>,
    bucket: Option<Arc<Bucket>>,
    may_list: bool,
    parameters: Map<String, Value>,
    /// The status of success, where it is not what `s3s` answers.
    status: Option<StatusCode>,
    answer_headers: Vec<(&'static str, String)>,
    recorded: bool,
}

impl Exchange {
    pub fn new(context: Arc<S3Context>, call: Call, request: &Request<Body>) -> Self {
        let is_control = request.uri().path() == CONTROL_PATH;
        let (bucket, key) = if is_control { (None, None) } else { target(&context, request) };
        let query = parse_query(request.uri().query().unwrap_or(""));
        let scope = match (&bucket, &key) {
            (None, _) => Scope::Service,
            (_, None) => Scope::Bucket,
            _ => Scope::Object,
        };
        let has = |name: &str| query.iter().any(|(parameter, _)| parameter == name);
        let is_copy = request.headers().contains_key("x-amz-copy-source");
        let operation = match is_control {
            true => operation::find_control(request.method()),
            false => operation::find(request.method(), scope, has, is_copy),
        };
        let signing = signing(request.headers(), &query);
        let caller = match signing {
            Signing::None => Caller::Anonymous,
            _ => Caller::Unauthenticated { access_key: claimed_key(request.headers(), &query) },
        };
        let exchange = Self {
            context,
            call,
            method: request.method().clone(),
            bucket,
            key,
            query,
            headers: request.headers().clone(),
            signing,
            bytes_in: Arc::default(),
            trailers: Arc::default(),
            state: Mutex::new(State {
                caller,
                session: None,
                operation,
                name: None,
                bucket: None,
                may_list: false,
                parameters: Map::new(),
                status: None,
                answer_headers: Vec::new(),
                recorded: false,
            }),
        };
        exchange.refresh_bucket();
        exchange
    }

    /// The exchange that a request of `s3s` belongs to.
    ///
    /// # Errors
    /// If it has none, which is a bug.
    pub fn of(extensions: &Extensions) -> S3Result<Arc<Self>> {
        extensions.get::<Arc<Self>>().cloned().ok_or_else(fault::internal)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().expect("no holder panics"))
    }

    /// Looks the bucket up (again).
    pub fn refresh_bucket(&self) {
        let bucket = self.bucket.as_deref().and_then(|name| self.context.store.bucket(name).ok().flatten());
        self.with(|state| state.bucket = bucket);
    }

    /// The bucket that this call creates.
    pub fn set_bucket(&self, bucket: Bucket) {
        self.with(|state| state.bucket = Some(Arc::new(bucket)));
    }

    pub fn stored_bucket(&self) -> Option<Arc<Bucket>> {
        self.with(|state| state.bucket.clone())
    }

    pub fn operation(&self) -> &'static S3Operation {
        self.with(|state| state.operation)
    }

    /// The name to record.
    pub fn name(&self) -> String {
        self.with(|state| state.name.clone().unwrap_or_else(|| state.operation.name.to_owned()))
    }

    /// What `s3s` took the request for, which is what was carried out.
    pub fn set_name(&self, name: String) {
        self.with(|state| state.name = Some(name));
    }

    pub fn set_caller(&self, caller: Caller) {
        self.with(|state| state.caller = caller);
    }

    pub fn set_session(&self, session: TemporaryCredentials) {
        self.with(|state| state.session = Some(Arc::new(session)));
    }

    pub fn session(&self) -> Option<Arc<TemporaryCredentials>> {
        self.with(|state| state.session.clone())
    }

    /// Whether the caller may learn which keys exist.
    pub fn may_list(&self) -> bool {
        self.with(|state| state.may_list)
    }

    pub fn set_may_list(&self, may: bool) {
        self.with(|state| state.may_list = may);
    }

    /// Adds to the recorded request parameters what only the body says.
    pub fn add_parameter(&self, name: &str, value: Value) {
        self.with(|state| state.parameters.insert(name.to_owned(), value));
    }

    pub fn added_parameters(&self) -> Map<String, Value> {
        self.with(|state| state.parameters.clone())
    }

    pub fn status(&self) -> Option<StatusCode> {
        self.with(|state| state.status)
    }

    /// Sets the status of success for operations whose status `s3s` fixes.
    pub fn set_status(&self, status: StatusCode) {
        self.with(|state| state.status = Some(status));
    }

    /// Adds a header to the answer, if the call succeeds.
    pub fn add_answer_header(&self, name: &'static str, value: &str) {
        self.with(|state| state.answer_headers.push((name, value.to_owned())));
    }

    pub fn answer_headers(&self) -> Vec<(&'static str, String)> {
        self.with(|state| state.answer_headers.clone())
    }

    pub fn is_recorded(&self) -> bool {
        self.with(|state| state.recorded)
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(parameter, _)| parameter == name).map(|(_, value)| value.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The call with its caller and the account that it concerns: the bucket owner's, else the caller's.
    pub fn call_now(&self) -> Call {
        let (caller, bucket) = self.with(|state| (state.caller.clone(), state.bucket.clone()));
        let owner = bucket.as_ref().map(|bucket| bucket.account.clone());
        let account = owner.or_else(|| caller.account().map(Into::into)).unwrap_or_else(|| self.context.account_id.clone());
        Call { caller, account, ..self.call.clone() }
    }

    pub fn now_ms(&self) -> i64 {
        i64::try_from(self.call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
    }

    /// Who changes something, as event notifications tell it.
    pub fn cause(&self) -> Cause {
        let call = self.call_now();
        let principal_id = match &call.caller {
            Caller::User { user_id, .. } => format!("AWS:{user_id}"),
            Caller::Root { account, .. } => account.clone(),
            other => other.arn(),
        };
        Cause {
            at: call.now,
            principal_id,
            source_ip: call.source_ip,
            host_id: super::answer::host_id(&call.request_id),
            request_id: call.request_id,
        }
    }

    /// Makes what a call changes durable together with its event. `new_blobs` are removed if the log refuses.
    ///
    /// # Errors
    /// What to tell the caller; nothing was changed then.
    pub async fn commit(&self, mut staged: Staged, new_blobs: &[String], response_elements: Value) -> S3Result<()> {
        let events = record::success(self, response_elements);
        if let Some(bucket) = self.stored_bucket() {
            self.context.store.tell(&bucket, &mut staged, &self.cause());
        }
        match self.context.intake.submit(events, staged.changes.encode()).await {
            Ok(_) => {
                self.with(|state| state.recorded = true);
                self.context.store.discard(&staged.dropped);
                Ok(())
            }
            Err(error) => {
                // After an error that calls for the operator the entry may be in the log after all, so its blobs must stay.
                if error.kind() != LogErrorKind::CallOperator {
                    self.context.store.discard(new_blobs);
                }
                Err(fault::of_log(&error))
            }
        }
    }

    /// Records a call that changed nothing.
    ///
    /// # Errors
    /// If the log did not take it; then the answer must not leave.
    pub async fn record(&self, answer: &Answer) -> Result<(), ()> {
        let events = record::of_answer(self, answer);
        match self.context.intake.submit(events, Bytes::new()).await {
            Ok(_) => {
                self.with(|state| state.recorded = true);
                Ok(())
            }
            Err(error) => {
                fault::of_log(&error);
                Err(())
            }
        }
    }

    pub fn received(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }
}

/// Bucket and key of a request, addressed by path or by host.
fn target(context: &S3Context, request: &Request<Body>) -> (Option<String>, Option<String>) {
    let path = decode(request.uri().path().trim_start_matches('/'), false);
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or("");
    let by_host = context.domains.iter().find_map(|domain| host.strip_suffix(domain.as_str())?.strip_suffix('.'));
    let (bucket, key) = match by_host {
        Some(bucket) => (bucket.to_owned(), path),
        None => match path.split_once('/') {
            Some((bucket, key)) => (bucket.to_owned(), key.to_owned()),
            None => (path, String::new()),
        },
    };
    ((!bucket.is_empty()).then_some(bucket), (!key.is_empty()).then_some(key))
}

fn parse_query(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

/// Percent-decoding; what is not UTF-8 afterwards is replaced.
pub fn decode(text: &str, plus_is_blank: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match escape.and_then(|digits| hex::decode(digits).ok()) {
            Some(byte) => {
                out.extend(byte);
                at += 3;
            }
            None => {
                out.push(if plus_is_blank && bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn signing(headers: &HeaderMap, query: &[(String, String)]) -> Signing {
    let has = |name: &str| query.iter().any(|(parameter, _)| parameter == name);
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    match authorization {
        _ if has("X-Amz-Signature") || has("X-Amz-Credential") => Signing::V4Query,
        _ if has("Signature") || has("AWSAccessKeyId") => Signing::V2Query,
        Some(value) if value.starts_with("AWS ") => Signing::V2Header,
        Some(_) => Signing::V4Header,
        None => Signing::None,
    }
}

/// The access key a request claims, unproved.
fn claimed_key(headers: &HeaderMap, query: &[(String, String)]) -> Option<String> {
    let parameter = |name: &str| query.iter().find(|(parameter, _)| parameter == name).map(|(_, value)| value.as_str());
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("");
    let claim = parameter("X-Amz-Credential")
        .and_then(|scope| scope.split('/').next())
        .or_else(|| parameter("AWSAccessKeyId"))
        .or_else(|| authorization.strip_prefix("AWS ").and_then(|rest| rest.split(':').next()))
        .or_else(|| authorization.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next()))?;
    let is_key = (1..=128).contains(&claim.len()) && claim.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_key.then(|| claim.to_owned())
}
