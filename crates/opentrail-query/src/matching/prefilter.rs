//! Looks for the texts a match must hold in bytes that nobody has parsed.

use super::literals;
use crate::query::Query;
use memchr::memmem::Finder;

/// Finds where matches can be. Never misses one; what it finds need not match.
pub struct Prefilter {
    /// Empty if everything can match.
    texts: Vec<Finder<'static>>,
    /// Any character can be written as an escape, so these can hide a text.
    escapes: Finder<'static>,
    /// The ASCII characters of the texts, and whether there are others.
    ascii: [bool; 128],
    beyond_ascii: bool,
    overlap: usize,
}

/// Bytes changed to small letters at a time; they stay in the processor's cache.
const PIECE_BYTES: usize = 32 << 10;
/// Bytes of an escape such as `\u003c`.
const ESCAPE_BYTES: usize = 6;

impl Prefilter {
    pub fn new(query: &Query) -> Self {
        let texts = literals::required(query).unwrap_or_default();
        let overlap = texts.iter().map(String::len).max().unwrap_or(0).max(ESCAPE_BYTES) - 1;
        let mut ascii = [false; 128];
        for byte in texts.iter().flat_map(|text| text.bytes()).filter(u8::is_ascii) {
            ascii[usize::from(byte)] = true;
        }
        let beyond_ascii = texts.iter().any(|text| !text.is_ascii());
        let texts = texts.iter().map(|text| Finder::new(text.as_bytes()).into_owned()).collect();
        Self { texts, escapes: Finder::new(b"\\u").into_owned(), ascii, beyond_ascii, overlap }
    }

    /// Whether it leaves anything out.
    pub fn is_useful(&self) -> bool {
        !self.texts.is_empty()
    }

    /// A place no later than which the first match can begin to be one: every record that ends before it fails.
    /// `lower` is memory to work in.
    pub fn first(&self, bytes: &[u8], lower: &mut Vec<u8>) -> Option<usize> {
        if !self.is_useful() {
            return Some(0);
        }
        let mut start = 0;
        while start < bytes.len() {
            let end = (start + PIECE_BYTES).min(bytes.len());
            lower.clear();
            lower.extend_from_slice(&bytes[start..end]);
            lower.make_ascii_lowercase();
            // `\U` is not JSON, so changing letters hides no escape and makes none that matters.
            let text = self.texts.iter().filter_map(|finder| finder.find(lower)).min();
            let escape = self.escapes.find_iter(lower).find(|at| self.can_hide(&lower[at + 2..]));
            if let Some(at) = text.into_iter().chain(escape).min() {
                return Some(start + at);
            }
            if end == bytes.len() {
                break;
            }
            start = end - self.overlap;
        }
        None
    }

    /// Whether the escape with these digits can stand for a character of the texts. What is cut off is met again in the
    /// next piece, or is no escape.
    fn can_hide(&self, digits: &[u8]) -> bool {
        let Some(digits) = digits.get(..ESCAPE_BYTES - 2) else { return false };
        let character = std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        match character {
            Some(at @ 0x41..=0x5a) => self.ascii[at + 0x20],
            Some(at @ 0..128) => self.ascii[at],
            Some(_) => self.beyond_ascii,
            None => false,
        }
    }
}
