//! The front: one straight function from request to answer.
//!
//! detect ▸ bound the body ▸ prove the caller ▸ authorise ▸ run ▸ record ▸ encode. Authorising, running and recording
//! are one call into the services, so that nothing can be run without being recorded. S3 keeps its bodies as streams and
//! goes through the s3s crate, with the same promise.

use crate::console;
use crate::metrics;
use crate::pieces::Pieces;
use crate::server::Server;
use crate::services::{SERVICES, members_of};
use crate::sign_in;
use crate::tls::TlsFacts;
use crate::upload;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use opentrail_services::opentrail::{self, Streaming};
use opentrail_services::{
    AuthMode, Call, Caller, Service, UNKNOWN_SERVICE, authenticate, open_to_all, query_compatible, refuse, run,
};
use opentrail_services::{logs, sns};
use opentrail_wire::{ApiError, AuthFault, Detected, Encoded, FlatMember, Form, Protocol, SignedBody, SignedRequest, auth_error};
use serde_json::Value;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Largest body of a JSON or query call: PutAuditEvents takes 1 MB of events, in JSON strings that escape.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(60);

pub type Answer = Response<s3s::Body>;

/// Answers one request.
pub async fn answer(server: Arc<Server>, peer: SocketAddr, tls: Option<TlsFacts>, request: Request<Incoming>) -> Answer {
    if request.uri().path() == upload::PATH {
        return upload::answer(server, peer, tls, request).await;
    }
    if request.uri().path() == sign_in::PATH {
        return sign_in::answer(server, peer, request).await;
    }
    if opentrail_console::is_for_console(&request) {
        return console::answer(&server, peer, tls, request).await;
    }
    if let Some(own) = metrics::answer(&server, &request) {
        return own;
    }
    let (head, body) = request.into_parts();
    let query_is_form = head.uri.query().is_some_and(|query| query.contains("Action="));
    let form_in_query = query_is_form.then(|| Form::parse(head.uri.query().unwrap_or_default()).ok()).flatten();
    let mut detected = opentrail_wire::detect(&head, form_in_query.as_ref());
    if detected.protocol == Protocol::S3 && detected.scope_service.as_deref().is_some_and(|service| service != "s3") {
        // A REST service that is not here.
        detected.protocol = Protocol::RestJson;
    }
    // Dropped with this future when the client hangs up; the call hears of it.
    let (_client, client) = watch::channel(());
    let mut call = call_of(&server, peer, &head, &detected);
    call.client = Some(client);
    call.tls = tls;
    if detected.protocol == Protocol::S3 {
        let request = Request::from_parts(head, s3s::Body::from(body));
        return opentrail_services::s3::serve(&server.s3, call, request).await;
    }
    let body = match read_body(body).await {
        Ok(body) => body,
        Err(error) => {
            return refused(&server, &detected, service_of(&detected), operation_name(&detected), &call, error).await;
        }
    };
    let request_id = call.request_id.clone();
    // A task of its own: the call goes on when the client goes away, so that its lock is held until its change is applied.
    let protocol = detected.protocol;
    let task = tokio::spawn(async move { api(&server, &head, detected, call, &body).await });
    let (protocol, namespace, result) = task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a call was not finished");
        (protocol, None, Err(ApiError::new("InternalFailure", "An internal error occurred.").with_status(500)))
    });
    match result {
        Ok(Output::Stream(stream)) => streamed(stream, &request_id),
        Ok(body) => encoded(ok(protocol, body, &request_id)),
        Err(error) => encoded(opentrail_wire::encode_error(protocol, namespace, &error, &request_id)),
    }
}

async fn read_body(body: Incoming) -> Result<Bytes, ApiError> {
    let incomplete = || ApiError::new("RequestTimeout", "The request body did not arrive whole.");
    let collected = tokio::time::timeout(BODY_PATIENCE, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    match collected.map_err(|_| incomplete())? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(incomplete()),
    }
}

/// An answer's body before it is framed.
pub enum Output {
    Json(Value),
    /// JSON text that an operation wrote itself.
    Raw(Vec<u8>),
    /// Pieces that are sent as they come.
    Stream(Streaming),
    Query {
        action: String,
        namespace: &'static str,
        flat: &'static [FlatMember],
        output: Value,
    },
    Cbor {
        members: &'static [FlatMember],
        output: Value,
    },
}

