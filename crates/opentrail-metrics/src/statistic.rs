//! Statistics by their names.

use crate::sample::Sample;
use std::fmt;
use std::str::FromStr;

/// What is told of the values of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// `p99.9`: 0 to 100.
    Percentile(f64),
}

impl Statistic {
    /// `None` if the values are not known well enough.
    pub fn of(self, sample: &Sample) -> Option<f64> {
        if sample.count == 0.0 {
            return None;
        }
        match self {
            Self::SampleCount => Some(sample.count),
            Self::Average => Some(sample.average()),
            Self::Sum => Some(sample.sum),
            Self::Minimum => Some(sample.minimum),
            Self::Maximum => Some(sample.maximum),
            Self::Percentile(percent) => sample.percentile(percent),
        }
    }

    pub fn is_percentile(self) -> bool {
        matches!(self, Self::Percentile(_))
    }
}

impl FromStr for Statistic {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "SampleCount" => Ok(Self::SampleCount),
            "Average" => Ok(Self::Average),
            "Sum" => Ok(Self::Sum),
            "Minimum" => Ok(Self::Minimum),
            "Maximum" => Ok(Self::Maximum),
            _ => {
                let digits = text.strip_prefix('p').ok_or(())?;
                let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.len() <= 14;
                let percent = digits.parse::<f64>().ok().filter(|percent| plain && (0.0..=100.0).contains(percent));
                percent.map(Self::Percentile).ok_or(())
            }
        }
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SampleCount => f.write_str("SampleCount"),
            Self::Average => f.write_str("Average"),
            Self::Sum => f.write_str("Sum"),
            Self::Minimum => f.write_str("Minimum"),
            Self::Maximum => f.write_str("Maximum"),
            Self::Percentile(percent) => write!(f, "p{percent}"),
        }
    }
}
