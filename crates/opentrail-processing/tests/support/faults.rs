//! Which requests go wrong, and how: the same for the same seed, in whatever order requests come.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Delay(Duration),
    /// The connection is cut and nothing done.
    Refuse,
    /// What was asked for is done, and the connection is cut before the answer.
    CutAfter,
    /// The connection is cut within the answer.
    CutBody,
    /// The answer looks whole, but its body lacks the end.
    Truncate,
    Status(u16, bool),
}

/// One request in five fails, decided by what it is about and how often it was asked.
pub struct Faults {
    seed: u64,
    asked: Mutex<HashMap<String, u64>>,
}

impl Faults {
    pub fn new(seed: u64) -> Self {
        Self { seed, asked: Mutex::default() }
    }

    pub fn next(&self, identity: &str) -> Option<Fault> {
        let attempt = {
            let mut asked = self.asked.lock().expect("locks");
            let count = asked.entry(identity.to_owned()).or_default();
            *count += 1;
            *count
        };
        let mut hasher = DefaultHasher::new();
        (self.seed, identity, attempt).hash(&mut hasher);
        let draw = hasher.finish();
        draw.is_multiple_of(5).then(|| match (draw / 5) % 8 {
            0 => Fault::Delay(Duration::from_millis(1 + draw / 64 % 30)),
            1 => Fault::Refuse,
            2 => Fault::CutAfter,
            3 => Fault::CutBody,
            4 => Fault::Truncate,
            5 => Fault::Status(500, false),
            6 => Fault::Status(503, true),
            _ => Fault::Status(503, false),
        })
    }
}
