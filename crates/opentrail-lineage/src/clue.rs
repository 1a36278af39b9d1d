//! What is known of events that are looked for.

use crate::event::Event;
use crate::limits;
use opentrail_query::query::{Bounds, Edge};
use opentrail_query::{Clause, Field, Query, Term, Test};
use time::{Duration, OffsetDateTime};

/// Finds events that matter for a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clue {
    /// The event with this id.
    Id(String),
    /// Events that gave out this access key.
    Issued(String),
    /// All copies of an event that several accounts received.
    Shared(String),
    /// Events that opened a session with this ARN at about this time.
    Opened { arn: String, at: OffsetDateTime },
    /// Successful console sign-ins of a user in the hours before.
    SignIn { arn: String, before: OffsetDateTime },
    /// Events by which the holder of this access key opened sessions.
    OpenedBy(String),
}

const ISSUED_KEYS: [&str; 3] = [
    "responseElements.credentials.accessKeyId",
    "responseElements.roleCredentials.accessKeyId",
    "responseElements.accessKey.accessKeyId",
];
const OPENED_ARNS: [&str; 2] = ["responseElements.assumedRoleUser.arn", "responseElements.federatedUser.arn"];

/// Matches every event that can answer any clue but [`Clue::Id`]: what a pass over files keeps.
pub const KEEPS: &str = "responseElements.credentials.accessKeyId:* OR responseElements.roleCredentials.accessKeyId:* OR \
     responseElements.accessKey.accessKeyId:* OR eventName:ConsoleLogin OR eventName:AssumeRole*";

impl Clue {
    /// The clue in the query language.
    pub fn query(&self) -> Query {
        let root = match self {
            Self::Id(id) => equals("eventID", id),
            Self::Issued(key) => Clause::or(ISSUED_KEYS.map(|field| equals(field, key))),
            Self::Shared(id) => equals("sharedEventID", id),
            Self::Opened { arn, at } => {
                let slack = Duration::seconds(limits::ISSUE_SECONDS);
                let time = between(at.saturating_sub(slack), at.saturating_add(slack));
                Clause::and([Clause::or(OPENED_ARNS.map(|field| equals(field, arn))), time])
            }
            Self::SignIn { arn, before } => {
                let time = between(before.saturating_sub(Duration::hours(limits::SIGN_IN_HOURS)), *before);
                let success = equals("responseElements.ConsoleLogin", "Success");
                Clause::and([equals("eventName", "ConsoleLogin"), equals("userIdentity.arn", arn), success, time])
            }
            Self::OpenedBy(key) => {
                let gave = Clause::or(ISSUED_KEYS.map(|field| Clause::Term(Term::Field(named(field), Test::Exists))));
                Clause::and([equals("userIdentity.accessKeyId", key), gave])
            }
        };
        Query { root }
    }

    /// Whether an event answers, for those who keep events and not records.
    pub fn fits(&self, event: &Event) -> bool {
        let same = |text: Option<&String>, wanted: &str| text.is_some_and(|text| text.eq_ignore_ascii_case(wanted));
        match self {
            Self::Id(id) => same(Some(&event.id), id),
            Self::Issued(key) => same(event.issued_key.as_ref(), key),
            Self::Shared(id) => same(event.shared_id.as_ref(), id),
            Self::Opened { arn, at } => {
                let near = |time: OffsetDateTime| (time - *at).whole_seconds().abs() <= limits::ISSUE_SECONDS;
                same(event.issued_arn.as_ref(), arn) && event.time.is_some_and(near)
            }
            Self::SignIn { arn, before } => {
                let recent = |time: OffsetDateTime| {
                    let age = *before - time;
                    !age.is_negative() && age <= Duration::hours(limits::SIGN_IN_HOURS)
                };
                event.name == "ConsoleLogin"
                    && event.error.is_none()
                    && same(event.identity.arn.as_ref(), arn)
                    && event.time.is_some_and(recent)
            }
            Self::OpenedBy(key) => same(event.identity.access_key.as_ref(), key) && event.issued_key.is_some(),
        }
    }
}

/// The events made with an access key.
pub fn made_with(key: &str) -> Query {
    Query { root: equals("userIdentity.accessKeyId", key) }
}

fn named(path: &str) -> Field {
    Field::named(path).expect("members of records are fields")
}

fn equals(path: &str, value: &str) -> Clause {
    Clause::Term(Term::Field(named(path), Test::Equals(value.to_owned())))
}

/// From one second to another, both included.
fn between(from: OffsetDateTime, to: OffsetDateTime) -> Clause {
    let bounds = Bounds { lower: Some(Edge::included(from)), upper: Some(Edge::included(to)) };
    Clause::Term(Term::Field(Field::event_time(), Test::Time(bounds)))
}
