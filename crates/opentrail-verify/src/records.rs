//! A quick look at the records of a log file: their event IDs, and whether account and region are the path's.
//!
//! Parsing JSON would cost as much as decompressing and hashing together. So the three members are sought as text, which
//! costs a tenth of that and can only err on the side of doubt: what looks wrong, or nested, is parsed to be sure.

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::Value;
use std::sync::LazyLock;

static EVENT_ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"eventID\""));
static REGION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"awsRegion\""));
static ACCOUNT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"recipientAccountId\""));

/// The longest member with its value that is looked at; longer ones are in doubt.
const MEMBER_BYTES: usize = 512;
/// How much of a stream is looked at in one go.
const WINDOW_BYTES: usize = 64 << 10;

/// The account and region that the path of a file gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub account: String,
    pub region: String,
}

/// What a look at the records gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Hashes of the event IDs, as [`crate::event_ids`] compares them.
    pub ids: Vec<u128>,
    /// The first record that is not of the path's account or region.
    pub contradiction: Option<String>,
    /// The look was not conclusive and the file was too large to parse.
    pub doubtful: bool,
}

/// A look at a stream.
pub struct Look {
    expected: Expected,
    window: Vec<u8>,
    ids: Vec<u128>,
    regions: usize,
    doubtful: bool,
}

impl Look {
    pub fn new(expected: Expected) -> Self {
        Self { expected, window: Vec::new(), ids: Vec::new(), regions: 0, doubtful: false }
    }

    /// Takes the next bytes of the file.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(WINDOW_BYTES));
            self.window.extend_from_slice(now);
            if self.window.len() >= 2 * WINDOW_BYTES {
                let until = self.window.len() - MEMBER_BYTES;
                let window = std::mem::take(&mut self.window);
                self.look(&window, until);
                self.window = window;
                self.window.drain(..until);
            }
            bytes = later;
        }
    }

    /// Ends the file.
    pub fn finish(mut self) -> Records {
        let window = std::mem::take(&mut self.window);
        self.look(&window, window.len());
        let doubtful = self.is_doubtful();
        Records { ids: self.ids, contradiction: None, doubtful }
    }

    /// Looks at a whole file, and parses it if in doubt. `also` is called with the same bytes, part by part, while they
    /// are near the processor.
    pub fn whole(expected: &Expected, plain: &[u8], mut also: impl FnMut(&[u8])) -> Records {
        let mut look = Self::new(expected.clone());
        for from in (0..plain.len()).step_by(WINDOW_BYTES) {
            let to = plain.len().min(from + WINDOW_BYTES);
            also(&plain[from..to]);
            look.look(&plain[from..plain.len().min(to + MEMBER_BYTES)], to - from);
        }
        if look.is_doubtful() { parse(expected, plain) } else { Records { ids: look.ids, ..Records::default() } }
    }

    /// Every record has a region: more event IDs than that means that some are nested in other members.
    fn is_doubtful(&self) -> bool {
        self.doubtful || self.ids.len() > self.regions
    }

    /// Looks at the members that begin before `until`.
    fn look(&mut self, bytes: &[u8], until: usize) {
        for at in EVENT_ID.find_iter(bytes).take_while(|at| *at < until) {
            match value(bytes, at + EVENT_ID.needle().len()) {
                Some(id) => self.ids.push(hash(id)),
                None => self.doubtful = true,
            }
        }
        for at in REGION.find_iter(bytes).take_while(|at| *at < until) {
            self.regions += 1;
            self.doubtful |= value(bytes, at + REGION.needle().len()) != Some(self.expected.region.as_bytes());
        }
        for at in ACCOUNT.find_iter(bytes).take_while(|at| *at < until) {
            self.doubtful |= value(bytes, at + ACCOUNT.needle().len()) != Some(self.expected.account.as_bytes());
        }
    }
}

/// The string that follows a member's name; `None` if it is none, or not a plain one.
fn value(bytes: &[u8], from: usize) -> Option<&[u8]> {
    let rest = bytes[from..].get(..MEMBER_BYTES.min(bytes.len() - from))?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    let value = &rest[..memchr::memchr(b'"', rest)?];
    (!value.contains(&b'\\')).then_some(value)
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(default, rename = "eventID")]
    event_id: Option<Value>,
    #[serde(default)]
    aws_region: Option<Value>,
    #[serde(default)]
    recipient_account_id: Option<Value>,
}

