//! Splits the text of a log file into records, noting where their members lie, in one pass.
//!
//! Strings and brackets are balanced and of the right kind; whether a number or a literal is well-formed shows only to
//! whoever reads it. Nothing is copied.

use crate::limits;
use memchr::memchr2;

/// The members of a record whose places are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Member {
    EventVersion,
    UserIdentity,
    EventTime,
    EventSource,
    EventName,
    AwsRegion,
    SourceIpAddress,
    UserAgent,
    ErrorCode,
    ErrorMessage,
    RequestParameters,
    ResponseElements,
    AdditionalEventData,
    RequestId,
    EventId,
    ReadOnly,
    Resources,
    EventType,
    ManagementEvent,
    RecipientAccountId,
    SharedEventId,
    EventCategory,
}

const MEMBERS: usize = 22;

fn member(name: &[u8]) -> Option<Member> {
    Some(match name {
        b"eventVersion" => Member::EventVersion,
        b"userIdentity" => Member::UserIdentity,
        b"eventTime" => Member::EventTime,
        b"eventSource" => Member::EventSource,
        b"eventName" => Member::EventName,
        b"awsRegion" => Member::AwsRegion,
        b"sourceIPAddress" => Member::SourceIpAddress,
        b"userAgent" => Member::UserAgent,
        b"errorCode" => Member::ErrorCode,
        b"errorMessage" => Member::ErrorMessage,
        b"requestParameters" => Member::RequestParameters,
        b"responseElements" => Member::ResponseElements,
        b"additionalEventData" => Member::AdditionalEventData,
        b"requestID" => Member::RequestId,
        b"eventID" => Member::EventId,
        b"readOnly" => Member::ReadOnly,
        b"resources" => Member::Resources,
        b"eventType" => Member::EventType,
        b"managementEvent" => Member::ManagementEvent,
        b"recipientAccountId" => Member::RecipientAccountId,
        b"sharedEventID" => Member::SharedEventId,
        b"eventCategory" => Member::EventCategory,
        _ => return None,
    })
}

/// Where the values of noted members lie, from the record's first byte; of a repeated member the last, as JSON has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Places([(u32, u32); MEMBERS]);

impl Places {
    pub fn of(&self, member: Member) -> Option<std::ops::Range<usize>> {
        let (start, end) = self.0[member as usize];
        (end > 0).then_some(start as usize..end as usize)
    }
}

/// One record in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub start: usize,
    pub end: usize,
    pub places: Places,
}

/// Why a text is not the text of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScanError {
    #[error("the text ends within a record")]
    CutOff,
    #[error("not JSON: {0}")]
    NotJson(&'static str),
    #[error("no list called Records")]
    NoRecords,
}

/// What the next stretch of text is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Record(Found),
    /// More text is needed to go on; what lies before the position is done with.
    NeedMore,
    /// The text is complete.
    End,
}

/// Reads `{"Records":[…]}` or a bare list, one or several one after the other, block by block.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    state: State,
    documents: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    Object {
        records: bool,
    },
    List {
        within: bool,
    },
}

/// The text ended before a thing was complete, or cannot be one.
enum Stop {
    More,
    Bad(&'static str),
}

impl Splitter {
    /// Goes on at `*at`, and moves it behind what is done with. `last` says that no text follows.
    pub fn next(&mut self, text: &[u8], at: &mut usize, last: bool) -> Result<Step, ScanError> {
        loop {
            *at = skip_blank(text, *at);
            let Some(byte) = text.get(*at).copied() else {
                return match self.state {
                    State::Between if last && self.documents == 0 => Err(ScanError::NoRecords),
                    State::Between if last => Ok(Step::End),
                    _ if last => Err(ScanError::CutOff),
                    _ => Ok(Step::NeedMore),
                };
            };
            if byte == b'}' && self.state == (State::Object { records: false }) {
                return Err(ScanError::NoRecords);
            }
            let stepped = match self.state {
                State::Between => self.begin(text, at, byte),
                State::Object { records } => self.object_member(text, at, byte, records),
                State::List { within } => match byte {
                    b'{' => match record(text, *at) {
                        Ok(found) => {
                            *at = found.end;
                            return Ok(Step::Record(found));
                        }
                        Err(stop) => Err(stop),
                    },
                    b',' => {
                        *at += 1;
                        Ok(())
                    }
                    b']' => {
                        *at += 1;
                        self.state = if within { State::Object { records: true } } else { State::Between };
                        Ok(())
                    }
                    _ => Err(Stop::Bad("a record is not an object")),
                },
            };
            match stepped {
                Ok(()) => {}
                Err(Stop::Bad(reason)) => return Err(ScanError::NotJson(reason)),
                Err(Stop::More) if last => return Err(ScanError::CutOff),
                Err(Stop::More) => return Ok(Step::NeedMore),
            }
        }
    }

