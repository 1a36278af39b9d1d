//! The integrity of one trail: the last check as a picture, and a new one at a click.

use super::picture::{Strip, strips};
use super::source::TrailFiles;
use crate::answer::Answer;
use crate::checks::{Check, Outcome, Whose};
use crate::form::query_of;
use crate::frame::Frame;
use crate::pages::trails::info::{self, Info};
use crate::problem::{Problem, Refusal};
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use opentrail_verify::{KeySet, Options, Report, Severity, Source, Verdict};
use opentrail_wire::ApiError;
use std::sync::Arc;
use std::time::Duration as Wait;
use time::Duration;

/// Periods that can be chosen, in hours.
pub const PERIODS: &[(i64, &str)] = &[(24, "24 hours"), (72, "3 days"), (168, "7 days"), (720, "30 days")];
/// How long a check may take.
const PATIENCE: Wait = Wait::from_secs(600);
/// Findings that the page shows.
const MOST_FINDINGS: usize = 100;
/// Log files that are read at once.
const AT_ONCE: usize = 4;

#[derive(Template)]
#[template(path = "integrity/trail.html")]
struct Page<'a> {
    frame: Frame<'a>,
    trail: &'a Info,
    action: String,
    keys: String,
    bundle: String,
    hours: i64,
    periods: &'static [(i64, &'static str)],
    check: Option<Seen>,
    busy: bool,
}

/// A check for the page.
struct Seen {
    begun: Moment,
    from: Moment,
    running: bool,
    progress: String,
    refusal: Option<Refusal>,
    verdict: (&'static str, &'static str),
    strips: Vec<Strip>,
    findings: Vec<Line>,
    omitted: usize,
}

/// A finding for the page.
struct Line {
    kind: &'static str,
    weight: &'static str,
    code: &'static str,
    file: String,
    text: String,
    advice: &'static str,
}

/// How a report is shown in a word: kind of badge, and the word.
pub fn verdict(report: &Report) -> (&'static str, &'static str) {
    match report.verdict {
        Verdict::Valid => ("good", "proved"),
        Verdict::Invalid => ("bad", "invalid"),
        Verdict::Incomplete => ("warn", "not proved"),
    }
}

/// The trail of the address.
///
/// # Errors
/// As GetTrail.
pub async fn wanted(visitor: &Visitor) -> Result<Info, Problem> {
    if visitor.wanted.query.get("arn").is_none() {
        return Err(Problem::NotFound("The address names no trail."));
    }
    Ok(info::named(visitor).await?)
}

/// The period that was chosen, in hours.
pub fn chosen(text: &str) -> i64 {
    let hours = text.parse().ok().filter(|hours| PERIODS.iter().any(|(known, _)| known == hours));
    hours.unwrap_or(PERIODS[0].0)
}

pub async fn show(visitor: Visitor) -> Shown {
    let trail = wanted(&visitor).await?;
    let check = visitor.checks().of(&Whose { person: visitor.arn(), trail: trail.arn.clone() });
    let hours = chosen(visitor.wanted.query.text("hours"));
    let named = [("arn", trail.arn.as_str()), ("hours", &hours.to_string())].map(|(name, value)| (name, value.to_owned()));
    let named: Vec<(&str, &str)> = named.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(Answer::page(&Page {
        frame: Frame::new(&visitor, "Integrity of a trail", "integrity"),
        action: visitor.link(&format!("integrity/trail?{}", query_of(&named[..1]))),
        keys: visitor.link("integrity/keys"),
        bundle: visitor.link(&format!("integrity/bundle?{}", query_of(&named))),
        hours,
        periods: PERIODS,
        check: check.map(|check| shown(&check, &visitor)),
        busy: visitor.wanted.query.get("busy").is_some(),
        trail: &trail,
    }))
}

