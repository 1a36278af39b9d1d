//! The report in the formats of other tools: JUnit XML for test dashboards, SARIF 2.1.0 for code and security scanning.

use crate::finding::{Code, Finding, Severity};
use crate::report::{ChainReport, Report, Verdict};
use serde_json::{Value, json};
use std::fmt::Write;

impl Report {
    /// JUnit XML: a suite per chain, and one for the findings, in which each invalid one is a failed test.
    pub fn to_junit(&self) -> String {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let failed = self.findings.iter().filter(|finding| finding.severity == Severity::Invalid).count();
        let tests = self.findings.len() + 2 * self.chains.len() + 1;
        let _ = writeln!(
            text,
            "<testsuites name=\"opentrail verify\" tests=\"{tests}\" failures=\"{}\">",
            failed + usize::from(self.verdict != Verdict::Valid)
        );
        for chain in &self.chains {
            junit_chain(&mut text, chain);
        }
        let unproved = usize::from(self.verdict != Verdict::Valid);
        let _ = writeln!(
            text,
            "  <testsuite name=\"findings\" tests=\"{}\" failures=\"{}\">",
            self.findings.len() + 1,
            failed + unproved
        );
        for finding in &self.findings {
            junit_finding(&mut text, finding);
        }
        let verdict =
            if unproved == 0 { "/>".to_owned() } else { format!("><failure message=\"{}\"/></testcase>", self.verdict.name()) };
        let _ = writeln!(
            text,
            "    <testcase classname=\"opentrail.verify\" name=\"verdict\"{verdict}\n  </testsuite>\n</testsuites>"
        );
        text
    }

    /// SARIF 2.1.0: a rule per code, a result per finding.
    pub fn to_sarif(&self) -> String {
        let rule = |code: &Code| {
            json!({
                "id": code.name(),
                "shortDescription": {"text": code.meaning()},
                "help": {"text": code.advice()},
                "defaultConfiguration": {"level": level(code.severity())},
            })
        };
        let document = json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {
                    "name": "opentrail verify",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": Code::ALL.iter().map(rule).collect::<Vec<_>>(),
                }},
                "results": self.findings.iter().map(sarif_result).collect::<Vec<_>>(),
                "properties": {"verdict": self.verdict, "findingsOmitted": self.findings_omitted},
            }],
        });
        serde_json::to_string_pretty(&document).expect("strings, numbers and lists always serialise")
    }
}

fn junit_chain(text: &mut String, chain: &ChainReport) {
    let ChainReport { trail, account, region, digests, log_files, .. } = chain;
    let backfill = if chain.backfill { " (backfill)" } else { "" };
    let suite = escaped(&format!("{trail} {account} {region}{backfill}"));
    let wrong = [("digests", digests.invalid + digests.missing), ("log files", log_files.invalid)];
    let failures = wrong.iter().filter(|(_, count)| *count > 0).count();
    let _ = writeln!(text, "  <testsuite name=\"{suite}\" tests=\"2\" failures=\"{failures}\">");
    for (name, count) in wrong {
        let failure =
            if count == 0 { "/>".to_owned() } else { format!("><failure message=\"{count} invalid or missing\"/></testcase>") };
        let _ = writeln!(text, "    <testcase classname=\"{suite}\" name=\"{name}\"{failure}");
    }
    text.push_str("  </testsuite>\n");
}

fn junit_finding(text: &mut String, finding: &Finding) {
    let Finding { code, severity, file, text: words } = finding;
    let (code, file, words) = (code.name(), escaped(file), escaped(words));
    let inside = match severity {
        Severity::Invalid => format!("<failure type=\"{code}\" message=\"{words}\"/>"),
        Severity::Warning | Severity::Info => format!("<system-out>{words}</system-out>"),
    };
    let _ = writeln!(text, "    <testcase classname=\"opentrail.verify.{code}\" name=\"{file}\">{inside}</testcase>");
}

/// Text as XML attributes and elements have it; characters XML cannot have are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Invalid => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn sarif_result(finding: &Finding) -> Value {
    let rule = Code::ALL.iter().position(|code| *code == finding.code);
    let mut result = json!({
        "ruleId": finding.code.name(),
        "ruleIndex": rule,
        "level": level(finding.severity),
        "message": {"text": finding.text},
    });
    if !finding.file.is_empty() {
        let uri = percent_encoded(&finding.file);
        result["locations"] = json!([{"physicalLocation": {"artifactLocation": {"uri": uri}}}]);
    }
    result
}

/// A path or address as a URI reference.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:!+=@,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Collector;

    #[test]
    fn hostile_names_stay_inside() {
        let mut collector = Collector::default();
        collector.add(Finding::new(Code::LogChanged, "a\"<b>&\u{1}\n c", "is <changed>"));
        collector.add_chain(ChainReport::default());
        let report = collector.finish(None, None);
        let junit = report.to_junit();
        assert!(junit.contains("name=\"a&quot;&lt;b&gt;&amp;\u{fffd}  c\"") && junit.contains("is &lt;changed&gt;"), "{junit}");
        assert_eq!(junit.matches("<testsuite ").count(), junit.matches("</testsuite>").count());
        let sarif: Value = serde_json::from_str(&report.to_sarif()).expect("is JSON");
        let result = &sarif["runs"][0]["results"][0];
        assert_eq!(result["level"], "error");
        assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "a%22%3Cb%3E%26%01%0A%20c");
        let index = result["ruleIndex"].as_u64().expect("a number") as usize;
        assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][index]["id"], "log-changed");
    }
}
