//! Which files are fetched, by what their keys tell.

use crate::handler::SourceFile;
use crate::names::FileKind;
use time::OffsetDateTime;

/// Files to take. What a filter says no to counts as done: its message is deleted.
#[derive(Debug, Clone, Default)]
pub struct SourceFilter {
    /// Beginning of the key; empty takes all.
    pub prefix: String,
    /// Empty takes all.
    pub accounts: Vec<String>,
    /// Empty takes all.
    pub regions: Vec<String>,
    /// Only files delivered from this minute on.
    pub from: Option<OffsetDateTime>,
    /// Only files delivered up to this minute.
    pub to: Option<OffsetDateTime>,
    /// Insights files as well as log files.
    pub insights: bool,
    /// Files whose names are not CloudTrail's: copies under other names.
    pub foreign: bool,
}

impl SourceFilter {
    /// Why a file is not to be fetched; `None` if it is.
    #[must_use]
    pub fn refuses(&self, file: &SourceFile) -> Option<Unwanted> {
        let name = &file.name;
        match name.kind {
            FileKind::Digest => return Some(Unwanted::NoLog("a digest, not a log file")),
            FileKind::Insight if !self.insights => return Some(Unwanted::NoLog("an Insights file, not a log file")),
            FileKind::Foreign if !self.foreign => return Some(Unwanted::NoLog("its name is not that of a CloudTrail log file")),
            _ => {}
        }
        let named = |wanted: &[String], is: Option<&String>| wanted.is_empty() || is.is_some_and(|is| wanted.contains(is));
        let outside = if !file.key.starts_with(&self.prefix) {
            "its key does not begin with the prefix"
        } else if !named(&self.accounts, name.account.as_ref()) {
            "of another account"
        } else if !named(&self.regions, name.region.as_ref()) {
            "of another region"
        } else if self.from.is_some_and(|from| name.time.is_none_or(|time| time < from)) {
            "delivered before the wanted time"
        } else if self.to.is_some_and(|to| name.time.is_none_or(|time| time > to)) {
            "delivered after the wanted time"
        } else {
            return None;
        };
        Some(Unwanted::Filtered(outside))
    }
}

/// Why a file is not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwanted {
    /// It holds no events.
    NoLog(&'static str),
    /// The filter does not want it.
    Filtered(&'static str),
}

impl Unwanted {
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoLog(reason) | Self::Filtered(reason) => reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::FileName;
    use time::macros::datetime;

    #[test]
    fn files_are_told_by_their_keys() {
        let check = |filter: SourceFilter, key: &str, expect: Option<&str>| {
            let file = SourceFile { bucket: "b".into(), key: key.into(), size: None, name: FileName::parse(key), delivery: None };
            assert_eq!(filter.refuses(&file).map(Unwanted::reason), expect, "{filter:?} {key}");
        };
        let log = "p/1_CloudTrail_us-east-1_20230710T1145Z_x.json.gz";
        let with = |change: fn(&mut SourceFilter)| {
            let mut filter = SourceFilter::default();
            change(&mut filter);
            filter
        };
        check(SourceFilter::default(), log, None);
        check(SourceFilter::default(), "p/1_CloudTrail-Digest_r_t_r_20230710T114500Z.json.gz", Some("a digest, not a log file"));
        check(
            SourceFilter::default(),
            "1_CloudTrail-Insight_r_20230710T1145Z_x.json.gz",
            Some("an Insights file, not a log file"),
        );
        check(with(|f| f.insights = true), "1_CloudTrail-Insight_r_20230710T1145Z_x.json.gz", None);
        check(SourceFilter::default(), "x.json.gz", Some("its name is not that of a CloudTrail log file"));
        check(with(|f| f.foreign = true), "x.json.gz", None);
        check(with(|f| f.prefix = "q/".into()), log, Some("its key does not begin with the prefix"));
        check(with(|f| f.accounts = vec!["1".into()]), log, None);
        check(with(|f| f.accounts = vec!["2".into()]), log, Some("of another account"));
        check(with(|f| f.regions = vec!["eu-west-1".into()]), log, Some("of another region"));
        check(with(|f| f.from = Some(datetime!(2023-07-10 11:45 UTC))), log, None);
        check(with(|f| f.from = Some(datetime!(2023-07-10 11:46 UTC))), log, Some("delivered before the wanted time"));
        check(with(|f| f.to = Some(datetime!(2023-07-10 11:44 UTC))), log, Some("delivered after the wanted time"));
    }
}
