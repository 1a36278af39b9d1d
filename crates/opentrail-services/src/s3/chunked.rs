//! `aws-chunked` bodies whose signatures are not looked at.
//!
//! ```text
//! hexsize[;chunk-signature=…]\r\n data \r\n … 0[;…]\r\n [name:value\r\n]… \r\n
//! ```
//!
//! Source: Amazon S3 API reference, "Signature calculations: transferring payload in multiple chunks".

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::stream::{ByteStream, DynByteStream, RemainingLength};
use s3s::{Body, StdError};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

/// Longest line that begins a chunk or is a trailer.
const MAX_LINE_BYTES: usize = 1024;
const MAX_TRAILERS: usize = 16;

#[derive(Debug, thiserror::Error)]
enum ChunkError {
    #[error("a chunk does not begin with its size")]
    Size,
    #[error("a line in the chunked body is over {MAX_LINE_BYTES} bytes, or there are too many trailers")]
    TooLong,
    #[error("the chunked body is not as long as x-amz-decoded-content-length says")]
    Length,
    #[error("Incomplete")]
    Incomplete,
}

enum Step {
    Size,
    Data(usize),
    DataEnd,
    Trailers(usize),
    Done,
}

struct Decoder {
    body: Body,
    buffer: BytesMut,
    step: Step,
    left: u64,
    trailers: Arc<Mutex<HeaderMap>>,
}

/// The data of a chunked body of `length` bytes; trailers go to `trailers` before the stream ends.
pub fn decode(body: Body, length: u64, trailers: Arc<Mutex<HeaderMap>>) -> DynByteStream {
    Box::pin(Decoder { body, buffer: BytesMut::new(), step: Step::Size, left: length, trailers })
}

impl Decoder {
    /// One line without its end, if it is all there.
    fn line(&mut self) -> Result<Option<Bytes>, ChunkError> {
        match self.buffer.windows(2).take(MAX_LINE_BYTES).position(|pair| pair == b"\r\n") {
            Some(end) => {
                let line = self.buffer.split_to(end).freeze();
                self.buffer.advance(2);
                Ok(Some(line))
            }
            None if self.buffer.len() > MAX_LINE_BYTES => Err(ChunkError::TooLong),
            None => Ok(None),
        }
    }

    /// Goes on with what is in the buffer; `Ok(None)` asks for more of it.
    fn advance(&mut self) -> Result<Option<Bytes>, ChunkError> {
        loop {
            match self.step {
                Step::Size => {
                    let Some(line) = self.line()? else { return Ok(None) };
                    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
                    let size = std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok());
                    let size = size.ok_or(ChunkError::Size)?;
                    self.left = self.left.checked_sub(size as u64).ok_or(ChunkError::Length)?;
                    self.step = if size == 0 { Step::Trailers(0) } else { Step::Data(size) };
                }
                Step::Data(0) => self.step = Step::DataEnd,
                Step::Data(size) => {
                    if self.buffer.is_empty() {
                        return Ok(None);
                    }
                    let data = self.buffer.split_to(size.min(self.buffer.len())).freeze();
                    self.step = Step::Data(size - data.len());
                    return Ok(Some(data));
                }
                Step::DataEnd => match self.line()? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => self.step = Step::Size,
                    Some(_) => return Err(ChunkError::Size),
                },
                Step::Trailers(count) => {
                    if count > MAX_TRAILERS {
                        return Err(ChunkError::TooLong);
                    }
                    match self.line()? {
                        None => return Ok(None),
                        Some(line) if line.is_empty() => self.step = Step::Done,
                        Some(line) => {
                            self.add_trailer(&line);
                            self.step = Step::Trailers(count + 1);
                        }
                    }
                }
                Step::Done => return Ok(None),
            }
        }
    }

    fn add_trailer(&self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            self.trailers.lock().expect("no holder panics").insert(name, value);
        }
    }
}

impl Stream for Decoder {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.advance() {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(None) if matches!(self.step, Step::Done) => {
                    return Poll::Ready((self.left > 0).then(|| {
                        self.left = 0;
                        Err(ChunkError::Length.into())
                    }));
                }
                Ok(None) => {}
                Err(error) => {
                    self.step = Step::Done;
                    self.left = 0;
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
            match ready!(self.body.poll_next_unpin(cx)) {
                Some(Ok(more)) => self.buffer.extend_from_slice(&more),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                // A last empty line may be missing.
                None if matches!(self.step, Step::Trailers(_)) && self.buffer.is_empty() => self.step = Step::Done,
                None => {
                    self.step = Step::Done;
                    self.left = 0;
                    return Poll::Ready(Some(Err(ChunkError::Incomplete.into())));
                }
            }
        }
    }
}

impl ByteStream for Decoder {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::unknown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(pieces: &[&'static str], length: u64, expect: Result<(&str, Option<&str>), ()>) {
        let stream = futures::stream::iter(
            pieces.iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))).collect::<Vec<_>>(),
        );
        let trailers: Arc<Mutex<HeaderMap>> = Arc::default();
        let body = Body::from(DynByteStream::from(s3s::dto::StreamingBlob::wrap(stream)));
        let decoded = decode(body, length, Arc::clone(&trailers)).collect::<Vec<_>>().await;
        let joined: Result<Vec<Bytes>, _> = decoded.into_iter().collect();
        let trailers = trailers.lock().expect("not poisoned");
        let trailer = trailers.get("x-amz-checksum-crc32").map(|value| value.to_str().expect("text"));
        match (joined, expect) {
            (Ok(data), Ok((text, wanted))) => {
                assert_eq!(data.concat(), text.as_bytes());
                assert_eq!(trailer, wanted);
            }
            (Err(_), Err(())) => {}
            (got, wanted) => panic!("{pieces:?}: {got:?} instead of {wanted:?}"),
        }
    }

    #[tokio::test]
    async fn chunks_come_out_whole_however_they_are_cut() {
        let observed = "6\r\nhello\n\r\n0\r\nx-amz-checksum-crc32:NjowIA==\r\n\r\n";
        check(&[observed], 6, Ok(("hello\n", Some("NjowIA==")))).await;
        check(
            &["6\r", "\nhel", "lo\n\r", "\n0\r\nx-amz-checksum-", "crc32:NjowIA==\r\n\r\n"],
            6,
            Ok(("hello\n", Some("NjowIA=="))),
        )
        .await;
        check(
            &["3;chunk-signature=ab\r\nabc\r\n2;chunk-signature=cd\r\nde\r\n0;chunk-signature=ef\r\n\r\n"],
            5,
            Ok(("abcde", None)),
        )
        .await;
        check(&["0\r\n\r\n"], 0, Ok(("", None))).await;
    }

    #[tokio::test]
    async fn broken_chunks_are_errors() {
        check(&["6\r\nhel"], 6, Err(())).await;
        check(&["6\r\nhello\n\r\n0\r\n\r\n"], 7, Err(())).await;
        check(&["6\r\nhello\n\r\n0\r\n\r\n"], 5, Err(())).await;
        check(&["zz\r\nhello"], 5, Err(())).await;
        check(&["3\r\nabcdef\r\n"], 6, Err(())).await;
    }
}
