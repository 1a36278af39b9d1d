//! Every value of a JSON text with its path, in one pass and without building anything.
//!
//! Lenient: what does not matter to values (the bytes of strings, the digits of numbers) is not checked.

use crate::limits;
use std::ops::ControlFlow;

/// Why a text is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Damage {
    /// Bytes before the damage.
    pub offset: usize,
    pub reason: &'static str,
}

/// A value met on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met<'a> {
    /// Text, its escapes resolved.
    Text(&'a [u8]),
    /// A number as written, or `true` or `false`.
    Plain(&'a [u8]),
    Null,
    /// Reported when it ends, after what is in it.
    Object,
    Array,
}

/// What is called for each value: its path (keys in small letters, joined by dots), the value, its JSON.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], Met<'_>, &[u8]) -> ControlFlow<()>;

/// Is told the structure of a JSON text as it is walked.
pub trait Structure {
    /// A member of an object begins: its key, escapes resolved.
    fn enter(&mut self, key: &[u8]);

    /// The member that was begun last ends.
    fn leave(&mut self);

    /// A value, and its JSON. Elements of arrays come like values of the array's place; a break ends the walk.
    fn value(&mut self, met: Met<'_>, json: &[u8]) -> ControlFlow<()>;
}

/// Memory that walks share.
#[derive(Default)]
pub struct Walker {
    path: Vec<u8>,
    lengths: Vec<usize>,
    text: Vec<u8>,
}

impl Walker {
    /// Calls `visit` for each value below the object `json`, until it breaks.
    ///
    /// # Errors
    /// If it is not one JSON object.
    pub fn walk(&mut self, json: &[u8], visit: Visit<'_>) -> Result<(), Damage> {
        self.path.clear();
        self.lengths.clear();
        let mut paths = Paths { path: &mut self.path, lengths: &mut self.lengths, visit };
        walk(json, &mut self.text, &mut paths)
    }
}

/// Tells `structure` of each value below the object `json`, until it breaks. `text` is memory to work in.
///
/// # Errors
/// If it is not one JSON object.
pub fn walk<S: Structure>(json: &[u8], text: &mut Vec<u8>, structure: &mut S) -> Result<(), Damage> {
    let mut walk = Walk { json, at: 0, depth: 0, text, structure };
    walk.space();
    if walk.peek() != Some(b'{') {
        return Err(walk.damage("not a JSON object"));
    }
    match walk.value() {
        Ok(()) => {
            walk.space();
            if walk.at == json.len() { Ok(()) } else { Err(walk.damage("bytes after the end of the record")) }
        }
        Err(Stop::Damaged(damage)) => Err(damage),
        Err(Stop::Enough) => Ok(()),
    }
}

/// Keeps the path of where a walk is.
struct Paths<'a> {
    path: &'a mut Vec<u8>,
    /// Of the path outside of each member that is begun.
    lengths: &'a mut Vec<usize>,
    visit: Visit<'a>,
}

impl Structure for Paths<'_> {
    fn enter(&mut self, key: &[u8]) {
        let outer = self.path.len();
        self.lengths.push(outer);
        if outer > 0 {
            self.path.push(b'.');
        }
        let start = self.path.len();
        self.path.extend_from_slice(key);
        self.path[start..].make_ascii_lowercase();
    }

    fn leave(&mut self) {
        let outer = self.lengths.pop().unwrap_or(0);
        self.path.truncate(outer);
    }

    fn value(&mut self, met: Met<'_>, json: &[u8]) -> ControlFlow<()> {
        (self.visit)(self.path, met, json)
    }
}

enum Stop {
    Damaged(Damage),
    Enough,
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

struct Walk<'a, S> {
    json: &'a [u8],
    at: usize,
    depth: usize,
    text: &'a mut Vec<u8>,
    structure: &'a mut S,
}