    fn begin(&mut self, text: &[u8], at: &mut usize, byte: u8) -> Result<(), Stop> {
        match byte {
            // A byte order mark.
            0xef if text.len() < *at + 3 => return Err(Stop::More),
            0xef if text[*at..].starts_with(b"\xef\xbb\xbf") => {
                *at += 3;
                return Ok(());
            }
            // Zeros that fill up a file.
            0 => {
                *at += 1;
                return Ok(());
            }
            b'{' => self.state = State::Object { records: false },
            b'[' => self.state = State::List { within: false },
            _ => return Err(Stop::Bad("neither an object nor a list")),
        }
        *at += 1;
        self.documents += 1;
        Ok(())
    }

    /// A member of the outer object: the list of records is entered, anything else is left out.
    fn object_member(&mut self, text: &[u8], at: &mut usize, byte: u8, records: bool) -> Result<(), Stop> {
        match byte {
            b',' => *at += 1,
            b'}' => {
                *at += 1;
                self.state = State::Between;
            }
            b'"' => {
                let name_end = string_end(text, *at)?;
                let colon = expect(text, name_end, b':')?;
                let value = skip_blank(text, colon);
                let list = &text[*at + 1..name_end - 1] == b"Records";
                match text.get(value) {
                    None => return Err(Stop::More),
                    Some(b'[') if list => {
                        *at = value + 1;
                        self.state = State::List { within: true };
                    }
                    Some(_) if list => return Err(Stop::Bad("Records is not a list")),
                    Some(_) => {
                        let end = value_end(text, value)?;
                        // A literal may go on in the next block.
                        if end == text.len() {
                            return Err(Stop::More);
                        }
                        *at = end;
                        self.state = State::Object { records };
                    }
                }
            }
            _ => return Err(Stop::Bad("a member has no name")),
        }
        Ok(())
    }
}

fn record(text: &[u8], start: usize) -> Result<Found, Stop> {
    let mut places = Places::default();
    let end = members(text, start, &mut |name, value| {
        if let Some(member) = member(name)
            && let (Ok(from), Ok(to)) = (u32::try_from(value.start - start), u32::try_from(value.end - start))
        {
            places.0[member as usize] = (from, to);
        }
    })?;
    Ok(Found { start, end, places })
}

/// Calls `each` with the raw name and the place of the value of every member of the object at `start`; its end.
fn members(text: &[u8], start: usize, each: &mut dyn FnMut(&[u8], std::ops::Range<usize>)) -> Result<usize, Stop> {
    let mut at = skip_blank(text, start + 1);
    if text.get(at) == Some(&b'}') {
        return Ok(at + 1);
    }
    loop {
        match text.get(at) {
            None => return Err(Stop::More),
            Some(b'"') => {}
            Some(_) => return Err(Stop::Bad("a member has no name")),
        }
        let name_end = string_end(text, at)?;
        let colon = expect(text, name_end, b':')?;
        let value = skip_blank(text, colon);
        let end = value_end(text, value)?;
        each(&text[at + 1..name_end - 1], value..end);
        at = skip_blank(text, end);
        match text.get(at) {
            None => return Err(Stop::More),
            Some(b',') => at = skip_blank(text, at + 1),
            Some(b'}') => return Ok(at + 1),
            Some(_) => return Err(Stop::Bad("members are not separated")),
        }
    }
}

/// The members of a JSON object, or nothing if it is none: raw names, raw values.
pub(crate) fn for_each_member<'a>(object: &'a str, each: &mut dyn FnMut(&'a str, &'a str)) {
    if object.starts_with('{') {
        let bytes = object.as_bytes();
        let base = bytes.as_ptr() as usize;
        // What is wrong behind the last good member is not seen: the record was checked before.
        let _ = members(bytes, 0, &mut |name, value| {
            let from = name.as_ptr() as usize - base;
            if let (Some(name), Some(value)) = (object.get(from..from + name.len()), object.get(value)) {
                each(name, value);
            }
        });
    }
}

