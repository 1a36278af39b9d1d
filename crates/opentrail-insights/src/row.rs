//! Rows: log events with what was worked out of them, and groups of events.

use crate::fields::{find, value};
use crate::value::Value;
use serde_json::Value as Json;
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

/// A log event as queries see it.
#[derive(Debug, Clone, Copy)]
pub struct LogRecord<'a> {
    /// Milliseconds since 1970, as the other.
    pub timestamp: i64,
    pub ingestion: i64,
    pub message: &'a str,
    pub stream: &'a str,
    /// `account:group`.
    pub log: &'a str,
    /// What GetLogRecord finds it by.
    pub pointer: &'a str,
}

/// A log event that is kept.
#[derive(Debug)]
pub struct Event {
    pub timestamp: i64,
    ingestion: i64,
    message: String,
    stream: String,
    log: String,
    pub pointer: String,
    /// The message, if it is JSON; read when a field is first asked for.
    json: OnceCell<Option<Json>>,
}

/// One row. Cheap to clone as far as the event goes.
#[derive(Debug, Clone, Default)]
pub struct Row {
    event: Option<Rc<Event>>,
    /// The last of a name counts.
    computed: Vec<(Arc<str>, Value)>,
}

impl Row {
    pub fn of(record: LogRecord<'_>) -> Self {
        let event = Event {
            timestamp: record.timestamp,
            ingestion: record.ingestion,
            message: record.message.to_owned(),
            stream: record.stream.to_owned(),
            log: record.log.to_owned(),
            pointer: record.pointer.to_owned(),
            json: OnceCell::new(),
        };
        Self { event: Some(Rc::new(event)), computed: Vec::new() }
    }

    pub fn event(&self) -> Option<&Event> {
        self.event.as_deref()
    }

    pub fn set(&mut self, name: Arc<str>, value: Value) {
        self.computed.push((name, value));
    }

    /// What was worked out under this name.
    pub fn computed(&self, name: &str) -> Option<&Value> {
        self.computed.iter().rev().find(|(known, _)| **known == *name).map(|(_, value)| value)
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Value {
        match (self.computed(name), &self.event) {
            (Some(value), _) => value.clone(),
            (None, Some(event)) => event.get(name),
            (None, None) => Value::Missing,
        }
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let computed: usize = self.computed.iter().map(|(_, value)| 48 + text_bytes(value)).sum();
        computed + self.event.as_ref().map_or(0, |event| 256 + event.message.len())
    }
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        _ => 0,
    }
}

impl Event {
    fn get(&self, name: &str) -> Value {
        match name {
            "@timestamp" => Value::Time(self.timestamp),
            "@ingestionTime" => Value::Time(self.ingestion),
            "@message" => Value::Text(self.message.clone()),
            "@logStream" => Value::Text(self.stream.clone()),
            "@log" => Value::Text(self.log.clone()),
            "@ptr" => Value::Text(self.pointer.clone()),
            name => {
                let read = || {
                    let looks = self.message.trim_start().starts_with('{');
                    looks.then(|| serde_json::from_str(&self.message).ok()).flatten()
                };
                self.json.get_or_init(read).as_ref().and_then(|json| find(json, name)).map_or(Value::Missing, value)
            }
        }
    }
}
