//! The plain bytes of a stored file: one gzip member, several, or no gzip at all.

use bytes::{Buf, Bytes, buf};
use flate2::bufread::GzDecoder;
use std::io::{self, Read};

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads the plain bytes of a file that is in memory. A member that is cut off, damaged or of a wrong checksum is an
/// error, and so are bytes behind the last member that are not zeros.
pub(crate) struct Plain {
    state: State,
}

enum State {
    Raw(buf::Reader<Bytes>),
    Member(Box<GzDecoder<buf::Reader<Bytes>>>),
    End,
}

impl Plain {
    /// A client that undid `Content-Encoding: gzip` on its way leaves plain JSON, which is taken as it is.
    pub fn new(stored: Bytes) -> Self {
        Self { state: if stored.starts_with(&MAGIC) { member(stored) } else { State::Raw(stored.reader()) } }
    }
}

fn member(stored: Bytes) -> State {
    State::Member(Box::new(GzDecoder::new(stored.reader())))
}

/// How long a file probably is when decompressed: what its last member says, which anybody may have written there.
pub(crate) fn expected_length(stored: &[u8]) -> usize {
    match stored.last_chunk::<4>() {
        Some(length) if stored.starts_with(&MAGIC) => u32::from_le_bytes(*length) as usize,
        _ => stored.len(),
    }
}

impl Read for Plain {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.state {
                State::End => return Ok(0),
                State::Raw(rest) => return rest.read(into),
                State::Member(decoder) => {
                    let length = decoder.read(into)?;
                    if length > 0 || into.is_empty() {
                        return Ok(length);
                    }
                }
            }
            let State::Member(decoder) = std::mem::replace(&mut self.state, State::End) else { continue };
            let rest = decoder.into_inner().into_inner();
            if rest.starts_with(&MAGIC) {
                self.state = member(rest);
            } else if rest.iter().any(|byte| *byte != 0) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes follow the gzip stream that are none"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).expect("compresses");
        encoder.finish().expect("compresses")
    }

    fn read(stored: &[u8]) -> Option<Vec<u8>> {
        let mut plain = Vec::new();
        Plain::new(stored.to_vec().into()).read_to_end(&mut plain).ok().map(|_| plain)
    }

    #[test]
    fn members_and_plain_bytes() {
        let (one, two) = (gzip(b"one"), gzip(&vec![b'2'; 100_000]));
        assert_eq!(read(&one).as_deref(), Some(&b"one"[..]));
        assert_eq!(read(&[&one[..], &two[..]].concat()).map(|plain| plain.len()), Some(100_003));
        assert_eq!(read(&[&one[..], &[0; 9]].concat()).as_deref(), Some(&b"one"[..]));
        assert_eq!(read(b"{}").as_deref(), Some(&b"{}"[..]));
        assert_eq!(read(b"").as_deref(), Some(&b""[..]));
        assert_eq!(read(&[&one[..], b"x"].concat()), None);
        assert_eq!(expected_length(&two), 100_000);
        for length in 2..two.len() {
            assert_eq!(read(&two[..length]), None, "cut at {length}");
        }
        for at in [two.len() - 1, two.len() - 5, two.len() / 2] {
            let mut damaged = two.clone();
            damaged[at] ^= 0x10;
            assert_eq!(read(&damaged), None, "damaged at {at}");
        }
    }
}