/// The elements of a JSON list, raw; nothing if it is none.
pub(crate) fn for_each_element<'a>(list: &'a str, each: &mut dyn FnMut(&'a str)) {
    let bytes = list.as_bytes();
    if bytes.first() != Some(&b'[') {
        return;
    }
    let mut at = 1;
    loop {
        at = skip_blank(bytes, at);
        if matches!(bytes.get(at), None | Some(b']')) {
            return;
        }
        let Ok(end) = value_end(bytes, at) else { return };
        if let Some(element) = list.get(at..end) {
            each(element);
        }
        at = skip_blank(bytes, end);
        if bytes.get(at) != Some(&b',') {
            return;
        }
        at += 1;
    }
}

fn skip_blank(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

fn expect(text: &[u8], at: usize, byte: u8) -> Result<usize, Stop> {
    let at = skip_blank(text, at);
    match text.get(at) {
        None => Err(Stop::More),
        Some(found) if *found == byte => Ok(at + 1),
        Some(_) => Err(Stop::Bad("a name is not followed by a colon")),
    }
}

/// Behind the closing quote of the string that begins at `at`.
fn string_end(text: &[u8], at: usize) -> Result<usize, Stop> {
    let mut at = at + 1;
    loop {
        let rest = text.get(at..).ok_or(Stop::More)?;
        match memchr2(b'"', b'\\', rest) {
            None => return Err(Stop::More),
            Some(offset) if rest[offset] == b'"' => return Ok(at + offset + 1),
            Some(offset) => at += offset + 2,
        }
    }
}

fn value_end(text: &[u8], at: usize) -> Result<usize, Stop> {
    match text.get(at) {
        None => Err(Stop::More),
        Some(b'"') => string_end(text, at),
        Some(b'{' | b'[') => container_end(text, at),
        Some(_) => {
            let length = text[at..]
                .iter()
                .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b':' | b'{' | b'['));
            match length {
                Some(0) => Err(Stop::Bad("a value is missing")),
                Some(length) => Ok(at + length),
                None => Ok(text.len()),
            }
        }
    }
}

