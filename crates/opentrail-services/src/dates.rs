//! Times in inputs, in answers and in `requestParameters`: each has a form of its own.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// `Jul 10, 2023, 12:05:01 PM`, how CloudTrail's and IAM's own records write a time.
const RECORDED: &[BorrowedFormatItem<'_>] =
    format_description!("[month repr:short] [day padding:none], [year], [hour repr:12 padding:none]:[minute]:[second] [period]");

/// A moment in an input: seconds since 1970 as a number, fractional or not, or ISO 8601 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub OffsetDateTime);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Moment;
        impl Visitor<'_> for Moment {
            type Value = Timestamp;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("seconds since 1970 or ISO 8601 text")
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Timestamp, E> {
                OffsetDateTime::from_unix_timestamp(seconds).map(Timestamp).map_err(|_| E::custom("time out of range"))
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Timestamp, E> {
                self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Timestamp, E> {
                from_fractional(seconds).map(Timestamp).ok_or_else(|| E::custom("time out of range"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
                let moment = OffsetDateTime::parse(text, &Rfc3339).ok();
                let moment = moment.or_else(|| text.parse().ok().and_then(from_fractional));
                moment.map(Timestamp).ok_or_else(|| E::custom("not a time"))
            }
        }
        deserializer.deserialize_any(Moment)
    }
}

/// Milliseconds are what a double still tells apart, and what AWS's clients send.
fn from_fractional(seconds: f64) -> Option<OffsetDateTime> {
    let milliseconds = (seconds * 1000.0).round();
    // 9e15 ms lies far beyond the year 9999 and is exact as a double.
    if !milliseconds.is_finite() || milliseconds.abs() > 9e15 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let milliseconds = milliseconds as i128;
    OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000).ok()
}

/// A moment in a JSON answer: seconds since 1970, with a fraction if there is one.
pub fn epoch(at: OffsetDateTime) -> Value {
    epoch_ms(at.unix_timestamp() * 1000 + i64::from(at.millisecond()))
}

/// [`epoch`] of milliseconds since 1970.
pub fn epoch_ms(milliseconds: i64) -> Value {
    if milliseconds % 1000 == 0 {
        return json!(milliseconds / 1000);
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any calendar year are exact as a double")]
    let seconds = milliseconds as f64 / 1000.0;
    json!(seconds)
}

/// A moment inside `requestParameters` or `responseElements`.
pub fn recorded(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(RECORDED).expect("the format has no fallible component")
}

/// Rewrites members of a recorded input that hold times the way CloudTrail records them. What is no time stays.
pub fn record_times(parameters: &mut Value, members: &[&str]) {
    for member in members {
        let Some(value) = parameters.get_mut(*member) else { continue };
        if let Ok(Timestamp(at)) = Timestamp::deserialize(&*value) {
            *value = recorded(at).into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn moments_are_read_in_every_form_clients_send() {
        let at = datetime!(2023-07-10 12:05:01 UTC);
        for form in [json!(1_688_990_701), json!(1_688_990_701.0), json!("2023-07-10T12:05:01Z"), json!("1688990701")] {
            assert_eq!(serde_json::from_value::<Timestamp>(form.clone()).ok(), Some(Timestamp(at)), "{form}");
        }
        let fraction: Timestamp = serde_json::from_value(json!(1_688_990_701.25)).expect("a time");
        assert_eq!(fraction.0, at + time::Duration::milliseconds(250));
        for bad in [json!(1e300), json!(u64::MAX), json!(i64::MIN), json!("x"), json!("NaN"), json!([]), json!(true)] {
            assert!(serde_json::from_value::<Timestamp>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn answers_carry_fractions_only_where_there_are_any() {
        assert_eq!(epoch(datetime!(2023-07-10 12:05:01 UTC)), json!(1_688_990_701));
        assert_eq!(epoch(datetime!(2023-07-10 12:05:01.25 UTC)), json!(1_688_990_701.25));
    }

    #[test]
    fn records_write_times_in_words() {
        assert_eq!(recorded(datetime!(2023-07-10 12:05:01 UTC)), "Jul 10, 2023, 12:05:01 PM");
        let mut parameters = json!({"startTime": 1_688_990_701, "endTime": "soon"});
        record_times(&mut parameters, &["startTime", "endTime"]);
        assert_eq!(parameters, json!({"startTime": "Jul 10, 2023, 12:05:01 PM", "endTime": "soon"}));
    }
}
