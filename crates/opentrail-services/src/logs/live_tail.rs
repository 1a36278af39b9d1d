//! StartLiveTail: events as they come, in AWS's event stream framing.
//!
//! A session reads the event log from its end on. It sees what is put into its groups after it began, and keeps nothing.

use super::SERVICE;
use super::event_stream::{event, exception};
use super::faults::{constraint, invalid, limit_exceeded, missing};
use super::groups;
use crate::app::{App, catalog_failure, log_failure};
use crate::authorisation::authorise;
use crate::call::Call;
use crate::opentrail::{Room, Streaming};
use crate::recording::{self, Outcome};
use crate::service::{Reply, parse};
use bytes::Bytes;
use opentrail_catalog::{Changes, Entity};
use opentrail_eventlog::{LogReader, LoggedEntry};
use opentrail_logs::{LogBatch, LogGroup, LogStream};
use opentrail_patterns::{FilterPattern, FilterSet};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub const START_LIVE_TAIL: &str = "StartLiveTail";

/// Most groups of a session, and most streams or prefixes.
const MAX_GROUPS: usize = 10;
const MAX_STREAMS: usize = 10;
/// Most events of an update; there is an update each second.
const MAX_EVENTS: usize = 500;
const UPDATE_EVERY: Duration = Duration::from_secs(1);
/// Longest session.
const SESSION: Duration = Duration::from_secs(3 * 3600);
/// Updates that wait to be sent.
const WAITING: usize = 4;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartLiveTailRequest {
    log_group_identifiers: Option<Vec<String>>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefixes: Option<Vec<String>>,
    log_event_filter_pattern: Option<String>,
}

/// The ARN of the first group, which stands for all: each is authorised.
pub fn arn_of(_: &App, call: &Call, input: &Value) -> String {
    group_arn(call, input["logGroupIdentifiers"][0].as_str().unwrap_or_default())
}

fn group_arn(call: &Call, identifier: &str) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{}", call.region, call.account, groups::name_in(identifier))
}

/// The operation without a stream to answer in.
///
/// # Errors
/// Always.
pub async fn unstreamed(_: &Arc<App>, _: &Call, _: StartLiveTailRequest) -> Result<Reply, ApiError> {
    Err(ApiError::new("InvalidOperationException", "StartLiveTail is answered as an event stream only."))
}

/// Runs it: authorise ▸ understand ▸ record ▸ begin. The session ends early when `stopping` turns true.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `LimitExceededException`, `AccessDeniedException`.
pub async fn live_tail(
    app: &Arc<App>,
    call: &Call,
    input: Value,
    stopping: watch::Receiver<bool>,
) -> Result<Streaming, ApiError> {
    let operation = SERVICE.find(START_LIVE_TAIL).expect("it is in the table");
    let parameters = (operation.parameters)(&input);
    let every = || -> Result<(), ApiError> {
        let identifiers = input["logGroupIdentifiers"].as_array().map(Vec::as_slice).unwrap_or_default();
        // The whole input is asked about as well, for one that names no group.
        authorise(app, &SERVICE, operation, call, &input)?;
        identifiers
            .iter()
            .take(MAX_GROUPS)
            .try_for_each(|identifier| authorise(app, &SERVICE, operation, call, &json!({"logGroupIdentifiers": [identifier]})))
    };
    let begun = every().and_then(|()| parse(input.clone())).and_then(|input| Session::prepare(app, call, input));
    let reply = Reply { response_elements: Some(Value::Null), ..Reply::default() };
    let outcome = Outcome {
        service: &SERVICE,
        operation_name: START_LIVE_TAIL,
        operation: Some(operation),
        parameters,
        result: begun.as_ref().map(|_| &reply),
    };
    let events = recording::events(app, call, &outcome);
    app.intake.submit(events, Bytes::new()).await.map_err(|failure| log_failure(&failure))?;
    let session = begun?;
    let reader = app.intake.log().reader(app.intake.log().end()).map_err(|failure| log_failure(&failure))?;
    let (sender, pieces) = mpsc::channel(WAITING);
    tokio::spawn(session.run(reader, sender, stopping));
    Ok(Streaming { content_type: "application/vnd.amazon.eventstream", pieces })
}

