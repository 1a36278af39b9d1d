//! The rules of a digest chain, walked from its newest digest to its oldest. Pure: files come in already read.

use crate::claim::Claim;
use crate::digest::{DigestProblem, ParsedDigest, s3_url};
use crate::error::VerifyError;
use crate::finding::{Code, Finding, Severity};
use crate::group::{Chain, ChainKey};
use crate::gzip::GzipProblem;
use crate::index::Index;
use crate::keys::KeySet;
use crate::names::{self, FileName, Kind};
use crate::period::Period;
use crate::schedule::Hole;
use opentrail_model::digest::{METADATA_BACKFILL, METADATA_SIGNATURE, METADATA_SIGNATURE_ALGORITHM, SIGNATURE_ALGORITHM};
use opentrail_model::timestamp;
use std::collections::{BTreeMap, HashMap};
use time::{Duration, OffsetDateTime};

/// A digest as read from its source.
#[derive(Debug)]
pub struct Loaded {
    /// Its place in the index.
    pub id: u32,
    /// Where it is, as people write it.
    pub file: String,
    pub content: Content,
    pub metadata: BTreeMap<String, String>,
}

/// What became of reading a digest.
#[derive(Debug)]
pub enum Content {
    Digest(Box<ParsedDigest>),
    Problem(DigestProblem),
    /// The source failed.
    Unreadable(VerifyError),
    /// It vanished after it was listed, or was never there.
    Gone,
    /// So large that it is to be read alone.
    Large,
}

impl Loaded {
    pub fn digest(&self) -> Option<&ParsedDigest> {
        match &self.content {
            Content::Digest(digest) => Some(digest),
            _ => None,
        }
    }
}

/// How far a digest can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    Valid,
    Invalid,
    /// Nothing is wrong with it, but no signature was checked.
    Unproved,
    /// Read only for its neighbours.
    OutOfPeriod,
}

/// What one digest amounted to.
#[derive(Debug)]
pub struct Step {
    pub proof: Proof,
    pub findings: Vec<Finding>,
    /// Digests that are missing between it and the newer one, beside the one that was named.
    pub missing: u64,
    /// A claim about a digest that is not listed but matters. The caller looks for it and calls [`Walk::is_missing`].
    pub unresolved: Option<Claim>,
}

/// What is known of the digest that came before in the walk.
enum Newer {
    Nothing,
    /// It names something that cannot be its predecessor, or that was found elsewhere.
    Unknown,
    /// It could not be read; only the end of its window is known.
    Unread {
        end: OffsetDateTime,
        file: String,
    },
    /// It starts a chain.
    Start {
        file: String,
        start: OffsetDateTime,
        in_period: bool,
    },
    /// It names a listed digest.
    Names {
        file: String,
    },
    /// It names a digest that is not there.
    Missing(Claim),
}

/// The rules that stay the same along a chain.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub index: &'a Index,
    pub keys: Option<&'a KeySet>,
    pub period: Period,
    pub accept_gap: bool,
    /// For each source, whether it gives the metadata that S3 keeps.
    pub keeps_metadata: &'a [bool],
}

/// How a digest stands by itself.
enum Own {
    Proved(Option<Finding>),
    Unproved(Option<Finding>),
    Wrong(Finding),
}

/// A walk along one chain.
pub struct Walk<'a> {
    rules: Rules<'a>,
    key: &'a ChainKey,
    claims: HashMap<u32, Claim>,
    newer: Newer,
    /// The usual time between two digests by the listing.
    listed_interval: Duration,
    longest_window: Duration,
    /// Digests for which no signature was at hand.
    unsigned: Vec<String>,
    /// Whether any digest came with a signature of its own.
    any_signature: bool,
}

impl<'a> Walk<'a> {
    pub fn new(rules: Rules<'a>, chain: &'a Chain) -> Self {
        Self {
            rules,
            key: &chain.key,
            claims: HashMap::new(),
            newer: Newer::Nothing,
            listed_interval: chain.interval,
            longest_window: Duration::ZERO,
            unsigned: Vec::new(),
            any_signature: false,
        }
    }

