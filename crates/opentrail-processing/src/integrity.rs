//! Only files that a digest with a valid signature vouches for.
//!
//! ```text
//! file ─▶ known from a digest? ─▶ same hash: admitted │ another: parked
//!              │ no
//!              ▼
//!         digests of its account and region from its time on ─▶ signature ─▶ known ─▶ again
//!              │ none names it: later, or parked when the time for it is over
//! ```
//!
//! Each digest is proved by its own signature. That none is missing from the chain is for `opentrail verify` to say.

use crate::admission::{Admission, NotAdmitted};
use crate::error::{PortError, explained};
use crate::gzip::Plain;
use crate::handler::SourceFile;
use crate::limits;
use crate::names::{FileKind, FileName};
use crate::store::Store;
use async_trait::async_trait;
use opentrail_model::timestamp;
use opentrail_verify::KeySet;
use opentrail_verify::digest::ParsedDigest;
use opentrail_verify::gzip::Sha256Sink;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;

/// Files whose hashes are remembered; more, and all are forgotten and read again as they are needed.
const FILES_KNOWN: usize = 200_000;
/// Largest digest.
const DIGEST_BYTES: u64 = 64 << 20;
/// A file's name may be of a later minute than its delivery, and clocks differ.
const NAME_AHEAD: time::Duration = time::Duration::minutes(15);
/// Pages of one look for digests.
const PAGES: usize = 100;

/// Admits files by their digests.
pub struct VerifiedByDigest {
    keys: KeySet,
    patience: Duration,
    again: Duration,
    stall: Duration,
    now: fn() -> OffsetDateTime,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Hashes by bucket and key.
    hashes: HashMap<(String, String), String>,
    /// Digests that were read, and gave those.
    digests: HashSet<(String, String)>,
}

/// Where a file's digests lie, and what they are to be called.
struct Place {
    folder: String,
    from: OffsetDateTime,
    to: OffsetDateTime,
}

impl VerifiedByDigest {
    /// With the keys of the trails' home regions. A file may wait three hours for its digest, and is asked about every
    /// five minutes.
    #[must_use]
    pub fn new(keys: KeySet) -> Self {
        let (patience, again) = (Duration::from_secs(3 * 3600), Duration::from_secs(300));
        let known = Mutex::default();
        Self { keys, patience, again, stall: Duration::from_secs(30), now: OffsetDateTime::now_utc, known }
    }

    /// How long after its delivery a file may wait for its digest, and how often it is asked about.
    #[must_use]
    pub fn patience(mut self, patience: Duration, again: Duration) -> Self {
        (self.patience, self.again) = (patience, again);
        self
    }

    /// With another clock.
    #[must_use]
    pub fn clock(mut self, now: fn() -> OffsetDateTime) -> Self {
        self.now = now;
        self
    }

    fn hash_of(&self, file: &SourceFile) -> Option<String> {
        self.lock().hashes.get(&(file.bucket.clone(), file.key.clone())).cloned()
    }

    /// Reads digests until one names the file; what was wrong with others.
    async fn look(&self, store: &dyn Store, file: &SourceFile, place: &Place) -> Result<Vec<String>, PortError> {
        let mut problems = Vec::new();
        let mut after = format!("{}{}/", place.folder, timestamp::folder(place.from));
        for _ in 0..PAGES {
            let page = store.list(&file.bucket, &place.folder, Some(&after)).await?;
            for listed in &page.files {
                let name = FileName::parse(&listed.key);
                let Some(end) = name.time.filter(|_| name.kind == FileKind::Digest) else { continue };
                let read = (file.bucket.clone(), listed.key.clone());
                if end < place.from || end > place.to || self.lock().digests.contains(&read) {
                    continue;
                }
                match self.read(store, &file.bucket, &listed.key).await? {
                    Ok(()) => drop(self.lock().digests.insert(read)),
                    Err(problem) => problems.push(format!("{}: {problem}", store.display(&file.bucket, &listed.key))),
                }
                if self.hash_of(file).is_some() {
                    return Ok(problems);
                }
            }
            match page.files.last() {
                Some(last) if page.more => after.clone_from(&last.key),
                _ => break,
            }
        }
        Ok(problems)
    }

