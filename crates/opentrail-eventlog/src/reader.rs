//! Reading the log, block by block, up to what is durable.

use crate::block::{self, BlockHeader};
use crate::entry::{Entry, LoggedEntry, Position};
use crate::error::LogError;
use crate::log::Shared;
use crate::segment::{self, SegmentFile};
use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::sync::watch;

/// Reads entries in order. Checks every checksum; never reads past what is durable.
pub struct LogReader {
    shared: Arc<Shared>,
    end: watch::Receiver<Position>,
    segment: SegmentFile,
    file: File,
    offset: u64,
    /// Position of the next block.
    at: Position,
    /// Entries before this are skipped.
    from: Position,
    only_news: bool,
}

impl LogReader {
    pub(crate) fn new(shared: Arc<Shared>, from: Position) -> Result<Self, LogError> {
        let segment = {
            let segments = shared.segments.read().expect("no holder panics");
            let first = segments.first().map_or(0, |s| s.first_position);
            let index = segments.partition_point(|s| s.first_position <= from);
            if index == 0 {
                return Err(LogError::Trimmed { position: from, first });
            }
            segments[index - 1].clone()
        };
        let file = segment.open(false)?;
        let end = shared.end.subscribe();
        Ok(Self { shared, end, at: segment.first_position, segment, file, offset: segment::HEADER_BYTES, from, only_news: false })
    }

    /// The same reader for those who go by [`Entry::news`]: imported events come empty, which costs less.
    #[must_use]
    pub fn only_news(self) -> Self {
        Self { only_news: true, ..self }
    }

    /// Position of the next entry this reader will give.
    pub fn position(&self) -> Position {
        self.at.max(self.from)
    }

    /// The next block's entries; `None` when everything durable has been read.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] with the place if a block is damaged or missing.
    pub fn next_block(&mut self) -> Result<Option<Vec<LoggedEntry>>, LogError> {
        loop {
            if self.at >= *self.end.borrow() {
                return Ok(None);
            }
            let Some(header) = self.read_header()? else {
                self.next_segment()?;
                continue;
            };
            if header.first_position != self.at {
                return Err(self.segment.corrupt(self.offset, "block out of order"));
            }
            let entries = self.read_entries(&header)?;
            self.offset += header.block_len();
            let next = entries.last().map_or(self.at, LoggedEntry::end);
            self.at = next;
            if next > self.from {
                return Ok(Some(entries.into_iter().filter(|e| e.end() > self.from).collect()));
            }
        }
    }

    /// Waits until there is something to read.
    ///
    /// # Errors
    /// [`LogError::Stopped`] if the log is gone.
    pub async fn wait(&mut self) -> Result<(), LogError> {
        let at = self.at;
        self.end.wait_for(|end| *end > at).await.map(|_| ()).map_err(|_| LogError::Stopped)
    }

    fn read_header(&self) -> Result<Option<BlockHeader>, LogError> {
        let mut bytes = [0; block::HEADER_BYTES];
        match self.file.read_exact_at(&mut bytes, self.offset) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(source) => return Err(LogError::Read { path: self.segment.path.clone(), source }),
        }
        if bytes == [0; block::HEADER_BYTES] {
            return Ok(None);
        }
        BlockHeader::from_bytes(&bytes).map(Some).ok_or_else(|| self.segment.corrupt(self.offset, "not a block header"))
    }

    fn read_entries(&self, header: &BlockHeader) -> Result<Vec<LoggedEntry>, LogError> {
        let mut payload = vec![0; header.payload_len as usize];
        self.file
            .read_exact_at(&mut payload, self.offset + block::HEADER_BYTES as u64)
            .map_err(|_| self.segment.corrupt(self.offset, "block runs over the end of the segment"))?;
        if header.checksum(&payload) != header.crc {
            return Err(self.segment.corrupt(self.offset, "checksum does not match"));
        }
        let mut payload = Bytes::from(payload);
        let mut position = header.first_position;
        let mut entries = Vec::with_capacity((header.entries as usize).min(1024));
        for _ in 0..header.entries {
            let entry = Entry::decode(&mut payload, self.only_news)
                .ok_or_else(|| self.segment.corrupt(self.offset, "entry is not well-formed"))?;
            let logged = LoggedEntry { position, written_ms: header.written_ms, entry };
            position = logged.end();
            entries.push(logged);
        }
        Ok(entries)
    }

    fn next_segment(&mut self) -> Result<(), LogError> {
        let next = {
            let segments = self.shared.segments.read().expect("no holder panics");
            segments.iter().find(|s| s.first_position > self.segment.first_position).cloned()
        };
        match next {
            Some(next) if next.first_position == self.at => {
                self.file = next.open(false)?;
                self.segment = next;
                self.offset = segment::HEADER_BYTES;
                Ok(())
            }
            _ => Err(self.segment.corrupt(self.offset, "blocks are missing here")),
        }
    }
}
