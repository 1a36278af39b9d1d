//! Errors a client sees, and how each protocol writes them and its JSON answers.

use std::fmt;
use std::str::Utf8Error;

use serde_json::{Map, Value};

use crate::cbor;
use crate::flat::FlatMember;
use crate::protocol::Protocol;
use crate::xml::Xml;

/// Why a message could not be read or made. All of them are for the sender to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("a form has more than {limit} parameters")]
    TooManyPairs { limit: usize },
    #[error("a parameter name has more than {limit} dotted parts")]
    NameTooDeep { limit: usize },
    #[error("a parameter is not UTF-8")]
    NotUtf8(#[source] Utf8Error),
    #[error("cannot sign a request without a host header")]
    NoHost,
    #[error("the access key, region or service cannot stand in a header")]
    BadCredential,
    #[error("a CBOR body could not be read: {0}")]
    Cbor(&'static str),
}

/// Header that tells a JSON or CBOR client the code and fault it would have been given over the query protocol.
pub const QUERY_ERROR: &str = "x-amzn-query-error";

/// An error answer of a service: what the client's SDK raises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub code: String,
    pub message: String,
    pub status: u16,
    /// Names beginning with `x-amz` become headers, `__type` replaces the type of a JSON error, all others are members of
    /// the body. The code of [`QUERY_ERROR`] is the one that query clients are told. `__body` is a JSON object whose members
    /// are put into the body of a JSON or CBOR error.
    pub extra: Vec<(&'static str, String)>,
}

impl ApiError {
    /// With status 400.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        ApiError { code: code.into(), message: message.into(), status: 400, extra: Vec::new() }
    }

    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub fn with_extra(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// Whether the fault is ours, so that the client may try again.
    pub fn is_server(&self) -> bool {
        self.status >= 500
    }

    fn extra_members(&self) -> impl Iterator<Item = &(&'static str, String)> {
        self.extra.iter().filter(|(name, _)| !is_header(name) && !name.starts_with("__"))
    }

    fn extra_value(&self, wanted: &str) -> Option<&str> {
        self.extra.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
    }

    /// The code that query clients are told.
    pub fn query_code(&self) -> &str {
        self.extra_value(QUERY_ERROR).and_then(|value| value.split(';').next()).unwrap_or(&self.code)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

/// An answer ready to be sent. Header values are printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    pub status: u16,
    /// Empty if there is no body to describe.
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Writes an error. `namespace` is the XML namespace of a query service; the other protocols have none.
pub fn encode_error(protocol: Protocol, namespace: Option<&str>, error: &ApiError, request_id: &str) -> Encoded {
    let body = match protocol {
        Protocol::Json10 | Protocol::Json11 => {
            json_error(error, Some(error.extra_value("__type").unwrap_or(&error.code))).to_string().into_bytes()
        }
        Protocol::RestJson => json_error(error, None).to_string().into_bytes(),
        Protocol::Cbor => cbor::encode(&json_error(error, Some(error.extra_value("__type").unwrap_or(&error.code))), &[]),
        Protocol::Query => query_error(namespace, error, request_id),
        Protocol::S3 => s3_error(error, request_id),
    };
    let mut headers = answer_headers(protocol, request_id);
    if protocol == Protocol::RestJson {
        headers.push(("x-amzn-ErrorType", header_text(&error.code)));
    }
    let extra = error.extra.iter().filter(|(name, _)| is_header(name));
    headers.extend(extra.map(|(name, value)| (*name, header_text(value))));
    Encoded { status: error.status, content_type: content_type(protocol), headers, body }
}

/// Writes a successful answer of a JSON or CBOR service. A null output has no body.
///
/// Query answers are made by `encode_query` and S3 answers by `s3s`; asked for those protocols, this writes JSON.
pub fn encode_json(protocol: Protocol, output: &Value, request_id: &str) -> Encoded {
    encode_shaped(protocol, output, request_id, &[])
}

/// [`encode_json`] for a service whose members have the shapes of `members`.
pub fn encode_shaped(protocol: Protocol, output: &Value, request_id: &str, members: &[FlatMember]) -> Encoded {
    let (content_type, body) = match (protocol, output) {
        (Protocol::Cbor, Value::Null) => ("", Vec::new()),
        (Protocol::Cbor, output) => (content_type(protocol), cbor::encode(output, members)),
        (Protocol::Query | Protocol::S3, output) => ("application/json", output.to_string().into_bytes()),
        (_, Value::Null) => (content_type(protocol), Vec::new()),
        (_, output) => (content_type(protocol), output.to_string().into_bytes()),
    };
    Encoded { status: 200, content_type, headers: answer_headers(protocol, request_id), body }
}

fn content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        Protocol::RestJson => "application/json",
        Protocol::Cbor => "application/cbor",
        Protocol::Query => "text/xml",
        Protocol::S3 => "application/xml",
    }
}

fn answer_headers(protocol: Protocol, request_id: &str) -> Vec<(&'static str, String)> {
    let request_id = header_text(request_id);
    match protocol {
        Protocol::S3 => vec![("x-amz-request-id", request_id.clone()), ("x-amz-id-2", request_id)],
        // Without this header a client reads only the status.
        Protocol::Cbor => vec![("x-amzn-RequestId", request_id), ("Smithy-Protocol", "rpc-v2-cbor".to_owned())],
        _ => vec![("x-amzn-RequestId", request_id)],
    }
}

fn json_error(error: &ApiError, type_name: Option<&str>) -> Value {
    let mut object = Map::new();
    if let Some(type_name) = type_name {
        object.insert("__type".to_owned(), type_name.into());
    }
    object.insert("message".to_owned(), error.message.as_str().into());
    for (name, value) in error.extra_members() {
        object.entry(*name).or_insert_with(|| value.as_str().into());
    }
    if let Some(Ok(more)) = error.extra_value("__body").map(serde_json::from_str::<Map<String, Value>>) {
        object.extend(more);
    }
    Value::Object(object)
}

fn query_error(namespace: Option<&str>, error: &ApiError, request_id: &str) -> Vec<u8> {
    let mut xml = Xml::new();
    match namespace {
        Some(namespace) => xml.open_with_namespace("ErrorResponse", namespace),
        None => xml.open("ErrorResponse"),
    }
    xml.open("Error");
    xml.text("Type", if error.is_server() { "Receiver" } else { "Sender" });
    xml.text("Code", error.query_code());
    xml.text("Message", &error.message);
    error.extra_members().for_each(|(name, value)| xml.text(name, value));
    xml.close("Error");
    xml.text("RequestId", request_id);
    xml.close("ErrorResponse");
    xml.finish()
}

fn s3_error(error: &ApiError, request_id: &str) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.declaration();
    xml.open("Error");
    xml.text("Code", &error.code);
    xml.text("Message", &error.message);
    error.extra_members().for_each(|(name, value)| xml.text(name, value));
    xml.text("RequestId", request_id);
    xml.text("HostId", request_id);
    xml.close("Error");
    xml.finish()
}

fn is_header(name: &str) -> bool {
    name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("x-amz"))
}

/// What cannot stand in a header value becomes `?`, so that no text can end the header.
fn header_text(text: &str) -> String {
    text.chars().map(|character| if matches!(character, ' '..='~') { character } else { '?' }).collect()
}
