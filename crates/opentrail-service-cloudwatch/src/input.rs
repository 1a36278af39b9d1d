//! Members in the forms of three protocols: a number can be text, a list can be empty text, a time can be either.

use crate::faults::{constraint, validation};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opentrail_metrics::UNITS;
use opentrail_services::Call;
use opentrail_services::dates::Timestamp;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A number, or text that reads as one; also `NaN` and `Infinity`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
            fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
            fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                text.trim().parse().map(Number).map_err(|_| E::custom("not a number"))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Number {
    /// As a whole number.
    ///
    /// # Errors
    /// `ValidationError`.
    pub fn whole(self, member: &str) -> Result<i64, ApiError> {
        #[expect(clippy::cast_possible_truncation, reason = "bounded and whole")]
        let whole = self.0 as i64;
        if self.0.fract() == 0.0 && self.0.abs() < 1e12 {
            return Ok(whole);
        }
        Err(constraint(&self.0.to_string(), member, "be a whole number"))
    }
}

/// `true`, or text that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Flag, E> {
                match text {
                    "true" | "True" => Ok(Flag(true)),
                    "false" | "False" => Ok(Flag(false)),
                    _ => Err(E::custom("neither true nor false")),
                }
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A list; forms send empty ones as empty text.
#[derive(Debug, Clone, PartialEq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E: Error>(self) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<List<T>, E> {
                if text.is_empty() { Ok(List::default()) } else { Err(E::custom("not a list")) }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut out = Vec::new();
                while let Some(item) = items.next_element()? {
                    out.push(item);
                }
                Ok(List(out))
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

/// `Dimension`, and `DimensionFilter`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dimension {
    pub name: Option<String>,
    pub value: Option<String>,
}

/// Most dimensions of a metric.
const MAX_DIMENSIONS: usize = 30;
const MAX_NAME_CHARS: usize = 255;
const MAX_DIMENSION_VALUE_CHARS: usize = 1024;

/// Whether a text can be a name: of a namespace, a metric, a dimension.
pub fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_CHARS).contains(&text.chars().count()) && !text.contains(char::is_control)
}

/// Dimensions as a set; `fault` says what is wrong with the parameter of a name.
///
/// # Errors
/// What `fault` makes of it.
pub fn dimensions(given: &[Dimension], fault: impl Fn(&str) -> ApiError) -> Result<BTreeMap<String, String>, ApiError> {
    if given.len() > MAX_DIMENSIONS {
        return Err(fault(&format!("The collection Dimensions must not have a size greater than {MAX_DIMENSIONS}.")));
    }
    let mut out = BTreeMap::new();
    for (number, dimension) in given.iter().enumerate() {
        let place = format!("Dimensions.member.{}", number + 1);
        let name = dimension.name.as_deref().filter(|name| is_name(name) && !name.starts_with(':'));
        let name = name.ok_or_else(|| fault(&format!("The parameter {place}.Name must be 1 to 255 characters long.")))?;
        let value = dimension.value.as_deref().filter(|value| {
            (1..=MAX_DIMENSION_VALUE_CHARS).contains(&value.chars().count()) && !value.contains(char::is_control)
        });
        let value = value.ok_or_else(|| fault(&format!("The parameter {place}.Value must be 1 to 1024 characters long.")))?;
        if out.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(fault("No two dimensions may have the same name."));
        }
    }
    Ok(out)
}

/// The unit, if one is given.
///
/// # Errors
/// `ValidationError`.
pub fn unit(given: Option<&str>, member: &str) -> Result<Option<String>, ApiError> {
    match given {
        None => Ok(None),
        Some(unit) if UNITS.contains(&unit) => Ok(Some(unit.to_owned())),
        Some(unit) => Err(constraint(unit, member, &format!("satisfy enum value set: [{}]", UNITS.join(", ")))),
    }
}

/// Epoch seconds of a moment.
pub fn seconds(at: Timestamp) -> i64 {
    at.0.unix_timestamp()
}

/// Milliseconds since 1970, now.
pub fn now_ms(call: &Call) -> i64 {
    i64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// A page's size.
///
/// # Errors
/// `ValidationError`.
pub fn page_size(given: Option<Number>, usual: usize, most: usize) -> Result<usize, ApiError> {
    let Some(given) = given else { return Ok(usual) };
    let whole = given.whole("maxRecords")?;
    usize::try_from(whole)
        .ok()
        .filter(|size| (1..=most).contains(size))
        .ok_or_else(|| constraint(&whole.to_string(), "maxRecords", &format!("have value between 1 and {most}")))
}

/// A page token that holds where to go on.
pub fn token(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// What a page token holds.
pub fn place_in(token: &str) -> Option<String> {
    URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

/// A name of 1 to 255 characters.
///
/// # Errors
/// `ValidationError`.
pub fn alarm_name<'n>(given: Option<&'n str>, member: &str) -> Result<&'n str, ApiError> {
    let name = given.ok_or_else(|| crate::faults::missing(member))?;
    if is_name(name) { Ok(name) } else { Err(constraint(name, member, "have length between 1 and 255")) }
}

/// Where a period begins so that it fits what is kept: the newest in minutes, older ones in larger steps.
///
/// Source: CloudWatch API Reference, GetMetricStatistics, `StartTime`.
pub fn aligned_start(start: i64, period: i64, now: i64) -> i64 {
    let step = match now - start {
        _ if period < 60 => period,
        age if age < 15 * 86_400 => 60,
        age if age < 63 * 86_400 => 300,
        _ => 3600,
    };
    start - start.rem_euclid(step)
}

/// Whether a period can be asked for: 1, 5, 10, 20, 30 or a multiple of 60 seconds.
///
/// # Errors
/// `ValidationError`.
pub fn check_period(period: i64) -> Result<i64, ApiError> {
    if matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period % 60 == 0 && period <= 86_400 * 365) {
        return Ok(period);
    }
    Err(validation("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60."))
}
