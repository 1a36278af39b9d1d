//! The result of a verification, for people and for programs.

use crate::finding::{Code, Finding, Severity};
use crate::group::ChainKey;
use crate::head::{Head, HeadFile};
use crate::limits;
use crate::result_set::ResultSetReport;
use serde::Serialize;
use std::collections::BTreeMap;
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

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Incomplete => "incomplete",
        }
    }
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
    /// One entry per sign file of query results.
    pub result_sets: Vec<ResultSetReport>,
    /// The gravest first.
    pub findings: Vec<Finding>,
    /// Findings that were counted but left out of `findings` because there are too many.
    pub findings_omitted: u64,
    /// Number of findings of each code, and what to make of it.
    pub codes: BTreeMap<&'static str, CodeReport>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct CodeReport {
    pub count: u64,
    pub meaning: &'static str,
    pub advice: &'static str,
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
    /// The newest digest that is not invalid, as a head file keeps it.
    pub head: Option<Head>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestCounts {
    pub valid: u64,
    pub invalid: u64,
    /// Not there, by what others say or by the schedule.
    pub missing: u64,
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

    /// The heads of all chains, to be kept elsewhere.
    pub fn heads(&self) -> HeadFile {
        HeadFile::new(self.chains.iter().filter_map(|chain| chain.head.clone()).collect())
    }

    /// Plain words, for people.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for chain in &self.chains {
            chain.write_text(&mut text);
        }
        for set in &self.result_sets {
            let proof = if set.proved { "signed" } else { "not proved" };
            let total = set.files_valid + set.files_invalid;
            let _ = writeln!(text, "Query results {}\n  {proof}, {} of {total} files valid", set.file, set.files_valid);
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
        if !self.codes.is_empty() {
            text.push_str("What to make of it:\n");
        }
        for (name, CodeReport { count, meaning, advice }) in &self.codes {
            let _ = writeln!(text, "  {name} ({count}): {meaning} {advice}");
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
    pub fn new(key: ChainKey, organization: Option<String>, place: String) -> Self {
        let ChainKey { account, region, trail, home_region, backfill } = key;
        Self { trail, account, region, home_region, organization, backfill, place, ..Self::default() }
    }

    /// Whether any digest of the period was there or should have been.
    pub fn has_digests(&self) -> bool {
        let DigestCounts { valid, invalid, missing, unproved } = self.digests;
        valid + invalid + missing + unproved > 0
    }

    fn write_text(&self, text: &mut String) {
        let Self { trail, account, region, home_region, digests, log_files, .. } = self;
        let backfill = if self.backfill { " (backfill)" } else { "" };
        let organization = self.organization.as_ref().map(|id| format!(" of organization {id}")).unwrap_or_default();
        let _ = writeln!(text, "Trail {trail} (home {home_region}), account {account}{organization}, region {region}{backfill}");
        let _ = writeln!(text, "  in {}", self.place);
        if let (Some(from), Some(to)) = (&self.covered_from, &self.covered_to) {
            let _ = writeln!(text, "  covered: {from} to {to}");
        }
        let DigestCounts { valid, invalid, missing, unproved } = *digests;
        let _ = write!(text, "  digests: {valid} of {} valid", valid + invalid + missing + unproved);
        write_counts(text, &[(invalid, "INVALID"), (missing, "MISSING"), (unproved, "not proved")]);
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
    result_sets: Vec<ResultSetReport>,
    findings: Vec<Finding>,
    counts: BTreeMap<Code, u64>,
    omitted: u64,
    any_invalid: bool,
}

impl Collector {
    pub fn add(&mut self, finding: Finding) {
        self.any_invalid |= finding.severity == Severity::Invalid;
        *self.counts.entry(finding.code).or_default() += 1;
        if self.findings.len() < limits::FINDINGS {
            self.findings.push(finding);
            return;
        }
        self.omitted += 1;
        // Notes must not crowd out what is wrong. The grave ones are few if there are many notes; so this is seldom searched.
        if finding.severity == Severity::Invalid
            && self.counts[&finding.code] <= limits::FINDINGS_OF_A_CODE
            && let Some(lighter) = self.findings.iter_mut().find(|kept| kept.severity < finding.severity)
        {
            *lighter = finding;
        }
    }

    pub fn add_chain(&mut self, chain: ChainReport) {
        self.chains.push(chain);
    }

    pub fn add_result_set(&mut self, report: ResultSetReport) {
        self.result_sets.push(report);
    }

    /// Whether nothing was there to be checked.
    pub fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.result_sets.is_empty()
    }

    pub fn finish(mut self, from: Option<String>, to: Option<String>) -> Report {
        let proved = self.chains.iter().any(|chain| chain.digests.valid > 0) || self.result_sets.iter().any(|set| set.proved);
        let verdict = match (self.any_invalid, proved) {
            (true, _) => Verdict::Invalid,
            (false, true) => Verdict::Valid,
            (false, false) => Verdict::Incomplete,
        };
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let explain =
            |(code, count): (Code, u64)| (code.name(), CodeReport { count, meaning: code.meaning(), advice: code.advice() });
        Report {
            verdict,
            from,
            to,
            chains: self.chains,
            result_sets: self.result_sets,
            findings: self.findings,
            findings_omitted: self.omitted,
            codes: self.counts.into_iter().map(explain).collect(),
        }
    }
}
