//! The content of one log file: decompressed, hashed, looked at.

use crate::gzip::{GzipProblem, Member, Sha256Sink};
use crate::limits;
use crate::records::{Expected, Look, Records};
use crate::source::LocalFile;
use aws_lc_rs::digest::{Context, SHA256, digest};
use libdeflater::Decompressor;
use memchr::memmem;
use std::io::{self, Read, Write};
use std::sync::Mutex;
use tokio::sync::Semaphore;

/// What is known of a log file that could be read.
#[derive(Debug, PartialEq, Eq)]
pub struct LogContent {
    /// Lower-case hex SHA-256 of the uncompressed bytes.
    pub hash: String,
    /// `None` if nobody asked.
    pub records: Option<Records>,
}

/// Hashes what is written and looks at it.
pub struct LogSink {
    hash: Sha256Sink,
    look: Option<Look>,
}

impl LogSink {
    fn new(expected: Option<&Expected>) -> Self {
        Self { hash: Sha256Sink::new(), look: expected.cloned().map(Look::new) }
    }

    fn finish(self) -> LogContent {
        LogContent { hash: self.hash.hex(), records: self.look.map(Look::finish) }
    }
}

impl Write for LogSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(look) = &mut self.look {
            look.feed(bytes);
        }
        self.hash.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A log file that comes in pieces.
pub struct LogStream(Member<LogSink>);

impl LogStream {
    pub fn new(expected: Option<&Expected>) -> Self {
        Self(Member::new(LogSink::new(expected), limits::LOG_FILE_BYTES))
    }

    pub fn feed(&mut self, piece: &[u8]) -> Result<(), GzipProblem> {
        self.0.feed(piece)
    }

    pub fn finish(self) -> Result<LogContent, GzipProblem> {
        self.0.finish().map(LogSink::finish)
    }
}

/// Reads whole log files with buffers that are used again.
pub struct LogReader {
    decompressor: Decompressor,
    stored: Vec<u8>,
    plain: Vec<u8>,
}

impl Default for LogReader {
    fn default() -> Self {
        Self { decompressor: Decompressor::new(), stored: Vec::new(), plain: Vec::new() }
    }
}

impl LogReader {
    /// Reads a file of this machine.
    pub fn read(&mut self, file: LocalFile, expected: Option<&Expected>) -> io::Result<Result<LogContent, GzipProblem>> {
        let mut stored = std::mem::take(&mut self.stored);
        stored.clear();
        stored.reserve(usize::try_from(file.size.min(limits::WHOLE_STORED_BYTES)).unwrap_or(0) + 1);
        let mut reader = file.reader;
        (&mut reader).take(limits::WHOLE_STORED_BYTES).read_to_end(&mut stored)?;
        let content = if (stored.len() as u64) < limits::WHOLE_STORED_BYTES {
            self.whole(&stored, expected)
        } else {
            stream(&mut stored, &mut reader, expected)?
        };
        self.stored = stored;
        Ok(content)
    }

    /// Reads the stored bytes of a file.
    pub fn whole(&mut self, stored: &[u8], expected: Option<&Expected>) -> Result<LogContent, GzipProblem> {
        if let Some(length) = self.decompress(stored) {
            let plain = &self.plain[..length];
            let Some(expected) = expected else {
                return Ok(LogContent { hash: hex::encode(digest(&SHA256, plain)), records: None });
            };
            let mut hash = Context::new(&SHA256);
            let records = Look::whole(expected, plain, |part| hash.update(part));
            return Ok(LogContent { hash: hex::encode(hash.finish()), records: Some(records) });
        }
        // Too large, or something is wrong with it: the stream tells what.
        let mut member = LogStream::new(expected);
        member.feed(stored)?;
        member.finish()
    }

    /// The length of the decompressed bytes if the file is exactly one good member of moderate size.
    ///
    /// libdeflate does not tell where the member ended. But a member ends with its checksum and length: if those of the
    /// end of the file are nowhere else in it, this member cannot have ended before.
    fn decompress(&mut self, stored: &[u8]) -> Option<usize> {
        // As CloudTrail writes it, without options in the header: libdeflate does not check those as strictly.
        if !stored.starts_with(b"\x1f\x8b\x08\0") {
            return None;
        }
        let end = stored.len().checked_sub(8)?;
        let trailer = &stored[end..];
        let length = u32::from_le_bytes(trailer[4..].try_into().ok()?) as usize;
        if length > limits::WHOLE_PLAIN_BYTES || memmem::find(stored, trailer) != Some(end) {
            return None;
        }
        if self.plain.len() < length {
            self.plain.resize(length, 0);
        }
        let written = self.decompressor.gzip_decompress(stored, &mut self.plain[..length]).ok()?;
        (written == length).then_some(length)
    }
}