type ApiResult = (Protocol, Option<&'static str>, Result<Output, ApiError>);

async fn api(
    server: &Arc<Server>,
    head: &http::request::Parts,
    mut detected: Detected,
    mut call: Call,
    body: &Bytes,
) -> ApiResult {
    let mut input = Value::Null;
    let mut malformed = None;
    // The signature is of the body as it was sent.
    let signed_body = body;
    let body = &match unpacked(head, body) {
        Ok(body) => body,
        Err(error) => {
            malformed = Some(error);
            Bytes::new()
        }
    };
    match detected.protocol {
        Protocol::Query => {
            let text =
                if body.is_empty() { head.uri.query().unwrap_or_default() } else { std::str::from_utf8(body).unwrap_or("\u{0}") };
            match Form::parse(text) {
                Ok(form) => {
                    detected = opentrail_wire::detect(head, Some(&form));
                    input = form.to_value();
                }
                Err(error) => malformed = Some(ApiError::new("MalformedQueryString", error.to_string())),
            }
        }
        Protocol::RestJson => {}
        _ if body.is_empty() => {}
        Protocol::Cbor => match opentrail_wire::decode_cbor(body) {
            Ok(value @ Value::Object(_)) => input = value,
            Ok(_) => malformed = Some(ApiError::new("SerializationException", "The request body is not a CBOR map.")),
            Err(error) => malformed = Some(ApiError::new("SerializationException", error.to_string())),
        },
        _ => match serde_json::from_slice(body) {
            Ok(value @ Value::Object(_)) => input = value,
            _ => malformed = Some(ApiError::new("SerializationException", "The request body is not a JSON object.")),
        },
    }
    let protocol = detected.protocol;
    let service = service_of(&detected);
    let namespace = service.namespace;
    let operation = operation_name(&detected).to_owned();
    let app = &server.app;
    if protocol == Protocol::Query {
        input = opentrail_wire::from_flattened(input, &operation, members_of(service));
        if service.name == "sqs" && input.get("QueueUrl").is_none() && head.uri.path().len() > 1 {
            // Older SDKs post to the queue itself.
            input["QueueUrl"] = head.uri.path().into();
        }
    }

    let signed = SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: SignedBody::Whole(signed_body),
    };
    let meant = if service.is_unknown() { call.signed_for.as_deref().unwrap_or(service.name) } else { service.name };
    let failure = match service.find(&operation).and_then(|operation| operation.identify) {
        Some(identify) => match identify(Arc::clone(app), call.clone(), input.clone()).await {
            Ok(identified) => {
                call = identified;
                malformed
            }
            Err(refused) => {
                let (found, error) = *refused;
                call = found;
                Some(error)
            }
        },
        None => match authenticate(app, protocol, meant, &signed, call.now) {
            Ok(caller) => {
                call.account = caller.account().unwrap_or(&app.settings.account_id).to_owned();
                call.caller = caller;
                wrong_region(server, service, &detected).map(|region| bad_scope(protocol, region)).or(malformed)
            }
            Err((error, caller)) => {
                call.caller = caller;
                // A resource's policy may let everybody in.
                let open = call.caller == Caller::Anonymous && open_to_all(app, service, &operation, &call, &input);
                if open { malformed } else { Some(error) }
            }
        },
    };
    if let Some(error) = failure {
        let recorded = refuse(app, service, &operation, &call, error.clone()).await;
        return (protocol, namespace, Err(query_compatible(service, recorded.err().unwrap_or(error))));
    }
    let result = if protocol == Protocol::RestJson && operation == "PutAuditEvents" {
        let (channel, external) = channel_of(head);
        opentrail_services::cloudtrail_data::put_audit_events_raw(app, &call, &channel, external.as_deref(), body)
            .await
            .map(Output::Raw)
    } else if service.name == opentrail::SERVICE.name && opentrail::is_streamed(&operation) {
        let stopping = server.stopping.clone();
        opentrail::stream(app, &call, &operation, input, stopping).await.map(Output::Stream)
    } else if service.name == logs::SERVICE.name && operation == logs::START_LIVE_TAIL {
        logs::live_tail(app, &call, input, server.stopping.clone()).await.map(Output::Stream)
    } else {
        run(app, service, &operation, call, input).await.map_err(|error| query_compatible(service, error)).map(|output| {
            match (protocol, service.namespace) {
                (Protocol::Query, Some(namespace)) => {
                    Output::Query { action: operation, namespace, flat: members_of(service), output }
                }
                (Protocol::Cbor, _) => Output::Cbor { members: members_of(service), output },
                _ => Output::Json(output),
            }
        })
    };
    (protocol, namespace, result)
}

/// A body as it was before it was compressed, which SDKs do with metrics.
fn unpacked(head: &http::request::Parts, body: &Bytes) -> Result<Bytes, ApiError> {
    let encoding = head.headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes).unwrap_or_default();
    if !encoding.eq_ignore_ascii_case(b"gzip") {
        return Ok(body.clone());
    }
    let mut out = Vec::new();
    let mut reader = GzDecoder::new(&body[..]).take(MAX_BODY_BYTES as u64 + 1);
    if reader.read_to_end(&mut out).is_err() {
        return Err(ApiError::new("SerializationException", "The request body is not gzip, as its header says."));
    }
    if out.len() > MAX_BODY_BYTES {
        return Err(too_large());
    }
    Ok(out.into())
}

fn too_large() -> ApiError {
    ApiError::new("RequestEntityTooLargeException", "Request must be smaller than 4194304 bytes.").with_status(413)
}