    /// Takes the next older digest.
    pub fn step(&mut self, loaded: &Loaded) -> Step {
        let claim = self.claims.remove(&loaded.id);
        let Some(digest) = loaded.digest() else { return self.unreadable(loaded) };
        self.any_signature |= loaded.metadata.contains_key(METADATA_SIGNATURE);
        let in_period = self.rules.period.touches(digest.start, digest.end);
        let mut findings = Vec::new();
        match &claim {
            Some(claim) => {
                findings.extend(claim.check(&loaded.file, &digest.hash, &loaded.metadata));
                findings.extend(claim.check_window(&loaded.file, digest.end));
            }
            None => findings.extend(self.unclaimed(loaded, digest, in_period)),
        }
        let mut proof = Proof::OutOfPeriod;
        if in_period {
            let (own, finding) = match self.check_own(loaded, digest, claim.as_ref()) {
                Own::Proved(finding) => (Proof::Valid, finding),
                Own::Unproved(finding) => (Proof::Unproved, finding),
                Own::Wrong(finding) => (Proof::Invalid, Some(finding)),
            };
            if finding.as_ref().is_some_and(|finding| finding.code == Code::UnsignedHead) {
                self.unsigned.push(loaded.file.clone());
            }
            findings.extend(finding);
            // A gap lies beside the digest, it says nothing against it.
            let wrong = |finding: &Finding| finding.severity == Severity::Invalid && finding.code != Code::Gap;
            proof = if findings.iter().any(wrong) { Proof::Invalid } else { own };
            findings.extend(self.renamed(loaded, digest));
        }
        if proof != Proof::Invalid {
            self.longest_window = self.longest_window.max(digest.end - digest.start);
        }
        let missing = self.close_hole(digest.end, &mut findings);
        let unresolved = self.remember(loaded, digest, in_period, &mut findings);
        Step { proof, findings, missing, unresolved }
    }

    /// The digest of an unresolved claim was found nowhere.
    pub fn is_missing(&mut self, claim: Claim) {
        self.newer = Newer::Missing(claim);
    }

    /// Ends the walk: claims about digests that are listed but did not come along, and what only the whole chain shows.
    pub fn finish(self) -> (Vec<Claim>, Vec<Finding>) {
        let pending = self.claims.into_values().filter(|claim| claim.in_period).collect();
        // A copy with metadata for some digests had it for all: taking it off would be the way to hide a change.
        let stripped = self.unsigned.into_iter().filter(|_| self.any_signature);
        let text = "lacks the signature that other digests of its chain came with";
        let findings = stripped.map(|file| Finding::new(Code::SignatureMissing, file, text));
        (pending, findings.collect())
    }

    pub fn interval(&self) -> Duration {
        if self.longest_window.is_positive() { self.longest_window } else { self.listed_interval }
    }

    fn unreadable(&mut self, loaded: &Loaded) -> Step {
        let end = match &self.rules.index.entries[loaded.id as usize].kind {
            Kind::Digest(name) => name.end,
            Kind::Log { minute } => *minute,
        };
        let mut findings = Vec::new();
        let mut missing = 0;
        let mut proof = Proof::OutOfPeriod;
        // Its window is not known, only its end.
        if self.rules.period.touches(end, end) {
            let (code, text) = match &loaded.content {
                Content::Problem(DigestProblem::Gzip(GzipProblem::TrailingData)) => {
                    (Code::TrailingData, GzipProblem::TrailingData.text().to_owned())
                }
                Content::Problem(DigestProblem::Gzip(GzipProblem::TooLarge)) => {
                    (Code::TooLarge, GzipProblem::TooLarge.text().to_owned())
                }
                Content::Problem(problem) => (Code::DigestFormat, problem.text()),
                Content::Unreadable(error) => (Code::Unreadable, error.chain()),
                _ => (Code::DigestMissing, "vanished while it was checked".to_owned()),
            };
            findings.push(Finding::new(code, &loaded.file, text));
            proof = Proof::Invalid;
            missing = self.close_hole(end, &mut findings);
        }
        self.newer = Newer::Unread { end, file: loaded.file.clone() };
        Step { proof, findings, missing, unresolved: None }
    }

