//! `StateReason` in CloudWatch's words.

use crate::alarm::{AlarmRule, AlarmState, MissingData};
use crate::evaluate::{Point, breaches};
use time::OffsetDateTime;
use time::macros::format_description;

/// Why an alarm is in a state, by its evaluated points and how many were filled in.
pub fn text(rule: &AlarmRule, state: AlarmState, evaluated: &[Point], filled: usize) -> String {
    if state == AlarmState::InsufficientData {
        return format!("Insufficient Data: {} {} unknown.", counted(filled, "datapoint"), were(filled));
    }
    if evaluated.is_empty() {
        let treated = if rule.missing == MissingData::Breaching { "Breaching" } else { "NonBreaching" };
        return format!(
            "Threshold Crossed: no datapoints were received for {} and {} {} treated as [{treated}].",
            counted(rule.evaluation_periods, "period"),
            counted(filled, "missing datapoint"),
            were(filled)
        );
    }
    let in_alarm = state == AlarmState::Alarm;
    // Newest first, and only those that speak for the state.
    let telling: Vec<&Point> = evaluated.iter().rev().filter(|point| breaches(rule, point) == in_alarm).collect();
    let list = telling.iter().map(|point| described(point)).collect::<Vec<_>>().join(", ");
    let was = format!("{}{} {}", were(telling.len()), if in_alarm { "" } else { " not" }, rule.comparison.words());
    let threshold = number(rule.threshold);
    let whole = telling.len() == evaluated.len() && filled == 0 && rule.datapoints_to_alarm == rule.evaluation_periods;
    if whole || filled > 0 {
        return format!("Threshold Crossed: {} [{list}] {was} ({threshold}).", counted(telling.len(), "datapoint"));
    }
    format!(
        "Threshold Crossed: {} out of the last {} [{list}] {was} ({threshold}) (minimum {} for {} transition).",
        telling.len(),
        counted_always_many(evaluated.len()),
        counted(
            if in_alarm { rule.datapoints_to_alarm } else { rule.evaluation_periods + 1 - rule.datapoints_to_alarm },
            "datapoint"
        ),
        if in_alarm { "OK -> ALARM" } else { "ALARM -> OK" }
    )
}

fn described(point: &Point) -> String {
    let format = format_description!("[day]/[month]/[year repr:last_two] [hour]:[minute]:[second]");
    let at = OffsetDateTime::from_unix_timestamp(point.at).ok().and_then(|at| at.format(&format).ok()).unwrap_or_default();
    format!("{} ({at})", number(point.value.unwrap_or_default()))
}

/// `21.0`, `0.5`, `1.0E10`: a number as Java writes it, which is what CloudWatch shows.
pub fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e7).contains(&magnitude) {
        let text = format!("{value:E}");
        return match text.split_once('E') {
            Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
            _ => text,
        };
    }
    format!("{value:?}")
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn counted_always_many(count: usize) -> String {
    format!("{count} datapoints")
}

fn were(count: usize) -> &'static str {
    if count == 1 { "was" } else { "were" }
}
