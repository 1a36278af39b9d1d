//! Where goes what cannot be processed: never away.

use crate::error::{ErrorKind, PortError};
use crate::queue::{Message, Queue};
use async_trait::async_trait;
use serde::Serialize;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Something to be put aside.
#[derive(Debug, Clone)]
pub struct Parked {
    /// Why, for whoever looks at it.
    pub reason: String,
    /// The message as it came, if there was one.
    pub message: Option<Message>,
    /// Bucket and key of the files that could not be processed.
    pub files: Vec<(String, String)>,
}

/// Keeps what was put aside.
///
/// It is durable when this returns: the message is deleted after. Parking the same thing twice may keep it twice.
#[async_trait]
pub trait Parking: Send + Sync + 'static {
    async fn park(&self, parked: &Parked) -> Result<(), PortError>;
}

/// Longest reason that is kept.
const REASON_CHARS: usize = 1_000;

/// A queue that takes parked messages with their bodies unchanged, so that they can be moved back when the cause is gone.
///
/// The reason is the message attribute `OpenTrailReason`. A file that no message announced becomes a message like
/// CloudTrail's own.
pub struct ParkingQueue(pub Arc<dyn Queue>);

#[async_trait]
impl Parking for ParkingQueue {
    async fn park(&self, parked: &Parked) -> Result<(), PortError> {
        let reason = reason(parked);
        if let Some(message) = &parked.message {
            let id = [("OpenTrailReason", reason.as_str()), ("OpenTrailMessageId", message.id.as_str())];
            return self.0.send(&message.body, &id).await;
        }
        for (bucket, key) in &parked.files {
            let body = json!({"s3Bucket": bucket, "s3ObjectKey": [key]}).to_string();
            self.0.send(&body, &[("OpenTrailReason", &reason)]).await?;
        }
        Ok(())
    }
}

/// A directory that takes a JSON file for each.
pub struct ParkingDirectory(PathBuf);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    reason: &'a str,
    files: Vec<ParkedFile<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receive_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

#[derive(Serialize)]
struct ParkedFile<'a> {
    bucket: &'a str,
    key: &'a str,
}

impl ParkingDirectory {
    /// Makes the directory if it is not there.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }
}

#[async_trait]
impl Parking for ParkingDirectory {
    async fn park(&self, parked: &Parked) -> Result<(), PortError> {
        let text = record(parked);
        let name = name(parked);
        let directory = self.0.clone();
        let attempted = format!("parking in {}", self.0.display());
        let written = tokio::task::spawn_blocking(move || write(&directory, &name, &text)).await;
        let result = written.map_err(std::io::Error::other).and_then(|written| written);
        result.map_err(|error| {
            let kind = match error.kind() {
                std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::NotFound => ErrorKind::Denied,
                _ => ErrorKind::Transient { retry_after: None },
            };
            PortError::new(kind, attempted, error)
        })
    }
}

fn reason(parked: &Parked) -> String {
    let text: String = parked.reason.chars().take(REASON_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.is_empty() { "no reason was given".to_owned() } else { text }
}

fn record(parked: &Parked) -> Vec<u8> {
    let message = parked.message.as_ref();
    let record = Record {
        reason: &reason(parked),
        files: parked.files.iter().map(|(bucket, key)| ParkedFile { bucket, key }).collect(),
        message_id: message.map(|message| message.id.as_str()),
        receive_count: message.map(|message| message.receive_count),
        body: message.map(|message| message.body.as_str()),
    };
    let mut text = serde_json::to_vec_pretty(&record).expect("texts and numbers always serialise");
    text.push(b'\n');
    text
}

/// The message's id, or the file's name: only characters that are harmless in a path.
fn name(parked: &Parked) -> String {
    let from_file = || parked.files.first().map_or("unknown", |(_, key)| key.rsplit('/').next().unwrap_or_default());
    let name = parked.message.as_ref().map_or_else(from_file, |message| message.id.as_str());
    let safe: String =
        name.chars().take(150).map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    format!("{}.json", safe.trim_start_matches('.'))
}

fn write(directory: &Path, name: &str, text: &[u8]) -> std::io::Result<()> {
    let temporary = directory.join(format!(".{name}.{:?}", std::thread::current().id()));
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&temporary, directory.join(name))?;
    std::fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_directory_keeps_the_message_and_the_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let parking = ParkingDirectory::open(&folder.path().join("new")).expect("made");
        let message =
            Message { id: "../m/1".into(), receipt: "r".into(), body: "{\"a\":1}".into(), receive_count: 6, sent: None };
        let parked = Parked { reason: "bad\u{1b}[0m".into(), message: Some(message), files: vec![("b".into(), "k".into())] };
        parking.park(&parked).await.expect("parked");
        parking.park(&parked).await.expect("parked again");
        let only = std::fs::read_dir(folder.path().join("new")).expect("listed").map(|entry| entry.expect("read").path());
        let [path] = &only.collect::<Vec<_>>()[..] else { panic!("one file") };
        assert_eq!(path.file_name().expect("name"), "_m_1.json");
        let read: serde_json::Value = serde_json::from_slice(&std::fs::read(path).expect("read")).expect("JSON");
        assert_eq!(read["reason"], "bad [0m");
        assert_eq!((read["body"].as_str(), read["receiveCount"].as_u64()), (Some("{\"a\":1}"), Some(6)));
        assert_eq!(read["files"][0]["key"], "k");
    }
}