/// Behind the bracket that closes the one at `at`. Bits of `kinds` say which brackets are open.
fn container_end(text: &[u8], mut at: usize) -> Result<usize, Stop> {
    let (mut kinds, mut depth) = (0_u128, 0_u32);
    loop {
        match text.get(at) {
            None => return Err(Stop::More),
            Some(b'"') => {
                at = string_end(text, at)?;
                continue;
            }
            Some(byte @ (b'{' | b'[')) => {
                if depth == limits::NESTING {
                    return Err(Stop::Bad("nested too deeply"));
                }
                kinds = kinds << 1 | u128::from(*byte == b'{');
                depth += 1;
            }
            Some(byte @ (b'}' | b']')) => {
                if (kinds & 1 == 1) != (*byte == b'}') {
                    return Err(Stop::Bad("a bracket is closed by one of another kind"));
                }
                kinds >>= 1;
                depth -= 1;
                if depth == 0 {
                    return Ok(at + 1);
                }
            }
            Some(_) => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The records of a text, given in pieces of some size.
    fn split(text: &[u8], piece: usize) -> Result<Vec<String>, ScanError> {
        let (mut splitter, mut found, mut block, mut rest) = (Splitter::default(), Vec::new(), Vec::new(), text);
        loop {
            let last = rest.is_empty();
            let mut at = 0;
            loop {
                match splitter.next(&block, &mut at, last)? {
                    Step::Record(record) => {
                        found.push(String::from_utf8_lossy(&block[record.start..record.end]).into_owned());
                    }
                    Step::NeedMore => break,
                    Step::End => return Ok(found),
                }
            }
            block.drain(..at);
            let (now, later) = rest.split_at(piece.min(rest.len()));
            block.extend_from_slice(now);
            rest = later;
        }
    }

    fn check(text: &str, expect: Result<&[&str], ScanError>) {
        for piece in [1, 2, 3, 7, 1 << 20] {
            let got = split(text.as_bytes(), piece);
            let expect = expect.map(|records| records.iter().map(|record| (*record).to_owned()).collect::<Vec<_>>());
            assert_eq!(got, expect, "{text:?} in pieces of {piece}");
        }
    }

    #[test]
    fn forms_of_files() {
        check(r#"{"Records":[]}"#, Ok(&[]));
        check(" {\"Records\" : [ {\"a\":1} ,\n{}]} \n\0\0", Ok(&[r#"{"a":1}"#, "{}"]));
        check(r#"{"v":[1,{"Records":[{}]}],"Records":[{"a":"]}\\\""}],"n":12}"#, Ok(&[r#"{"a":"]}\\\""}"#]));
        check(r#"[{"a":{"b":[{"c":"}"}]}}]"#, Ok(&[r#"{"a":{"b":[{"c":"}"}]}}"#]));
        check("\u{feff}{\"Records\":[{\"a\":\"ä\"}]}", Ok(&["{\"a\":\"ä\"}"]));
        check(r#"{"Records":[{"n":1}]}{"Records":[{"n":2}]}"#, Ok(&[r#"{"n":1}"#, r#"{"n":2}"#]));
    }

    #[test]
    fn what_is_not_a_log_file() {
        for text in ["", "  ", "{}", r#"{"a":1}"#, r#"{"logFiles":[{}]}"#] {
            check(text, Err(ScanError::NoRecords));
        }
        for text in [r#"{"Records":[{"a":1}"#, r#"{"Records":[{"a":"#, r#"[{"a":1}"#, "{", r#"{"Records":[{"a":1}]"#] {
            check(text, Err(ScanError::CutOff));
        }
        for text in [
            "x",
            r#"{"Records":{}}"#,
            r#"{"Records":[1]}"#,
            r#"[{"a" 1}]"#,
            r#"[{"a":}]"#,
            r#"[{"a":[}]}]"#,
            r#"[{"a":1 "b":2}]"#,
            "[{1:2}]",
            "<?xml>",
        ] {
            assert!(matches!(split(text.as_bytes(), 1 << 20), Err(ScanError::NotJson(_))), "{text}");
        }
        let deep = format!("[{{\"a\":{}}}]", "[".repeat(200));
        assert!(matches!(split(deep.as_bytes(), 1 << 20), Err(ScanError::NotJson(_))));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".{0,12}".prop_map(serde_json::Value::String)
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::Array),
                prop::collection::btree_map(".{0,6}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn records_come_out_as_they_went_in(values in prop::collection::vec(prop::collection::btree_map("[a-zE]{0,12}", json(), 0..6), 0..6), piece in 1_usize..40, pretty: bool) {
            let file = serde_json::json!({"x": 1, "Records": values});
            let text = if pretty { serde_json::to_string_pretty(&file) } else { serde_json::to_string(&file) }.expect("serialises");
            let records = split(text.as_bytes(), piece).expect("splits");
            let read: Vec<serde_json::Value> = records.iter().map(|record| serde_json::from_str(record).expect("JSON")).collect();
            prop_assert_eq!(serde_json::Value::Array(read), file["Records"].clone());
        }

        #[test]
        fn nothing_panics(text in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ a1Records\0\xef\xbb".to_vec()), 0..60), piece in 1_usize..9) {
            let _ = split(&text, piece);
        }
    }
}
