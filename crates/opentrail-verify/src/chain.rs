//! The rules of a digest chain, walked from its newest digest to its oldest. Pure: files come in already read.

use crate::digest::{DigestProblem, LogFileEntry, ParsedDigest, s3_url};
use crate::finding::{Code, Finding, Severity};
use crate::gzip::GzipProblem;
use crate::keys::KeySet;
use crate::names::{self, FileName, Kind, Place};
use crate::source::{Entry, Index};
use opentrail_model::digest::{METADATA_BACKFILL, METADATA_SIGNATURE, METADATA_SIGNATURE_ALGORITHM, SIGNATURE_ALGORITHM};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// What the digests of one chain have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainKey {
    pub source: usize,
    pub place: Place,
    pub account: String,
    pub region: String,
    pub trail: String,
    pub home_region: String,
    pub backfill: bool,
}

/// The digests of each chain, newest first.
pub fn group(index: &Index) -> BTreeMap<ChainKey, Vec<usize>> {
    let mut chains: BTreeMap<ChainKey, Vec<(OffsetDateTime, usize)>> = BTreeMap::new();
    for (id, entry) in index.entries.iter().enumerate() {
        let Kind::Digest { trail, home_region, end, backfill } = &entry.name.kind else { continue };
        let key = ChainKey {
            source: entry.source,
            place: entry.place.clone(),
            account: entry.name.account.clone(),
            region: entry.name.region.clone(),
            trail: trail.clone(),
            home_region: home_region.clone(),
            backfill: *backfill,
        };
        chains.entry(key).or_default().push((*end, id));
    }
    let newest_first = |mut digests: Vec<(OffsetDateTime, usize)>| {
        digests.sort_unstable_by(|a, b| b.cmp(a));
        digests.into_iter().map(|(_, id)| id).collect()
    };
    chains.into_iter().map(|(key, digests)| (key, newest_first(digests))).collect()
}

/// The period that was asked for; open at a side that is `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Period {
    pub from: Option<OffsetDateTime>,
    pub to: Option<OffsetDateTime>,
}

impl Period {
    /// Whether a window touches the period, both ends included, as AWS's own check has it.
    pub fn touches(&self, start: OffsetDateTime, end: OffsetDateTime) -> bool {
        self.begins_by(end) && self.to.is_none_or(|to| start <= to)
    }

    fn begins_by(&self, at: OffsetDateTime) -> bool {
        self.from.is_none_or(|from| from <= at)
    }

    /// The digests to read: those that may touch the period and the neighbour on each side. The newer one may begin
    /// within the period and has the signature of the last one inside; the older one is what the first one refers to.
    pub fn select(&self, index: &Index, newest_first: &[usize]) -> Vec<usize> {
        let end = |id: &usize| digest_end(&index.entries[*id].name);
        let later = newest_first.iter().take_while(|id| self.to.is_some_and(|to| end(id) > Some(to))).count();
        let inside = newest_first.iter().take_while(|id| end(id).is_some_and(|end| self.begins_by(end))).count();
        let last = newest_first.len().min(inside.max(later) + 1);
        newest_first[later.saturating_sub(1)..last].to_vec()
    }
}

/// The end time in the name of a digest.
pub fn digest_end(name: &FileName) -> Option<OffsetDateTime> {
    match &name.kind {
        Kind::Digest { end, .. } => Some(*end),
        Kind::Log { .. } => None,
    }
}

/// A digest as read from its source.
#[derive(Debug)]
pub struct Loaded {
    /// Its place in the index.
    pub id: usize,
    /// Where it is, as people write it.
    pub file: String,
    /// `None` if it vanished after it was listed.
    pub content: Option<Result<ParsedDigest, DigestProblem>>,
    pub metadata: BTreeMap<String, String>,
}

/// What a digest says about the one before it.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The file it means; `None` if no listed file is there.
    pub target: Option<usize>,
    /// Where the digest is that says so.
    by: String,
    /// Whether that digest lies in the period: only then is the claim a matter of this check.
    in_period: bool,
    pub bucket: String,
    pub key: String,
    hash: Option<String>,
    signature: Option<String>,
}

impl Claim {
    /// Compares with the digest that is really there.
    pub fn check(&self, file: &str, hash: &str, metadata: &BTreeMap<String, String>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !self.in_period {
            return findings;
        }
        let differ = |claimed: &Option<String>, real: Option<&str>| {
            claimed.as_deref().zip(real).is_some_and(|(claimed, real)| !claimed.eq_ignore_ascii_case(real))
        };
        if differ(&self.hash, Some(hash)) {
            let text = format!("has another hash than {} recorded", self.by);
            findings.push(Finding::new(Code::DigestChanged, file, text));
        }
        if differ(&self.signature, metadata.get(METADATA_SIGNATURE).map(String::as_str)) {
            let text = format!("has another signature than {} recorded", self.by);
            findings.push(Finding::new(Code::PreviousSignature, file, text));
        }
        findings
    }

