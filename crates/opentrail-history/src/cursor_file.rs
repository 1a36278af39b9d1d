//! `cursor.json`: up to where everything is committed, and in which slices.

use crate::error::HistoryError;
use opentrail_eventlog::Position;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

const NAME: &str = "cursor.json";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CursorFile {
    /// [`crate::document::FORMAT`] of the slices.
    pub format: u32,
    pub position: Position,
    /// Names of the slices that must exist.
    pub slices: Vec<String>,
}

impl CursorFile {
    /// `None` if there is none, or none that can be understood.
    pub fn load(dir: &Path) -> Result<Option<Self>, HistoryError> {
        let path = dir.join(NAME);
        match fs::read(&path) {
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(file) => Ok(Some(file)),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "history cursor is unreadable, the log will be read again");
                    Ok(None)
                }
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HistoryError::File { path, source }),
        }
    }

    /// Replaces the file. After a crash there is the old one or the new one.
    pub fn save(&self, dir: &Path) -> Result<(), HistoryError> {
        let fresh = dir.join("cursor.json.new");
        let write = || {
            let mut file = File::create(&fresh)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&fresh, dir.join(NAME))?;
            sync_dir(dir)
        };
        write().map_err(|source| HistoryError::File { path: fresh.clone(), source })
    }
}

pub(crate) fn sync_dir(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}