/// Which streams a session shows.
enum Streams {
    All,
    Named(Vec<String>),
    Prefixed(Vec<String>),
}

impl Streams {
    fn show(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|wanted| wanted == name),
            Self::Prefixed(prefixes) => prefixes.iter().any(|prefix| name.starts_with(prefix)),
        }
    }
}

struct Session {
    app: Arc<App>,
    request_id: String,
    id: String,
    /// By id.
    groups: HashMap<String, Arc<LogGroup>>,
    identifiers: Vec<String>,
    streams: Streams,
    pattern: String,
    filter: FilterSet,
    /// Names by id, as far as they were met.
    names: HashMap<String, String>,
    _room: Room,
}

/// What is to be sent with the next update.
#[derive(Default)]
struct Pending {
    events: Vec<Value>,
    sampled: bool,
}

impl Session {
    fn prepare(app: &Arc<App>, call: &Call, input: StartLiveTailRequest) -> Result<Self, ApiError> {
        let identifiers = input.log_group_identifiers.ok_or_else(|| missing("logGroupIdentifiers"))?;
        if identifiers.is_empty() || identifiers.len() > MAX_GROUPS {
            let must = format!("have length between 1 and {MAX_GROUPS}");
            return Err(constraint(&format!("[{} groups]", identifiers.len()), "logGroupIdentifiers", &must));
        }
        let streams = match (input.log_stream_names, input.log_stream_name_prefixes) {
            (None, None) => Streams::All,
            (Some(_), Some(_)) => {
                return Err(invalid("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters."));
            }
            (Some(names), None) => Streams::Named(bounded("logStreamNames", names)?),
            (None, Some(prefixes)) => Streams::Prefixed(bounded("logStreamNamePrefixes", prefixes)?),
        };
        if identifiers.len() > 1 && !matches!(streams, Streams::All) {
            return Err(invalid("logStreamNames and logStreamNamePrefixes can be given with one log group only."));
        }
        let pattern = input.log_event_filter_pattern.unwrap_or_default();
        let parsed: FilterPattern = pattern.parse().map_err(|error| invalid(format!("{error}")))?;
        let mut groups = HashMap::new();
        for identifier in &identifiers {
            if !identifier.starts_with("arn:") || identifier.ends_with(":*") {
                return Err(invalid("logGroupIdentifiers must be ARNs of log groups, without :* at the end."));
            }
            let group = groups::named(app, call, None, Some(identifier))?;
            if group.arn() != *identifier {
                return Err(super::faults::no_group());
            }
            groups.insert(group.id.clone(), group);
        }
        let room = app.searches.stream(&call.account).map_err(|_| limit_exceeded())?;
        Ok(Self {
            app: Arc::clone(app),
            request_id: call.request_id.clone(),
            id: app.intake.event_id(),
            groups,
            identifiers,
            streams,
            pattern,
            filter: FilterSet::new([parsed.into()]),
            names: HashMap::new(),
            _room: room,
        })
    }

    fn start(&self) -> Bytes {
        let (names, prefixes): (&[String], &[String]) = match &self.streams {
            Streams::All => (&[], &[]),
            Streams::Named(names) => (names, &[]),
            Streams::Prefixed(prefixes) => (&[], prefixes),
        };
        let start = json!({
            "requestId": self.request_id,
            "sessionId": self.id,
            "logGroupIdentifiers": self.identifiers,
            "logStreamNames": names,
            "logStreamNamePrefixes": prefixes,
            "logEventFilterPattern": self.pattern,
        });
        let mut bytes = event("initial-response", &json!({}));
        bytes.extend(event("sessionStart", &start));
        bytes.into()
    }

