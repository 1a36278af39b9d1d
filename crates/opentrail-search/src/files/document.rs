//! Splits JSON into records: `{"Records":[…]}`, arrays, single records, and any of them one after the other. Only
//! strings and brackets are looked at; what a record holds is not.

use crate::matching::{Damage, walk::string_end};

/// Where in the structure the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Within {
    #[default]
    Top,
    Array,
    /// The array of a `{"Records":[…]}`.
    Records,
    /// Behind that array, inside the object.
    Rest,
}

/// The state between blocks of one text.
#[derive(Debug, Default)]
pub(super) struct Document {
    within: Within,
    met_anything: bool,
}

/// A record in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub start: usize,
    pub end: usize,
    /// Whether it stands in an array, and so can only be a record.
    pub listed: bool,
}

impl Document {
    /// Hands on the records that are complete in `text`, and answers how much is done with. `last` if nothing follows.
    pub fn split(&mut self, text: &[u8], last: bool, found: &mut dyn FnMut(Found)) -> Result<usize, Damage> {
        let mut at = 0;
        loop {
            at = skip(text, at, self.within != Within::Top);
            let Some(byte) = text.get(at) else {
                let cut = last && self.within != Within::Top;
                return if cut { Err(Damage { offset: at, reason: "the file is cut off" }) } else { Ok(at) };
            };
            let next = match (self.within, byte) {
                (Within::Top, b'[') => {
                    self.enter(Within::Array);
                    Some(at + 1)
                }
                (Within::Top, b'{') => match records_begin(text, at) {
                    Some(inside) => {
                        self.enter(Within::Records);
                        Some(inside)
                    }
                    None => self.record(text, at, false, found),
                },
                (Within::Top, _) => {
                    let reason = if self.met_anything { "bytes after the end, which were left out" } else { "not JSON" };
                    return Err(Damage { offset: at, reason });
                }
                (Within::Array | Within::Records, b'{') => self.record(text, at, true, found),
                (Within::Array, b']') => {
                    self.within = Within::Top;
                    Some(at + 1)
                }
                (Within::Records, b']') => {
                    self.within = Within::Rest;
                    Some(at + 1)
                }
                (Within::Rest, b'}') => {
                    self.within = Within::Top;
                    Some(at + 1)
                }
                (Within::Rest, b'"' | b':') => value_end(text, at),
                (Within::Rest, _) => value_end(text, at),
                _ => return Err(Damage { offset: at, reason: "expected a record" }),
            };
            match next {
                Some(next) => at = next,
                None if last => return Err(Damage { offset: at, reason: "the file is cut off within a record" }),
                None => return Ok(at),
            }
        }
    }

    fn enter(&mut self, within: Within) {
        self.within = within;
        self.met_anything = true;
    }

    fn record(&mut self, text: &[u8], start: usize, listed: bool, found: &mut dyn FnMut(Found)) -> Option<usize> {
        let end = brackets_end(text, start)?;
        self.met_anything = true;
        found(Found { start, end, listed });
        Some(end)
    }
}

/// Passes white space, what pads files, and between elements commas.
fn skip(text: &[u8], at: usize, commas: bool) -> usize {
    // A byte order mark is three bytes that can stand nowhere else.
    let blank =
        |byte: u8| byte.is_ascii_whitespace() || byte == 0 || commas && byte == b',' || [0xef, 0xbb, 0xbf].contains(&byte);
    at + text.get(at..).unwrap_or_default().iter().take_while(|byte| blank(**byte)).count()
}

/// Where the array of `{"Records":[` begins, if that stands here. An object that the block cuts within these few bytes
/// is met again whole, since nothing of it is done with.
pub(super) fn records_begin(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    for wanted in [&b"\"Records\""[..], b":", b"["] {
        at = skip(text, at, false);
        if !text.get(at..)?.starts_with(wanted) {
            return None;
        }
        at += wanted.len();
    }
    Some(at)
}

/// The end of the object or array that begins here.
pub(super) fn brackets_end(text: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = start;
    loop {
        at += text.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'))?;
        match text[at] {
            b'"' => at = string_end(text, at + 1)?.0,
            b'{' | b'[' => depth += 1,
            _ => depth -= 1,
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The end of any value, or of a colon between key and value.
pub(super) fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'{' | b'[' => brackets_end(text, at),
        b'"' => string_end(text, at + 1).map(|(end, _)| end + 1),
        b':' => Some(at + 1),
        _ => {
            let length = text[at..].iter().position(|byte| b",:]}\"[{".contains(byte) || byte.is_ascii_whitespace())?;
            Some(at + length.max(1))
        }
    }
}
