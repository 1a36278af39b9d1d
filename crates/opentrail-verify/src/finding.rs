//! What a verification found, by stable code.

use serde::Serialize;

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

/// Stable names of findings. New ones may be added; a name keeps its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Code {
    /// A digest is not gzip, not JSON, or lacks a field.
    DigestFormat,
    /// A digest says it belongs somewhere else than where it was found.
    DigestMoved,
    /// The next digest names a digest that is not there.
    DigestMissing,
    /// The next digest recorded another hash for this one.
    DigestChanged,
    /// The next digest recorded another signature for this one.
    PreviousSignature,
    /// No given public key has the digest's fingerprint.
    KeyUnknown,
    /// The signature does not belong to the digest and the key.
    SignatureInvalid,
    /// The object carries no signature although its store keeps metadata.
    SignatureMissing,
    /// The newest digest of a chain in a copy without metadata: no signature is at hand.
    UnsignedHead,
    /// The next digest skips this one.
    UnlinkedDigest,
    /// A chain begins anew although older digests exist.
    Gap,
    /// A log file has another hash than its digest says.
    LogChanged,
    /// A log file named by a digest is not there.
    LogMissing,
    /// A log file cannot be decompressed.
    LogUnreadable,
    /// Bytes follow the compressed stream of a digest or log file.
    TrailingData,
    /// A file decompresses to more than the limit.
    TooLarge,
    /// A log file lies in the covered period but no digest names it.
    Unlisted,
    /// No public keys were given, so no signature was checked.
    NoKeys,
    /// There is no digest in the sources and the period.
    NoDigests,
}

impl Code {
    /// The severity unless an option changes it.
    pub fn severity(self) -> Severity {
        match self {
            Self::UnsignedHead | Self::UnlinkedDigest | Self::Unlisted | Self::NoKeys | Self::NoDigests => Severity::Warning,
            Self::DigestFormat
            | Self::DigestMoved
            | Self::DigestMissing
            | Self::DigestChanged
            | Self::PreviousSignature
            | Self::KeyUnknown
            | Self::SignatureInvalid
            | Self::SignatureMissing
            | Self::Gap
            | Self::LogChanged
            | Self::LogMissing
            | Self::LogUnreadable
            | Self::TrailingData
            | Self::TooLarge => Severity::Invalid,
        }
    }

    /// The kebab-case name used in JSON and text.
    pub fn name(self) -> &'static str {
        match self {
            Self::DigestFormat => "digest-format",
            Self::DigestMoved => "digest-moved",
            Self::DigestMissing => "digest-missing",
            Self::DigestChanged => "digest-changed",
            Self::PreviousSignature => "previous-signature",
            Self::KeyUnknown => "key-unknown",
            Self::SignatureInvalid => "signature-invalid",
            Self::SignatureMissing => "signature-missing",
            Self::UnsignedHead => "unsigned-head",
            Self::UnlinkedDigest => "unlinked-digest",
            Self::Gap => "gap",
            Self::LogChanged => "log-changed",
            Self::LogMissing => "log-missing",
            Self::LogUnreadable => "log-unreadable",
            Self::TrailingData => "trailing-data",
            Self::TooLarge => "too-large",
            Self::Unlisted => "unlisted",
            Self::NoKeys => "no-keys",
            Self::NoDigests => "no-digests",
        }
    }

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        for code in [Code::DigestFormat, Code::PreviousSignature, Code::UnsignedHead, Code::Gap, Code::NoDigests] {
            assert_eq!(serde_json::to_value(code).expect("serialises"), code.name());
        }
    }
}
