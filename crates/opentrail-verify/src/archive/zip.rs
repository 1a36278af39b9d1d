//! Members of a zip: its central directory, also in the 64-bit form; stored or deflated members.

use super::{Member, Section};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: u64 = 22;
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: u64 = 30;
/// A comment of at most this size follows the end record.
const COMMENT_BYTES: u64 = 0xffff;
const IS_ENCRYPTED: u16 = 1;

fn damaged(what: &str) -> io::Error {
    io::Error::other(format!("damaged zip: {what}"))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u16_at(bytes, at)) | u64::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u32_at(bytes, at) | u32_at(bytes, at + 4) << 32
}

/// Names all files.
pub fn list(file: &Arc<File>, keep: &mut dyn FnMut(&str, Member) -> io::Result<()>) -> io::Result<()> {
    let (count, size, offset) = directory(file)?;
    let mut central = BufReader::new(Section::new(file, offset, size));
    for _ in 0..count {
        let mut fixed = [0; 46];
        central.read_exact(&mut fixed)?;
        if !fixed.starts_with(CENTRAL) {
            return Err(damaged("central directory"));
        }
        let mut name = vec![0; usize::from(u16_at(&fixed, 28))];
        let mut extra = vec![0; usize::from(u16_at(&fixed, 30))];
        let mut comment = vec![0; usize::from(u16_at(&fixed, 32))];
        for part in [&mut name, &mut extra, &mut comment] {
            central.read_exact(part)?;
        }
        let name = String::from_utf8_lossy(&name).into_owned();
        let (size, stored, header) = sizes(&fixed, &extra);
        let deflated = match u16_at(&fixed, 10) {
            0 => false,
            8 => true,
            _ if name.ends_with(".gz") => return Err(damaged("a compression other than deflate")),
            _ => continue,
        };
        if u16_at(&fixed, 8) & IS_ENCRYPTED != 0 {
            return Err(io::Error::other("the zip is encrypted"));
        }
        if !name.ends_with('/') {
            keep(&name, Member::Zip { header, stored, size, deflated })?;
        }
    }
    Ok(())
}

/// Number of members, and size and offset of the central directory.
fn directory(file: &Arc<File>) -> io::Result<(u64, u64, u64)> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(END_BYTES + COMMENT_BYTES + 20);
    let mut tail = Vec::new();
    Section::new(file, start, length - start).read_to_end(&mut tail)?;
    let last = tail.len().checked_sub(END_BYTES as usize).ok_or_else(|| damaged("no end"))?;
    let at = (0..=last).rev().find(|at| tail[*at..].starts_with(END)).ok_or_else(|| damaged("no end"))?;
    let end = &tail[at..];
    if let Some(locator) = at.checked_sub(20).map(|at| &tail[at..])
        && locator.starts_with(LOCATOR64)
    {
        let mut end = [0; 56];
        Section::new(file, u64_at(locator, 8), 56).read_exact(&mut end)?;
        if !end.starts_with(END64) {
            return Err(damaged("64-bit end"));
        }
        return Ok((u64_at(&end, 32), u64_at(&end, 40), u64_at(&end, 48)));
    }
    Ok((u64::from(u16_at(end, 10)), u32_at(end, 12), u32_at(end, 16)))
}

/// Uncompressed size, stored size and header offset; those that do not fit are in the extra field, in this order.
fn sizes(fixed: &[u8; 46], extra: &[u8]) -> (u64, u64, u64) {
    let mut values = [u32_at(fixed, 24), u32_at(fixed, 20), u32_at(fixed, 42)];
    let mut rest = extra;
    while rest.len() >= 4 {
        let (id, length) = (u16_at(rest, 0), usize::from(u16_at(rest, 2)));
        let Some(field) = rest.get(4..4 + length) else { break };
        if id == 1 {
            let mut wide = field.chunks_exact(8);
            for value in values.iter_mut().filter(|value| **value == u64::from(u32::MAX)) {
                let Some(bytes) = wide.next() else { break };
                *value = u64_at(bytes, 0);
            }
        }
        rest = &rest[4 + length..];
    }
    (values[0], values[1], values[2])
}

/// Where the data of a member begin.
pub fn data_offset(file: &Arc<File>, header: u64) -> io::Result<u64> {
    let mut fixed = [0; LOCAL_BYTES as usize];
    Section::new(file, header, LOCAL_BYTES).read_exact(&mut fixed)?;
    if !fixed.starts_with(LOCAL) {
        return Err(damaged("local header"));
    }
    Ok(header + LOCAL_BYTES + u64::from(u16_at(&fixed, 26)) + u64::from(u16_at(&fixed, 28)))
}