fn channel_of(head: &http::request::Parts) -> (String, Option<String>) {
    let form = Form::parse(head.uri.query().unwrap_or_default()).ok();
    let get = |name: &str| form.as_ref().and_then(|form| form.get(name)).map(str::to_owned);
    (get("channelArn").unwrap_or_default(), get("externalId"))
}

pub fn call_of(server: &Server, peer: SocketAddr, head: &http::request::Parts, detected: &Detected) -> Call {
    let settings = &server.app.settings;
    let text =
        |name: header::HeaderName| head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let region = detected
        .scope_region
        .clone()
        .filter(|region| server.app.is_known_region(region))
        .unwrap_or_else(|| settings.regions[0].clone());
    let request_id = if detected.protocol == Protocol::S3 {
        format!("{:016X}", rand::random::<u64>())
    } else {
        uuid::Uuid::new_v4().to_string()
    };
    Call {
        caller: Caller::Anonymous,
        account: settings.account_id.clone(),
        region,
        source_ip: peer.ip().to_canonical().to_string(),
        user_agent: text(header::USER_AGENT),
        signed_for: detected.scope_service.clone(),
        host: text(header::HOST),
        request_id,
        now: server.app.intake.now(),
        tls: None,
        client: None,
    }
}

/// The region a caller signed for, if there is no such region here.
pub fn wrong_region<'d>(server: &Server, service: &Service, detected: &'d Detected) -> Option<&'d str> {
    let region = detected.scope_region.as_deref()?;
    let enforced = server.app.settings.auth_mode == AuthMode::Enforce;
    (enforced && !service.global && !server.app.is_known_region(region)).then_some(region)
}

pub fn bad_scope(protocol: Protocol, region: &str) -> ApiError {
    let fault = AuthFault::Inconsistent(format!("Credential should be scoped to a valid region, not '{region}'."));
    auth_error(protocol, &fault, None)
}

fn service_of(detected: &Detected) -> &'static Service {
    // Links in notifications say neither a version nor who follows them.
    let linked = |name: &&str| detected.version.is_none() && detected.scope_service.is_none() && sns::LINKED.contains(name);
    let found = match detected.protocol {
        Protocol::Query if detected.operation.as_deref().as_ref().is_some_and(linked) => return &sns::SERVICE,
        Protocol::Json10 | Protocol::Json11 | Protocol::Cbor => {
            SERVICES.iter().find(|s| s.target.is_some() && s.target == detected.target_service.as_deref())
        }
        Protocol::Query => SERVICES
            .iter()
            .filter(|s| s.version.is_some())
            .find(|s| s.version == detected.version.as_deref() || detected.scope_service.as_deref() == Some(s.name)),
        Protocol::RestJson if detected.operation.as_deref() == Some("PutAuditEvents") => {
            SERVICES.iter().find(|s| s.name == "cloudtrail-data")
        }
        _ => None,
    };
    found.copied().unwrap_or(&UNKNOWN_SERVICE)
}

fn operation_name(detected: &Detected) -> &str {
    detected.operation.as_deref().unwrap_or("Unknown")
}

async fn refused(
    server: &Server,
    detected: &Detected,
    service: &'static Service,
    operation: &str,
    call: &Call,
    error: ApiError,
) -> Answer {
    let recorded = refuse(&server.app, service, operation, call, error.clone()).await;
    let error = recorded.err().unwrap_or(error);
    encoded(opentrail_wire::encode_error(detected.protocol, service.namespace, &error, &call.request_id))
}

pub fn ok(protocol: Protocol, output: Output, request_id: &str) -> Encoded {
    match output {
        Output::Json(value) => {
            let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
            opentrail_wire::encode_json(protocol, &value, request_id)
        }
        Output::Cbor { members, output } => opentrail_wire::encode_shaped(protocol, &output, request_id, members),
        // Streams do not come here.
        Output::Stream(_) => opentrail_wire::encode_json(protocol, &Value::Null, request_id),
        Output::Raw(body) => {
            Encoded { body, ..opentrail_wire::encode_json(protocol, &Value::Object(serde_json::Map::new()), request_id) }
        }
        Output::Query { action, namespace, flat, output } => Encoded {
            status: 200,
            content_type: "text/xml",
            headers: vec![("x-amzn-requestid", request_id.to_owned())],
            body: opentrail_wire::encode_flattened(&action, namespace, &output, request_id, flat),
        },
    }
}

fn streamed(stream: Streaming, request_id: &str) -> Answer {
    let mut response = Response::new(s3s::Body::http_body_unsync(Pieces(stream.pieces)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(stream.content_type));
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

pub fn encoded(encoded: Encoded) -> Answer {
    let mut headers = HeaderMap::new();
    if !encoded.content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(encoded.content_type));
    }
    for (name, value) in encoded.headers {
        if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    let mut response = plain(StatusCode::from_u16(encoded.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), encoded.body);
    response.headers_mut().extend(headers);
    response
}

/// An answer with a body of known length.
pub fn plain(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(s3s::Body::http_body(Full::new(body.into())));
    *response.status_mut() = status;
    response
}