    /// The finding when nothing is there.
    pub fn missing(&self) -> Finding {
        let text = format!("is not there, but {} names it as the digest before it", self.by);
        Finding::new(Code::DigestMissing, s3_url(&self.bucket, &self.key), text)
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
    /// A claim about a digest that is not listed but matters.
    pub unresolved: Option<Claim>,
}

/// What is known of the digest that came before in the walk.
enum Newer {
    Nothing,
    /// It could not be read, or names something that is not there.
    Unknown,
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
}

/// The rules that stay the same along a chain.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub index: &'a Index,
    pub keys: Option<&'a KeySet>,
    pub period: Period,
    pub accept_gap: bool,
}

/// A walk along one chain.
pub struct Walk<'a> {
    rules: Rules<'a>,
    chain: &'a ChainKey,
    /// Whether the source would have given the metadata that S3 keeps.
    keeps_metadata: bool,
    claims: Vec<Claim>,
    newer: Newer,
    /// Digests for which no signature was at hand.
    unsigned: Vec<String>,
    /// Whether any digest came with a signature of its own.
    any_signature: bool,
}

impl<'a> Walk<'a> {
    pub fn new(rules: Rules<'a>, chain: &'a ChainKey, keeps_metadata: bool) -> Self {
        Self {
            rules,
            chain,
            keeps_metadata,
            claims: Vec::new(),
            newer: Newer::Nothing,
            unsigned: Vec::new(),
            any_signature: false,
        }
    }

    /// Takes the next older digest.
    pub fn step(&mut self, loaded: &Loaded) -> Step {
        let entry = &self.rules.index.entries[loaded.id];
        let claimed = self.claims.iter().position(|claim| claim.target == Some(loaded.id));
        let claim = claimed.map(|at| self.claims.swap_remove(at));
        let digest = match &loaded.content {
            Some(Ok(digest)) => digest,
            unread => {
                self.newer = Newer::Unknown;
                let problem = unread.as_ref().and_then(|content| content.as_ref().err());
                return self.unreadable(&entry.name, loaded, problem);
            }
        };
        self.any_signature |= loaded.metadata.contains_key(METADATA_SIGNATURE);
        let in_period = self.rules.period.touches(digest.start, digest.end);
        let mut findings = match &claim {
            Some(claim) => claim.check(&loaded.file, &digest.hash, &loaded.metadata),
            None => self.unclaimed(loaded, digest, in_period).into_iter().collect(),
        };
        let mut proof = Proof::OutOfPeriod;
        if in_period {
            let signature = self.check_own(loaded, digest, claim.as_ref());
            proof = if signature.is_ok() { Proof::Valid } else { Proof::Unproved };
            let finding = signature.err().flatten();
            if finding.as_ref().is_some_and(|finding| finding.code == Code::UnsignedHead) {
                self.unsigned.push(loaded.file.clone());
            }
            findings.extend(finding);
            // A gap lies beside the digest, it says nothing against it.
            let wrong = |finding: &Finding| finding.severity == Severity::Invalid && finding.code != Code::Gap;
            if findings.iter().any(wrong) {
                proof = Proof::Invalid;
            }
        }
        let unresolved = self.remember(entry, loaded, digest, in_period);
        Step { proof, findings, unresolved }
    }

    /// Ends the walk: claims about digests that are listed but did not come along, and what only the whole chain shows.
    pub fn finish(self) -> (Vec<Claim>, Vec<Finding>) {
        let pending = self.claims.into_iter().filter(|claim| claim.in_period).collect();
        // A copy with metadata for some digests had it for all: taking it off would be the way to hide a change.
        let stripped = self.unsigned.into_iter().filter(|_| self.any_signature);
        let text = "lacks the signature that other digests of its chain came with";
        let findings = stripped.map(|file| Finding::new(Code::SignatureMissing, file, text));
        (pending, findings.collect())
    }

    fn unreadable(&self, name: &FileName, loaded: &Loaded, problem: Option<&DigestProblem>) -> Step {
        // Its window is not known, only its end.
        if !digest_end(name).is_some_and(|end| self.rules.period.touches(end, end)) {
            return Step { proof: Proof::OutOfPeriod, findings: Vec::new(), unresolved: None };
        }
        let code = match problem {
            None => Code::DigestMissing,
            Some(DigestProblem::Gzip(GzipProblem::TrailingData)) => Code::TrailingData,
            Some(DigestProblem::Gzip(GzipProblem::TooLarge)) => Code::TooLarge,
            Some(_) => Code::DigestFormat,
        };
        let text = problem.map_or_else(|| "vanished while it was checked".to_owned(), DigestProblem::text);
        Step { proof: Proof::Invalid, findings: vec![Finding::new(code, &loaded.file, text)], unresolved: None }
    }

