//! The last step of an answer: request ids, and errors in S3's form.

use super::exchange::Exchange;
use super::fault;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body::Body as _;
use s3s::{Body, S3Error};
use std::fmt::Write as _;

/// What the caller will be told.
pub struct Answer {
    pub response: Response<Body>,
    /// Code and message, if the call failed.
    pub error: Option<(String, String)>,
    pub bytes_out: u64,
}

/// An error before or instead of what `s3s` answers.
pub fn of_fault(error: S3Error) -> Response<Body> {
    error.to_http_response().unwrap_or_else(|error| {
        tracing::error!(?error, "an error could not be written");
        status_only(StatusCode::INTERNAL_SERVER_ERROR)
    })
}

/// The answer to a call that could not be recorded.
pub fn unavailable(request_id: &str) -> Response<Body> {
    let problem = Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "ServiceUnavailable".into(),
        message: "The call could not be recorded. Please try again.".into(),
        details: Vec::new(),
    };
    let mut response = status_only(problem.status);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    *response.body_mut() = Body::from(problem.to_xml(request_id));
    stamp(&mut response, request_id);
    response
}

fn status_only(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Puts the answer of `s3s` into S3's words.
pub fn finish(exchange: &Exchange, mut response: Response<Body>) -> Answer {
    let request_id = &exchange.call.request_id;
    let mut error = None;
    if response.status().is_client_error() || response.status().is_server_error() {
        let problem = problem_of(exchange, &response);
        *response.status_mut() = problem.status;
        response.headers_mut().remove(CONTENT_LENGTH);
        let body = if exchange.method == Method::HEAD { Body::empty() } else { Body::from(problem.to_xml(request_id)) };
        *response.body_mut() = body;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        error = Some((problem.code, problem.message));
    } else if response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().remove(CONTENT_TYPE);
        *response.body_mut() = Body::empty();
    } else {
        if let Some(status) = exchange.status() {
            *response.status_mut() = status;
        }
        if exchange.name() == "GetObjectAttributes" {
            unquote_etag(&mut response);
        }
        for (name, value) in exchange.answer_headers() {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    stamp(&mut response, request_id);
    let bytes_out = if exchange.method == Method::HEAD { 0 } else { length(&response) };
    Answer { response, error, bytes_out }
}

/// Alone among all answers, this one has its entity tag without quotes.
fn unquote_etag(response: &mut Response<Body>) {
    let Some(xml) = response.body().bytes().and_then(|body| String::from_utf8(body.to_vec()).ok()) else { return };
    let Some(quoted) = element(&xml, "ETag") else { return };
    let raw = xml.split_once("<ETag>").and_then(|(_, rest)| rest.split_once("</ETag>")).map(|(raw, _)| raw.to_owned());
    let plain =
        xml.replace(&format!("<ETag>{}</ETag>", raw.unwrap_or_default()), &format!("<ETag>{}</ETag>", quoted.trim_matches('"')));
    response.headers_mut().remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(plain);
}

fn length(response: &Response<Body>) -> u64 {
    let stated = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    stated.or_else(|| response.body().size_hint().exact()).unwrap_or(0)
}

fn stamp(response: &mut Response<Body>, request_id: &str) {
    for (name, value) in [("x-amz-request-id", request_id.to_owned()), ("x-amz-id-2", host_id(request_id))] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// `x-amz-id-2`: base64 that goes with a request id and says nothing more.
pub fn host_id(request_id: &str) -> String {
    use base64::Engine;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, request_id.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(digest.as_ref())
}

struct Problem {
    status: StatusCode,
    code: String,
    message: String,
    details: Vec<(&'static str, String)>,
}

impl Problem {
    fn to_xml(&self, request_id: &str) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
        let mut element = |name: &str, value: &str| {
            let _ = write!(xml, "<{name}>{}</{name}>", escape(value));
        };
        element("Code", &self.code);
        element("Message", &self.message);
        for (name, value) in &self.details {
            element(name, value);
        }
        element("RequestId", request_id);
        element("HostId", &host_id(request_id));
        xml.push_str("</Error>");
        xml
    }
}

fn problem_of(exchange: &Exchange, response: &Response<Body>) -> Problem {
    let body = response.body().bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let code = element(&text, "Code").unwrap_or_else(|| "InternalError".into());
    let message = element(&text, "Message");
    let (code, status, message) = in_aws_words(exchange, code, response.status(), message);
    let message = message.unwrap_or_else(|| fault::default_message(&code).into());
    let details = details(exchange, &code);
    Problem { status, code, message, details }
}

/// Codes and texts in which `s3s` differs from S3.
fn in_aws_words(
    exchange: &Exchange,
    code: String,
    status: StatusCode,
    message: Option<String>,
) -> (String, StatusCode, Option<String>) {
    let to = |code: &str, status: StatusCode, message: &str| {
        (code.to_owned(), status, (!message.is_empty()).then(|| message.to_owned()))
    };
    let text = message.as_deref().unwrap_or("");
    match (code.as_str(), text) {
        ("InvalidRequest", "invalid header: authorization") => to("AuthorizationHeaderMalformed", StatusCode::BAD_REQUEST, ""),
        ("InvalidRequest", "missing presigned url v4 fields") => to(
            "AuthorizationQueryParametersError",
            StatusCode::BAD_REQUEST,
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ),
        ("InvalidRequest", "missing presigned url v2 fields") => to(
            "AccessDenied",
            StatusCode::FORBIDDEN,
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
        ),
        ("InvalidRequest", "missing header: x-amz-content-sha256") => {
            to("InvalidRequest", StatusCode::BAD_REQUEST, "Missing required header for this request: x-amz-content-sha256")
        }
        ("InvalidRequest", "missing date" | "missing header: x-amz-date") => {
            to("AccessDenied", StatusCode::FORBIDDEN, "AWS authentication requires a valid Date or x-amz-date header")
        }
        ("SignatureDoesNotMatch" | "RequestTimeTooSkewed", _) => to(&code, StatusCode::FORBIDDEN, ""),
        // Bodies that `s3s` reads whole fail without a word when their hash is wrong.
        ("InternalError", "") if exchange.received() > 0 && exchange.header("x-amz-content-sha256").is_some() => {
            to("XAmzContentSHA256Mismatch", StatusCode::BAD_REQUEST, "")
        }
        _ => (code, status, message),
    }
}

fn details(exchange: &Exchange, code: &str) -> Vec<(&'static str, String)> {
    let bucket = || exchange.bucket.clone().unwrap_or_default();
    match code {
        "NoSuchBucket"
        | "BucketNotEmpty"
        | "BucketAlreadyExists"
        | "BucketAlreadyOwnedByYou"
        | "InvalidBucketName"
        | "NoSuchBucketPolicy"
        | "NoSuchTagSet" => vec![("BucketName", bucket())],
        "NoSuchKey" => vec![("Key", exchange.key.clone().unwrap_or_default())],
        "NoSuchVersion" => vec![
            ("Key", exchange.key.clone().unwrap_or_default()),
            ("VersionId", exchange.parameter("versionId").unwrap_or("").to_owned()),
        ],
        "NoSuchUpload" => vec![("UploadId", exchange.parameter("uploadId").unwrap_or("").to_owned())],
        "MethodNotAllowed" => vec![("Method", exchange.method.to_string()), ("ResourceType", "OBJECT".into())],
        "PreconditionFailed" => vec![("Condition", failed_condition(exchange))],
        "RequestTimeTooSkewed" => vec![
            ("RequestTime", exchange.header("x-amz-date").or(exchange.header("date")).unwrap_or("").to_owned()),
            ("ServerTime", opentrail_model::timestamp::event_time(exchange.call.now)),
            ("MaxAllowedSkewMilliseconds", "900000".into()),
        ],
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" => match exchange.call_now().caller {
            crate::call::Caller::Unauthenticated { access_key: Some(key) } => vec![("AWSAccessKeyId", key)],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn failed_condition(exchange: &Exchange) -> String {
    let names = ["If-Match", "If-None-Match", "If-Unmodified-Since", "x-amz-copy-source-If-Match"];
    names.into_iter().find(|name| exchange.headers.contains_key(*name)).unwrap_or("").to_owned()
}

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let rest = xml.split_once(&format!("<{name}>"))?.1;
    let text = rest.split_once(&format!("</{name}>"))?.0;
    let unescaped = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    Some(unescaped.replace("&amp;", "&"))
}

fn escape(text: &str) -> String {
    let printable: String =
        text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect();
    printable.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_back_what_they_say() {
        let problem = Problem {
            status: StatusCode::NOT_FOUND,
            code: "NoSuchKey".into(),
            message: "no <such> & \"such\" key".into(),
            details: vec![("Key", "a&b\u{1}".into())],
        };
        let xml = problem.to_xml("0123456789ABCDEF");
        assert_eq!(element(&xml, "Message").as_deref(), Some("no <such> & \"such\" key"));
        assert_eq!(element(&xml, "Key").as_deref(), Some("a&b\u{fffd}"));
        assert_eq!(element(&xml, "RequestId").as_deref(), Some("0123456789ABCDEF"));
    }
}
