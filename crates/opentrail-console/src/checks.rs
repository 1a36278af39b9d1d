//! Integrity checks that people began: each runs in a task of its own, and its result is kept as long as the server runs
//! and there is room. Everybody sees only their own, because a check reads with the rights of who began it.

use crate::problem::Refusal;
use opentrail_verify::group::ChainKey;
use opentrail_verify::names::FileName;
use opentrail_verify::{Checked, FileKind, Progress, Report, Severity};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;

/// Checks that run at the same time.
const MOST_RUNNING: usize = 2;
/// Results that are kept; the oldest goes first.
const MOST_KEPT: usize = 64;

/// Whose check of which trail: the ARNs of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    pub person: String,
    pub trail: String,
}

/// A digest or log file of which something was found out.
#[derive(Debug, Clone)]
pub struct Mark {
    pub chain: ChainKey,
    /// The end of a digest, the delivery of a log file.
    pub at: OffsetDateTime,
    pub is_digest: bool,
    /// Something is wrong.
    pub wrong: Option<String>,
    /// Nothing is wrong, but no signature vouches for it.
    pub unproved: bool,
}

/// How far a check is.
#[derive(Default)]
pub struct Progressed {
    /// Digests and log files that were listed.
    pub listed: Option<(usize, usize)>,
    pub digests: usize,
    pub log_files: usize,
    /// Every digest, and the log files that something is wrong with.
    pub marks: Vec<Mark>,
    pub outcome: Option<Outcome>,
}

/// What came of a check.
pub enum Outcome {
    Report(Arc<Report>),
    Refused(Refusal),
}

/// One check.
pub struct Check {
    pub begun: OffsetDateTime,
    pub from: OffsetDateTime,
    progressed: Mutex<Progressed>,
}

impl Check {
    pub fn progressed(&self) -> MutexGuard<'_, Progressed> {
        self.progressed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_running(&self) -> bool {
        self.progressed().outcome.is_none()
    }

    pub fn end(&self, outcome: Outcome) {
        self.progressed().outcome = Some(outcome);
    }
}

impl Progress for Check {
    fn listed(&self, digests: usize, log_files: usize) {
        self.progressed().listed = Some((digests, log_files));
    }

    fn checked(&self, checked: &Checked<'_>) {
        let wrong = checked.finding.filter(|finding| finding.severity == Severity::Invalid);
        let wrong = wrong.map(|finding| format!("{}: {}", finding.code.name(), finding.text));
        let is_digest = checked.kind == FileKind::Digest;
        let mut progressed = self.progressed();
        if is_digest {
            progressed.digests += 1
        } else {
            progressed.log_files += 1
        }
        if (is_digest || wrong.is_some())
            && let Some(at) = moment_of(checked.named)
        {
            let unproved = !checked.proved;
            progressed.marks.push(Mark { chain: checked.chain.clone(), at, is_digest, wrong, unproved });
        }
    }
}

/// When a file was delivered, or the end of a digest, by its name.
pub fn moment_of(location: &str) -> Option<OffsetDateTime> {
    use opentrail_verify::names::{Kind, file_name};
    match FileName::parse(file_name(location))?.kind {
        Kind::Digest(digest) => Some(digest.end),
        Kind::Log { minute } => Some(minute),
    }
}

/// The checks of a server.
#[derive(Default)]
pub struct Checks(Mutex<Vec<(Whose, Arc<Check>)>>);

impl Checks {
    fn all(&self) -> MutexGuard<'_, Vec<(Whose, Arc<Check>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest check of this trail by this person.
    pub fn of(&self, whose: &Whose) -> Option<Arc<Check>> {
        self.all().iter().find(|(of, _)| of == whose).map(|(_, check)| Arc::clone(check))
    }

    /// Room for a new check, which takes the place of the last one. `None` while too many run, or this one does.
    pub fn begin(&self, whose: &Whose, begun: OffsetDateTime, from: OffsetDateTime) -> Option<Arc<Check>> {
        let mut all = self.all();
        let running = all.iter().filter(|(_, check)| check.is_running()).count();
        if running >= MOST_RUNNING || all.iter().any(|(of, check)| of == whose && check.is_running()) {
            return None;
        }
        all.retain(|(of, _)| of != whose);
        if all.len() >= MOST_KEPT
            && let Some(oldest) = all.iter().position(|(_, check)| !check.is_running())
        {
            all.remove(oldest);
        }
        let check = Arc::new(Check { begun, from, progressed: Mutex::default() });
        all.push((whose.clone(), Arc::clone(&check)));
        Some(check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_bounded_and_everybodys_own() {
        let checks = Checks::default();
        let whose = |person: usize| Whose { person: person.to_string(), trail: "t".into() };
        let now = OffsetDateTime::UNIX_EPOCH;
        let first = checks.begin(&whose(1), now, now).expect("room");
        assert!(checks.begin(&whose(1), now, now).is_none(), "it runs");
        checks.begin(&whose(2), now, now).expect("room");
        assert!(checks.begin(&whose(3), now, now).is_none(), "two run");
        assert!(checks.of(&whose(3)).is_none());
        let refused = || Outcome::Refused(Refusal { code: String::new(), message: String::new(), missing: None });
        first.end(refused());
        for person in 3..200 {
            checks.begin(&whose(person), now, now).expect("room").end(refused());
        }
        assert_eq!(checks.all().len(), MOST_KEPT);
        assert!(checks.of(&whose(2)).is_some_and(|check| check.is_running()), "what runs is kept");
    }
}
