//! Members of a tar: ustar, with the long names of GNU and pax.

use super::{Member, Section};
use crate::limits;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

pub const BLOCK: usize = 512;
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// Whether a block is the header of a member: its checksum is right.
pub fn is_header(block: &[u8]) -> bool {
    if block.len() < BLOCK || block[0] == 0 {
        return false;
    }
    let sum: u64 = block.iter().enumerate().map(|(at, byte)| u64::from(if CHECKSUM.contains(&at) { b' ' } else { *byte })).sum();
    number(&block[CHECKSUM]) == Some(sum)
}

/// Names all regular files.
pub fn list(file: &Arc<File>, keep: &mut dyn FnMut(&str, Member) -> io::Result<()>) -> io::Result<()> {
    let mut offset = 0;
    let mut long_name: Option<String> = None;
    let mut pax_size: Option<u64> = None;
    loop {
        let mut header = [0; BLOCK];
        match Section::new(file, offset, BLOCK as u64).read_exact(&mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        if header.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        if !is_header(&header) {
            return Err(io::Error::other(format!("damaged tar header at {offset}")));
        }
        let size = pax_size.take().or_else(|| number(&header[124..136])).ok_or_else(|| io::Error::other("tar size"))?;
        let data = offset + BLOCK as u64;
        match header[156] {
            b'L' => long_name = Some(text(&extension(file, data, size)?)),
            b'x' => {
                let records = extension(file, data, size)?;
                long_name = pax_value(&records, b"path").map(|value| String::from_utf8_lossy(value).into_owned());
                pax_size = pax_value(&records, b"size").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
            }
            kind => {
                let name = long_name.take().unwrap_or_else(|| header_name(&header));
                if matches!(kind, b'0' | 0 | b'7') {
                    keep(&name, Member::Plain { offset: data, size })?;
                }
            }
        }
        let blocks = size.div_ceil(BLOCK as u64).checked_mul(BLOCK as u64);
        offset = blocks.and_then(|blocks| data.checked_add(blocks)).ok_or_else(|| io::Error::other("tar size"))?;
    }
}

/// The data of a header that only describes the next one.
fn extension(file: &Arc<File>, offset: u64, size: u64) -> io::Result<Vec<u8>> {
    if size > limits::METADATA_FILE_BYTES {
        return Err(io::Error::other("tar extension header larger than the limit"));
    }
    let mut bytes = Vec::new();
    Section::new(file, offset, size).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn header_name(header: &[u8; BLOCK]) -> String {
    let name = text(&header[..100]);
    let prefix = if &header[257..262] == b"ustar" && header[263] != b' ' { text(&header[345..500]) } else { String::new() };
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Octal, or the binary form of GNU for large numbers.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len().checked_sub(8).filter(|high| *high > 0)?);
        let positive = high[0] == 0x80 && high[1..].iter().all(|byte| *byte == 0);
        return positive.then(|| low.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

/// The value of one `length key=value` record.
fn pax_value<'a>(mut records: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut found = None;
    while let Some(space) = records.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
        let record = records.get(space + 1..length.checked_sub(1)?)?;
        if let Some(value) = record.strip_prefix(key).and_then(|rest| rest.strip_prefix(b"=")) {
            found = Some(value);
        }
        records = &records[length..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_records() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\0\0\0\x01\0"), Some(256));
        assert_eq!(number(b"\xff\0\0\0\0\0\0\0\0\0\x01\0"), None);
        assert_eq!(number(b"x      \0"), None);
        assert_eq!(number(b"\xff\0\0\0\0\0\0\0"), None);
        assert_eq!(pax_value(b"12 path=a/b\n11 size=12\n", b"size"), Some(&b"12"[..]));
        assert_eq!(pax_value(b"99 path=a/b\n", b"path"), None);
        assert_eq!(pax_value(b"0 path=a/b\n", b"path"), None);
        assert!(!is_header(&[0; BLOCK]) && !is_header(b"x"));
    }
}