    /// No newer digest names this one: is that right?
    fn unclaimed(&self, loaded: &Loaded, digest: &ParsedDigest, in_period: bool) -> Option<Finding> {
        match &self.newer {
            Newer::Start { file, start, in_period: true } if !self.key.backfill && self.rules.period.begins_by(*start) => {
                let text = format!(
                    "starts a new chain, although {} exists: nothing vouches for the time from {} to {} ({})",
                    loaded.file,
                    digest.document.digest_end_time,
                    timestamp::event_time(*start),
                    hours(*start - digest.end),
                );
                let gap = Finding::new(Code::Gap, file, text);
                Some(if self.rules.accept_gap { gap.with_severity(Severity::Info) } else { gap })
            }
            Newer::Names { file } if in_period => {
                let text = format!("is skipped: {file}, the next one, names another digest before it");
                Some(Finding::new(Code::UnlinkedDigest, &loaded.file, text))
            }
            _ => None,
        }
    }

    /// Findings for the digests the schedule misses between the newer digest and one that ends at `end`; their number.
    fn close_hole(&mut self, end: OffsetDateTime, findings: &mut Vec<Finding>) -> u64 {
        let interval = self.interval();
        let (until, pattern, claim) = match std::mem::replace(&mut self.newer, Newer::Unknown) {
            Newer::Missing(claim) if claim.in_period => (claim.until, s3_url(&claim.bucket, &claim.key), Some(claim)),
            Newer::Unread { end, file } if self.rules.period.touches(end, end) => (end.saturating_sub(interval), file, None),
            other => {
                self.newer = other;
                return 0;
            }
        };
        if self.key.backfill {
            return 0;
        }
        let from = self.rules.period.from.map_or(end, |from| from.max(end));
        let hole = Hole { from, until, claim, pattern };
        findings.extend(hole.findings(interval));
        hole.count(interval).saturating_sub(u64::from(hole.claim.is_some()))
    }

    fn renamed(&self, loaded: &Loaded, digest: &ParsedDigest) -> Option<Finding> {
        let is_renamed = self.rules.index.entries[loaded.id as usize].is_renamed();
        let text = || format!("is what was recorded as {}, found by its content", digest.named());
        is_renamed.then(|| Finding::new(Code::Renamed, &loaded.file, text()))
    }

    /// The digest by itself.
    fn check_own(&self, loaded: &Loaded, digest: &ParsedDigest, claim: Option<&Claim>) -> Own {
        let document = &digest.document;
        let wrong = |code, text: String| Own::Wrong(Finding::new(code, &loaded.file, text));
        let keeps_metadata = self.rules.keeps_metadata[self.rules.index.shelf(loaded.id as usize).source];
        if keeps_metadata && self.key.backfill && !loaded.metadata.contains_key(METADATA_BACKFILL) {
            return wrong(Code::DigestFormat, format!("lacks the metadata {METADATA_BACKFILL}"));
        }
        if !self.rules.index.is_at(loaded.id as usize, &document.digest_s3_bucket, &document.digest_s3_object) {
            return wrong(Code::DigestMoved, format!("belongs at {}", digest.named()));
        }
        if let Some(account) = document.aws_account_id.as_ref().filter(|account| **account != self.key.account) {
            // Its signature is checked first: a forged digest is worse than an odd one.
            if let Own::Wrong(finding) = self.check_signature(loaded, digest, claim, keeps_metadata) {
                return Own::Wrong(finding);
            }
            return wrong(Code::AccountMismatch, format!("says it is of account {account}"));
        }
        self.check_signature(loaded, digest, claim, keeps_metadata)
    }

