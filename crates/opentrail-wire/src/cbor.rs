//! JSON values as CBOR (RFC 8949) and back, as far as Smithy RPC v2 needs it.
//!
//! JSON cannot tell timestamps and blobs from numbers and text. Answers name their timestamps in a table
//! ([`FlatShape::Timestamp`]); of requests a timestamp is read as its number and a blob as base64.

use crate::error::WireError;
use crate::flat::{FlatMember, FlatShape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ciborium_ll::{Decoder, Header, simple};
use serde_json::{Map, Number, Value};

/// Deepest nesting of a request.
const MAX_DEPTH: usize = 32;
/// Most values in a request: the largest honest one is a PutMetricData of 1000 metrics with 150 values each.
const MAX_VALUES: usize = 500_000;
/// The tag of a timestamp.
const EPOCH: u8 = 0xc1;

const MAJOR_UNSIGNED: u8 = 0;
const MAJOR_NEGATIVE: u8 = 1;
const MAJOR_TEXT: u8 = 3;
const MAJOR_ARRAY: u8 = 4;
const MAJOR_MAP: u8 = 5;

/// Writes a value; the members that `members` calls timestamps carry the tag of one.
pub(crate) fn encode(value: &Value, members: &[FlatMember]) -> Vec<u8> {
    let mut writer = Writer { out: Vec::with_capacity(256), members };
    writer.value(value, false);
    writer.out
}

struct Writer<'m> {
    out: Vec<u8>,
    members: &'m [FlatMember],
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, is_timestamp: bool) {
        match value {
            Value::Null => self.out.push(0xf6),
            Value::Bool(false) => self.out.push(0xf4),
            Value::Bool(true) => self.out.push(0xf5),
            Value::Number(number) => {
                if is_timestamp {
                    self.out.push(EPOCH);
                }
                write_number(&mut self.out, number);
            }
            Value::String(text) => write_text(&mut self.out, text),
            Value::Array(items) => {
                write_head(&mut self.out, MAJOR_ARRAY, items.len() as u64);
                items.iter().for_each(|item| self.value(item, is_timestamp));
            }
            Value::Object(object) => {
                let present = || object.iter().filter(|(_, member)| !member.is_null());
                write_head(&mut self.out, MAJOR_MAP, present().count() as u64);
                for (name, member) in present() {
                    write_text(&mut self.out, name);
                    let timestamp = |known: &FlatMember| known.shape == FlatShape::Timestamp && known.json == name;
                    self.value(member, self.members.iter().any(timestamp));
                }
            }
        }
    }
}