/// Reads the rest of a large file piece by piece.
fn stream(piece: &mut [u8], reader: &mut dyn Read, expected: Option<&Expected>) -> io::Result<Result<LogContent, GzipProblem>> {
    let mut member = LogStream::new(expected);
    let mut length = piece.len();
    while length > 0 {
        if let Err(problem) = member.feed(&piece[..length]) {
            return Ok(Err(problem));
        }
        length = loop {
            match reader.read(piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
    }
    Ok(member.finish())
}

/// Readers that nobody uses at the moment. Their number is bounded, because each keeps its buffers.
pub struct Readers {
    idle: Mutex<Vec<LogReader>>,
    parsing: Mutex<()>,
    /// Threads that may decompress at the same time.
    pub threads: Semaphore,
}

impl Readers {
    pub fn new(threads: usize) -> Self {
        Self { idle: Mutex::default(), parsing: Mutex::default(), threads: Semaphore::new(threads) }
    }

    pub fn with<T>(&self, work: impl FnOnce(&mut LogReader) -> T) -> T {
        let mut reader = self.idle.lock().ok().and_then(|mut idle| idle.pop()).unwrap_or_default();
        let done = work(&mut reader);
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(reader);
        }
        done
    }

    /// Does what needs much memory while nobody else does.
    pub fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.parsing.lock();
        work()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).expect("compresses");
        encoder.finish().expect("compresses")
    }

    /// The quick way and the stream must agree, whatever the bytes.
    fn check(stored: &[u8]) -> Result<LogContent, GzipProblem> {
        let expected = Expected { account: "1".into(), region: "r".into() };
        let mut reader = LogReader::default();
        let whole = reader.whole(stored, Some(&expected));
        let mut member = LogStream::new(Some(&expected));
        let streamed = member.feed(stored).and_then(|()| member.finish());
        let outcome = |content: &Result<LogContent, GzipProblem>| content.as_ref().map(|c| c.hash.clone()).map_err(|p| *p);
        assert_eq!(outcome(&whole), outcome(&streamed));
        let file = LocalFile { reader: Box::new(io::Cursor::new(stored.to_vec())), size: stored.len() as u64 };
        assert_eq!(outcome(&reader.read(file, None).expect("reads")), outcome(&whole));
        whole
    }

    #[test]
    fn both_ways_agree() {
        let plain = b"{\"Records\":[{\"awsRegion\":\"r\",\"eventID\":\"a\"}]}\n".repeat(50);
        let file = gzip(&plain);
        assert!(check(&file).is_ok() && check(&gzip(b"")).is_ok());
        assert!(check(&gzip(&vec![7; limits::WHOLE_PLAIN_BYTES + 1])).is_ok());
        for missing in 1..file.len() {
            assert!(check(&file[..missing]).is_err());
        }
        assert_eq!(check(&[&file[..], b"x"].concat()), Err(GzipProblem::TrailingData));
        // A second copy ends with the very same trailer.
        assert_eq!(check(&[&file[..], &file[..]].concat()), Err(GzipProblem::TrailingData));
        let trailer = &file[file.len() - 8..];
        assert_eq!(check(&[&file[..], trailer].concat()), Err(GzipProblem::TrailingData));
        for at in 0..file.len() {
            let mut other = file.clone();
            other[at] ^= 1;
            // Neither way may make other content of it. (libdeflate takes some codes that zlib refuses.)
            let whole = LogReader::default().whole(&other, None);
            assert!(whole.is_err() || whole.map(|c| c.hash) == check(&file).map(|c| c.hash), "byte {at}");
        }
        let mut noise = Vec::new();
        let mut state = 1_u64;
        for _ in 0..(limits::WHOLE_STORED_BYTES / 4) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.extend_from_slice(&state.to_le_bytes());
        }
        assert!(check(&gzip(&noise)).is_ok());
    }
}
