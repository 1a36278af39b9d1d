//! The bytes of a file, decompressed if they are gzip, whatever the file is called.

use crate::limits;
use flate2::{Decompress, FlushDecompress, Status};
use std::io::Read;

/// Memory that files read one after the other share.
pub(super) struct Memory {
    raw: Vec<u8>,
    inflate: Decompress,
}

impl Default for Memory {
    fn default() -> Self {
        Self { raw: vec![0; limits::READ_BYTES], inflate: Decompress::new(false) }
    }
}

/// A file being read.
pub(super) struct Input<'a> {
    reader: &'a mut dyn Read,
    memory: &'a mut Memory,
    /// What of `memory.raw` is not used yet.
    start: usize,
    end: usize,
    /// Bytes of the file before `start`.
    passed: u64,
    ended: bool,
    phase: Phase,
}

enum Phase {
    Begin,
    Plain,
    Member { checksum: crc32fast::Hasher, length: u32 },
    BetweenMembers,
    End,
}

/// The bytes end, or cannot be trusted, here.
#[derive(Debug)]
pub(super) struct Broken {
    /// In the file as stored.
    pub offset: u64,
    pub reason: String,
}

const MAGIC: [u8; 2] = [0x1f, 0x8b];

impl<'a> Input<'a> {
    pub fn new(reader: &'a mut dyn Read, memory: &'a mut Memory) -> Self {
        Self { reader, memory, start: 0, end: 0, passed: 0, ended: false, phase: Phase::Begin }
    }

    /// Bytes of the file taken so far.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Appends until `out` has `limit` bytes or the file ends; `true` at the end. What was appended before an error is
    /// good.
    pub fn fill(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<bool, Broken> {
        while out.len() < limit {
            match &mut self.phase {
                Phase::Begin => {
                    let gzip = self.need(2)? && self.memory.raw[self.start..].starts_with(&MAGIC);
                    self.phase = if gzip { self.begin_member()? } else { Phase::Plain };
                }
                Phase::Plain => {
                    if !self.need(1)? {
                        self.phase = Phase::End;
                        continue;
                    }
                    let length = (self.end - self.start).min(limit - out.len());
                    out.extend_from_slice(&self.memory.raw[self.start..self.start + length]);
                    self.pass(length);
                }
                Phase::Member { .. } => self.inflate(out, limit)?,
                Phase::BetweenMembers => self.next_member()?,
                Phase::End => return Ok(true),
            }
        }
        Ok(matches!(self.phase, Phase::End))
    }

    fn broken(&self, reason: impl Into<String>) -> Broken {
        Broken { offset: self.passed, reason: reason.into() }
    }

    fn pass(&mut self, length: usize) {
        self.start += length;
        self.passed += length as u64;
    }

    /// Has `wanted` bytes ready, unless the file ends before.
    fn need(&mut self, wanted: usize) -> Result<bool, Broken> {
        while self.end - self.start < wanted && !self.ended {
            if self.start > 0 {
                self.memory.raw.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            match self.reader.read(&mut self.memory.raw[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(length) => self.end += length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(format!("cannot be read on: {error}"))),
            }
        }
        Ok(self.end - self.start >= wanted)
    }

    /// Reads the header of a member.
    fn begin_member(&mut self) -> Result<Phase, Broken> {
        const HEADER_BYTES: usize = 10;
        let cut = "is a gzip stream that was cut off";
        if !self.need(HEADER_BYTES)? {
            return Err(self.broken(cut));
        }
        let header = &self.memory.raw[self.start..self.start + HEADER_BYTES];
        let (method, flags) = (header[2], header[3]);
        if method != 8 {
            return Err(self.broken("is compressed in an unknown way"));
        }
        self.pass(HEADER_BYTES);
        if flags & 4 != 0 {
            if !self.need(2)? {
                return Err(self.broken(cut));
            }
            let length = u16::from_le_bytes([self.memory.raw[self.start], self.memory.raw[self.start + 1]]);
            self.skip(2 + usize::from(length))?;
        }
        // A file name and a comment.
        for _text in [8, 16].into_iter().filter(|flag| flags & flag != 0) {
            loop {
                if !self.need(1)? {
                    return Err(self.broken(cut));
                }
                let byte = self.memory.raw[self.start];
                self.pass(1);
                if byte == 0 {
                    break;
                }
            }
        }
        if flags & 2 != 0 {
            self.skip(2)?;
        }
        self.memory.inflate.reset(false);
        Ok(Phase::Member { checksum: crc32fast::Hasher::new(), length: 0 })
    }

    fn skip(&mut self, length: usize) -> Result<(), Broken> {
        if !self.need(length)? {
            return Err(self.broken("is a gzip stream that was cut off"));
        }
        self.pass(length);
        Ok(())
    }

    fn inflate(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<(), Broken> {
        let more = self.need(1)?;
        if out.capacity() == out.len() {
            let room = out.len().max(limits::READ_BYTES).min(limit - out.len());
            out.reserve_exact(room);
        }
        let (before_in, before_out) = (self.memory.inflate.total_in(), out.len());
        let raw = &self.memory.raw[self.start..self.end];
        let status = self.memory.inflate.decompress_vec(raw, out, FlushDecompress::None);
        let taken = usize::try_from(self.memory.inflate.total_in() - before_in).unwrap_or(raw.len());
        self.pass(taken);
        let fresh = &out[before_out..];
        if let Phase::Member { checksum, length } = &mut self.phase {
            checksum.update(fresh);
            // The format counts modulo 2^32.
            *length = length.wrapping_add(u32::try_from(fresh.len() & 0xffff_ffff).unwrap_or(0));
        }
        match status {
            Ok(Status::StreamEnd) => self.end_member(),
            Ok(_) if !more && taken == 0 && fresh.is_empty() => Err(self.broken("is a gzip stream that was cut off")),
            Ok(_) => Ok(()),
            Err(_) => Err(self.broken("is a damaged gzip stream")),
        }
    }

    fn end_member(&mut self) -> Result<(), Broken> {
        let Phase::Member { checksum, length } = std::mem::replace(&mut self.phase, Phase::BetweenMembers) else { return Ok(()) };
        if !self.need(8)? {
            return Err(self.broken("is a gzip stream that was cut off"));
        }
        let expected = [checksum.finalize().to_le_bytes(), length.to_le_bytes()].concat();
        if self.memory.raw[self.start..self.start + 8] != expected[..] {
            return Err(self.broken("is a damaged gzip stream: its checksum is wrong"));
        }
        self.pass(8);
        Ok(())
    }

    /// Another member may follow, and zeros may fill up the file. Other bytes are not gzip.
    fn next_member(&mut self) -> Result<(), Broken> {
        if self.need(2)? && self.memory.raw[self.start..].starts_with(&MAGIC) {
            self.phase = self.begin_member()?;
            return Ok(());
        }
        self.phase = Phase::End;
        while self.need(1)? {
            let rest = &self.memory.raw[self.start..self.end];
            if rest.iter().any(|byte| *byte != 0) {
                return Err(self.broken("has bytes after the gzip stream, which were left out"));
            }
            self.pass(rest.len());
        }
        Ok(())
    }
}
