//! From points to a state.
//!
//! Source: CloudWatch user guide, "Configuring how alarms treat missing data", with its tables as tests.

use crate::alarm::{AlarmRule, AlarmState, MissingData};
use crate::reason;

/// A period of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When the period begins, epoch seconds.
    pub at: i64,
    /// The statistic; `None` if there was nothing.
    pub value: Option<f64>,
    /// How many values it was made of.
    pub samples: f64,
}

/// What an evaluation comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub state: AlarmState,
    /// `StateReason`.
    pub reason: String,
    /// The points the state was decided by, oldest first.
    pub evaluated: Vec<Point>,
}

/// Decides an alarm's state by the points of [`AlarmRule::range`] periods, oldest first; `None` keeps the state.
pub fn evaluate(rule: &AlarmRule, points: &[Point]) -> Option<Outcome> {
    let real: Vec<Point> = points.iter().filter(|point| point.value.is_some()).copied().collect();
    let newest = real[real.len().saturating_sub(rule.evaluation_periods)..].to_vec();
    let bad = newest.iter().filter(|point| breaches(rule, point)).count();
    let filled = rule.evaluation_periods - newest.len();
    let outcome = |state, filled| {
        let reason = reason::text(rule, state, &newest, filled);
        Some(Outcome { state, reason, evaluated: newest.clone() })
    };
    let by_count = |bad: usize| if bad >= rule.datapoints_to_alarm { AlarmState::Alarm } else { AlarmState::Ok };
    if filled == 0 {
        return outcome(by_count(bad), 0);
    }
    match rule.missing {
        MissingData::Breaching => outcome(by_count(bad + filled), filled),
        MissingData::NotBreaching => outcome(by_count(bad), filled),
        MissingData::Missing | MissingData::Ignore if bad < newest.len() => outcome(by_count(bad), 0),
        // Nothing but bad points, and few of them.
        MissingData::Ignore => (bad >= rule.datapoints_to_alarm).then(|| outcome(AlarmState::Alarm, 0)).flatten(),
        MissingData::Missing if newest.is_empty() => outcome(AlarmState::InsufficientData, filled),
        MissingData::Missing => {
            // Not by the newest alone: the oldest bad point must have had time to be followed by others.
            let oldest = points.iter().position(|point| point.value.is_some()).unwrap_or(points.len());
            let age = points.len() - oldest;
            if age >= rule.datapoints_to_alarm { outcome(AlarmState::Alarm, 0) } else { None }
        }
    }
}

/// Whether a point is bad.
pub(crate) fn breaches(rule: &AlarmRule, point: &Point) -> bool {
    point.value.is_some_and(|value| rule.comparison.breaches(value, rule.threshold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::Comparison;

    fn rule(datapoints_to_alarm: usize, evaluation_periods: usize, missing: MissingData) -> AlarmRule {
        let comparison = Comparison::GreaterThanThreshold;
        AlarmRule { comparison, threshold: 0.0, evaluation_periods, datapoints_to_alarm, missing }
    }

    fn points(picture: &str) -> Vec<Point> {
        let value = |mark| match mark {
            "0" => Some(0.0),
            "X" => Some(1.0),
            _ => None,
        };
        picture.split(' ').zip(0..).map(|(mark, n)| Point { at: n * 60, value: value(mark), samples: 1.0 }).collect()
    }

    fn check(datapoints: usize, periods: usize, picture: &str, expect: [&str; 4]) {
        let treatments = [MissingData::Missing, MissingData::Ignore, MissingData::Breaching, MissingData::NotBreaching];
        for (missing, expect) in treatments.into_iter().zip(expect) {
            let outcome = evaluate(&rule(datapoints, periods, missing), &points(picture));
            let state = outcome.map_or("keep", |outcome| outcome.state.as_str());
            assert_eq!(state, expect, "{datapoints} of {periods}: {picture}, {missing:?}");
        }
    }

    #[test]
    fn tables_of_the_guide() {
        check(3, 3, "0 - X - X", ["OK", "OK", "OK", "OK"]);
        check(3, 3, "0 - - - -", ["OK", "OK", "OK", "OK"]);
        check(3, 3, "- - - - -", ["INSUFFICIENT_DATA", "keep", "ALARM", "OK"]);
        check(3, 3, "0 X X - X", ["ALARM", "ALARM", "ALARM", "ALARM"]);
        check(3, 3, "- - X - -", ["ALARM", "keep", "ALARM", "OK"]);
        check(3, 3, "- - - - X", ["keep", "keep", "ALARM", "OK"]);
        check(3, 3, "- - - X -", ["keep", "keep", "ALARM", "OK"]);
        check(2, 3, "0 - X - X", ["ALARM", "ALARM", "ALARM", "ALARM"]);
        check(2, 3, "0 0 X 0 X", ["ALARM", "ALARM", "ALARM", "ALARM"]);
        check(2, 3, "0 - X - -", ["OK", "OK", "ALARM", "OK"]);
        check(2, 3, "- - - - 0", ["OK", "OK", "ALARM", "OK"]);
        check(2, 3, "- - - X -", ["ALARM", "keep", "ALARM", "OK"]);
    }

    #[test]
    fn one_of_one() {
        check(1, 1, "- - X", ["ALARM", "ALARM", "ALARM", "ALARM"]);
        check(1, 1, "X - -", ["ALARM", "ALARM", "ALARM", "ALARM"]);
        check(1, 1, "X - 0", ["OK", "OK", "OK", "OK"]);
        check(1, 1, "- - -", ["INSUFFICIENT_DATA", "keep", "ALARM", "OK"]);
    }

    #[test]
    fn reasons_are_worded_like_aws() {
        let reason = |missing, picture: &str| {
            let mut rule = rule(1, 1, missing);
            rule.threshold = 0.5;
            evaluate(&rule, &points(picture)).expect("a state").reason
        };
        assert_eq!(
            reason(MissingData::Missing, "- - X"),
            "Threshold Crossed: 1 datapoint [1.0 (01/01/70 00:02:00)] was greater than the threshold (0.5)."
        );
        assert_eq!(
            reason(MissingData::Missing, "- - 0"),
            "Threshold Crossed: 1 datapoint [0.0 (01/01/70 00:02:00)] was not greater than the threshold (0.5)."
        );
        assert_eq!(
            reason(MissingData::Breaching, "- - -"),
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching]."
        );
        assert_eq!(reason(MissingData::Missing, "- - -"), "Insufficient Data: 1 datapoint was unknown.");
        let rule = rule(2, 3, MissingData::Missing);
        assert_eq!(
            evaluate(&rule, &points("0 0 X 0 X")).expect("a state").reason,
            "Threshold Crossed: 2 out of the last 3 datapoints [1.0 (01/01/70 00:04:00), 1.0 (01/01/70 00:02:00)] were greater than the threshold (0.0) (minimum 2 datapoints for OK -> ALARM transition)."
        );
    }
}