    async fn run(mut self, mut reader: LogReader, sender: mpsc::Sender<io::Result<Bytes>>, mut stop: watch::Receiver<bool>) {
        if sender.send(Ok(self.start())).await.is_err() {
            return;
        }
        let end = Instant::now() + SESSION;
        let mut updates = tokio::time::interval_at(Instant::now() + UPDATE_EVERY, UPDATE_EVERY);
        let mut pending = Pending::default();
        loop {
            let over = tokio::select! {
                ready = reader.wait() => match ready.map_err(drop).and_then(|()| self.read(&mut reader, &mut pending)) {
                    Ok(()) => None,
                    Err(()) => Some(exception("SessionStreamingException", "The session has ended because of an error.")),
                },
                _ = updates.tick() => {
                    let Pending { events, sampled } = std::mem::take(&mut pending);
                    let update = json!({"sessionMetadata": {"sampled": sampled}, "sessionResults": events});
                    if sender.send(Ok(event("sessionUpdate", &update).into())).await.is_err() {
                        return;
                    }
                    None
                }
                () = tokio::time::sleep_until(end) => {
                    Some(exception("SessionTimeoutException", "The session has ended after three hours."))
                }
                () = sender.closed() => return,
                () = stopped(&mut stop) => {
                    Some(exception("SessionStreamingException", "The server is stopping."))
                }
            };
            if let Some(last) = over {
                let _ = sender.send(Ok(last.into())).await;
                return;
            }
        }
    }

    /// Takes what was recorded since.
    fn read(&mut self, reader: &mut LogReader, pending: &mut Pending) -> Result<(), ()> {
        while let Some(entries) = reader.next_block().map_err(drop)? {
            for entry in entries.iter().filter(|entry| !entry.entry.changes.is_empty()) {
                if let Err(error) = self.take(entry, pending) {
                    tracing::error!(error = error.message, "a live tail could not read what was put");
                    return Err(());
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: &LoggedEntry, pending: &mut Pending) -> Result<(), ApiError> {
        let changes = Changes::decode(&entry.entry.changes).map_err(|error| catalog_failure(&error))?;
        let of_groups = |key: &str| self.groups.contains_key(key.split(':').next().unwrap_or_default());
        if !changes.iter().any(|change| change.table == LogBatch::TABLE && of_groups(&change.key)) {
            return Ok(());
        }
        for stream in changes.of::<LogStream>().map_err(|error| catalog_failure(&error))?.into_iter().flatten() {
            self.names.insert(stream.id, stream.name);
        }
        for batch in changes.of::<LogBatch>().map_err(|error| catalog_failure(&error))?.into_iter().flatten() {
            let Some(group) = self.groups.get(&batch.group_id).cloned() else { continue };
            let name = self.name(&batch)?;
            if !self.streams.show(&name) {
                continue;
            }
            for found in batch.unpack().map_err(|error| super::faults::unreadable(&error))? {
                if self.filter.matches(&found.message).is_empty() {
                    continue;
                }
                if pending.events.len() >= MAX_EVENTS {
                    pending.sampled = true;
                    break;
                }
                pending.events.push(json!({
                    "logStreamName": name,
                    "logGroupIdentifier": group.arn(),
                    "message": found.message,
                    "timestamp": found.timestamp(),
                    "ingestionTime": found.id.ingestion,
                }));
            }
        }
        Ok(())
    }

    fn name(&mut self, batch: &LogBatch) -> Result<String, ApiError> {
        if let Some(name) = self.names.get(&batch.stream_id) {
            return Ok(name.clone());
        }
        let key = LogStream::key_of(&batch.group_id, "");
        let streams = self.app.catalog.list::<LogStream>(&key).map_err(|error| catalog_failure(&error))?;
        self.names.extend(streams.into_iter().map(|stream| (stream.id, stream.name)));
        Ok(self.names.get(&batch.stream_id).cloned().unwrap_or_default())
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopping| *stopping).await;
}

fn bounded(member: &str, names: Vec<String>) -> Result<Vec<String>, ApiError> {
    if names.is_empty() || names.len() > MAX_STREAMS {
        let must = format!("have length between 1 and {MAX_STREAMS}");
        return Err(constraint(&format!("[{} names]", names.len()), member, &must));
    }
    Ok(names)
}
