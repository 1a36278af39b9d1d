//! The result of a verification, for people and for programs.

use crate::finding::{Code, Finding, Severity};
use crate::limits;
use serde::Serialize;
use std::fmt::Write;

/// The result in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything named by the digests is unchanged, and signatures prove the digests.
    Valid,
    /// Something is changed, missing or cannot be read.
    Invalid,
    /// Nothing is wrong, but nothing is proved either: no public keys, or no digest that they prove.
    Incomplete,
}

/// The whole result. Its JSON form is stable: members may be added, none changes its meaning. Times are UTC, as in digests.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub verdict: Verdict,
    /// The period asked for; null at a side that is open.
    pub from: Option<String>,
    pub to: Option<String>,
    /// One entry per trail, account, region and place.
    pub chains: Vec<ChainReport>,
    pub findings: Vec<Finding>,
    /// Findings that were counted but left out of `findings` because there are too many.
    pub findings_omitted: u64,
}

/// One chain of digests.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainReport {
    pub trail: String,
    pub account: String,
    pub region: String,
    pub home_region: String,
    pub organization: Option<String>,
    pub backfill: bool,
    /// The source and folder the chain was found in.
    pub place: String,
    /// Start of the oldest and end of the newest digest that is not invalid.
    pub covered_from: Option<String>,
    pub covered_to: Option<String>,
    pub digests: DigestCounts,
    pub log_files: LogFileCounts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestCounts {
    pub valid: u64,
    pub invalid: u64,
    /// Nothing is wrong with them, but no signature was checked.
    pub unproved: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogFileCounts {
    /// As their digest says; proved only if the digest is.
    pub valid: u64,
    pub invalid: u64,
    /// Named by an invalid digest, so there is nothing to compare with.
    pub not_checked: u64,
}

impl Report {
    /// The exit status a command should end with.
    pub fn exit_code(&self) -> u8 {
        u8::from(self.verdict != Verdict::Valid)
    }

    pub fn has(&self, code: Code) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    /// One JSON document, for programs.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings, numbers and lists always serialise")
    }

    /// Plain words, for people.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for chain in &self.chains {
            chain.write_text(&mut text);
        }
        if !self.findings.is_empty() {
            text.push_str("Findings:\n");
        }
        for Finding { code, severity, file, text: words } in &self.findings {
            let severity = match severity {
                Severity::Invalid => "INVALID",
                Severity::Warning => "warning",
                Severity::Info => "note",
            };
            let file = if file.is_empty() { String::new() } else { format!("{file}: ") };
            let _ = writeln!(text, "  {severity} [{}] {file}{words}", code.name());
        }
        if self.findings_omitted > 0 {
            let _ = writeln!(text, "  and {} more", self.findings_omitted);
        }
        text.push_str(match self.verdict {
            Verdict::Valid => "Result: valid. Every file the digests name is unchanged.\n",
            Verdict::Invalid => "Result: INVALID. See the findings above.\n",
            Verdict::Incomplete => "Result: incomplete. Nothing is wrong, but nothing is proved either.\n",
        });
        text
    }
}

impl ChainReport {
    fn write_text(&self, text: &mut String) {
        let Self { trail, account, region, home_region, digests, log_files, .. } = self;
        let backfill = if self.backfill { " (backfill)" } else { "" };
        let organization = self.organization.as_ref().map(|id| format!(" of organization {id}")).unwrap_or_default();
        let _ = writeln!(text, "Trail {trail} (home {home_region}), account {account}{organization}, region {region}{backfill}");
        let _ = writeln!(text, "  in {}", self.place);
        if let (Some(from), Some(to)) = (&self.covered_from, &self.covered_to) {
            let _ = writeln!(text, "  covered: {from} to {to}");
        }
        let total = digests.valid + digests.invalid + digests.unproved;
        let _ = write!(text, "  digests: {} of {total} valid", digests.valid);
        write_counts(text, &[(digests.invalid, "INVALID"), (digests.unproved, "not proved")]);
        let total = log_files.valid + log_files.invalid + log_files.not_checked;
        let _ = write!(text, "  log files: {} of {total} valid", log_files.valid);
        write_counts(text, &[(log_files.invalid, "INVALID"), (log_files.not_checked, "not checked")]);
    }
}

fn write_counts(text: &mut String, counts: &[(u64, &str)]) {
    for (count, words) in counts.iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, ", {count} {words}");
    }
    text.push('\n');
}

/// Gathers a report while the check runs.
#[derive(Default)]
pub struct Collector {
    chains: Vec<ChainReport>,
    findings: Vec<Finding>,
    omitted: u64,
    any_invalid: bool,
}

impl Collector {
    pub fn add(&mut self, finding: Finding) {
        self.any_invalid |= finding.severity == Severity::Invalid;
        if self.findings.len() < limits::FINDINGS {
            self.findings.push(finding);
        } else {
            self.omitted += 1;
        }
    }

    pub fn add_chain(&mut self, chain: ChainReport) {
        self.chains.push(chain);
    }

    pub fn has_chains(&self) -> bool {
        !self.chains.is_empty()
    }

    pub fn finish(self, from: Option<String>, to: Option<String>) -> Report {
        let proved = self.chains.iter().any(|chain| chain.digests.valid > 0);
        let verdict = match (self.any_invalid, proved) {
            (true, _) => Verdict::Invalid,
            (false, true) => Verdict::Valid,
            (false, false) => Verdict::Incomplete,
        };
        Report { verdict, from, to, chains: self.chains, findings: self.findings, findings_omitted: self.omitted }
    }
}
