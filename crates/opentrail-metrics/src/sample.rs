//! What is kept of the values of one period.

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Most different values that are kept as they are; more are kept to within one percent.
pub const MAX_EXACT_VALUES: usize = 150;

/// Ratio between neighbouring values once they are kept roughly.
const ROUGH_RATIO: f64 = 1.02;
/// Most different values that are kept roughly: enough for four orders of magnitude. Of more, no percentile is known.
const MAX_ROUGH_VALUES: usize = 800;

/// A set of values: enough for every statistic.
///
/// Its serde form is a list: `[count, value]` if all values are the same, else `[count, sum, minimum, maximum]`, followed
/// by the values if they are known, followed by `true` if they are rounded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    pub count: f64,
    pub sum: f64,
    pub minimum: f64,
    pub maximum: f64,
    /// Values in ascending order, and how often each; empty if only a statistic set is known.
    values: Vec<(f64, f64)>,
    /// Whether the values are rounded.
    rough: bool,
}

impl Sample {
    /// `count` times the same value.
    pub fn of(value: f64, count: f64) -> Self {
        Self { count, sum: value * count, minimum: value, maximum: value, values: vec![(value, count)], rough: false }
    }

    /// A statistic set, of which no percentile can be told unless all its values are the same.
    pub fn of_statistics(count: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        let values = if minimum == maximum { vec![(minimum, count)] } else { Vec::new() };
        Self { count, sum, minimum, maximum, values, rough: false }
    }

    /// Takes the values of another.
    pub fn add(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = other.clone();
            return;
        }
        let known = !self.values.is_empty() && !other.values.is_empty();
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        if known {
            self.take_values(other);
        } else {
            self.forget_values();
        }
    }

    fn forget_values(&mut self) {
        self.values = Vec::new();
        self.rough = false;
    }

    /// How many different values are kept: what a sample takes of memory.
    pub fn different_values(&self) -> usize {
        self.values.len()
    }

    /// Puts the values of another where they belong.
    fn take_values(&mut self, other: &Self) {
        if other.rough && !self.rough {
            self.make_rough();
        }
        for (value, count) in &other.values {
            let value = if self.rough { rough(*value) } else { *value };
            match self.values.binary_search_by(|(known, _)| known.total_cmp(&value)) {
                Ok(place) => self.values[place].1 += count,
                Err(place) => self.values.insert(place, (value, *count)),
            }
            if !self.rough && self.values.len() > MAX_EXACT_VALUES {
                self.make_rough();
            }
        }
        if self.values.len() > MAX_ROUGH_VALUES {
            self.forget_values();
        }
    }

    fn make_rough(&mut self) {
        self.rough = true;
        let mut out: Vec<(f64, f64)> = Vec::new();
        for (value, count) in self.values.iter().map(|(value, count)| (rough(*value), *count)) {
            match out.last_mut() {
                Some(last) if last.0 == value => last.1 += count,
                _ => out.push((value, count)),
            }
        }
        self.values = out;
    }

    pub fn average(&self) -> f64 {
        self.sum / self.count
    }

    /// The value below which `percent` of the values are; `None` if it is not known.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let total: f64 = self.values.iter().map(|(_, count)| count).sum();
        let wanted = total * percent / 100.0;
        let mut passed = 0.0;
        for (value, count) in &self.values {
            passed += count;
            if passed >= wanted {
                return Some(value.clamp(self.minimum, self.maximum));
            }
        }
        self.values.last().map(|(value, _)| *value)
    }
}

impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element(&Exact(self.count))?;
        if let [(value, count)] = self.values[..]
            && count == self.count
            && value * count == self.sum
            && !self.rough
        {
            list.serialize_element(&Exact(value))?;
            return list.end();
        }
        for part in [self.sum, self.minimum, self.maximum] {
            list.serialize_element(&Exact(part))?;
        }
        if !self.values.is_empty() {
            let values: Vec<(Exact, Exact)> = self.values.iter().map(|(value, count)| (Exact(*value), Exact(*count))).collect();
            list.serialize_element(&values)?;
        }
        if self.rough {
            list.serialize_element(&true)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Sample;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sample: a list of two, four, five or six members")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Sample, A::Error> {
        let short = |at: usize| A::Error::invalid_length(at, &ListVisitor);
        let Exact(count) = list.next_element()?.ok_or_else(|| short(0))?;
        let Exact(second) = list.next_element()?.ok_or_else(|| short(1))?;
        let Some(Exact(minimum)) = list.next_element()? else { return Ok(Sample::of(second, count)) };
        let Exact(maximum) = list.next_element()?.ok_or_else(|| short(3))?;
        let values: Vec<(Exact, Exact)> = list.next_element()?.unwrap_or_default();
        let values = values.into_iter().map(|(Exact(value), Exact(count))| (value, count)).collect();
        let rough = list.next_element()?.unwrap_or_default();
        Ok(Sample { count, sum: second, minimum, maximum, values, rough })
    }
}

