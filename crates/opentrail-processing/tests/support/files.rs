//! Log files, and handlers that remember what they were given.

use flate2::{Compression, write::GzEncoder};
use opentrail_processing::{Batch, FileHandler, Handler, Reject, SourceFile};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).expect("compresses");
    encoder.finish().expect("compresses")
}

/// A log file of some events, whose ids are `<file>-<n>`.
pub fn log_file(file: usize, events: usize) -> Vec<u8> {
    let event = |n: usize| {
        format!(
            r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","userName":"u{}"}},"eventTime":"2026-11-21T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","eventID":"{file}-{n}","readOnly":false}}"#,
            n % 7
        )
    };
    let records: Vec<String> = (0..events).map(event).collect();
    gzip(format!("{{\"Records\":[{}]}}", records.join(",")).as_bytes())
}

pub fn key(file: usize) -> String {
    format!(
        "AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/21/123456789012_CloudTrail_us-east-1_20261121T1005Z_{file:016}.json.gz"
    )
}

/// Ids by key of accepted files, a list for each time a file was accepted.
pub type Accepted = Arc<Mutex<BTreeMap<String, Vec<Vec<String>>>>>;

type Opinion = Arc<dyn Fn(&SourceFile) -> Result<(), Reject> + Send + Sync>;

/// Remembers files when it accepts them.
#[derive(Clone)]
pub struct Collect {
    pub accepted: Accepted,
    opinion: Opinion,
}

pub struct CollectFile {
    handler: Collect,
    file: SourceFile,
    ids: Vec<String>,
}

impl Collect {
    pub fn new() -> Self {
        Self::with(|_| Ok(()))
    }

    pub fn with(opinion: impl Fn(&SourceFile) -> Result<(), Reject> + Send + Sync + 'static) -> Self {
        Self { accepted: Accepted::default(), opinion: Arc::new(opinion) }
    }

    pub fn ids(&self) -> Vec<String> {
        let accepted = self.accepted.lock().expect("locks");
        let mut ids: Vec<String> = accepted.values().flatten().flatten().cloned().collect();
        ids.sort_unstable();
        ids
    }
}

impl Handler for Collect {
    type File = CollectFile;

    async fn begin(&self, file: &SourceFile) -> Result<CollectFile, Reject> {
        Ok(CollectFile { handler: self.clone(), file: file.clone(), ids: Vec::new() })
    }
}

impl FileHandler for CollectFile {
    async fn events(&mut self, batch: &Batch<'_>) -> Result<(), Reject> {
        self.ids.extend(batch.iter().map(|event| event.event_id().expect("an id").into_owned()));
        Ok(())
    }

    async fn accept(self) -> Result<(), Reject> {
        (self.handler.opinion)(&self.file)?;
        self.handler.accepted.lock().expect("locks").entry(self.file.key).or_default().push(self.ids);
        Ok(())
    }
}
