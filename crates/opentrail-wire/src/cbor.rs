//! JSON values as CBOR (RFC 8949), as far as answers of Smithy RPC v2 need it.
//!
//! Does not know blobs and timestamps: JSON cannot tell them from text and numbers, so neither can this encoder.

use serde_json::Value;

const MAJOR_UNSIGNED: u8 = 0;
const MAJOR_NEGATIVE: u8 = 1;
const MAJOR_TEXT: u8 = 3;
const MAJOR_ARRAY: u8 = 4;
const MAJOR_MAP: u8 = 5;

pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_value(&mut out, value);
    out
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            write_head(out, MAJOR_ARRAY, items.len() as u64);
            items.iter().for_each(|item| write_value(out, item));
        }
        Value::Object(members) => {
            let present = || members.iter().filter(|(_, member)| !member.is_null());
            write_head(out, MAJOR_MAP, present().count() as u64);
            for (name, member) in present() {
                write_text(out, name);
                write_value(out, member);
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