impl<S: Structure> Walk<'_, S> {
    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn damage(&self, reason: &'static str) -> Damage {
        Damage { offset: self.at, reason }
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), Damage> {
        if self.peek() != Some(byte) {
            return Err(self.damage(reason));
        }
        self.at += 1;
        Ok(())
    }

    fn report(&mut self, met: Met<'_>, start: usize) -> Result<(), Stop> {
        match self.structure.value(met, &self.json[start..self.at]) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Enough),
        }
    }

    fn value(&mut self) -> Result<(), Stop> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                let (from, to, escapes) = self.string()?;
                if !escapes {
                    let json = self.json;
                    return self.report(Met::Text(&json[from..to]), start);
                }
                let mut text = std::mem::take(self.text);
                text.clear();
                unescape(&self.json[from..to], &mut text);
                let done = self.report(Met::Text(&text), start);
                *self.text = text;
                done
            }
            Some(b'{') => {
                self.nested(Self::object)?;
                self.report(Met::Object, start)
            }
            Some(b'[') => {
                self.nested(Self::array)?;
                self.report(Met::Array, start)
            }
            Some(_) => {
                let length = self.json[start..].iter().take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)).count();
                let json = self.json;
                let plain = &json[start..start + length];
                self.at += length;
                match plain {
                    b"null" => self.report(Met::Null, start),
                    b"true" | b"false" => self.report(Met::Plain(plain), start),
                    [b'0'..=b'9' | b'-', ..] => self.report(Met::Plain(plain), start),
                    _ => {
                        self.at = start;
                        Err(self.damage("not a JSON value").into())
                    }
                }
            }
            None => Err(self.damage("the record is cut off").into()),
        }
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        if self.depth == limits::RECORD_NESTING {
            return Err(self.damage("nested too deeply").into());
        }
        self.depth += 1;
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Result<(), Stop> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let (from, to, escapes) = self.string()?;
            if escapes {
                self.text.clear();
                unescape(&self.json[from..to], self.text);
                self.structure.enter(self.text);
            } else {
                self.structure.enter(&self.json[from..to]);
            }
            self.space();
            self.expect(b':', "expected a colon")?;
            self.space();
            self.value()?;
            self.structure.leave();
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return Ok(self.expect(b'}', "expected a comma or the end of an object")?),
            }
            self.space();
        }
    }

    fn array(&mut self) -> Result<(), Stop> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value()?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return Ok(self.expect(b']', "expected a comma or the end of an array")?),
            }
            self.space();
        }
    }

    /// Passes a string: where its text begins and ends, and whether it has escapes.
    fn string(&mut self) -> Result<(usize, usize, bool), Damage> {
        self.expect(b'"', "expected a string")?;
        let start = self.at;
        match string_end(self.json, start) {
            Some((end, escapes)) => {
                self.at = end + 1;
                Ok((start, end, escapes))
            }
            None => Err(Damage { offset: start - 1, reason: "a string is not closed" }),
        }
    }
}

/// Where the string whose text begins at `at` has its closing quote, and whether it has escapes.
pub fn string_end(json: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escapes = false;
    loop {
        at += memchr::memchr2(b'"', b'\\', json.get(at..)?)?;
        if json[at] == b'"' {
            return Some((at, escapes));
        }
        escapes = true;
        at += 2;
    }
}

/// Resolves the escapes of a string's inside; what is no escape stays as it is.
pub fn unescape(raw: &[u8], text: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..at]);
        let escape = rest.get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        match escape {
            b'n' => text.push(b'\n'),
            b't' => text.push(b'\t'),
            b'r' => text.push(b'\r'),
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'u' => rest = unescape_unicode(rest, text),
            other => text.push(other),
        }
    }
    text.extend_from_slice(rest);
}

/// Resolves what follows `\u`; half a surrogate pair becomes the replacement character.
fn unescape_unicode<'a>(rest: &'a [u8], text: &mut Vec<u8>) -> &'a [u8] {
    let unit = |at: &[u8]| u16::from_str_radix(std::str::from_utf8(at.get(..4)?).ok()?, 16).ok();
    let Some(first) = unit(rest) else {
        text.extend_from_slice(b"\\u");
        return rest;
    };
    let mut rest = &rest[4..];
    let mut units = vec![first];
    if (0xd800..0xdc00).contains(&first)
        && let Some(second) = rest.strip_prefix(b"\\u").and_then(unit)
        && (0xdc00..0xe000).contains(&second)
    {
        units.push(second);
        rest = &rest[6..];
    }
    for c in char::decode_utf16(units) {
        text.extend_from_slice(c.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut [0; 4]).as_bytes());
    }
    rest
}
