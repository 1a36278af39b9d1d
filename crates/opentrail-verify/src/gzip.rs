//! One gzip member, decompressed piece by piece under a limit. CloudTrail writes files of exactly one member.

use flate2::write::GzDecoder;
use std::io::{self, Write};

/// What is wrong with compressed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GzipProblem {
    NotGzip,
    /// The deflate stream cannot be decoded, or its checksum is wrong.
    Corrupt,
    Truncated,
    TooLarge,
    /// Bytes follow the first member, be they another member or not.
    TrailingData,
}

impl GzipProblem {
    pub fn text(self) -> &'static str {
        match self {
            Self::NotGzip => "is not gzip",
            Self::Corrupt => "is a damaged gzip stream",
            Self::Truncated => "is a gzip stream that was cut off",
            Self::TooLarge => "decompresses to more than the limit",
            Self::TrailingData => "has unexpected data after end of compressed stream",
        }
    }
}

/// Decompresses the pieces of a file into `W`.
pub struct Member<W: Write> {
    decoder: GzDecoder<Limited<W>>,
}

impl<W: Write> Member<W> {
    pub fn new(sink: W, limit: u64) -> Self {
        Self { decoder: GzDecoder::new(Limited { sink, left: limit, exceeded: false }) }
    }

    /// Takes the next piece of the file. After a problem the member must not be used any more.
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<(), GzipProblem> {
        while !piece.is_empty() {
            match self.decoder.write(piece) {
                // The decoder takes nothing more once it has the trailer.
                Ok(0) => return Err(GzipProblem::TrailingData),
                Ok(taken) => piece = &piece[taken..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(self.problem()),
            }
        }
        Ok(())
    }

    /// Ends the file and gives back the sink.
    pub fn finish(mut self) -> Result<W, GzipProblem> {
        if self.decoder.header().is_none() {
            return Err(GzipProblem::NotGzip);
        }
        // A complete member refuses a further byte; one that takes it is still waiting for more.
        match self.decoder.write(&[0]) {
            Ok(0) => {}
            Ok(_) => return Err(GzipProblem::Truncated),
            Err(_) => return Err(self.problem()),
        }
        match self.decoder.finish() {
            Ok(limited) => Ok(limited.sink),
            Err(_) => Err(GzipProblem::Corrupt),
        }
    }

    fn problem(&self) -> GzipProblem {
        if self.decoder.get_ref().exceeded {
            GzipProblem::TooLarge
        } else if self.decoder.header().is_none() {
            GzipProblem::NotGzip
        } else {
            GzipProblem::Corrupt
        }
    }
}

/// Passes on at most `left` bytes and fails on the first one beyond.
struct Limited<W> {
    sink: W,
    left: u64,
    exceeded: bool,
}

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len() as u64;
        if length > self.left {
            self.exceeded = true;
            return Err(io::Error::other("limit exceeded"));
        }
        self.sink.write_all(bytes)?;
        self.left -= length;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// A sink that keeps only the SHA-256 of what is written.
pub struct Sha256Sink(aws_lc_rs::digest::Context);

impl Sha256Sink {
    pub fn new() -> Self {
        Self(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256))
    }

    pub fn hex(self) -> String {
        hex::encode(self.0.finish())
    }
}

impl Default for Sha256Sink {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Sha256Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

    /// Whole and byte by byte must agree.
    fn check(file: &[u8], limit: u64, expect: Result<&[u8], GzipProblem>) {
        for size in [1, 7, usize::MAX] {
            let mut member = Member::new(Vec::new(), limit);
            let mut fed = Ok(());
            for piece in file.chunks(size.min(file.len().max(1))) {
                fed = fed.and_then(|()| member.feed(piece));
            }
            let got = fed.and_then(|()| member.finish());
            assert_eq!(got.as_deref().map_err(|p| *p), expect, "in pieces of {size}");
        }
    }

    #[test]
    fn one_member_and_nothing_else() {
        let plain = b"{\"Records\":[]}\n".repeat(100);
        let file = gzip(&plain);
        check(&file, 1 << 20, Ok(&plain));
        check(&gzip(b""), 1 << 20, Ok(b""));
        check(&file, plain.len() as u64, Ok(&plain));
        check(&file, plain.len() as u64 - 1, Err(GzipProblem::TooLarge));
        check(&gzip(&vec![0; 10 << 20]), 1 << 20, Err(GzipProblem::TooLarge));
        check(b"", 10, Err(GzipProblem::NotGzip));
        check(b"{}", 10, Err(GzipProblem::NotGzip));
        check(&plain, 1 << 20, Err(GzipProblem::NotGzip));
        for missing in [1, 7, 8, 9, 12] {
            check(&file[..file.len() - missing], 1 << 20, Err(GzipProblem::Truncated));
        }
        check(&[&file[..], b"x"].concat(), 1 << 20, Err(GzipProblem::TrailingData));
        check(&[&file[..], &file[..]].concat(), 1 << 20, Err(GzipProblem::TrailingData));
        let mut wrong_checksum = file.clone();
        wrong_checksum[file.len() - 8] ^= 1;
        check(&wrong_checksum, 1 << 20, Err(GzipProblem::Corrupt));
    }
}
