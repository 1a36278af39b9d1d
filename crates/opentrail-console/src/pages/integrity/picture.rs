//! The picture of a chain: a strip of hours, each as its digests and their log files are.

use crate::checks::Mark;
use crate::inert::push_inert;
use crate::times::Moment;
use opentrail_verify::group::ChainKey;
use std::collections::BTreeMap;
use std::fmt::Write;
use time::OffsetDateTime;

const HOUR: i64 = 3_600;
/// Reasons that are named with an hour.
const REASONS: usize = 3;
/// Longest reason, in characters.
const REASON_CHARS: usize = 200;

/// How an hour is; the greater is the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum State {
    /// No digest ends in it.
    #[default]
    Empty,
    Good,
    /// No signature vouches for it.
    Unproved,
    Bad,
}

impl State {
    fn class(self) -> &'static str {
        match self {
            Self::Empty => "h-none",
            Self::Good => "h-good",
            Self::Unproved => "h-warn",
            Self::Bad => "h-bad",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Empty => "no digest",
            Self::Good => "proved",
            Self::Unproved => "not proved",
            Self::Bad => "invalid",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Hour {
    state: State,
    reasons: Vec<String>,
}

/// One chain for the page.
pub struct Strip {
    pub trail: String,
    pub account: String,
    pub region: String,
    pub digests: usize,
    /// Safe to put into a page.
    pub svg: String,
    /// Hours with something wrong, and why.
    pub wrong: Vec<(Moment, Vec<String>)>,
}

/// The strips of all chains, in their order. A digest counts in the hour in which it ends; a log file in that of the
/// digest that follows its delivery.
pub fn strips(marks: &[Mark], from: OffsetDateTime, to: OffsetDateTime) -> Vec<Strip> {
    let mut chains: BTreeMap<&ChainKey, Vec<&Mark>> = BTreeMap::new();
    for mark in marks.iter().filter(|mark| !mark.chain.backfill) {
        chains.entry(&mark.chain).or_default().push(mark);
    }
    chains.into_iter().map(|(key, marks)| strip(key, &marks, from, to)).collect()
}

fn strip(key: &ChainKey, marks: &[&Mark], from: OffsetDateTime, to: OffsetDateTime) -> Strip {
    let first = from.unix_timestamp().div_euclid(HOUR);
    let count = usize::try_from(to.unix_timestamp().div_euclid(HOUR) - first + 1).unwrap_or(1).clamp(1, 24 * 62);
    let mut hours = vec![Hour::default(); count];
    let mut ends: Vec<i64> = marks.iter().filter(|mark| mark.is_digest).map(|mark| mark.at.unix_timestamp()).collect();
    ends.sort_unstable();
    for mark in marks {
        let at = mark.at.unix_timestamp();
        let end = if mark.is_digest { at } else { ends.iter().copied().find(|end| *end > at).unwrap_or(at) };
        // A digest that ends on the hour is of the hour before.
        let index = (end - i64::from(mark.is_digest)).div_euclid(HOUR) - first;
        let index = usize::try_from(index).unwrap_or(0).min(count - 1);
        let state = match (&mark.wrong, mark.unproved) {
            (Some(_), _) => State::Bad,
            (None, true) => State::Unproved,
            (None, false) => State::Good,
        };
        let hour = &mut hours[index];
        hour.state = hour.state.max(state);
        if let Some(reason) = &mark.wrong
            && hour.reasons.len() < REASONS
        {
            hour.reasons.push(crate::record::shortened(reason, REASON_CHARS));
        }
    }
    let moment = |index: usize| Moment::at_seconds((first + index as i64) * HOUR);
    let wrong = hours.iter().enumerate().filter(|(_, hour)| hour.state == State::Bad);
    Strip {
        trail: key.trail.clone(),
        account: key.account.clone(),
        region: key.region.clone(),
        digests: ends.len(),
        wrong: wrong.filter_map(|(index, hour)| Some((moment(index)?, hour.reasons.clone()))).collect(),
        svg: drawn(&hours, first, key),
    }
}

/// Hours that are alike are one piece, so that long periods stay small.
fn drawn(hours: &[Hour], first: i64, key: &ChainKey) -> String {
    let width = hours.len() * 10;
    let mut svg = String::new();
    let bad = hours.iter().filter(|hour| hour.state == State::Bad).count();
    let _ =
        write!(svg, "<svg class=\"hours\" viewBox=\"0 0 {width} 20\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"");
    push_inert(&mut svg, &format!("{} hours of {} in {}, {bad} of them invalid", hours.len(), key.trail, key.region));
    svg.push_str("\">");
    let mut begin = 0;
    for end in 1..=hours.len() {
        if end < hours.len() && hours[end] == hours[begin] {
            continue;
        }
        let words = |index: usize| Moment::at_seconds((first + index as i64) * HOUR).map(|at| at.words()).unwrap_or_default();
        let hour = &hours[begin];
        let _ = write!(
            svg,
            "<rect class=\"{}\" x=\"{}\" y=\"0\" width=\"{}\" height=\"20\"><title>",
            hour.state.class(),
            begin * 10,
            (end - begin) * 10 - 1
        );
        let reasons = if hour.reasons.is_empty() { String::new() } else { format!(": {}", hour.reasons.join("; ")) };
        push_inert(&mut svg, &format!("{} to {}: {}{reasons}", words(begin), words(end), hour.state.words()));
        svg.push_str("</title></rect>");
        begin = end;
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: i64, is_digest: bool, wrong: Option<&str>) -> Mark {
        let chain =
            ChainKey { account: "1".into(), region: "r".into(), trail: "<t>".into(), home_region: "r".into(), backfill: false };
        let at = OffsetDateTime::from_unix_timestamp(at).expect("a time");
        Mark { chain, at, is_digest, wrong: wrong.map(str::to_owned), unproved: false }
    }

    #[test]
    fn hours_turn_red_with_their_reason() {
        let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
        let marks = [
            mark(3_600, true, None),
            mark(7_000, true, None),
            mark(10_000, true, None),
            mark(6_900, false, Some("log-changed: <script>")),
        ];
        let strips = strips(&marks, time(0), time(4 * 3_600));
        assert_eq!(strips.len(), 1);
        let strip = &strips[0];
        assert_eq!((strip.digests, strip.wrong.len()), (3, 1));
        assert_eq!(strip.wrong[0].0, Moment(time(3_600)));
        let classes: Vec<&str> = strip.svg.split("class=\"h-").skip(1).filter_map(|part| part.split('"').next()).collect();
        assert_eq!(classes, ["good", "bad", "good", "none"]);
        assert!(!strip.svg.contains("<script") && !strip.svg.contains("<t>"));
    }
}
