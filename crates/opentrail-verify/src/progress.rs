//! What a caller can watch while a verification runs.

use crate::finding::{Code, Finding, Severity};
use crate::group::ChainKey;

/// Receives what happens. Calls come one at a time and must return quickly.
pub trait Progress: Send + Sync {
    /// The sources are listed.
    fn listed(&self, _digests: usize, _log_files: usize) {}

    /// One file is done.
    fn checked(&self, _checked: &Checked<'_>) {}
}

/// Watches nothing.
pub struct Silent;

impl Progress for Silent {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Digest,
    Log,
}

/// One file that was checked.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    pub kind: FileKind,
    /// The chain of digests that it belongs to.
    pub chain: &'a ChainKey,
    pub backfill: bool,
    /// `s3://bucket/key` as recorded; for a digest that cannot be read, where it is.
    pub named: &'a str,
    /// Whether a signature vouches for it.
    pub proved: bool,
    /// The first thing wrong with it.
    pub finding: Option<&'a Finding>,
}

impl Checked<'_> {
    /// The line `aws cloudtrail validate-logs --verbose` prints.
    pub fn line(&self) -> String {
        let backfill = if self.backfill { "(backfill) " } else { "" };
        let kind = match self.kind {
            FileKind::Digest => "Digest file",
            FileKind::Log => "Log file",
        };
        let result = match self.finding {
            Some(finding) if finding.severity == Severity::Invalid => match finding.code {
                // AWS names the fingerprint here, and so does our text.
                Code::KeyUnknown => format!("INVALID: {}", finding.text),
                code => format!("INVALID: {}", code.aws_text()),
            },
            _ if self.proved => "valid".to_owned(),
            _ => "not proved".to_owned(),
        };
        format!("{backfill}{kind}\t{}\t{result}", self.named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_aws() {
        let check = |finding: Option<Finding>, kind, backfill, proved, expect: &str| {
            let chain = ChainKey {
                account: String::new(),
                region: String::new(),
                trail: String::new(),
                home_region: String::new(),
                backfill,
            };
            let checked = Checked { kind, chain: &chain, backfill, named: "s3://b/k", proved, finding: finding.as_ref() };
            assert_eq!(checked.line(), expect);
        };
        let finding = |code| Some(Finding::new(code, "f", "public key not found in region r for fingerprint f"));
        check(None, FileKind::Digest, false, true, "Digest file\ts3://b/k\tvalid");
        check(None, FileKind::Log, true, true, "(backfill) Log file\ts3://b/k\tvalid");
        check(finding(Code::UnsignedHead), FileKind::Digest, false, false, "Digest file\ts3://b/k\tnot proved");
        check(finding(Code::LogMissing), FileKind::Log, false, true, "Log file\ts3://b/k\tINVALID: not found");
        check(
            finding(Code::KeyUnknown),
            FileKind::Digest,
            false,
            false,
            "Digest file\ts3://b/k\tINVALID: public key not found in region r for fingerprint f",
        );
    }
}
