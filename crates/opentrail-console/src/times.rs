//! Times as pages show them: UTC, and local at a click by script.

use askama::Template;
use opentrail_model::timestamp::event_time;
use time::OffsetDateTime;
use time::macros::format_description;

/// A moment: `2026-11-21 10:00:00 UTC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Template)]
#[template(source = r#"<time datetime="{{ machine() }}">{{ words() }}</time>"#, ext = "html")]
pub struct Moment(pub OffsetDateTime);

impl Moment {
    pub fn at_seconds(seconds: i64) -> Option<Self> {
        OffsetDateTime::from_unix_timestamp(seconds).ok().map(Self)
    }

    /// A time as records write it.
    pub fn read(text: &str) -> Option<Self> {
        opentrail_model::timestamp::parse_event_time(text).map(Self)
    }

    pub fn machine(&self) -> String {
        event_time(self.0)
    }

    pub fn words(&self) -> String {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
        self.0.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
    }
}

/// How long ago something was, as people say it.
pub fn ago(then: OffsetDateTime, now: OffsetDateTime) -> String {
    let seconds = (now - then).whole_seconds();
    match seconds {
        ..0 => "in the future".into(),
        0..=1 => "just now".into(),
        2..=119 => format!("{seconds} seconds ago"),
        120..=7_199 => format!("{} minutes ago", seconds / 60),
        7_200..=172_799 => format!("{} hours ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
