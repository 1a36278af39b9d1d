//! All slices of a history, and opening them after a stop or a crash.

use crate::cursor_file::{CursorFile, sync_dir};
use crate::document::FORMAT;
use crate::error::{HistoryError, HistoryErrorKind};
use crate::slice::Slice;
use opentrail_eventlog::Position;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use time::Date;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const NAME: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
/// Ending of a slice on its way out; removed at the next opening if a crash came in between.
const DROPPED: &str = "dropped";
/// Ending of a slice that could not be opened; left for the operator.
const DAMAGED: &str = "damaged";

/// The slices by day. The sink adds and drops, lookups read.
pub(crate) struct Slices {
    dir: PathBuf,
    by_day: RwLock<BTreeMap<Date, Arc<Slice>>>,
    /// Everything below this position is committed.
    end: AtomicU64,
}

impl Slices {
    /// Opens what is in `dir`. Returns the position to read the log from.
    pub fn open(dir: &Path) -> Result<(Self, Position), HistoryError> {
        let failed = |source| HistoryError::File { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let state = CursorFile::load(dir)?;
        let readable = state.as_ref().is_none_or(|state| state.format == FORMAT);
        let mut by_day = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if path.extension().is_some_and(|ending| ending == DROPPED) {
                fs::remove_dir_all(&path).map_err(|source| HistoryError::File { path, source })?;
                continue;
            }
            let Some(day) = entry.file_name().to_str().and_then(|name| Date::parse(name, NAME).ok()) else { continue };
            if let Some(slice) = open_slice(&path, day, readable)? {
                by_day.insert(day, Arc::new(slice));
            }
        }
        let cursor = state.filter(|state| readable && has_all(&by_day, state)).map_or(0, |state| state.position);
        Ok((Self { dir: dir.to_owned(), by_day: RwLock::new(by_day), end: AtomicU64::new(cursor) }, cursor))
    }

    pub fn get(&self, day: Date) -> Option<Arc<Slice>> {
        self.by_day.read().unwrap_or_else(PoisonError::into_inner).get(&day).cloned()
    }

    /// Newest day first.
    pub fn newest_first(&self) -> Vec<Arc<Slice>> {
        self.by_day.read().unwrap_or_else(PoisonError::into_inner).values().rev().cloned().collect()
    }

    pub fn get_or_create(&self, day: Date) -> Result<Arc<Slice>, HistoryError> {
        if let Some(slice) = self.get(day) {
            return Ok(slice);
        }
        let slice = Arc::new(Slice::open(&self.dir.join(name(day)), day)?);
        sync_dir(&self.dir).map_err(|source| HistoryError::File { path: self.dir.clone(), source })?;
        self.by_day.write().unwrap_or_else(PoisonError::into_inner).insert(day, Arc::clone(&slice));
        Ok(slice)
    }

    /// Saves that everything below `position` is committed.
    pub fn save(&self, position: Position) -> Result<(), HistoryError> {
        let slices = self.by_day.read().unwrap_or_else(PoisonError::into_inner).keys().map(|day| name(*day)).collect();
        CursorFile { format: FORMAT, position, slices }.save(&self.dir)?;
        self.end.store(position, Ordering::Release);
        Ok(())
    }

    pub fn end(&self) -> Position {
        self.end.load(Ordering::Acquire)
    }

    /// Whether there are slices of days before `first`.
    pub fn any_before(&self, first: Date) -> bool {
        self.by_day.read().unwrap_or_else(PoisonError::into_inner).range(..first).next().is_some()
    }

    /// Drops the slices of days before `first`. Returns how many.
    pub fn drop_before(&self, first: Date) -> Result<usize, HistoryError> {
        let old = {
            let mut by_day = self.by_day.write().unwrap_or_else(PoisonError::into_inner);
            let kept = by_day.split_off(&first);
            std::mem::replace(&mut *by_day, kept)
        };
        // A crash before the names are off the list leaves the slices, to be dropped again; after it, they may be gone.
        self.save(self.end())?;
        for slice in old.values() {
            slice.dropped.store(true, Ordering::Release);
            let aside = slice.dir.with_extension(DROPPED);
            let remove = || {
                fs::rename(&slice.dir, &aside)?;
                fs::remove_dir_all(&aside)
            };
            remove().map_err(|source| HistoryError::File { path: slice.dir.clone(), source })?;
        }
        Ok(old.len())
    }
}

fn name(day: Date) -> String {
    day.format(NAME).expect("a date has year, month and day")
}

/// `None` if nothing was ever committed there, or what was cannot be read and is now out of the way.
fn open_slice(path: &Path, day: Date, readable: bool) -> Result<Option<Slice>, HistoryError> {
    let failed = |source| HistoryError::File { path: path.to_owned(), source };
    if !path.join("meta.json").exists() {
        fs::remove_dir_all(path).map_err(failed)?;
        return Ok(None);
    }
    if readable {
        match Slice::open(path, day) {
            Ok(slice) => return Ok(Some(slice)),
            Err(error) if error.kind() == HistoryErrorKind::Unavailable => return Err(error),
            Err(error) => tracing::error!(slice = name(day), %error, "history slice is damaged and set aside"),
        }
    }
    let aside = path.with_extension(DAMAGED);
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(failed)?;
    }
    fs::rename(path, &aside).map_err(failed)?;
    Ok(None)
}

fn has_all(by_day: &BTreeMap<Date, Arc<Slice>>, state: &CursorFile) -> bool {
    let missing = state.slices.iter().find(|wanted| !by_day.keys().any(|day| name(*day) == **wanted));
    if let Some(slice) = missing {
        tracing::warn!(slice, "history slice is missing, the log will be read again");
    }
    missing.is_none()
}
