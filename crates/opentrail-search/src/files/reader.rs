//! Reads a file block by block and hands on the records that can match.

use super::document::{Document, Found};
use super::envelope::{self, Content};
use super::input::{Broken, Input, Memory};
use super::names;
use crate::limits;
use crate::matching::{Damage, Prefilter};
use std::io::Read;
use std::ops::Range;

/// Takes what a file holds.
pub trait Receive {
    /// A record that may match.
    fn record(&mut self, record: &[u8], offset: u64);

    /// Something that could not be read, at an offset of the decompressed bytes.
    fn problem(&mut self, offset: u64, reason: &str);

    /// Whether to stop reading.
    fn stopped(&self) -> bool;
}

/// Reads files one after the other; one per thread.
#[derive(Default)]
pub struct Reader {
    memory: Memory,
    block: Vec<u8>,
    lower: Vec<u8>,
}

/// Bytes read of a file, as stored and decompressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    pub stored: u64,
    pub plain: u64,
    /// Whether any of it looked like records.
    pub sensible: bool,
}

enum Form {
    /// Every line is a document.
    Lines,
    /// The file is one document.
    Whole(Document),
}

impl Reader {
    /// Gives back memory that only large files need.
    pub fn shrink(&mut self) {
        self.block.clear();
        self.block.shrink_to(limits::BLOCK_KEPT_BYTES);
        self.lower.clear();
        self.lower.shrink_to(limits::BLOCK_KEPT_BYTES);
    }

    /// Reads a file to its end, or until it makes no sense any more. The location only hints at the form.
    pub fn read(&mut self, file: &mut dyn Read, location: &str, filter: &Prefilter, receive: &mut dyn Receive) -> Amount {
        let Self { memory, block, lower } = self;
        let mut input = Input::new(file, memory);
        block.clear();
        let mut form = None;
        let mut offset = 0;
        let mut sensible = false;
        loop {
            let filled = input.fill(block, limits::BLOCK_BYTES);
            let (last, broken) = match filled {
                Ok(last) => (last, None),
                Err(broken) => (true, Some(broken)),
            };
            let form = form.get_or_insert_with(|| form_of(block, location));
            let mut pass = Pass { filter, lower, receive, offset, cut: broken.is_some(), sensible: &mut sensible };
            let done = match form {
                Form::Lines => Ok(pass.lines(block, last)),
                Form::Whole(document) => pass.whole(document, block, last),
            };
            let plain = offset + block.len() as u64;
            let amount = Amount { stored: input.passed(), plain, sensible };
            if let Some(Broken { offset, reason }) = broken {
                receive.problem(offset, &reason);
                return amount;
            }
            if plain > limits::plain_bytes(input.passed()) {
                receive.problem(offset, "decompresses to implausibly much; the rest of the file was left out");
                return amount;
            }
            match done {
                _ if last || receive.stopped() => return amount,
                Ok(0) => {
                    receive.problem(offset, "a record is larger than the limit; the rest of the file was left out");
                    return amount;
                }
                Ok(length) => {
                    block.drain(..length);
                    offset += length as u64;
                }
                Err(()) => return amount,
            }
        }
    }
}

/// Lines, if the name says so or the first line is a document of its own, and no list of records: that would be all.
fn form_of(block: &[u8], location: &str) -> Form {
    let first = block.trim_ascii_start();
    if !names::says_lines(location) && super::document::records_begin(first, 0).is_some() {
        return Form::Whole(Document::default());
    }
    let line = memchr::memchr(b'\n', first).map_or(first, |end| &first[..end]).trim_ascii_end();
    let alone = line.starts_with(b"{") && super::document::brackets_end(line, 0) == Some(line.len());
    if alone && line.len() < first.len() || names::says_lines(location) { Form::Lines } else { Form::Whole(Document::default()) }
}

/// One block on its way through.
struct Pass<'a> {
    filter: &'a Prefilter,
    lower: &'a mut Vec<u8>,
    receive: &'a mut dyn Receive,
    /// Decompressed bytes before the block.
    offset: u64,
    /// Whether the block ends early because the file is broken, which is reported elsewhere.
    cut: bool,
    sensible: &'a mut bool,
}

