//! What a verification found, by stable code.

use serde::{Serialize, Serializer};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing, nothing is wrong.
    Info,
    /// Not proved, but nothing shows a change either.
    Warning,
    /// The files are not what was written.
    Invalid,
}

/// One line per code: variant, name, severity unless an option changes it, what it means, what to do.
macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident $meaning:literal $advice:literal;)*) => {
        /// Stable names of findings. New ones may be added; a name keeps its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The kebab-case name used in every output.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The severity unless an option changes it.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What to make of it.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

codes! {
    DigestFormat "digest-format" Invalid "A digest is not gzip, not JSON, or lacks a field."
        "Restore the file from the bucket or its versions; what it covered is unproved until then.";
    DigestMoved "digest-moved" Invalid "A digest says it belongs somewhere else than where it was found."
        "If the files were copied on purpose, say so with --map OLD=NEW; otherwise somebody put one digest in the place of another.";
    DigestMissing "digest-missing" Invalid "A digest is not there although the next one, or the schedule, needs it."
        "Look for it in the bucket's versions and in other copies; without it the log files of its window are unproved.";
    DigestChanged "digest-changed" Invalid "The next digest recorded another hash for this one."
        "The digest was altered after it was written; restore it.";
    PreviousSignature "previous-signature" Invalid "The next digest recorded another signature for this one."
        "The digest or its metadata was replaced; restore the object with its metadata.";
    BrokenLink "broken-link" Invalid "A digest names as its predecessor one that cannot be it: not an older one, or another's."
        "The chain was forked or made up; compare with another copy.";
    AccountMismatch "account-mismatch" Invalid "A digest says it is of another account than its name."
        "The digest was not written by CloudTrail under this name.";
    WindowMismatch "window-mismatch" Warning "Two linked digests leave time between them, or overlap."
        "Both are properly linked, so the writer left it so; nothing vouches for the time between.";
    KeyUnknown "key-unknown" Invalid "No given public key has the digest's fingerprint."
        "Get the keys of the digest's region and time; if there is no such key, the digest was not signed by the service.";
    KeyOutsideValidity "key-outside-validity" Warning "The signature is right, but its key was not valid at the digest's time."
        "Usual after a long outage; otherwise ask whether an expired key has been stolen.";
    SignatureInvalid "signature-invalid" Invalid "The signature does not belong to the digest and the key."
        "The digest was altered or forged; what it covers is unproved.";
    SignatureMissing "signature-missing" Invalid "The object carries no signature although its store, or the copy, keeps metadata."
        "Restore the object with its metadata (signature, signature-algorithm).";
    UnsignedHead "unsigned-head" Warning "The newest digest of a chain in a copy without metadata: no signature is at hand."
        "Copy the next digest too, or keep the metadata beside it as <file>.metadata.json.";
    UnlinkedDigest "unlinked-digest" Warning "The next digest skips this one."
        "It is properly signed but not part of the chain; compare with another copy.";
    Gap "gap" Invalid "A chain begins anew although older digests exist: logging or validation was off."
        "Find out who stopped logging (StopLogging, UpdateTrail); --accept-gap if that was meant.";
    ChainEndsEarly "chain-ends-early" Invalid "A chain ends before the end of the period, or long ago."
        "The newest digests may have been removed. Compare with --expect-head, or with the trail's status.";
    HeadMissing "head-missing" Invalid "A digest recorded earlier as the newest of its chain is not there: the tail was cut off."
        "Restore the digests up to the recorded one.";
    HeadChanged "head-changed" Invalid "A digest recorded earlier as the newest of its chain is another one now."
        "The history was rewritten after it was recorded; compare with another copy.";
    LogChanged "log-changed" Invalid "A log file has another hash than its digest says."
        "The file was altered; restore it from the bucket's versions or another copy.";
    LogMissing "log-missing" Invalid "A log file named by a digest is not there."
        "The file was removed or left out of the copy; restore it.";
    LogUnreadable "log-unreadable" Invalid "A log file cannot be decompressed."
        "The file is damaged or cut off; restore it.";
    TrailingData "trailing-data" Invalid "Bytes follow the compressed stream of a digest or log file."
        "Somebody appended to the file; what follows is not vouched for, and some readers would show it.";
    TooLarge "too-large" Invalid "A file decompresses to more than the limit."
        "No CloudTrail file is that large; it is a gzip bomb.";
    Unreadable "unreadable" Invalid "A file or folder could not be read."
        "Mend permissions or the store and run again; until then nothing is known about it.";
    Renamed "renamed" Info "A file lies under another name than was recorded, found by its content."
        "The content is what was recorded. Nothing to do.";
    Unlisted "unlisted" Invalid "A log file lies in the covered period but no digest names it: planted."
        "Do not trust it, unless another trail without digests delivers to the same place.";
    Undigested "undigested" Info "A log file that no digest names, delivered where none could name it yet or any more."
        "Nothing vouches for it. If it is newer than the last digest, check again after the next one.";
    DuplicateEvent "duplicate-event" Warning "Events with one eventID are in several files of a trail."
        "CloudTrail delivers at least once, so it may be its doing; count such events once.";
    RecordContradiction "record-contradiction" Warning "A record's account or region is not that of the file's path."
        "The digest vouches for the file, so the writer put it there; readers that trust paths would misplace it.";
    RecordsNotChecked "records-not-checked" Info "Not all records were compared for duplicates or contradictions."
        "The files themselves were checked. Run again on a part of the period.";
    ResultChanged "result-changed" Invalid "A query result file has another hash than its sign file says."
        "The result was altered; run the query again.";
    ResultMissing "result-missing" Invalid "A query result file named by its sign file is not there."
        "The result is incomplete; copy the whole folder.";
    ResultUnlisted "result-unlisted" Invalid "A query result file is not named by the sign file beside it."
        "It is not part of the signed result; do not trust it.";
    ResultFormat "result-format" Invalid "A sign file of query results cannot be read."
        "Copy it again; without it the results are unproved.";
    NoKeys "no-keys" Warning "No public keys were given, so no signature was checked."
        "Give --public-keys or --endpoint.";
    NoDigests "no-digests" Warning "There is no digest in the sources and the period."
        "Nothing can be checked: look for the CloudTrail-Digest folders, or turn log file validation on.";
}

impl Code {
    /// What `aws cloudtrail validate-logs` prints after `INVALID: ` in this case; where it checks nothing, our name.
    pub fn aws_text(self) -> &'static str {
        match self {
            Self::DigestFormat | Self::LogUnreadable | Self::TooLarge => "invalid format",
            Self::DigestMoved => "has been moved from its original location",
            Self::DigestMissing | Self::LogMissing => "not found",
            Self::KeyUnknown => "public key not found",
            Self::SignatureInvalid | Self::SignatureMissing => "signature verification failed",
            Self::LogChanged => "hash value doesn't match",
            Self::TrailingData => "unexpected data after end of compressed stream",
            other => other.name(),
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One thing found about one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    /// Where the file is, or where it should be; empty when the finding is about the whole.
    pub file: String,
    /// For people, without the file's name.
    pub text: String,
}

impl Finding {
    pub fn new(code: Code, file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code, severity: code.severity(), file: file.into(), text: text.into() }
    }

    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
        assert_eq!(serde_json::to_value(Code::DigestFormat).expect("serialises"), "digest-format");
    }

    #[test]
    fn every_code_is_documented() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/verify.md");
        let page = std::fs::read_to_string(path).expect("the page is there");
        for code in Code::ALL {
            assert!(page.contains(&format!("| `{}` |", code.name())), "docs/verify.md lacks {}", code.name());
        }
    }
}
