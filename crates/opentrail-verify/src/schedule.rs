//! Digests that nobody names but the schedule: one for each interval, also without any deliveries.

use crate::claim::Claim;
use crate::finding::{Code, Finding};
use crate::limits;
use crate::names;
use opentrail_model::timestamp;
use time::{Duration, OffsetDateTime};

/// Time between two digests that are there, in which others were.
#[derive(Debug, Clone)]
pub struct Hole {
    /// Where the digest before the hole ends, and the one after it starts.
    pub from: OffsetDateTime,
    pub until: OffsetDateTime,
    /// The claim that names the newest missing one, if there is one.
    pub claim: Option<Claim>,
    /// Where a digest of the chain is or should be: the pattern for the others.
    pub pattern: String,
}

impl Hole {
    /// How many digests are missing; at least the one that is named.
    pub fn count(&self, interval: Duration) -> u64 {
        let between = self.until - self.from;
        let named = u64::from(self.claim.is_some());
        if !interval.is_positive() || !between.is_positive() {
            return named;
        }
        // The first digest after logging began, and the last before it ended, may have a shorter window.
        let count = (between.as_seconds_f64() / interval.as_seconds_f64()).round();
        (count as u64).max(named)
    }

    /// A finding for each, beside the one that is named; newest first.
    pub fn findings(&self, interval: Duration) -> Vec<Finding> {
        let named = u64::from(self.claim.is_some());
        let count = self.count(interval);
        let made_out = count.min(limits::MISSING_DIGESTS);
        let mut findings = Vec::new();
        let mut end = self.until;
        for number in 1..=made_out {
            if number > named {
                let more = if number == made_out { count - made_out } else { 0 };
                findings.push(self.finding(end, end.saturating_sub(interval), more));
            }
            end = end.saturating_sub(interval);
        }
        findings
    }

    fn finding(&self, end: OffsetDateTime, start: OffsetDateTime, more: u64) -> Finding {
        let file = names::digest_key_ending(&self.pattern, end).unwrap_or_else(|| self.pattern.clone());
        let (start, end) = (timestamp::event_time(start), timestamp::event_time(end));
        let mut text = format!("is not there: by the schedule a digest covered {start} to {end}");
        if more > 0 {
            text.push_str(&format!(", and {more} more before it"));
        }
        Finding::new(Code::DigestMissing, file, text)
    }
}

/// Whether a chain that ends at `end` should have gone on before `until`.
pub fn ends_early(end: OffsetDateTime, until: OffsetDateTime, interval: Duration) -> bool {
    end.saturating_add(interval).saturating_add(limits::DIGEST_DELAY) < until
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn every_hour_is_counted() {
        let key = "r/2023/10/15/327878933619_CloudTrail-Digest_ap-northeast-1_t_us-west-2_20231015T230404Z.json.gz";
        let hole = |hours: i64, claim: bool| {
            let until = datetime!(2023-10-16 02:04:04 UTC);
            let named = Claim {
                target: None,
                by: String::new(),
                in_period: true,
                until,
                bucket: "b".into(),
                key: key.into(),
                hash: None,
                signature: None,
            };
            let from = until - Duration::hours(hours);
            Hole { from, until, claim: claim.then_some(named), pattern: key.into() }
        };
        let check = |hours, claim, count, findings| {
            let hole = hole(hours, claim);
            assert_eq!((hole.count(Duration::HOUR), hole.findings(Duration::HOUR).len()), (count, findings), "{hours} {claim}");
        };
        check(3, true, 3, 2);
        check(3, false, 3, 3);
        check(0, true, 1, 0);
        check(0, false, 0, 0);
        check(5000, true, 5000, 999);
        let names = hole(3, true).findings(Duration::HOUR);
        assert!(
            names[0]
                .file
                .ends_with("r/2023/10/16/327878933619_CloudTrail-Digest_ap-northeast-1_t_us-west-2_20231016T010404Z.json.gz")
        );
        assert_eq!(hole(3, true).count(Duration::ZERO), 1);
        assert!(hole(5000, true).findings(Duration::HOUR)[998].text.ends_with("and 4000 more before it"));
    }
}