    /// No newer digest names this one: is that right?
    fn unclaimed(&self, loaded: &Loaded, digest: &ParsedDigest, in_period: bool) -> Option<Finding> {
        match &self.newer {
            Newer::Start { file, start, in_period: true } if !self.chain.backfill && self.rules.period.begins_by(*start) => {
                let text = format!(
                    "starts a new chain, although {} exists: nothing vouches for the time from {} to {}",
                    loaded.file,
                    digest.document.digest_end_time,
                    opentrail_model::timestamp::event_time(*start),
                );
                let mut gap = Finding::new(Code::Gap, file, text);
                if self.rules.accept_gap {
                    gap.severity = Severity::Info;
                }
                Some(gap)
            }
            Newer::Names { file } if in_period => {
                let text = format!("is skipped: {file}, the next one, names another digest before it");
                Some(Finding::new(Code::UnlinkedDigest, &loaded.file, text))
            }
            _ => None,
        }
    }

    /// The digest by itself. `Err(None)` when there are no keys to check with.
    fn check_own(&self, loaded: &Loaded, digest: &ParsedDigest, claim: Option<&Claim>) -> Result<(), Option<Finding>> {
        let document = &digest.document;
        let finding = |code, text: String| Err(Some(Finding::new(code, &loaded.file, text)));
        if self.keeps_metadata && self.chain.backfill && !loaded.metadata.contains_key(METADATA_BACKFILL) {
            return finding(Code::DigestFormat, format!("lacks the metadata {METADATA_BACKFILL}"));
        }
        if !self.rules.index.is_at(loaded.id, &document.digest_s3_bucket, &document.digest_s3_object) {
            return finding(Code::DigestMoved, format!("belongs at {}", digest.named()));
        }
        let own = loaded.metadata.get(METADATA_SIGNATURE).map(String::as_str);
        if own.is_none() && self.keeps_metadata {
            return finding(Code::SignatureMissing, format!("lacks the metadata {METADATA_SIGNATURE}"));
        }
        let Some(keys) = self.rules.keys else { return Err(None) };
        let fingerprint = &document.digest_public_key_fingerprint;
        let Some(key) = keys.get(fingerprint) else {
            let region = &self.chain.home_region;
            return finding(Code::KeyUnknown, format!("public key not found in region {region} for fingerprint {fingerprint}"));
        };
        let algorithm = loaded.metadata.get(METADATA_SIGNATURE_ALGORITHM);
        if let Some(other) = algorithm.filter(|algorithm| *algorithm != SIGNATURE_ALGORITHM) {
            return finding(Code::SignatureInvalid, format!("has a signature of unknown kind {other}"));
        }
        let Some(signature) = own.or_else(|| claim?.signature.as_deref()) else {
            let text = "signature unavailable: the copy has no metadata, and no newer digest has its signature";
            return finding(Code::UnsignedHead, text.to_owned());
        };
        let verifies = |signature: &[u8]| key.verifies(digest.signed_text().as_bytes(), signature);
        match hex::decode(signature) {
            Ok(signature) if verifies(&signature) => Ok(()),
            _ => finding(Code::SignatureInvalid, "signature verification failed".to_owned()),
        }
    }

    /// Keeps what this digest says about the one before it.
    fn remember(&mut self, entry: &Entry, loaded: &Loaded, digest: &ParsedDigest, in_period: bool) -> Option<Claim> {
        let file = loaded.file.clone();
        let Some((bucket, key)) = digest.previous() else {
            self.newer = Newer::Start { file, start: digest.start, in_period };
            return None;
        };
        let claim = Claim {
            target: self.rules.index.find(bucket, key, entry),
            by: file.clone(),
            in_period,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            hash: digest.document.previous_digest_hash_value.clone(),
            signature: digest.document.previous_digest_signature.clone(),
        };
        if claim.target.is_some() {
            self.newer = Newer::Names { file };
            self.claims.push(claim);
            return None;
        }
        self.newer = Newer::Unknown;
        // A digest that ended before the period need not be there.
        let end = FileName::parse(names::file_name(key)).and_then(|name| digest_end(&name));
        let matters = in_period && end.is_none_or(|end| self.rules.period.begins_by(end));
        matters.then_some(claim)
    }
}

/// The log files a digest names, wherever it stands.
pub fn log_files(loaded: &Loaded) -> &[LogFileEntry] {
    match &loaded.content {
        Some(Ok(digest)) => &digest.document.log_files,
        _ => &[],
    }
}
