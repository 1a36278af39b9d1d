//! Aggregate functions: what is known of a group's events.

use crate::value::Value;
use std::cmp::Ordering;
use std::collections::HashSet;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AggregateKind {
    Count,
    CountDistinct,
    Sum,
    Average,
    Minimum,
    Maximum,
    Percentile(f64),
    StandardDeviation,
    Earliest,
    Latest,
    SortsFirst,
    SortsLast,
}

impl AggregateKind {
    /// The kind of a name in lower case.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "count" => Self::Count,
            "count_distinct" => Self::CountDistinct,
            "sum" => Self::Sum,
            "avg" => Self::Average,
            "min" => Self::Minimum,
            "max" => Self::Maximum,
            "pct" | "percentile" => Self::Percentile(50.0),
            "stddev" => Self::StandardDeviation,
            "earliest" => Self::Earliest,
            "latest" => Self::Latest,
            "sortsfirst" => Self::SortsFirst,
            "sortslast" => Self::SortsLast,
            _ => return None,
        })
    }
}

/// What is kept of a group for one aggregate.
#[derive(Debug, Clone)]
pub struct State {
    kind: AggregateKind,
    count: u64,
    sum: f64,
    /// Sum of squares of differences from the mean, and the mean (Welford).
    squares: f64,
    mean: f64,
    best: Option<Value>,
    /// When the best one was, in milliseconds since 1970.
    best_at: i64,
    distinct: HashSet<String>,
    samples: Vec<f64>,
}

impl State {
    pub fn new(kind: AggregateKind) -> Self {
        Self {
            kind,
            count: 0,
            sum: 0.0,
            squares: 0.0,
            mean: 0.0,
            best: None,
            best_at: 0,
            distinct: HashSet::new(),
            samples: Vec::new(),
        }
    }

    /// Takes an event that is only counted.
    pub fn count(&mut self) {
        self.count += 1;
    }

    /// Takes an event's value. Returns how much more is kept, in values.
    pub fn add(&mut self, value: Value, at: i64) -> usize {
        if value.is_missing() {
            return 0;
        }
        match self.kind {
            AggregateKind::Count => self.count += 1,
            AggregateKind::CountDistinct => {
                return usize::from(self.distinct.insert(value.shown().into_owned()));
            }
            AggregateKind::Sum | AggregateKind::Average | AggregateKind::StandardDeviation => {
                if let Some(number) = value.number() {
                    self.number(number);
                }
            }
            AggregateKind::Percentile(_) => {
                if let Some(number) = value.number() {
                    self.samples.push(number);
                    return 1;
                }
            }
            AggregateKind::Minimum | AggregateKind::SortsFirst => self.keep(value, at, Ordering::is_lt),
            AggregateKind::Maximum | AggregateKind::SortsLast => self.keep(value, at, Ordering::is_gt),
            AggregateKind::Earliest if self.best.is_none() || at < self.best_at => self.set(value, at),
            AggregateKind::Latest if self.best.is_none() || at > self.best_at => self.set(value, at),
            AggregateKind::Earliest | AggregateKind::Latest => {}
        }
        0
    }

    fn number(&mut self, number: f64) {
        self.count += 1;
        self.sum += number;
        let before = number - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (number - self.mean);
    }

    fn keep(&mut self, value: Value, at: i64, better: fn(Ordering) -> bool) {
        let texts = matches!(self.kind, AggregateKind::SortsFirst | AggregateKind::SortsLast);
        let is_better = self
            .best
            .as_ref()
            .is_none_or(|best| better(if texts { value.shown().cmp(&best.shown()) } else { value.order(best) }));
        if is_better {
            self.set(value, at);
        }
    }

    fn set(&mut self, value: Value, at: i64) {
        self.best = Some(value);
        self.best_at = at;
    }

    /// The value of the aggregate.
    pub fn value(&mut self) -> Value {
        match self.kind {
            AggregateKind::Count => Value::Number(self.count as f64),
            AggregateKind::CountDistinct => Value::Number(self.distinct.len() as f64),
            AggregateKind::Sum if self.count > 0 => Value::Number(self.sum),
            AggregateKind::Average if self.count > 0 => Value::Number(self.sum / self.count as f64),
            AggregateKind::StandardDeviation if self.count > 0 => {
                Value::Number((self.squares / self.count as f64).max(0.0).sqrt())
            }
            AggregateKind::Sum | AggregateKind::Average | AggregateKind::StandardDeviation => Value::Missing,
            AggregateKind::Percentile(percent) => percentile(&mut self.samples, percent),
            AggregateKind::Minimum
            | AggregateKind::Maximum
            | AggregateKind::Earliest
            | AggregateKind::Latest
            | AggregateKind::SortsFirst
            | AggregateKind::SortsLast => self.best.clone().unwrap_or(Value::Missing),
        }
    }
}

/// Between the two nearest samples, in proportion.
fn percentile(samples: &mut [f64], percent: f64) -> Value {
    if samples.is_empty() {
        return Value::Missing;
    }
    samples.sort_unstable_by(f64::total_cmp);
    let place = percent / 100.0 * (samples.len() - 1) as f64;
    let (low, high) = (samples[place.floor() as usize], samples[place.ceil() as usize]);
    Value::Number(low + (high - low) * place.fract())
}