    /// Reads one digest; the inner error says why it proves nothing.
    async fn read(&self, store: &dyn Store, bucket: &str, key: &str) -> Result<Result<(), String>, PortError> {
        let opened = store.open(bucket, key).await?;
        let signature = opened.metadata.get("signature").cloned();
        let stored = opened.read("reading a digest", DIGEST_BYTES, self.stall).await?;
        let digest = match ParsedDigest::read(&stored) {
            Ok(digest) => digest,
            Err(problem) => return Ok(Err(problem.text())),
        };
        Ok(self.prove(bucket, key, &digest, signature.as_deref()).map(|()| self.learn(bucket, digest)))
    }

    fn prove(&self, bucket: &str, key: &str, digest: &ParsedDigest, signature: Option<&str>) -> Result<(), String> {
        let document = &digest.document;
        let moved = document.digest_s3_object != key || (!bucket.is_empty() && document.digest_s3_bucket != bucket);
        if moved {
            return Err(format!("belongs at {}", digest.named()));
        }
        let public = self.keys.get(&document.digest_public_key_fingerprint);
        let public = public.ok_or_else(|| format!("no public key {}", document.digest_public_key_fingerprint))?;
        let signature = hex_bytes(signature.ok_or("lacks its signature")?).ok_or("its signature is not hexadecimal")?;
        if !public.verifies(digest.signed_text().as_bytes(), &signature) {
            return Err("its signature is not valid".to_owned());
        }
        let backfill = key.contains("_backfill");
        if backfill || public.is_valid_at(digest.end) { Ok(()) } else { Err("its key was not valid at that time".to_owned()) }
    }

    fn learn(&self, bucket: &str, digest: ParsedDigest) {
        let mut known = self.lock();
        if known.hashes.len() + digest.document.log_files.len() > FILES_KNOWN {
            *known = Known::default();
        }
        for entry in digest.document.log_files {
            let at = if bucket.is_empty() { String::new() } else { entry.s3_bucket };
            known.hashes.insert((at, entry.s3_object), entry.hash_value.to_ascii_lowercase());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Admission for VerifiedByDigest {
    async fn admit(&self, store: &dyn Store, file: &SourceFile, stored: &[u8]) -> Result<(), NotAdmitted> {
        let never = |reason: String| NotAdmitted { reason, later: None };
        let (at, place) =
            place(file, self.patience).ok_or_else(|| never("its key does not say which digests may name it".to_owned()))?;
        let mut problems = Vec::new();
        if self.hash_of(file).is_none() {
            problems = self.look(store, file, &place).await.map_err(|error| NotAdmitted {
                reason: format!("digests cannot be read: {}", explained(&error)),
                later: Some(self.again),
            })?;
        }
        let Some(expected) = self.hash_of(file) else {
            let over = (self.now)() > at.saturating_add(self.patience.try_into().unwrap_or(time::Duration::MAX));
            let doubts = if problems.is_empty() { String::new() } else { format!(" ({})", problems.join("; ")) };
            return Err(if over {
                never(format!("no digest names it, and the time for one is over{doubts}"))
            } else {
                NotAdmitted { reason: format!("no digest names it yet{doubts}"), later: Some(self.again) }
            });
        };
        let mut hash = Sha256Sink::new();
        std::io::copy(&mut Plain::new(stored.to_vec().into()), &mut hash).map_err(|error| never(error.to_string()))?;
        if hash.hex() == expected { Ok(()) } else { Err(never("its content is not what its digest says".to_owned())) }
    }
}

/// When the file was delivered, and where its digests are: `…/CloudTrail-Digest/<region>/` beside `…/CloudTrail/<region>/`.
fn place(file: &SourceFile, patience: Duration) -> Option<(OffsetDateTime, Place)> {
    let (at, region) = (file.name.time?, file.name.region.as_ref()?);
    let above = &file.key[..file.key.rfind(&format!("/CloudTrail/{region}/"))?];
    let patience = time::Duration::try_from(patience).unwrap_or(time::Duration::MAX);
    Some((
        at,
        Place {
            folder: format!("{above}/CloudTrail-Digest/{region}/"),
            from: at.saturating_sub(NAME_AHEAD),
            to: at.saturating_add(patience),
        },
    ))
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0 && digits.len() < limits::MESSAGE_BYTES)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