fn shown(check: &Check, visitor: &Visitor) -> Seen {
    let progressed = check.progressed();
    let (refusal, report) = match &progressed.outcome {
        Some(Outcome::Refused(refusal)) => (Some(refusal.clone()), None),
        Some(Outcome::Report(report)) => (None, Some(Arc::clone(report))),
        None => (None, None),
    };
    let progress = match progressed.listed {
        None => "Listing the files.".to_owned(),
        Some((digests, files)) => {
            format!("{} of {digests} digests and {} of {files} log files are checked.", progressed.digests, progressed.log_files)
        }
    };
    let findings = report.as_ref().map(|report| report.findings.as_slice()).unwrap_or_default();
    let line = |finding: &opentrail_verify::Finding| {
        let (kind, weight) = match finding.severity {
            Severity::Invalid => ("bad", "invalid"),
            Severity::Warning => ("warn", "warning"),
            Severity::Info => ("quiet", "note"),
        };
        let (code, advice) = (finding.code.name(), finding.code.advice());
        Line { kind, weight, code, advice, file: finding.file.clone(), text: finding.text.clone() }
    };
    let done = report.is_some();
    Seen {
        begun: Moment(check.begun),
        from: Moment(check.from),
        running: progressed.outcome.is_none(),
        progress,
        refusal,
        verdict: report.as_ref().map_or(("quiet", "running"), |report| verdict(report)),
        strips: if done { strips(&progressed.marks, check.from, check.begun.max(check.from)) } else { Vec::new() },
        findings: findings.iter().take(MOST_FINDINGS).map(line).collect(),
        omitted: findings.len().saturating_sub(MOST_FINDINGS),
    }
    .for_region(visitor.region())
}

impl Seen {
    /// The chain of the page's region first.
    fn for_region(mut self, region: &str) -> Self {
        self.strips.sort_by_key(|strip| strip.region != region);
        self
    }
}

/// Begins a check.
pub async fn verify(visitor: Visitor) -> Shown {
    let trail = wanted(&visitor).await?;
    let form = &visitor.wanted.form;
    let hours = chosen(form.text("hours"));
    let (now, accept_gap) = (visitor.now(), form.is_ticked("accept_gap"));
    let whose = Whose { person: visitor.arn(), trail: trail.arn.clone() };
    let from = now - Duration::hours(hours);
    let back = |busy: &str| {
        visitor
            .link(&format!("integrity/trail?{}", query_of(&[("arn", &trail.arn), ("hours", &hours.to_string()), ("busy", busy)])))
    };
    let Some(check) = visitor.checks().begin(&whose, now, from) else {
        return Ok(Answer::redirect(&back("yes")));
    };
    let (person, files) = (visitor.clone(), trail.clone());
    tokio::spawn(async move {
        let mut stopping = person.stopping();
        let outcome = tokio::select! {
            ended = tokio::time::timeout(PATIENCE, run(&person, &files, &check, accept_gap)) => ended,
            _ = stopping.wait_for(|stops| *stops) => return,
        };
        check.end(match outcome {
            Ok(Ok(report)) => Outcome::Report(Arc::new(report)),
            Ok(Err(error)) => Outcome::Refused(Refusal::from(error)),
            Err(_) => Outcome::Refused(Refusal {
                code: "It took too long".into(),
                message: "The check was given up after ten minutes. Choose a shorter period, or run opentrail verify.".into(),
                missing: None,
            }),
        });
    });
    Ok(Answer::redirect(&back("")))
}

async fn run(visitor: &Visitor, trail: &Info, check: &Arc<Check>, accept_gap: bool) -> Result<Report, ApiError> {
    let keys = super::export::public_keys(visitor).await?;
    let keys = KeySet::from_json(keys.to_string().as_bytes());
    let keys = keys.map_err(|error| ApiError::new("InvalidKeys", error.to_string()))?;
    let files = TrailFiles::new(visitor.clone(), &trail.bucket, &trail.prefix);
    let refusal = files.refusal();
    let options = Options {
        keys: Some(keys),
        from: Some(check.from),
        now: Some(check.begun),
        concurrency: AT_ONCE,
        accept_gap,
        ..Options::default()
    };
    let sources: Vec<Box<dyn Source>> = vec![Box::new(files)];
    let report = opentrail_verify::verify(&sources, &options, check.as_ref()).await;
    match (report, refusal()) {
        // Something that the person may not read proves nothing, whatever the rest says.
        (_, Some(error)) => Err(error),
        (Ok(report), None) => Ok(report),
        (Err(error), None) => Err(ApiError::new("NotChecked", error.chain())),
    }
}
