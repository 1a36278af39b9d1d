//! What an import came to.

use opentrail_search::neutral::for_terminal;
use serde_json::{Value, json};

/// Problems that are kept with their texts; further ones are counted.
const PROBLEMS: usize = 10_000;

#[derive(Default)]
pub struct Report {
    /// Files found, and those of them that were finished before.
    pub listed: usize,
    pub skipped: usize,
    imported: usize,
    pub accepted: u64,
    duplicates: u64,
    expired: u64,
    advice: Option<String>,
    unparsed_count: u64,
    unparsed: Vec<Problem>,
}

struct Problem {
    file: String,
    record: u64,
    offset: u64,
    reason: String,
}

impl Report {
    pub fn take_listed(&mut self, problems: Vec<(String, String)>, files: usize) {
        self.listed = files;
        for (file, reason) in problems {
            self.problem(Problem { file, record: 0, offset: 0, reason });
        }
    }

    /// Takes what came of one file; answers whether all of it was loaded.
    pub fn take(&mut self, file: &str, answer: Result<Value, String>) -> bool {
        let answer = match answer {
            Ok(answer) => answer,
            Err(reason) => {
                self.problem(Problem { file: file.to_owned(), record: 0, offset: 0, reason });
                return false;
            }
        };
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        self.imported += 1;
        self.accepted += number(&answer["accepted"]);
        self.duplicates += number(&answer["duplicates"]);
        self.expired += number(&answer["expired"]);
        if let Some(days) = answer["retentionDays"].as_i64() {
            self.advice = Some(format!("the server keeps {days} days: raise history.retention, restart it, and import again"));
        }
        let count = number(&answer["unparsedCount"]);
        let told = answer["unparsed"].as_array().map(Vec::as_slice).unwrap_or_default();
        for one in told {
            let reason = one["reason"].as_str().unwrap_or_default().to_owned();
            self.problem(Problem {
                file: file.to_owned(),
                record: number(&one["record"]),
                offset: number(&one["offset"]),
                reason,
            });
        }
        self.unparsed_count += count.saturating_sub(told.len() as u64);
        count == 0 && number(&answer["expired"]) == 0
    }

    fn problem(&mut self, problem: Problem) {
        self.unparsed_count += 1;
        if self.unparsed.len() < PROBLEMS {
            self.unparsed.push(problem);
        }
    }

    pub fn unparsed_count(&self) -> u64 {
        self.unparsed_count
    }

    /// 0 if everything was loaded, 1 if not.
    pub fn exit_status(&self) -> u8 {
        u8::from(self.unparsed_count > 0 || self.expired > 0)
    }

    pub fn print_text(&self) {
        let skipped = if self.skipped > 0 { format!(", {} finished before", self.skipped) } else { String::new() };
        println!("{} of {} files loaded{skipped}", self.imported, self.listed);
        println!("{} events new, {} known already", self.accepted, self.duplicates);
        if self.expired > 0 {
            println!("{} events too old: {}", self.expired, self.advice.as_deref().unwrap_or_default());
        }
        if self.unparsed_count > 0 {
            println!("{} could not be read:", self.unparsed_count);
        }
        for Problem { file, record, offset, reason } in &self.unparsed {
            println!("  {}", for_terminal(&format!("{file}: at byte {offset}, after {record} records: {reason}")));
        }
        let more = self.unparsed_count - self.unparsed.len() as u64;
        if more > 0 {
            println!("  and {more} more");
        }
    }

    pub fn to_json(&self, complete: bool) -> Value {
        let unparsed = self.unparsed.iter().map(
            |problem| json!({"file": problem.file, "record": problem.record, "offset": problem.offset, "reason": problem.reason}),
        );
        json!({
            "complete": complete,
            "files": {"listed": self.listed, "finishedBefore": self.skipped, "loaded": self.imported},
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "expired": self.expired,
            "advice": self.advice,
            "unparsedCount": self.unparsed_count,
            "unparsed": unparsed.collect::<Vec<_>>(),
        })
    }
}