/// Parses the records of a whole file. What is no CloudTrail file has none: its digest vouches for it nevertheless.
pub fn parse(expected: &Expected, plain: &[u8]) -> Records {
    let mut found = Records::default();
    let Ok(File { records }) = serde_json::from_slice(plain) else { return found };
    for (number, record) in records.iter().enumerate() {
        if let Some(id) = record.event_id.as_ref().and_then(Value::as_str) {
            found.ids.push(hash(id.as_bytes()));
        }
        let members = [
            ("awsRegion", &record.aws_region, &expected.region),
            ("recipientAccountId", &record.recipient_account_id, &expected.account),
        ];
        for (name, value, expected) in members {
            if let Some(value) = value.as_ref().filter(|value| value.as_str() != Some(expected) && !value.is_null()) {
                let value: String = value.to_string().chars().take(64).collect();
                found
                    .contradiction
                    .get_or_insert_with(|| format!("record {} has {name} {value}, the path has {expected}", number + 1));
            }
        }
    }
    found
}

/// A hash of an event ID whose low half-word is free for the number of a file. Not secret: who makes two IDs collide gains
/// a warning.
pub fn hash(id: &[u8]) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for chunk in id.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u128::from(u64::from_le_bytes(word))).wrapping_mul(PRIME);
        hash ^= hash >> 64;
    }
    hash = (hash ^ id.len() as u128).wrapping_mul(PRIME);
    (hash ^ hash >> 71).wrapping_mul(PRIME) >> 32 << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn expected() -> Expected {
        Expected { account: "111122223333".into(), region: "eu-west-1".into() }
    }

    fn record(id: &str, region: &str, account: &str) -> String {
        format!(r#"{{"awsRegion":"{region}","eventID":"{id}","recipientAccountId":"{account}"}}"#)
    }

    fn file(records: &[String]) -> Vec<u8> {
        format!("{{\"Records\":[{}]}}\n", records.join(",")).into_bytes()
    }

    fn check(records: &[String], ids: &[&str], contradiction: bool) {
        let plain = file(records);
        let expect: Vec<u128> = ids.iter().map(|id| hash(id.as_bytes())).collect();
        let found = Look::whole(&expected(), &plain, |_| {});
        assert_eq!((found.ids, found.contradiction.is_some()), (expect.clone(), contradiction), "{records:?}");
        let mut look = Look::new(expected());
        plain.chunks(7).for_each(|piece| look.feed(piece));
        let streamed = look.finish();
        assert!(streamed.doubtful || (streamed.ids == expect && !contradiction), "{records:?}");
    }

    #[test]
    fn what_the_path_says_is_expected() {
        let good = |id| record(id, "eu-west-1", "111122223333");
        check(&[good("a"), good("b")], &["a", "b"], false);
        check(&[good("a"), record("b", "eu-west-2", "111122223333")], &["a", "b"], true);
        check(&[record("a", "eu-west-1", "999999999999")], &["a"], true);
        check(&[r#"{ "awsRegion" : "eu-west-1", "eventID" : "a" }"#.to_owned()], &["a"], false);
        // Nested members are not the record's.
        let nested = r#"{"requestParameters":{"eventID":"x","awsRegion":"mars"},"awsRegion":"eu-west-1","eventID":"a"}"#;
        check(&[nested.to_owned()], &["a"], false);
        let escaped = r#"{"userAgent":"\"awsRegion\":\"mars\"","awsRegion":"eu-west-1","eventID":"a\u0041"}"#;
        check(&[escaped.to_owned()], &["aA"], false);
        check(&[], &[], false);
        assert_eq!(Look::whole(&expected(), b"\"eventID\"", |_| {}), Records::default());
        assert_eq!(Look::whole(&expected(), b"\"eventID\":", |_| {}), Records::default());
    }

    #[test]
    fn windows_overlap() {
        let records: Vec<String> = (0..20_000).map(|n| record(&format!("id-{n}"), "eu-west-1", "111122223333")).collect();
        let plain = file(&records);
        let whole = Look::whole(&expected(), &plain, |_| {});
        assert!(whole.ids.len() == 20_000 && whole.contradiction.is_none());
        for size in [1000, 131_072, 131_073, 500_000, plain.len()] {
            let mut look = Look::new(expected());
            plain.chunks(size).for_each(|piece| look.feed(piece));
            let found = look.finish();
            assert!(!found.doubtful && found.contradiction.is_none());
            assert_eq!(found.ids.iter().collect::<HashSet<_>>().len(), 20_000, "{size}");
            assert_eq!(found.ids.len(), 20_000, "{size}");
        }
    }
}
