//! The values of one metric and unit over time.

use crate::evaluate::Point;
use crate::sample::Sample;
use crate::statistic::Statistic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How finely, in seconds, values are kept, and for how many seconds: 1 s for 3 hours, 60 s for 15 days, 300 s for 63
/// days, 3,600 s for 455 days.
pub const ROLLUPS: [Rollup; 4] = [
    Rollup { seconds: 1, kept: 3 * 3600 },
    Rollup { seconds: 60, kept: 15 * 86_400 },
    Rollup { seconds: 300, kept: 63 * 86_400 },
    Rollup { seconds: 3600, kept: 455 * 86_400 },
];

/// One grade of detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollup {
    pub seconds: i64,
    pub kept: i64,
}

/// Samples by time, each value in every grade of detail that is still kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    grades: [BTreeMap<i64, Sample>; ROLLUPS.len()],
}

impl Series {
    /// Adds values of epoch second `at`. What is older than a grade keeps is not added to it.
    pub fn add(&mut self, at: i64, sample: &Sample, now: i64) {
        for (grade, rollup) in self.grades.iter_mut().zip(ROLLUPS) {
            if at >= now - rollup.kept {
                grade.entry(at - at.rem_euclid(rollup.seconds)).or_default().add(sample);
            }
        }
    }

    /// Forgets what is older than its grade is kept.
    pub fn expire(&mut self, now: i64) {
        for (grade, rollup) in self.grades.iter_mut().zip(ROLLUPS) {
            *grade = grade.split_off(&(now - rollup.kept));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.grades.iter().all(BTreeMap::is_empty)
    }

    /// When the newest value was.
    pub fn newest(&self) -> Option<i64> {
        self.grades.iter().filter_map(|grade| grade.last_key_value()).map(|(at, _)| *at).max()
    }

    /// The samples of periods that begin at `start`, `start + period`… and before `end`, where there are any.
    ///
    /// They come from the coarsest grade that divides period and start, which is also the one that reaches back furthest.
    pub fn samples(&self, start: i64, end: i64, period: i64) -> Vec<(i64, Sample)> {
        let usable = |rollup: &Rollup| period % rollup.seconds == 0 && start.rem_euclid(rollup.seconds) == 0;
        let Some(grade) = ROLLUPS.iter().rposition(usable) else { return Vec::new() };
        let mut found: Vec<(i64, Sample)> = Vec::new();
        for (at, sample) in self.grades[grade].range(start..end.max(start)) {
            let begins = start + (at - start).div_euclid(period) * period;
            match found.last_mut() {
                Some((known, united)) if *known == begins => united.add(sample),
                _ => found.push((begins, sample.clone())),
            }
        }
        found
    }

    /// The newest `count` periods that end at `end`, oldest first, for an alarm.
    pub fn points(&self, statistic: Statistic, period: i64, count: usize, end: i64) -> Vec<Point> {
        let start = end - period * i64::try_from(count).unwrap_or(i64::MAX / period.max(1));
        let samples: BTreeMap<i64, Sample> = self.samples(start, end, period).into_iter().collect();
        let times = (0..).map(|n| start + n * period).take(count);
        times
            .map(|at| {
                let sample = samples.get(&at);
                let value = sample.and_then(|sample| statistic.of(sample));
                Point { at, value, samples: value.and(sample).map_or(0.0, |sample| sample.count) }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn series(values: &[(i64, f64)]) -> Series {
        let mut series = Series::default();
        for (at, value) in values {
            series.add(*at, &Sample::of(*value, 1.0), NOW);
        }
        series
    }

    fn sums(series: &Series, start: i64, end: i64, period: i64) -> Vec<(i64, f64)> {
        series.samples(start, end, period).into_iter().map(|(at, sample)| (at, sample.sum)).collect()
    }

    #[test]
    fn periods_hold_what_falls_into_them() {
        let series = series(&[(NOW - 130, 1.0), (NOW - 61, 2.0), (NOW - 60, 4.0), (NOW - 1, 8.0)]);
        assert_eq!(sums(&series, NOW - 180, NOW, 60), [(NOW - 180, 1.0), (NOW - 120, 2.0), (NOW - 60, 12.0)]);
        assert_eq!(sums(&series, NOW - 61, NOW, 61), [(NOW - 61, 14.0)]);
        assert_eq!(sums(&series, NOW - 3600, NOW, 3600), [(NOW - 3600, 15.0)]);
        assert_eq!(sums(&series, NOW, NOW - 3600, 60), []);
    }

    #[test]
    fn old_values_lose_detail_and_end() {
        let mut series = series(&[(NOW - 20 * 86_400, 1.0), (NOW - 10, 2.0), (NOW - 500 * 86_400, 4.0)]);
        let day = NOW - 20 * 86_400;
        assert_eq!(sums(&series, day - day % 300, NOW - 86_400, 300), [(day - day % 300, 1.0)]);
        assert_eq!(sums(&series, day - day % 60, NOW - 86_400, 60), []);
        assert_eq!(sums(&series, NOW - 501 * 86_400, NOW - 400 * 86_400, 3600), []);
        series.expire(NOW + 456 * 86_400);
        assert!(series.is_empty());
    }

    #[test]
    fn points_of_an_alarm() {
        let series = series(&[(NOW - 130, 1.0), (NOW - 1, 8.0)]);
        let points = series.points(Statistic::Sum, 60, 4, NOW);
        assert_eq!(points.iter().map(|point| point.value).collect::<Vec<_>>(), [None, Some(1.0), None, Some(8.0)]);
        assert_eq!(points[3].at, NOW - 60);
    }
}
