//! One audit event: checked in a single pass over its text, and stored with that text inside.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_model::record::{EVENT_VERSION, MAX_ADDITIONAL_BYTES, MAX_PARAMETERS_BYTES, MAX_RECORD_BYTES};
use opentrail_model::timestamp::{event_time, parse_event_time};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write;
use time::OffsetDateTime;

/// Deepest nesting of an event: readers of log files give up somewhere above a hundred.
const MAX_DEPTH: usize = 64;

/// Why one event was not taken. The code is one of the API's, as `failed[].errorCode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub code: &'static str,
    pub message: String,
}

fn fault(code: &'static str, message: impl Into<String>) -> Fault {
    Fault { code, message: message.into() }
}

/// What all events of a request share, and what their stored records say of it.
pub(super) struct Envelope<'a> {
    account: &'a str,
    /// The members between `eventTime` and the event itself, as JSON.
    members: String,
}

impl<'a> Envelope<'a> {
    pub(super) fn new(account: &'a str, region: &str, channel_arn: &str, ingested: OffsetDateTime) -> Self {
        let members = format!(
            r#""awsRegion":{},"recipientAccountId":{},"metadata":{{"ingestionTime":"{}","channelARN":{}}}"#,
            json!(region),
            json!(account),
            event_time(ingested),
            json!(channel_arn),
        );
        Self { account, members }
    }
}

/// `eventData`, its members still as text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventData<'a> {
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    #[serde(borrow)]
    user_identity: Option<&'a RawValue>,
    #[serde(borrow)]
    user_agent: Option<&'a RawValue>,
    #[serde(borrow)]
    event_source: Option<&'a RawValue>,
    #[serde(borrow)]
    event_name: Option<&'a RawValue>,
    #[serde(borrow)]
    event_time: Option<&'a RawValue>,
    #[serde(borrow, rename = "UID")]
    uid: Option<&'a RawValue>,
    #[serde(borrow)]
    request_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    response_elements: Option<&'a RawValue>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    error_message: Option<&'a RawValue>,
    #[serde(borrow, rename = "sourceIPAddress")]
    source_ip_address: Option<&'a RawValue>,
    #[serde(borrow)]
    recipient_account_id: Option<&'a RawValue>,
    #[serde(borrow)]
    additional_event_data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    principal_id: Option<&'a RawValue>,
    #[serde(borrow)]
    details: Option<&'a RawValue>,
}

/// Checks an event and builds the record that is stored for it.
///
/// # Errors
/// The first thing that is wrong with the event.
pub(super) fn stored_record(
    envelope: &Envelope<'_>,
    event_id: &str,
    text: &str,
    checksum: Option<&str>,
) -> Result<Vec<u8>, Fault> {
    if text.len() > MAX_RECORD_BYTES {
        return Err(fault("FieldTooLong", "eventData is longer than 256 KB."));
    }
    if checksum.is_some_and(|given| STANDARD.encode(digest(&SHA256, text.as_bytes())) != given) {
        return Err(fault("InvalidChecksum", "eventDataChecksum is not the Base64-SHA256 of eventData."));
    }
    let invalid = |error| fault("InvalidData", format!("eventData is not a valid JSON object: {error}"));
    let data: EventData<'_> = serde_json::from_str(text).map_err(invalid)?;
    let at = check(&data, envelope.account)?;
    serde_json::from_str::<Readable>(text).map_err(invalid)?;

    let mut record = String::with_capacity(text.len() + envelope.members.len() + 200);
    let written = write!(
        record,
        r#"{{"eventVersion":"{EVENT_VERSION}","eventCategory":"ActivityAuditLog","eventType":"ActivityLog","eventID":"{event_id}","eventTime":"{}",{},"eventData":"#,
        event_time(at),
        envelope.members,
    );
    written.expect("writing to a string never fails");
    append_minified(&mut record, text)?;
    record.push('}');
    Ok(record.into_bytes())
}

/// Every rule of the schema; answers the event's time.
fn check(data: &EventData<'_>, account: &str) -> Result<OffsetDateTime, Fault> {
    text("version", data.version, 256, true)?;
    check_identity(data.user_identity)?;
    text("userAgent", data.user_agent, 1024, false)?;
    let source = text("eventSource", data.event_source, 1024, true)?;
    if source.is_some_and(|source| source.is_empty()) {
        return Err(fault("InvalidEventSource", "eventSource is empty."));
    }
    text("eventName", data.event_name, 1024, true)?;
    let at = text("eventTime", data.event_time, 64, true)?.and_then(|time| parse_time(&time));
    let at = at.ok_or_else(|| fault("InvalidData", "eventTime is not in the format yyyy-MM-DDTHH:mm:ss."))?;
    text("UID", data.uid, 1024, true)?;
    object("requestParameters", data.request_parameters, MAX_PARAMETERS_BYTES)?;
    object("responseElements", data.response_elements, MAX_PARAMETERS_BYTES)?;
    text("errorCode", data.error_code, 256, false)?;
    text("errorMessage", data.error_message, 256, false)?;
    text("sourceIPAddress", data.source_ip_address, 1024, false)?;
    if text("recipientAccountId", data.recipient_account_id, 1024, true)?.as_deref() != Some(account) {
        return Err(fault("InvalidRecipient", "recipientAccountId is not the account that owns the channel."));
    }
    object("additionalEventData", data.additional_event_data, MAX_ADDITIONAL_BYTES)?;
    Ok(at)
}

