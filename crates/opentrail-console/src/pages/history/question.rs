//! What is asked of the history, as the address of a page says it.

use crate::form::{Form, query_of};
use opentrail_model::timestamp::event_time;
use opentrail_query::{Clause, Query};
use serde_json::{Value, json};
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

/// The periods that are offered: their name in addresses, in words, and how long they are.
pub const PERIODS: &[(&str, &str, Option<Duration>)] = &[
    ("1h", "Last hour", Some(Duration::hours(1))),
    ("3h", "Last 3 hours", Some(Duration::hours(3))),
    ("12h", "Last 12 hours", Some(Duration::hours(12))),
    ("24h", "Last 24 hours", Some(Duration::hours(24))),
    ("7d", "Last 7 days", Some(Duration::days(7))),
    ("30d", "Last 30 days", Some(Duration::days(30))),
    ("all", "Everything", None),
];
const DEFAULT_PERIOD: &str = "24h";

/// LookupEvents' attributes, and what they are in the query language.
pub const ATTRIBUTES: &[(&str, &str)] = &[
    ("EventName", "event"),
    ("Username", "user"),
    ("EventSource", "source"),
    ("ResourceName", "resource"),
    ("ResourceType", "resourceType"),
    ("AccessKeyId", "key"),
    ("ReadOnly", "readOnly"),
    ("EventId", "id"),
];

/// A question, with its time made certain so that further pages ask the same.
#[derive(Debug, Clone)]
pub struct Question {
    pub query: String,
    /// One of [`PERIODS`]; empty if from and to were given.
    pub period: &'static str,
    pub from: Option<OffsetDateTime>,
    /// `None`: what arrives until the page is made.
    pub to: Option<OffsetDateTime>,
    pub all_accounts: bool,
    pub columns: Vec<String>,
    /// A time that could not be read.
    pub unclear_time: Option<String>,
}

impl Question {
    pub fn read(form: &Form, now: OffsetDateTime) -> Self {
        let mut question = Self {
            query: form.text("q").to_owned(),
            period: "",
            from: None,
            to: None,
            all_accounts: form.is_ticked("all-accounts"),
            columns: form.all("col").take(24).map(str::to_owned).collect(),
            unclear_time: None,
        };
        for (name, end) in [("from", false), ("to", true)] {
            let Some(text) = form.get(name) else { continue };
            match read_time(text) {
                Some(at) if end => question.to = Some(at),
                Some(at) => question.from = Some(at),
                None => question.unclear_time = Some(text.to_owned()),
            }
        }
        let wanted = form.text("period");
        let given = question.from.is_some() || question.to.is_some();
        if given && (wanted.is_empty() || wanted == "given") {
            return question;
        }
        let period = PERIODS.iter().find(|(name, ..)| *name == wanted);
        let (name, _, length) = period.or_else(|| PERIODS.iter().find(|(name, ..)| *name == DEFAULT_PERIOD)).expect("there is");
        (question.period, question.from, question.to) = (name, length.map(|length| now - length), None);
        question
    }

    /// The members that every operation of the history takes.
    pub fn input(&self) -> Value {
        let mut input = json!({"Query": self.query});
        if let Some(from) = self.from {
            input["StartTime"] = event_time(from).into();
        }
        if let Some(to) = self.to {
            input["EndTime"] = event_time(to).into();
        }
        if self.all_accounts {
            input["AllAccounts"] = true.into();
        }
        input
    }

    /// The same with more members.
    pub fn input_with(&self, more: Value) -> Value {
        let mut input = self.input();
        if let (Value::Object(input), Value::Object(more)) = (&mut input, more) {
            input.extend(more);
        }
        input
    }

    /// For the operations whose errors are counted: the question and that something failed.
    pub fn failures(&self) -> Self {
        Self { query: with_term(&self.query, "errorCode:*"), ..self.clone() }
    }

    /// As the query string of an address. With `certain`, the present moment is its end.
    pub fn address(&self, certain: Option<OffsetDateTime>) -> String {
        let shown = |at: Option<OffsetDateTime>| at.map(event_time).unwrap_or_default();
        let (period, from, to) = match certain {
            Some(now) => ("", shown(self.from), shown(Some(self.to.unwrap_or(now)))),
            None if self.period.is_empty() => ("", shown(self.from), shown(self.to)),
            None => (self.period, String::new(), String::new()),
        };
        // Everything has no beginning, and a given end; then the period goes without saying.
        let all = if self.all_accounts { "yes" } else { "" };
        let mut pairs = vec![("q", self.query.as_str()), ("period", period), ("from", &from), ("to", &to), ("all-accounts", all)];
        pairs.extend(self.columns.iter().map(|column| ("col", column.as_str())));
        query_of(&pairs)
    }

