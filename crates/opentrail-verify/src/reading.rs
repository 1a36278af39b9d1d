//! Reading files from a source: digests whole, log files in pieces.

use crate::chain::Loaded;
use crate::digest::{DigestProblem, LogFileEntry, ParsedDigest, s3_url};
use crate::error::VerifyError;
use crate::finding::{Code, Finding};
use crate::gzip::{GzipProblem, Member, Sha256Sink};
use crate::limits;
use crate::source::{Body, Entry, Index, Object, Source};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use tokio::task::spawn_blocking;

/// Pieces of a body are joined up to this size before a thread is asked to hash them.
const PIECE_BYTES: usize = 1 << 20;

/// Reads one digest of the index.
pub async fn load_digest(sources: &[Box<dyn Source>], index: &Index, id: usize) -> Result<Loaded, VerifyError> {
    let Entry { source, location, .. } = &index.entries[id];
    load_digest_at(sources[*source].as_ref(), location, id).await
}

/// Reads a digest by location. `id` is only passed on.
pub async fn load_digest_at(source: &dyn Source, location: &str, id: usize) -> Result<Loaded, VerifyError> {
    let file = source.display(location);
    let Some(object) = source.open(location).await? else {
        return Ok(Loaded { id, file, content: None, metadata: Default::default() });
    };
    let (metadata, body) = (object.metadata, object.body);
    let content = match read_whole(body).await? {
        None => Err(DigestProblem::Gzip(GzipProblem::TooLarge)),
        Some(stored) => spawn_blocking(move || ParsedDigest::read(&stored)).await?,
    };
    Ok(Loaded { id, file, content: Some(content), metadata })
}

/// A body within the limit of a digest; `None` beyond it.
async fn read_whole(mut body: Body) -> Result<Option<Bytes>, VerifyError> {
    let mut stored = BytesMut::new();
    while let Some(piece) = body.try_next().await? {
        if (stored.len() + piece.len()) as u64 > limits::DIGEST_BYTES {
            return Ok(None);
        }
        stored.extend_from_slice(&piece);
    }
    Ok(Some(stored.freeze()))
}

/// One log file to check.
pub struct LogJob<'a> {
    pub entry: &'a LogFileEntry,
    /// The listed file it is, if any.
    pub id: Option<usize>,
    /// Whether a backfill digest names it.
    pub backfill: bool,
}

impl LogJob<'_> {
    pub fn named(&self) -> String {
        s3_url(&self.entry.s3_bucket, &self.entry.s3_object)
    }
}

/// Compares one log file with what its digest says; `None` if it is unchanged.
pub async fn check_log(sources: &[Box<dyn Source>], index: &Index, job: &LogJob<'_>) -> Result<Option<Finding>, VerifyError> {
    let Some((file, object)) = open_log(sources, index, job).await? else {
        return Ok(Some(Finding::new(Code::LogMissing, job.named(), "is not there, but a digest names it")));
    };
    Ok(match hash_member(object).await? {
        Ok(hash) if hash.eq_ignore_ascii_case(&job.entry.hash_value) => None,
        Ok(_) => Some(Finding::new(Code::LogChanged, file, "has another hash than its digest recorded")),
        Err(problem) => {
            let code = match problem {
                GzipProblem::TrailingData => Code::TrailingData,
                GzipProblem::TooLarge => Code::TooLarge,
                GzipProblem::NotGzip | GzipProblem::Corrupt | GzipProblem::Truncated => Code::LogUnreadable,
            };
            Some(Finding::new(code, file, problem.text()))
        }
    })
}

async fn open_log(sources: &[Box<dyn Source>], index: &Index, job: &LogJob<'_>) -> Result<Option<(String, Object)>, VerifyError> {
    let LogFileEntry { s3_bucket, s3_object, .. } = job.entry;
    if let Some(id) = job.id {
        let Entry { source, location, .. } = &index.entries[id];
        let source = &sources[*source];
        return Ok(source.open(location).await?.map(|object| (source.display(location), object)));
    }
    for source in sources_of(sources, s3_bucket) {
        if let Some(object) = source.open(s3_object).await? {
            return Ok(Some((source.display(s3_object), object)));
        }
    }
    Ok(None)
}

/// The sources in which a file of `bucket` may lie.
pub fn sources_of<'a>(sources: &'a [Box<dyn Source>], bucket: &'a str) -> impl Iterator<Item = &'a dyn Source> {
    sources.iter().map(AsRef::as_ref).filter(move |source| source.bucket().is_none_or(|own| own == bucket))
}

/// Hex SHA-256 of a body's uncompressed bytes. Only one piece of it is in memory at a time.
async fn hash_member(mut object: Object) -> Result<Result<String, GzipProblem>, VerifyError> {
    let mut member = Box::new(Member::new(Sha256Sink::new(), limits::LOG_FILE_BYTES));
    loop {
        let mut pieces = Vec::new();
        let mut size = 0;
        let mut ended = true;
        while let Some(piece) = object.body.try_next().await? {
            size += piece.len();
            pieces.push(piece);
            if size >= PIECE_BYTES {
                ended = false;
                break;
            }
        }
        let fed = spawn_blocking(move || {
            pieces.iter().try_for_each(|piece| member.feed(piece))?;
            if ended { member.finish().map(|sink| Fed::Hash(sink.hex())) } else { Ok(Fed::More(member)) }
        });
        match fed.await? {
            Ok(Fed::More(fed)) => member = fed,
            Ok(Fed::Hash(hash)) => return Ok(Ok(hash)),
            Err(problem) => return Ok(Err(problem)),
        }
    }
}

enum Fed {
    More(Box<Member<Sha256Sink>>),
    Hash(String),
}