fn check_identity(raw: Option<&RawValue>) -> Result<(), Fault> {
    object("userIdentity", raw, MAX_RECORD_BYTES)?;
    let Some(raw) = raw else { return Err(fault("FieldNotFound", "userIdentity is missing.")) };
    let identity: Identity<'_> =
        serde_json::from_str(raw.get()).map_err(|error| fault("InvalidData", format!("userIdentity is invalid: {error}")))?;
    text("userIdentity.type", identity.kind, 128, true)?;
    text("userIdentity.principalId", identity.principal_id, 1024, true)?;
    object("userIdentity.details", identity.details, MAX_PARAMETERS_BYTES)
}

/// A member that is a string of at most `max` characters; `None` if it may be absent and is.
fn text<'a>(name: &str, raw: Option<&'a RawValue>, max: usize, required: bool) -> Result<Option<Cow<'a, str>>, Fault> {
    let Some(raw) = raw.map(RawValue::get) else {
        return if required { Err(fault("FieldNotFound", format!("{name} is missing."))) } else { Ok(None) };
    };
    let quoted = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let text: Cow<'a, str> = match quoted {
        None => return Err(fault("InvalidData", format!("{name} is not a string."))),
        Some(plain) if !plain.contains('\\') => plain.into(),
        // Only a lone surrogate fails here.
        Some(_) => serde_json::from_str::<String>(raw).map_err(|_| fault("InvalidData", format!("{name} is not text.")))?.into(),
    };
    if text.len() > max && text.chars().count() > max {
        return Err(fault("FieldTooLong", format!("{name} is longer than {max} characters.")));
    }
    Ok(Some(text))
}

/// A member that is absent or an object of at most `max` bytes.
fn object(name: &str, raw: Option<&RawValue>, max: usize) -> Result<(), Fault> {
    match raw.map(RawValue::get) {
        None => Ok(()),
        Some(raw) if !raw.starts_with('{') => Err(fault("InvalidData", format!("{name} is not an object."))),
        Some(raw) if raw.len() > max => Err(fault("FieldTooLong", format!("{name} is longer than {max} bytes."))),
        Some(_) => Ok(()),
    }
}

/// `2023-03-29T19:29:21`, with or without the `Z`: it is UTC either way.
fn parse_time(text: &str) -> Option<OffsetDateTime> {
    if text.ends_with('Z') { parse_event_time(text) } else { parse_event_time(&format!("{text}Z")) }
}

/// JSON whose numbers fit and whose text is text, at every depth. What is only skipped, or kept raw, is not looked at that
/// closely, and a stored record has to be readable by everybody.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Readable)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Readable>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Readable, Readable>()?.is_some() {}
        Ok(self)
    }
}

/// Appends valid JSON without the whitespace between its tokens.
fn append_minified(out: &mut String, text: &str) -> Result<(), Fault> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut kept_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', byte == b'\\' && !escaped);
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b' ' | b'\n' | b'\r' | b'\t' => {
                out.push_str(&text[kept_from..at]);
                kept_from = at + 1;
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(fault("InvalidData", format!("eventData is nested deeper than {MAX_DEPTH} levels.")));
        }
    }
    out.push_str(&text[kept_from..]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn minifying_keeps_the_value() {
        for text in [r#"{"a":1}"#, "{ \"a\" : [ 1 , 2 ] ,\n\t\"b\\\" c\" : \" x \\\\\" }", r#"{"é \\\" ":  {  } , "b":[ ]}"#] {
            let mut out = String::new();
            append_minified(&mut out, text).expect("shallow");
            let (value, expect): (Value, Value) =
                (serde_json::from_str(&out).expect("JSON"), serde_json::from_str(text).expect("JSON"));
            assert_eq!(value, expect);
            assert_eq!(out, expect.to_string());
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(append_minified(&mut String::new(), &nested(MAX_DEPTH)).is_ok());
        assert!(append_minified(&mut String::new(), &nested(MAX_DEPTH + 1)).is_err());
    }
}
