//! What is asked: values taken from the events themselves, the same for us and for peers.

use serde::Serialize;
use serde_json::Value;

/// Events that values are taken from.
const SAMPLES: usize = 100;
/// How often counts are made.
pub const COUNTS: u32 = 10;

/// Questions.
#[derive(Debug, Serialize)]
pub struct Samples {
    /// Fields and values: the newest fifty events with each.
    pub lookups: Vec<(String, String)>,
    /// Two of them at once.
    pub conjunctions: Vec<[(String, String); 2]>,
    /// Words anywhere in the record.
    pub words: Vec<String>,
    /// Fields to count by together.
    pub count_by: [&'static str; 2],
    pub counts: u32,
    /// Queries for the files: an id, a word, a user on a day.
    pub file_searches: Vec<String>,
    /// The same as values, in that order: id; word; user, day.
    pub file_search_values: Vec<[String; 2]>,
    #[serde(skip)]
    taken: usize,
    #[serde(skip)]
    next: u64,
}

impl Default for Samples {
    fn default() -> Self {
        Self {
            lookups: Vec::new(),
            conjunctions: Vec::new(),
            words: Vec::new(),
            count_by: ["eventName", "eventSource"],
            counts: COUNTS,
            file_searches: Vec::new(),
            file_search_values: Vec::new(),
            taken: 0,
            next: 1,
        }
    }
}

impl Samples {
    /// Takes values from some of the records.
    pub fn offer(&mut self, number: u64, record: &[u8]) {
        if number < self.next || self.taken >= SAMPLES {
            return;
        }
        // Further apart the more there are, so that few and many are sampled alike.
        self.next = number + number / 12 + 7;
        let Ok(record) = serde_json::from_slice::<Value>(record) else { return };
        self.taken += 1;
        let at = |path: &str| -> Option<(String, String)> {
            let value = path.split('.').try_fold(&record, |value, key| value.get(key))?.as_str()?;
            (!value.is_empty() && !value.contains(['"', '\\'])).then(|| (path.to_owned(), value.to_owned()))
        };
        let fields = ["eventName", "eventID", "eventSource", "userIdentity.accessKeyId", "userIdentity.userName"];
        self.lookups.extend(fields.iter().filter_map(|path| at(path)));
        if let (Some(name), Some(address)) = (at("eventName"), at("sourceIPAddress")) {
            self.conjunctions.push([name, address]);
        }
        self.words.extend(record.get("requestParameters").and_then(word_of));
        if self.file_searches.is_empty()
            && let (Some(id), Some(user), Some(time)) = (at("eventID"), at("userIdentity.userName"), at("eventTime"))
            && let (Some(word), Some(day)) = (self.words.last().cloned(), time.1.get(..10))
        {
            self.file_searches = vec![
                format!("eventID:{}", id.1),
                format!("\"{word}\""),
                format!("userIdentity.userName:\"{}\" eventTime:{day}", user.1),
            ];
            self.file_search_values = vec![[id.1, String::new()], [word, String::new()], [user.1, day.to_owned()]];
        }
    }
}

/// A word of the first text that has one of some length.
fn word_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
            words.find(|word| (5..=20).contains(&word.len())).map(str::to_owned)
        }
        Value::Array(items) => items.iter().find_map(word_of),
        Value::Object(members) => members.values().find_map(word_of),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_come_from_events() {
        let mut samples = Samples::default();
        let record = r#"{"eventID":"i","eventName":"PutObject","eventTime":"2026-11-21T10:00:00Z","sourceIPAddress":"10.0.0.1",
            "userIdentity":{"userName":"alice"},"requestParameters":{"n":1,"bucketName":"my-bucket"}}"#;
        (1..100).for_each(|number| samples.offer(number, record.as_bytes()));
        assert!(samples.taken > 5 && samples.taken < 20, "{}", samples.taken);
        assert_eq!(samples.lookups[..2], [("eventName".into(), "PutObject".into()), ("eventID".into(), "i".into())]);
        assert_eq!((samples.words[0].as_str(), samples.conjunctions[0][1].1.as_str()), ("bucket", "10.0.0.1"));
        assert_eq!(samples.file_searches[2], "userIdentity.userName:\"alice\" eventTime:2026-11-21");
        for query in &samples.file_searches {
            opentrail_query::Query::parse(query).expect("a query");
        }
    }
}
