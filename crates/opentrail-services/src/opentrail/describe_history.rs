//! DescribeHistory: what the event history is and how far it is; for the account that runs the server, what is kept.

use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::Account;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most files whose sizes are added up. A part that has more is left out.
const MAX_FILES: usize = 50_000;

#[derive(Deserialize)]
pub struct DescribeHistoryRequest {}

/// # Errors
/// If the catalog fails.
pub async fn describe_history(app: &Arc<App>, call: &Call, _: DescribeHistoryRequest) -> Result<Reply, ApiError> {
    let default = app.catalog.get::<Account>(&app.settings.account_id).map_err(|error| catalog_failure(&error))?;
    let mut output = json!({
        "AccountId": call.account,
        // Tells one data directory from another behind the same address.
        "Created": default.map_or(0, |account| account.created.unix_timestamp()),
        "RetentionSeconds": app.importer.retention().whole_seconds(),
        "IndexedThrough": app.history.end(),
        "RecordedThrough": app.intake.log().end(),
    });
    if call.account == app.settings.account_id {
        output["Events"] = app.history.count().into();
        let dir = app.settings.data_dir.clone();
        output["Storage"] = tokio::task::spawn_blocking(move || storage(&dir)).await.unwrap_or_default();
    }
    Ok(Reply::output(output))
}

/// Bytes of each part of the data directory, and of the disk it is on. What cannot be told is absent.
fn storage(dir: &Path) -> Value {
    let mut storage = json!({});
    for (part, name) in [("log", "LogBytes"), ("history", "HistoryBytes"), ("objects", "ObjectBytes")] {
        if let Some(bytes) = bytes_below(&dir.join(part)) {
            storage[name] = bytes.into();
        }
    }
    if let Ok(disk) = rustix::fs::statvfs(dir) {
        storage["DiskFreeBytes"] = disk.f_bavail.saturating_mul(disk.f_frsize).into();
        storage["DiskBytes"] = disk.f_blocks.saturating_mul(disk.f_frsize).into();
    }
    storage
}

/// Sizes of all files below a folder; `None` if it cannot be read or has too many.
fn bytes_below(dir: &Path) -> Option<u64> {
    let (mut bytes, mut files) = (0_u64, 0);
    let mut open: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).ok()? {
            files += 1;
            if files > MAX_FILES {
                return None;
            }
            // Files come and go while they are counted.
            let Ok(metadata) = entry.as_ref().map_err(drop).and_then(|entry| entry.metadata().map_err(drop)) else { continue };
            if metadata.is_dir() {
                open.push(entry.ok()?.path());
            } else {
                bytes = bytes.saturating_add(metadata.len());
            }
        }
    }
    Some(bytes)
}