/// A number that is read back to the last bit: readers of JSON round long decimals as they like. Such are kept as the text
/// of their bits.
struct Exact(f64);

/// Decimals that every reader gets right: 15 digits, and powers of ten that are exact as a double.
const EXACT_DIGITS: usize = 15;
const EXACT_POWER: i32 = 22 - 15;

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = format!("{:e}", self.0);
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
        let power: i32 = power.parse().unwrap_or(i32::MAX);
        if digits <= EXACT_DIGITS && power.abs() <= EXACT_POWER {
            return serializer.serialize_f64(self.0);
        }
        serializer.collect_str(&format_args!("{:016x}", self.0.to_bits()))
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Exact;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or its bits")
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Exact, E> {
                Ok(Exact(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "whole numbers here were doubles")]
            fn visit_u64<E: Error>(self, number: u64) -> Result<Exact, E> {
                Ok(Exact(number as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "whole numbers here were doubles")]
            fn visit_i64<E: Error>(self, number: i64) -> Result<Exact, E> {
                Ok(Exact(number as f64))
            }

            fn visit_str<E: Error>(self, bits: &str) -> Result<Exact, E> {
                let number = u64::from_str_radix(bits, 16).map(f64::from_bits).ok().filter(|number| number.is_finite());
                number.map(Exact).ok_or_else(|| E::custom("not the bits of a number"))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The middle of the interval that a value is in. Intervals grow with the value.
fn rough(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let interval = (value.abs().ln() / ROUGH_RATIO.ln()).floor();
    value.signum() * ROUGH_RATIO.powf(interval + 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_values() {
        let mut sample = Sample::default();
        for value in [3.0, 1.0, 2.0, 2.0] {
            sample.add(&Sample::of(value, 1.0));
        }
        assert_eq!((sample.count, sample.sum, sample.minimum, sample.maximum), (4.0, 8.0, 1.0, 3.0));
        assert_eq!((sample.percentile(50.0), sample.percentile(100.0), sample.average()), (Some(2.0), Some(3.0), 2.0));
    }

    #[test]
    fn many_values_stay_small_and_close() {
        let mut sample = Sample::default();
        for value in 1..=100_000 {
            sample.add(&Sample::of(f64::from(value), 1.0));
        }
        assert!(sample.values.len() < 800, "{}", sample.values.len());
        for percent in [1.0, 50.0, 95.0, 99.9] {
            let expect = percent * 1000.0;
            let got = sample.percentile(percent).expect("values are known");
            assert!((got - expect).abs() / expect < 0.02, "{percent}: {got}");
        }
    }

    #[test]
    fn samples_are_kept_as_short_lists() {
        let mut many = Sample::of(1.0, 1.0);
        many.add(&Sample::of(2.5, 3.0));
        let table = [
            (Sample::of(1.5, 3.0), "[3.0,1.5]"),
            (Sample::of_statistics(2.0, 6.0, 2.0, 4.0), "[2.0,6.0,2.0,4.0]"),
            (many, "[4.0,8.5,1.0,2.5,[[1.0,1.0],[2.5,3.0]]]"),
        ];
        for (sample, expect) in table {
            let kept = serde_json::to_string(&sample).expect("serialises");
            assert_eq!(kept, expect);
            assert_eq!(serde_json::from_str::<Sample>(&kept).expect(expect), sample);
        }
        let mut rough = Sample::default();
        for value in 0..1000 {
            rough.add(&Sample::of(f64::from(value), 1.0));
        }
        assert_eq!(serde_json::from_str::<Sample>(&serde_json::to_string(&rough).expect("serialises")).ok(), Some(rough));
        let odd = Sample::of(0.1 + 0.2, 1.0);
        let kept = serde_json::to_string(&odd).expect("serialises");
        assert_eq!(kept, "[1.0,\"3fd3333333333334\"]");
        assert_eq!(serde_json::from_str::<Sample>(&kept).ok(), Some(odd));
        for broken in ["[]", "[1,\"7ff0000000000000\"]", "[1,\"x\"]", "[1]", "[1,2,3]", "{}", "[1,2,3,4,[1]]"] {
            assert!(serde_json::from_str::<Sample>(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn values_of_every_magnitude_do_not_take_more_and_more_room() {
        let mut sample = Sample::default();
        for exponent in -300..300 {
            for mantissa in 1..9 {
                sample.add(&Sample::of(f64::from(mantissa) * 10f64.powi(exponent), 1.0));
            }
        }
        assert!(sample.values.len() <= MAX_ROUGH_VALUES);
        assert_eq!((sample.count, sample.percentile(50.0)), (4800.0, None));
    }

    #[test]
    fn statistic_sets_hide_percentiles() {
        let mut sample = Sample::of(1.0, 1.0);
        sample.add(&Sample::of_statistics(2.0, 6.0, 2.0, 4.0));
        assert_eq!((sample.count, sample.sum, sample.percentile(50.0)), (3.0, 7.0, None));
    }
}