    fn check_signature(&self, loaded: &Loaded, digest: &ParsedDigest, claim: Option<&Claim>, keeps_metadata: bool) -> Own {
        let wrong = |code, text: String| Own::Wrong(Finding::new(code, &loaded.file, text));
        let own = loaded.metadata.get(METADATA_SIGNATURE).map(String::as_str);
        if own.is_none() && keeps_metadata {
            return wrong(Code::SignatureMissing, format!("lacks the metadata {METADATA_SIGNATURE}"));
        }
        let Some(keys) = self.rules.keys else { return Own::Unproved(None) };
        let fingerprint = &digest.document.digest_public_key_fingerprint;
        let Some(key) = keys.get(fingerprint) else {
            let region = &self.key.home_region;
            return wrong(Code::KeyUnknown, format!("public key not found in region {region} for fingerprint {fingerprint}"));
        };
        let algorithm = loaded.metadata.get(METADATA_SIGNATURE_ALGORITHM);
        if let Some(other) = algorithm.filter(|algorithm| *algorithm != SIGNATURE_ALGORITHM) {
            return wrong(Code::SignatureInvalid, format!("has a signature of unknown kind {other}"));
        }
        let Some(signature) = own.or_else(|| claim?.signature.as_deref()) else {
            let text = "signature unavailable: the copy has no metadata, and no newer digest has its signature";
            return Own::Unproved(Some(Finding::new(Code::UnsignedHead, &loaded.file, text)));
        };
        let verifies = |signature: &[u8]| key.verifies(digest.signed_text().as_bytes(), signature);
        match hex::decode(signature) {
            Ok(signature) if verifies(&signature) => {}
            _ => return wrong(Code::SignatureInvalid, "signature verification failed".to_owned()),
        }
        // Backfill digests are made long after their window.
        let outside = !self.key.backfill && !key.is_valid_at(digest.end);
        let text = || format!("is signed with key {fingerprint}, which was not valid at that time");
        Own::Proved(outside.then(|| Finding::new(Code::KeyOutsideValidity, &loaded.file, text())))
    }

    /// Keeps what this digest says about the one before it.
    fn remember(
        &mut self,
        loaded: &Loaded,
        digest: &ParsedDigest,
        in_period: bool,
        findings: &mut Vec<Finding>,
    ) -> Option<Claim> {
        let file = loaded.file.clone();
        let Some((bucket, key)) = digest.previous() else {
            self.newer = Newer::Start { file, start: digest.start, in_period };
            return None;
        };
        self.newer = Newer::Unknown;
        let named = FileName::parse(names::file_name(key));
        if let Some(problem) = self.cannot_be_previous(named.as_ref(), digest.end) {
            if in_period {
                findings.push(Finding::new(Code::BrokenLink, &file, format!("names {key} as the digest before it, {problem}")));
            }
            return None;
        }
        let target = self.rules.index.find(bucket, key, Some(loaded.id));
        let claim = Claim {
            target: target.and_then(|id| u32::try_from(id).ok()),
            by: file.clone(),
            in_period,
            until: digest.start,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            hash: digest.document.previous_digest_hash_value.clone(),
            signature: digest.document.previous_digest_signature.clone(),
        };
        if let Some(target) = claim.target {
            self.newer = Newer::Names { file: file.clone() };
            if let Some(other) = self.claims.insert(target, claim)
                && in_period
            {
                let text = format!("names the same digest before it as {}: the chain was forked", other.by);
                findings.push(Finding::new(Code::BrokenLink, file, text));
            }
            return None;
        }
        // A digest that ended before the period need not be there.
        let end = named.and_then(|name| name.digest_end());
        let matters = in_period && end.is_none_or(|end| self.rules.period.begins_by(end));
        matters.then_some(claim)
    }

    /// Why a name cannot be that of the digest before one that ends at `end`.
    fn cannot_be_previous(&self, named: Option<&FileName>, end: OffsetDateTime) -> Option<&'static str> {
        let FileName { account, region, kind: Kind::Digest(name) } = named? else { return Some("which is no digest") };
        let of_chain = (account, region, &name.trail, &name.home_region, name.backfill)
            == (&self.key.account, &self.key.region, &self.key.trail, &self.key.home_region, self.key.backfill);
        if !of_chain {
            return Some("which is of another chain");
        }
        (name.end >= end).then_some("which is not older")
    }
}

/// A length of time as people say it.
fn hours(length: Duration) -> String {
    let (hours, minutes) = (length.whole_hours(), length.whole_minutes() % 60);
    if minutes == 0 { format!("{hours} h") } else { format!("{hours} h {minutes} min") }
}
