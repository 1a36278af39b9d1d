//! Reading files from their sources: digests whole, log files by threads, small ones in one go.

use crate::bucket::{Store, StoredObject};
use crate::chain::{Content, Loaded};
use crate::digest::{DigestProblem, LogFileEntry, ParsedDigest, s3_url};
use crate::error::VerifyError;
use crate::finding::{Code, Finding};
use crate::gzip::{GzipProblem, Member};
use crate::limits;
use crate::log_content::{LogContent, LogStream, Readers};
use crate::records::{self, Expected, Records};
use crate::source::{Files, LocalFile};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// One place where a file may be.
#[derive(Clone)]
pub struct Whereabouts {
    pub files: Files,
    pub location: String,
    /// As people write it.
    pub file: String,
}

fn read_error(file: &str) -> impl Fn(io::Error) -> VerifyError {
    move |source| VerifyError::Read { path: file.into(), source }
}

/// Stored bytes and metadata.
pub type Stored = (Vec<u8>, BTreeMap<String, String>);

/// Reads a whole file; `None` if it is not there. Of one that is larger than `limit`, a little more than that is read.
pub async fn read_stored(place: &Whereabouts, limit: u64) -> Result<Option<Stored>, VerifyError> {
    match &place.files {
        Files::Local(files) => {
            let (files, place) = (Arc::clone(files), place.clone());
            spawn_blocking(move || {
                let Some(file) = files.open(&place.location)? else { return Ok(None) };
                let mut stored = Vec::new();
                file.reader.take(limit + 1).read_to_end(&mut stored).map_err(read_error(&place.file))?;
                Ok(Some((stored, files.metadata(&place.location)?)))
            })
            .await?
        }
        Files::Store(store) => {
            let Some(mut object) = store.open(&place.location).await? else { return Ok(None) };
            let mut stored = Vec::new();
            while stored.len() as u64 <= limit
                && let Some(piece) = object.body.next().await?
            {
                stored.extend_from_slice(&piece);
            }
            Ok(Some((stored, object.metadata)))
        }
    }
}

/// Reads one digest. One beyond `limit` is only said to be large, unless that is the limit of all digests.
pub async fn load_digest(id: u32, place: Whereabouts, limit: u64) -> Loaded {
    let loaded = |content, metadata| Loaded { id, file: place.file.clone(), content, metadata };
    let (stored, metadata) = match read_stored(&place, limit).await {
        Ok(Some(found)) => found,
        Ok(None) => return loaded(Content::Gone, BTreeMap::new()),
        Err(error) => return loaded(Content::Unreadable(error), BTreeMap::new()),
    };
    if stored.len() as u64 > limit {
        return loaded(too_large(limit), metadata);
    }
    let content = match spawn_blocking(move || ParsedDigest::read_within(&stored, limit)).await {
        Ok(Ok(digest)) => Content::Digest(Box::new(digest)),
        Ok(Err(DigestProblem::Gzip(GzipProblem::TooLarge))) => too_large(limit),
        Ok(Err(problem)) => Content::Problem(problem),
        Err(error) => Content::Unreadable(error.into()),
    };
    loaded(content, metadata)
}

fn too_large(limit: u64) -> Content {
    if limit < limits::DIGEST_BYTES { Content::Large } else { Content::Problem(DigestProblem::Gzip(GzipProblem::TooLarge)) }
}

/// One log file to check.
pub struct LogJob {
    pub entry: LogFileEntry,
    /// The listed file it is, if any.
    pub id: Option<u32>,
    /// Number of the chain whose digest names it.
    pub chain: usize,
    /// Whether a signature vouches for that digest.
    pub proved: bool,
    /// Where it may be; the first that exists counts.
    pub places: Vec<Whereabouts>,
    /// What its records should say; `None` if they are not looked at.
    pub expected: Option<Expected>,
}

impl LogJob {
    pub fn named(&self) -> String {
        s3_url(&self.entry.s3_bucket, &self.entry.s3_object)
    }

    /// Whether it can be checked without waiting for anything but a disk.
    pub fn is_local(&self) -> bool {
        self.places.iter().all(|place| matches!(place.files, Files::Local(_)))
    }
}

/// What became of a job.
pub struct LogOutcome {
    pub job: LogJob,
    /// Where it was found.
    pub file: Option<String>,
    pub result: Result<Result<LogContent, GzipProblem>, VerifyError>,
}

impl LogOutcome {
    /// What is wrong with the file; `None` if it is unchanged.
    pub fn finding(&self) -> Option<Finding> {
        let Some(file) = &self.file else {
            return Some(Finding::new(Code::LogMissing, self.job.named(), "is not there, but a digest names it"));
        };
        match &self.result {
            Ok(Ok(content)) if content.hash.eq_ignore_ascii_case(&self.job.entry.hash_value) => None,
            Ok(Ok(_)) => Some(Finding::new(Code::LogChanged, file, "has another hash than its digest recorded")),
            Ok(Err(problem)) => Some(Finding::new(code_of(*problem), file, problem.text())),
            Err(error) => Some(Finding::new(Code::Unreadable, file, error.chain())),
        }
    }
}

fn code_of(problem: GzipProblem) -> Code {
    match problem {
        GzipProblem::TrailingData => Code::TrailingData,
        GzipProblem::TooLarge => Code::TooLarge,
        GzipProblem::NotGzip | GzipProblem::Corrupt | GzipProblem::Truncated => Code::LogUnreadable,
    }
}