    /// For `<input type="datetime-local">`, whose times are UTC here.
    pub fn shown_time(at: Option<OffsetDateTime>) -> String {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
        at.and_then(|at| at.format(format).ok()).unwrap_or_default()
    }
}

/// `2026-11-21T10:00`, with seconds or without, UTC; or a time as records write it.
fn read_time(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim_end_matches('Z');
    let with_seconds = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let without = format_description!("[year]-[month]-[day]T[hour]:[minute]");
    let read = PrimitiveDateTime::parse(text, with_seconds).or_else(|_| PrimitiveDateTime::parse(text, without));
    read.ok().map(PrimitiveDateTime::assume_utc)
}

/// A condition that the field has exactly this value.
pub fn term(field: &str, value: &str) -> String {
    if field == "readOnly" {
        let value = if value.eq_ignore_ascii_case("true") { "true" } else { "false" };
        return format!("readOnly:{value}");
    }
    format!("{field}:{}", quoted(value))
}

/// A value as the query language takes it, in quotes unless it is plain.
pub fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let word = !value.is_empty() && !value.starts_with('-') && value.chars().all(plain);
    if word && !matches!(value, "AND" | "OR" | "NOT" | "TO") {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A query and one more condition.
pub fn with_term(query: &str, term: &str) -> String {
    let query = query.trim();
    match Query::parse(query).map(|query| query.root) {
        _ if query.is_empty() => term.to_owned(),
        Ok(Clause::All) => term.to_owned(),
        Ok(Clause::Or(_)) => format!("({query}) {term}"),
        _ => format!("{query} {term}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 10:00:00 UTC);

    fn check(address: &str, from: Option<OffsetDateTime>, to: Option<OffsetDateTime>, written: &str) {
        let question = Question::read(&Form::parse(address.as_bytes()), NOW);
        assert_eq!((question.from, question.to), (from, to), "{address}");
        assert_eq!(question.address(None), written, "{address}");
    }

    #[test]
    fn addresses_are_read_and_written() {
        let day_ago = Some(datetime!(2026-11-20 10:00:00 UTC));
        check("", day_ago, None, "period=24h");
        check("q=a&period=all", None, None, "q=a&period=all");
        let (from, to) = (datetime!(2026-11-01 08:30:00 UTC), datetime!(2026-11-02 08:30:00 UTC));
        let written = "from=2026-11-01T08%3A30%3A00Z&to=2026-11-02T08%3A30%3A00Z";
        check("from=2026-11-01T08:30&to=2026-11-02T08:30:00Z", Some(from), Some(to), written);
        check("from=2026-11-01T08:30&period=1h", Some(datetime!(2026-11-21 09:00:00 UTC)), None, "period=1h");
        check("from=yesterday", day_ago, None, "period=24h");
        check("col=ip&col=error&all-accounts=yes", day_ago, None, "period=24h&all-accounts=yes&col=ip&col=error");
        let question = Question::read(&Form::parse(b"q=x&period=1h"), NOW);
        assert_eq!(question.address(Some(NOW)), "q=x&from=2026-11-21T09%3A00%3A00Z&to=2026-11-21T10%3A00%3A00Z");
    }

    #[test]
    fn conditions_are_added_to_queries() {
        for (query, added) in [
            ("", "user:alice"),
            ("*", "user:alice"),
            ("a b", "a b user:alice"),
            ("a OR b", "(a OR b) user:alice"),
            ("broken:(", "broken:( user:alice"),
        ] {
            assert_eq!(with_term(query, &term("user", "alice")), added);
        }
        for value in ["arn:aws:iam::1:role/x y", "a\"b\\c", "-a", "NOT", "", "a*b", "TO"] {
            let query = Query::parse(&term("user", value)).unwrap_or_else(|error| panic!("{value}: {error}"));
            assert!(matches!(query.root, Clause::Term(_)), "{value}");
        }
        assert_eq!(term("readOnly", "TRUE"), "readOnly:true");
    }
}
