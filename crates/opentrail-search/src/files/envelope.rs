//! Tells a record that stands alone from what only holds one.

use super::document::value_end;
use crate::matching::walk::{string_end, unescape};

/// What an object at the top of a file, or on a line, is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Record(&'a [u8]),
    /// The text of an array of records.
    Records(&'a [u8]),
    Digest,
    Unknown,
}

/// One of these makes an object a record, in any case of letters.
const RECORD_KEYS: [&str; 9] = [
    "eventVersion",
    "eventID",
    "eventTime",
    "eventName",
    "eventSource",
    "userIdentity",
    "eventType",
    "eventCategory",
    "awsRegion",
];
/// Members in which others wrap a record: EventBridge, and exports with notes about each event.
const WRAPPERS: [&str; 2] = ["detail", "log"];

pub(super) fn open(object: &[u8]) -> Content<'_> {
    let mut content = Content::Unknown;
    let mut key_text = Vec::new();
    let mut at = 1;
    while let Some((key, value, end)) = member(object, at) {
        key_text.clear();
        unescape(key, &mut key_text);
        let is = |name: &str| key_text.eq_ignore_ascii_case(name.as_bytes());
        if RECORD_KEYS.iter().any(|name| is(name)) {
            return Content::Record(object);
        }
        if is("digestStartTime") {
            return Content::Digest;
        }
        if is("Records") && value.starts_with(b"[") {
            content = Content::Records(value);
        } else if content == Content::Unknown && WRAPPERS.iter().any(|name| is(name)) && value.starts_with(b"{") {
            content = Content::Record(value);
        }
        at = end;
    }
    content
}

/// The member that begins at or after `at`: the inside of its key, its value, where it ends.
fn member(object: &[u8], at: usize) -> Option<(&[u8], &[u8], usize)> {
    let pass = |at: usize, also: u8| {
        let blank = |byte: &&u8| byte.is_ascii_whitespace() || **byte == also;
        at + object.get(at..).unwrap_or_default().iter().take_while(blank).count()
    };
    let quote = pass(at, b',');
    if object.get(quote) != Some(&b'"') {
        return None;
    }
    let (key_end, _) = string_end(object, quote + 1)?;
    let start = pass(key_end + 1, b':');
    let end = value_end(object, start)?;
    Some((&object[quote + 1..key_end], &object[start..end], end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_records_are_found() {
        let check = |object: &str, expect: Content<'_>| assert_eq!(open(object.as_bytes()), expect, "{object}");
        check(r#"{"a":1,"eventname":"x"}"#, Content::Record(br#"{"a":1,"eventname":"x"}"#));
        check(r#"{"expected":true,"log":{"p":{}},"z":[]}"#, Content::Record(br#"{"p":{}}"#));
        check(r#"{"source":"aws.s3", "detail" : {"eventName":"x"} }"#, Content::Record(br#"{"eventName":"x"}"#));
        check(r#"{"n":1.5,"Records":[{"a":"]"}]}"#, Content::Records(br#"[{"a":"]"}]"#));
        check(r#"{"awsAccountId":"1","digestStartTime":"x"}"#, Content::Digest);
        check(r#"{"a":{"eventName":"x"}}"#, Content::Unknown);
        check("{}", Content::Unknown);
        check(r#"{"a""#, Content::Unknown);
    }
}