/// The outcome of a job whose file was found nowhere.
fn not_found(job: LogJob) -> LogOutcome {
    LogOutcome { job, file: None, result: Ok(Err(GzipProblem::NotGzip)) }
}

/// Checks files of this machine, on a thread of its own.
pub async fn check_local(jobs: Vec<LogJob>, readers: Arc<Readers>) -> Result<Vec<LogOutcome>, VerifyError> {
    let check = move || readers.with(|reader| jobs.into_iter().map(|job| check_one(job, reader, &readers)).collect());
    Ok(spawn_blocking(check).await?)
}

fn check_one(job: LogJob, reader: &mut crate::log_content::LogReader, readers: &Readers) -> LogOutcome {
    let expected = job.expected.as_ref();
    for place in &job.places {
        let Files::Local(files) = &place.files else { continue };
        let read = |file: LocalFile, reader: &mut crate::log_content::LogReader| {
            let mut content = reader.read(file, expected).map_err(read_error(&place.file))?;
            if let (Ok(content), Some(expected)) = (&mut content, expected)
                && content.records.as_ref().is_some_and(|records| records.doubtful)
                && let Some(again) = files.open(&place.location)?
            {
                let mut stored = Vec::new();
                again.reader.take(limits::PARSED_BYTES).read_to_end(&mut stored).map_err(read_error(&place.file))?;
                content.records = Some(readers.alone(|| parse(expected, &stored)));
            }
            Ok(content)
        };
        let result = match files.open(&place.location) {
            Ok(None) => continue,
            Ok(Some(file)) => read(file, reader),
            Err(error) => Err(error),
        };
        let file = Some(place.file.clone());
        return LogOutcome { job, file, result };
    }
    not_found(job)
}

/// Parses the records of a file that a stream left in doubt.
fn parse(expected: &Expected, stored: &[u8]) -> Records {
    let mut member = Member::new(Vec::new(), limits::PARSED_BYTES);
    match member.feed(stored).and_then(|()| member.finish()) {
        Ok(plain) => records::parse(expected, &plain),
        Err(_) => Records { doubtful: true, ..Records::default() },
    }
}

/// Checks one file wherever it may be.
pub async fn check_anywhere(job: LogJob, readers: Arc<Readers>) -> Result<Vec<LogOutcome>, VerifyError> {
    for place in &job.places {
        let Files::Store(store) = &place.files else {
            let alone = LogJob { places: vec![place.clone()], entry: job.entry.clone(), expected: job.expected.clone(), ..job };
            let outcomes = check_local(vec![alone], Arc::clone(&readers)).await?;
            if outcomes.iter().any(|outcome| outcome.file.is_some()) {
                return Ok(outcomes);
            }
            continue;
        };
        let result = match store.open(&place.location).await {
            Ok(None) => continue,
            Ok(Some(object)) => check_object(object, &job, &readers).await,
            Err(error) => Err(error),
        };
        let result = match (result, &job.expected) {
            (Ok(Ok(content)), Some(expected)) if content.records.as_ref().is_some_and(|records| records.doubtful) => {
                parse_object(store, place, content, expected.clone(), &readers).await.map(Ok)
            }
            (result, _) => result,
        };
        let file = Some(place.file.clone());
        return Ok(vec![LogOutcome { job, file, result }]);
    }
    Ok(vec![not_found(job)])
}

async fn check_object(
    mut object: StoredObject,
    job: &LogJob,
    readers: &Arc<Readers>,
) -> Result<Result<LogContent, GzipProblem>, VerifyError> {
    let expected = job.expected.clone();
    if object.size <= limits::WHOLE_STORED_BYTES {
        let mut stored = Vec::new();
        while let Some(piece) = object.body.next().await? {
            stored.extend_from_slice(&piece);
        }
        if stored.len() <= limits::INLINE_STORED_BYTES {
            // Waking a thread would cost more than this.
            return Ok(readers.with(|reader| reader.whole(&stored, expected.as_ref())));
        }
        // Never closed, so never an error.
        let _thread = readers.threads.acquire().await;
        let readers = Arc::clone(readers);
        return Ok(spawn_blocking(move || readers.with(|reader| reader.whole(&stored, expected.as_ref()))).await?);
    }
    let mut stream = Box::new(LogStream::new(expected.as_ref()));
    loop {
        let mut pieces = Vec::new();
        let mut size = 0;
        while size < limits::PIECE_BYTES
            && let Some(piece) = object.body.next().await?
        {
            size += piece.len();
            pieces.push(piece);
        }
        if pieces.is_empty() {
            return Ok(spawn_blocking(move || stream.finish()).await?);
        }
        let feed = move || pieces.iter().try_for_each(|piece| stream.feed(piece)).map(|()| stream);
        match spawn_blocking(feed).await? {
            Ok(fed) => stream = fed,
            Err(problem) => return Ok(Err(problem)),
        }
    }
}

/// Reads an object once more to parse its records.
async fn parse_object(
    store: &Store,
    place: &Whereabouts,
    content: LogContent,
    expected: Expected,
    readers: &Arc<Readers>,
) -> Result<LogContent, VerifyError> {
    let stored = match store.read(&place.location, limits::PARSED_BYTES / 4).await {
        Ok(Some(stored)) => stored,
        Ok(None) | Err(VerifyError::TooLarge { .. }) => return Ok(content),
        Err(error) => return Err(error),
    };
    let readers = Arc::clone(readers);
    let records = spawn_blocking(move || readers.alone(|| parse(&expected, &stored))).await?;
    Ok(LogContent { records: Some(records), ..content })
}