fn write_number(out: &mut Vec<u8>, number: &serde_json::Number) {
    if let Some(unsigned) = number.as_u64() {
        write_head(out, MAJOR_UNSIGNED, unsigned);
    } else if let Some(negative) = number.as_i64() {
        // CBOR writes a negative n as -1 - n, which is the bitwise complement.
        write_head(out, MAJOR_NEGATIVE, !negative as u64);
    } else {
        out.push(0xfb);
        out.extend_from_slice(&number.as_f64().unwrap_or(f64::NAN).to_be_bytes());
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_head(out, MAJOR_TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Major type and argument in the shortest form.
fn write_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    if argument < 24 {
        out.push(major | argument as u8);
    } else if let Ok(small) = u8::try_from(argument) {
        out.extend_from_slice(&[major | 24, small]);
    } else if let Ok(medium) = u16::try_from(argument) {
        out.push(major | 25);
        out.extend_from_slice(&medium.to_be_bytes());
    } else if let Ok(large) = u32::try_from(argument) {
        out.push(major | 26);
        out.extend_from_slice(&large.to_be_bytes());
    } else {
        out.push(major | 27);
        out.extend_from_slice(&argument.to_be_bytes());
    }
}

/// Reads one value, which must be all there is. Null members stay, what is no number in JSON becomes text (`NaN`).
///
/// # Errors
/// [`WireError::Cbor`] if the bytes are not well-formed, too deep or too many, or hold what has no place in JSON.
pub fn decode_cbor(bytes: &[u8]) -> Result<Value, WireError> {
    let mut reader = Reader { decoder: Decoder::from(bytes), values: 0 };
    let header = reader.header()?;
    let value = reader.value(header, 0)?;
    if reader.decoder.offset() == bytes.len() { Ok(value) } else { Err(WireError::Cbor("something follows the value")) }
}

struct Reader<'b> {
    decoder: Decoder<&'b [u8]>,
    values: usize,
}

impl Reader<'_> {
    fn header(&mut self) -> Result<Header, WireError> {
        self.decoder.pull().map_err(|_| WireError::Cbor("it is cut off or not well-formed"))
    }

    fn value(&mut self, header: Header, depth: usize) -> Result<Value, WireError> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(WireError::Cbor("it is too large or too deeply nested"));
        }
        Ok(match header {
            Header::Positive(number) => number.into(),
            Header::Negative(complement) => {
                let number = i64::try_from(complement).map_err(|_| WireError::Cbor("a number is too large"))?;
                (!number).into()
            }
            Header::Float(number) => float(number),
            Header::Simple(simple::FALSE) => Value::Bool(false),
            Header::Simple(simple::TRUE) => Value::Bool(true),
            Header::Simple(simple::NULL | simple::UNDEFINED) => Value::Null,
            Header::Simple(_) | Header::Break => return Err(WireError::Cbor("a value has no meaning")),
            Header::Tag(_) => {
                let inner = self.header()?;
                self.value(inner, depth + 1)?
            }
            Header::Text(length) => Value::String(self.text(length)?),
            Header::Bytes(length) => Value::String(STANDARD.encode(self.bytes(length)?)),
            Header::Array(length) => self.array(length, depth)?,
            Header::Map(length) => self.map(length, depth)?,
        })
    }

    /// The header of the next item; `None` where an array or map ends.
    fn item(&mut self, left: &mut Option<usize>) -> Result<Option<Header>, WireError> {
        match left {
            Some(0) => Ok(None),
            Some(left) => {
                *left -= 1;
                self.header().map(Some)
            }
            None => Ok(Some(self.header()?).filter(|header| *header != Header::Break)),
        }
    }

    fn array(&mut self, mut left: Option<usize>, depth: usize) -> Result<Value, WireError> {
        let mut items = Vec::new();
        while let Some(header) = self.item(&mut left)? {
            items.push(self.value(header, depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, mut left: Option<usize>, depth: usize) -> Result<Value, WireError> {
        let mut members = Map::new();
        while let Some(header) = self.item(&mut left)? {
            let Header::Text(length) = header else { return Err(WireError::Cbor("a name is not text")) };
            let name = self.text(length)?;
            let header = self.header()?;
            let value = self.value(header, depth + 1)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }

    fn text(&mut self, length: Option<usize>) -> Result<String, WireError> {
        let broken = || WireError::Cbor("a text is cut off or not UTF-8");
        let (mut text, mut buffer) = (String::new(), [0; 512]);
        let mut segments = self.decoder.text(length);
        while let Some(mut segment) = segments.pull().map_err(|_| broken())? {
            while let Some(part) = segment.pull(&mut buffer).map_err(|_| broken())? {
                text.push_str(part);
            }
        }
        Ok(text)
    }

    fn bytes(&mut self, length: Option<usize>) -> Result<Vec<u8>, WireError> {
        let broken = || WireError::Cbor("bytes are cut off");
        let (mut bytes, mut buffer) = (Vec::new(), [0; 512]);
        let mut segments = self.decoder.bytes(length);
        while let Some(mut segment) = segments.pull().map_err(|_| broken())? {
            while let Some(part) = segment.pull(&mut buffer).map_err(|_| broken())? {
                bytes.extend_from_slice(part);
            }
        }
        Ok(bytes)
    }
}

/// A number; as text where JSON has none, spelt as the JSON protocols do.
fn float(number: f64) -> Value {
    let spelt = || {
        if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
    };
    Number::from_f64(number).map_or_else(|| spelt().into(), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const MEMBERS: &[FlatMember] = &[FlatMember { json: "Times", query: "Times", shape: FlatShape::Timestamp }];

    fn decoded(hexadecimal: &str) -> Value {
        decode_cbor(&hex::decode(hexadecimal).expect("hexadecimal")).expect(hexadecimal)
    }

    #[test]
    fn requests_are_read() {
        // Definite and indefinite, half floats, undefined, tagged times, blobs, text in pieces.
        assert_eq!(decoded("a2616101616220"), json!({"a": 1, "b": -1}));
        assert_eq!(decoded("bf61619f01f93e00ffff"), json!({"a": [1, 1.5]}));
        assert_eq!(decoded("a16161f7"), json!({"a": null}));
        assert_eq!(decoded("a16161c11a514b67b0"), json!({"a": 1_363_896_240}));
        assert_eq!(decoded("a16161c1fb41d452d9ec200000"), json!({"a": 1_363_896_240.5}));
        assert_eq!(decoded("a161614401020304"), json!({"a": "AQIDBA=="}));
        assert_eq!(decoded("a161617f657374726561646d696e67ff"), json!({"a": "streaming"}));
        assert_eq!(decoded("83f97e00f97c00f9fc00"), json!(["NaN", "Infinity", "-Infinity"]));
    }

    #[test]
    fn what_is_not_a_value_is_refused() {
        let deep = "81".repeat(40) + "01";
        let long = format!("9f{}ff", "00".repeat(MAX_VALUES + 1));
        for bad in
            ["", "a1", "a1616100ff", "a10102", "62c328", "ff", "9b7fffffffffffffff", "3bffffffffffffffff", "0101", &deep, &long]
        {
            assert!(decode_cbor(&hex::decode(bad).expect("hexadecimal")).is_err(), "{}", &bad[..bad.len().min(40)]);
        }
    }

    #[test]
    fn timestamps_of_answers_are_tagged() {
        let encoded = encode(&json!({"Times": [1, 1.5], "Other": 1, "None": null}), MEMBERS);
        assert_eq!(hex::encode(encoded), "a26554696d657382c101c1fb3ff8000000000000654f7468657201");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = decode_cbor(&bytes) {
                prop_assert_eq!(decode_cbor(&encode(&value, &[])).is_ok(), true);
            }
        }
    }
}
