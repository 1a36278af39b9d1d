//! What importing has to know of a record: its id, its time, its region, and that it is JSON everybody can read.

use crate::limits;
use aws_lc_rs::digest::{SHA256, digest};
use opentrail_query::limits::RECORD_NESTING;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use time::OffsetDateTime;

/// Where a record without a sensible region belongs.
const FALLBACK_REGION: &str = "us-east-1";

/// The members that matter here, in any case of letters.
const MEMBERS: [&str; 3] = ["eventID", "eventTime", "awsRegion"];

/// What an event is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    EventId(String),
    /// It has no id; this is the SHA-256 of its text.
    Content([u8; 32]),
}

/// The beginning of knowing a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    event_id: Option<Cow<'a, str>>,
    /// `eventTime`, if it can be read.
    pub time: Option<OffsetDateTime>,
    region: Option<Cow<'a, str>>,
}

/// Reads a record.
///
/// # Errors
/// Why it cannot be taken, for people.
pub(crate) fn read(record: &[u8]) -> Result<Head<'_>, String> {
    if record.len() > limits::RECORD_BYTES {
        return Err(format!("the record has {} bytes, more than {}", record.len(), limits::RECORD_BYTES));
    }
    let text =
        std::str::from_utf8(record).map_err(|error| format!("the record is not UTF-8: at byte {} of it", error.valid_up_to()))?;
    if is_deep(record) {
        return Err(format!("the record is nested deeper than {RECORD_NESTING} levels"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let members = json.deserialize_map(HeadVisitor).and_then(|members| json.end().map(|()| members));
    let members = members.map_err(|error| format!("the record is not a JSON object: {error}"))?;
    if !members.any {
        return Err("the record is empty".to_owned());
    }
    let [event_id, time, region] = members.texts;
    let event_id = event_id.filter(|id| !id.is_empty() && id.len() <= limits::EVENT_ID_BYTES);
    let time = time.as_deref().and_then(opentrail_query::query::parse_instant);
    Ok(Head { event_id, time, region })
}

impl Head<'_> {
    pub fn identity(&self, record: &[u8]) -> Identity {
        match &self.event_id {
            Some(id) => Identity::EventId(id.clone().into_owned()),
            None => {
                let mut hash = [0; 32];
                hash.copy_from_slice(digest(&SHA256, record).as_ref());
                Identity::Content(hash)
            }
        }
    }

    /// The region it belongs to in the log.
    pub fn region(&self) -> &str {
        let plain = |region: &&str| {
            let bytes = region.as_bytes();
            (1..=limits::REGION_BYTES).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        };
        self.region.as_deref().filter(plain).unwrap_or(FALLBACK_REGION)
    }
}

/// What a logged record is known by; `None` for one that no import could bring again.
pub(crate) fn identity(record: &[u8]) -> Option<Identity> {
    read(record).ok().map(|head| head.identity(record))
}

/// Whether there are more objects and arrays inside each other than readers of records are prepared for.
fn is_deep(record: &[u8]) -> bool {
    // Most records have not even as many brackets.
    if memchr::memchr2_iter(b'{', b'[', record).nth(RECORD_NESTING).is_none() {
        return false;
    }
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = record.get(at) {
        match byte {
            b'"' => match opentrail_query::matching::walk::string_end(record, at + 1) {
                Some((end, _)) => at = end,
                None => return false,
            },
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > RECORD_NESTING {
            return true;
        }
        at += 1;
    }
    false
}

/// The wanted members, in the order of [`MEMBERS`].
#[derive(Default)]
struct Members<'a> {
    texts: [Option<Cow<'a, str>>; MEMBERS.len()],
    /// Whether there is any member at all.
    any: bool,
}

struct HeadVisitor;

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(member) = map.next_key_seed(MemberName)? {
            members.any = true;
            match member {
                // Of a key that stands twice the first counts, as for the reader from top to bottom.
                Some(index) if members.texts[index].is_none() => members.texts[index] = map.next_value_seed(Text)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(members)
    }
}

/// A key as its place in [`MEMBERS`].
struct MemberName;

impl<'de> DeserializeSeed<'de> for MemberName {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberName {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(MEMBERS.iter().position(|name| name.eq_ignore_ascii_case(key)))
    }
}

/// A value that should be text; what is not counts as absent.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned().into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn heads_are_read_from_whatever_is_a_record() {
        let check = |text: &str, id: Option<&str>, time: Option<OffsetDateTime>, region: &str| {
            let head = read(text.as_bytes()).unwrap_or_else(|reason| panic!("{text}: {reason}"));
            assert_eq!((head.event_id.as_deref(), head.time, head.region()), (id, time, region), "{text}");
        };
        let noon = Some(datetime!(2022-11-21 12:00:00 UTC));
        check(r#"{"eventID":"a","eventTime":"2022-11-21T12:00:00Z","awsRegion":"eu-west-1"}"#, Some("a"), noon, "eu-west-1");
        check(r#"{"eventid":"a","eventtime":"2022-11-21 12:00:00"}"#, Some("a"), noon, "us-east-1");
        check(r#"{"eventID":"a","x":[{"eventID":"n"}],"eventID":"b"}"#, Some("a"), None, "us-east-1");
        check(r#"{"eventName":"x","eventID":7,"eventTime":{"a":1},"awsRegion":["r"]}"#, None, None, "us-east-1");
        check(r#"{"p_log_type":"AWS.CloudTrail"}"#, None, None, "us-east-1");
        check(r#"{"eventID":"","awsRegion":"../../x"}"#, None, None, "us-east-1");
        check(r#"{"eventID":"\u0061","awsRegion":"sagov-westsouth-1r"}"#, Some("a"), None, "sagov-westsouth-1r");
        check(r#"{"eventName":"x","n":1e999,"s":"\ud800"}"#, None, None, "us-east-1");
        let deep = format!(r#"{{"eventName":{}1{}}}"#, "[".repeat(RECORD_NESTING - 1), "]".repeat(RECORD_NESTING - 1));
        check(&deep, None, None, "us-east-1");
        check(&format!(r#"{{"eventName":"{}"}}"#, "[".repeat(1000)), None, None, "us-east-1");
    }

    #[test]
    fn what_is_no_record_is_refused_with_a_reason() {
        let check = |record: &[u8], expect: &str| {
            let reason = read(record).expect_err("refused");
            assert!(reason.contains(expect), "{reason}");
        };
        check(b"{}", "empty");
        check(b"[1]", "not a JSON object");
        check(br#"{"eventName":"x",}"#, "not a JSON object");
        check(br#"{"eventName":"x"} 1"#, "not a JSON object");
        check(br#"{"eventName":01}"#, "not a JSON object");
        check(b"{\"eventName\":\"\xff\"}", "not UTF-8: at byte 14");
        check(format!(r#"{{"eventName":{}1{}}}"#, "[".repeat(128), "]".repeat(128)).as_bytes(), "nested deeper");
        check(&vec![b' '; limits::RECORD_BYTES + 1], "more than 1048576");
    }

    #[test]
    fn events_without_id_are_known_by_what_they_say() {
        let identity = |record: &[u8]| read(record).expect("a record").identity(record);
        assert_eq!(identity(br#"{"eventID":"a"}"#), Identity::EventId("a".into()));
        assert_eq!(identity(br#"{"eventName":"a"}"#), identity(br#"{"eventName":"a"}"#));
        assert_ne!(identity(br#"{"eventName":"a"}"#), identity(br#"{"eventName":"b"}"#));
    }
}
