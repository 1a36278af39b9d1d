//! Segment files: named after their first position, filled with zeros in advance, headed by sixteen bytes.

use crate::entry::Position;
use crate::error::LogError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub(crate) const HEADER_BYTES: u64 = 16;
const MAGIC: &[u8; 8] = b"OTLOG001";
const SPARE: &str = "spare.tmp";

/// A segment on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    pub path: PathBuf,
    pub first_position: Position,
}

impl SegmentFile {
    pub(crate) fn at(dir: &Path, first_position: Position) -> Self {
        Self { path: dir.join(format!("{first_position:020}.seg")), first_position }
    }

    pub(crate) fn open(&self, write: bool) -> Result<File, LogError> {
        let on_error = |source| LogError::Read { path: self.path.clone(), source };
        let file = OpenOptions::new().read(true).write(write).open(&self.path).map_err(on_error)?;
        let mut header = [0; HEADER_BYTES as usize];
        file.read_exact_at(&mut header, 0).map_err(on_error)?;
        if header[..8] != *MAGIC || header[8..] != self.first_position.to_le_bytes() {
            return Err(self.corrupt(0, "not a log segment, or renamed"));
        }
        Ok(file)
    }

    pub(crate) fn corrupt(&self, offset: u64, what: &'static str) -> LogError {
        LogError::Corrupt { path: self.path.clone(), offset, what }
    }
}

/// All segments of a directory, oldest first.
pub(crate) fn list(dir: &Path) -> Result<Vec<SegmentFile>, LogError> {
    let on_error = |source| LogError::Read { path: dir.to_owned(), source };
    let mut segments = Vec::new();
    for item in fs::read_dir(dir).map_err(on_error)? {
        let path = item.map_err(on_error)?.path();
        let position = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".seg"))
            .and_then(|digits| digits.parse::<Position>().ok());
        if let Some(first_position) = position {
            segments.push(SegmentFile { path, first_position });
        }
    }
    segments.sort_by_key(|segment| segment.first_position);
    Ok(segments)
}

/// The file that becomes the next segment: filled with zeros in advance, so that later writes change no file metadata.
///
/// The writer and the thread that prepares in the background share it; the lock keeps them from filling it twice.
pub(crate) struct Spare {
    dir: PathBuf,
    size: u64,
    lock: Mutex<()>,
}

impl Spare {
    pub(crate) fn new(dir: &Path, size: u64) -> Self {
        Self { dir: dir.to_owned(), size, lock: Mutex::new(()) }
    }

    /// Makes sure that there is a spare file.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        let _lock = self.lock.lock().expect("no holder panics");
        self.fill()
    }

    fn fill(&self) -> io::Result<()> {
        let path = self.dir.join(SPARE);
        if fs::metadata(&path).is_ok_and(|meta| meta.len() == self.size) {
            return Ok(());
        }
        let filling = self.dir.join("filling.tmp");
        let mut file = File::create(&filling)?;
        let zeros = vec![0; 1 << 20];
        let mut left = self.size;
        while left > 0 {
            let chunk = left.min(zeros.len() as u64);
            file.write_all(&zeros[..usize::try_from(chunk).expect("at most a megabyte")])?;
            left -= chunk;
        }
        file.sync_all()?;
        fs::rename(&filling, &path)
    }

    /// Turns the spare into the segment that begins at `first_position`.
    pub(crate) fn begin(&self, first_position: Position) -> Result<(SegmentFile, File), LogError> {
        let _lock = self.lock.lock().expect("no holder panics");
        let segment = SegmentFile::at(&self.dir, first_position);
        match self.rename_into(&segment) {
            Ok(file) => Ok((segment, file)),
            Err(source) if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Err(LogError::DiskFull { path: self.dir.clone(), source })
            }
            Err(source) => Err(LogError::Write { path: segment.path, source }),
        }
    }

    fn rename_into(&self, segment: &SegmentFile) -> io::Result<File> {
        self.fill()?;
        let spare = self.dir.join(SPARE);
        let file = OpenOptions::new().read(true).write(true).open(&spare)?;
        let mut header = [0; HEADER_BYTES as usize];
        header[..8].copy_from_slice(MAGIC);
        header[8..].copy_from_slice(&segment.first_position.to_le_bytes());
        file.write_all_at(&header, 0)?;
        file.sync_data()?;
        fs::rename(&spare, &segment.path)?;
        sync_dir(&self.dir)?;
        Ok(file)
    }
}

pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