impl Pass<'_> {
    /// Answers how much of the block is done with.
    fn lines(&mut self, block: &[u8], last: bool) -> usize {
        let end = if last { block.len() } else { memchr::memrchr(b'\n', block).map_or(0, |at| at + 1) };
        let first = self.filter.first(&block[..end], self.lower).unwrap_or(usize::MAX);
        let mut start = 0;
        while start < end && !self.receive.stopped() {
            let line_end = memchr::memchr(b'\n', &block[start..end]).map_or(end, |length| start + length);
            let line = start..line_end;
            start = line_end + 1;
            let text = block[line.clone()].trim_ascii();
            let complete = match (text.first(), text.last()) {
                (None, _) => continue,
                (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')) => true,
                _ => text.iter().all(|byte| *byte == 0),
            };
            if !complete {
                if !(self.cut && line_end == end) {
                    self.problem(line.start, "the line is not a JSON object");
                }
                continue;
            }
            *self.sensible = true;
            if line_end > first {
                // Whether the rest of a line can be read does not matter to the next one.
                let _ = self.document(&mut Document::default(), block, line, true, 0);
            }
        }
        end
    }

    /// Answers how much of the block is done with, or nothing if the rest of the file cannot be read.
    fn whole(&mut self, document: &mut Document, block: &[u8], last: bool) -> Result<usize, ()> {
        // A file that is in memory whole need not be split if nothing in it can match.
        let first = self.filter.first(block, self.lower);
        if self.offset == 0 && last && first.is_none() {
            self.check_ends(block);
            return Ok(block.len());
        }
        self.document(document, block, 0..block.len(), last, first.unwrap_or(usize::MAX))
    }

    /// What can be said of a text at a glance.
    fn check_ends(&mut self, text: &[u8]) {
        let trimmed = text.trim_ascii().trim_ascii_end();
        let trimmed = &trimmed[..trimmed.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1)].trim_ascii_end();
        let begins = trimmed.first().is_none_or(|byte| b"{[\xef".contains(byte));
        let ends = trimmed.last().is_none_or(|byte| b"}]".contains(byte));
        if !begins {
            self.problem(0, "not JSON");
            return;
        }
        *self.sensible |= !trimmed.is_empty();
        if !ends && !self.cut {
            self.problem(text.len(), "the file does not end as JSON does");
        }
    }

    fn problem(&mut self, at: usize, reason: &str) {
        self.receive.problem(self.offset + at as u64, reason);
    }

    /// Splits a part of the block. What ends before `first` cannot match.
    fn document(
        &mut self,
        document: &mut Document,
        block: &[u8],
        range: Range<usize>,
        last: bool,
        first: usize,
    ) -> Result<usize, ()> {
        let text = &block[range.clone()];
        let mut met = Vec::new();
        let sensible = &mut *self.sensible;
        let split = document.split(text, last, &mut |found| {
            *sensible = true;
            if found.end > first {
                met.push(found);
            }
        });
        for found in met {
            if !self.receive.stopped() {
                self.found(text, range.start, found);
            }
        }
        match split {
            Ok(done) => Ok(done),
            Err(Damage { offset, reason }) => {
                if !self.cut {
                    self.problem(range.start + offset, reason);
                }
                Err(())
            }
        }
    }

    /// A record, or an object that holds some.
    fn found(&mut self, text: &[u8], base: usize, found: Found) {
        let object = &text[found.start..found.end];
        if self.filter.is_useful() && self.filter.first(object, self.lower).is_none() {
            return;
        }
        let content = if found.listed { Content::Record(object) } else { envelope::open(object) };
        let offset = self.offset + (base + found.start) as u64;
        match content {
            Content::Record(record) => self.receive.record(record, offset),
            Content::Records(list) => {
                // One level only: an array of records holds no further objects with arrays of records.
                let mut inner = Vec::new();
                let split = Document::default().split(list, true, &mut |found| inner.push(found));
                for found in inner {
                    self.receive.record(&list[found.start..found.end], offset);
                }
                if let Err(Damage { reason, .. }) = split {
                    self.receive.problem(offset, reason);
                }
            }
            Content::Digest => {}
            Content::Unknown => self.receive.problem(offset, "not a CloudTrail record"),
        }
    }
}
