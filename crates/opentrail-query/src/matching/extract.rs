//! Values of chosen fields of a record.

use super::test::parts;
use super::walk::{Met, Walker};
use crate::query::{Field, Part, parse_instant};
use std::ops::ControlFlow;
use time::OffsetDateTime;

/// Reads fields out of records.
pub struct Extractor {
    fields: Vec<Field>,
}

/// One value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// As people read it: the text of a string, the JSON of anything else.
    pub text: String,
    /// As JSON.
    pub json: String,
}

impl Extractor {
    pub fn new(fields: Vec<Field>) -> Self {
        Self { fields }
    }

    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The values of each field. Of a short name only those of the first place that has any. A damaged record gives
    /// what could be read. At most `limit` values a field.
    pub fn values(&self, record: &[u8], limit: usize) -> Vec<Vec<Value>> {
        let mut found: Vec<Vec<Vec<Value>>> = self.fields.iter().map(|field| vec![Vec::new(); field.readings().len()]).collect();
        let walked = Walker::default().walk(record, &mut |path, met, json| {
            for (field, found) in self.fields.iter().zip(&mut found) {
                for (reading, found) in field.readings().iter().zip(found) {
                    if path == reading.path.as_bytes() && found.len() < limit {
                        found.extend(value(met, json, reading.part));
                    }
                }
            }
            ControlFlow::Continue(())
        });
        // Whether it is a record was asked when it was matched.
        let _ = walked;
        found.into_iter().map(|readings| readings.into_iter().find(|values| !values.is_empty()).unwrap_or_default()).collect()
    }
}

fn value(met: Met<'_>, json: &[u8], part: Part) -> Option<Value> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match met {
        Met::Null | Met::Array => None,
        Met::Object if json.len() == 2 => None,
        Met::Object | Met::Plain(_) => Some(Value { text: text(json), json: text(json) }),
        Met::Text(bytes) => {
            let [first, ..] = parts(bytes, part);
            let shown = text(first?);
            let json = if part == Part::AfterColon { serde_json::Value::from(shown.as_str()).to_string() } else { text(json) };
            Some(Value { text: shown, json })
        }
    }
}

/// The time of a record; `None` if it has none that can be read.
pub fn event_time(record: &[u8]) -> Option<OffsetDateTime> {
    let mut time = None;
    let walked = Walker::default().walk(record, &mut |path, met, _| match met {
        Met::Text(text) if path == b"eventtime" => {
            time = std::str::from_utf8(text).ok().and_then(parse_instant);
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    let _ = walked;
    time
}
