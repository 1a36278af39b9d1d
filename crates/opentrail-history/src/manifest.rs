//! `manifest.json`: which segments there are, and up to where the log is in them.
//!
//! Segments and position are committed together, by replacing this one file. What is in the directory and not in it is
//! left over from a crash, or of another version, and is removed.

use crate::disk::layout::{FORMAT, OLDEST_FORMAT};
use crate::disk::segment::Segment;
use crate::error::{HistoryError, HistoryErrorKind};
use opentrail_eventlog::Position;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::Date;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const NAME: &str = "manifest.json";
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
/// Ending of what cannot be read; left for the operator.
const DAMAGED: &str = "damaged";
/// Ending of a segment.
const SEGMENT: &str = "seg";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// [`FORMAT`] of the files; older segments may be among them.
    pub format: u32,
    /// Everything below is in segments.
    pub position: Position,
    /// The number of the next segment.
    pub next: u64,
    pub days: BTreeMap<String, DayFiles>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DayFiles {
    /// The day's events below this position are in its segments; all but those in `holes`.
    pub through: Position,
    /// Ranges of positions, both ends included, whose segments were damaged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<(Position, Position)>,
    /// Ordered by position.
    pub segments: Vec<SegmentFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentFile {
    pub number: u64,
    pub rows: u32,
    pub first: Position,
    pub last: Position,
}

impl SegmentFile {
    pub fn of(number: u64, segment: &Segment) -> Self {
        let description = &segment.description;
        Self { number, rows: description.rows, first: description.first_position, last: description.last_position }
    }
}

impl DayFiles {
    /// Whether an event of the day is in a segment already.
    pub fn has(&self, position: Position) -> bool {
        position < self.through && !self.holes.iter().any(|(first, last)| (*first..=*last).contains(&position))
    }
}

impl Default for Manifest {
    fn default() -> Self {
        Self { format: FORMAT, position: 0, next: 1, days: BTreeMap::new() }
    }
}

pub(crate) fn day_name(day: Date) -> String {
    day.format(DAY).expect("a date has year, month and day")
}

pub(crate) fn day_of(name: &str) -> Option<Date> {
    Date::parse(name, DAY).ok()
}

/// The file of a segment.
pub(crate) fn segment_path(dir: &Path, day: &str, number: u64) -> PathBuf {
    dir.join(day).join(format!("{number:020}.{SEGMENT}"))
}

pub(crate) fn sync_dir(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Opens what is in `dir`: the manifest, and its segments by number.
pub(crate) fn open(dir: &Path) -> Result<(Manifest, Vec<Arc<Segment>>), HistoryError> {
    let failed = |source| HistoryError::File { path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(failed)?;
    let mut manifest = Manifest::load(dir)?;
    let mut segments = Vec::new();
    let mut damaged = false;
    for (day, files) in &mut manifest.days {
        let mut kept = Vec::new();
        for file in std::mem::take(&mut files.segments) {
            let path = segment_path(dir, day, file.number);
            match Segment::open(&path) {
                Ok(segment) => {
                    segments.push(Arc::new(segment));
                    kept.push(file);
                }
                Err(error) if error.kind() == HistoryErrorKind::Unavailable => return Err(error),
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "a segment of the history is damaged and set aside; the log is read again for its events");
                    set_aside(&path)?;
                    files.holes.push((file.first, file.last));
                    manifest.position = manifest.position.min(file.first);
                    damaged = true;
                }
            }
        }
        files.segments = kept;
    }
    if damaged {
        manifest.save(dir)?;
    }
    manifest.remove_others(dir)?;
    Ok((manifest, segments))
}

/// Renames a damaged file, if it is there.
pub(crate) fn set_aside(path: &Path) -> Result<(), HistoryError> {
    match fs::rename(path, path.with_extension(DAMAGED)) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(HistoryError::File { path: path.to_owned(), source }),
        _ => Ok(()),
    }
}

impl Manifest {
    fn load(dir: &Path) -> Result<Self, HistoryError> {
        let path = dir.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(HistoryError::File { path, source }),
        };
        match serde_json::from_slice::<Self>(&text) {
            // The next save says the new version; versions before it then begin anew instead of misreading.
            Ok(manifest) if (OLDEST_FORMAT..=FORMAT).contains(&manifest.format) => Ok(Self { format: FORMAT, ..manifest }),
            Ok(_) => {
                tracing::warn!(path = %path.display(), "the event history is of another version and is made again from the log");
                Ok(Self::default())
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "the event history's manifest is unreadable; its segments are set aside and made again from the log");
                set_days_aside(dir)?;
                Ok(Self::default())
            }
        }
    }

    /// Replaces the file. After a crash there is the old one or the new one.
    pub fn save(&self, dir: &Path) -> Result<(), HistoryError> {
        let fresh = dir.join("manifest.json.new");
        let write = || {
            let mut file = File::create(&fresh)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&fresh, dir.join(NAME))?;
            sync_dir(dir)
        };
        write().map_err(|source| HistoryError::File { path: fresh.clone(), source })
    }

    /// Removes files that no longer, or do not yet, belong to the history.
    fn remove_others(&self, dir: &Path) -> Result<(), HistoryError> {
        let remove = || {
            let mut old_version = false;
            for entry in fs::read_dir(dir)? {
                let path = entry?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
                if name == "cursor.json" {
                    fs::remove_file(&path)?;
                    old_version = true;
                }
                if day_of(&name).is_none() {
                    continue;
                }
                match self.days.get(&name) {
                    // What is set aside stays.
                    None if holds_damaged(&path)? => {}
                    None => fs::remove_dir_all(&path)?,
                    Some(files) => remove_unlisted(&path, files)?,
                }
            }
            if old_version {
                tracing::warn!(path = %dir.display(), "the event history is of another version and is made again from the log");
            }
            Ok(())
        };
        remove().map_err(|source| HistoryError::File { path: dir.to_owned(), source })
    }
}

fn holds_damaged(day: &Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(day)? {
        if entry?.path().extension().is_some_and(|ending| ending == DAMAGED) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn remove_unlisted(day: &Path, files: &DayFiles) -> std::io::Result<()> {
    for entry in fs::read_dir(day)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
        let listed = files.segments.iter().any(|file| Some(file.number) == number);
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ending != DAMAGED && (ending != SEGMENT || !listed) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn set_days_aside(dir: &Path) -> Result<(), HistoryError> {
    let rename = || {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| day_of(name).is_some()) {
                let aside = path.with_extension(DAMAGED);
                if aside.exists() {
                    fs::remove_dir_all(&aside)?;
                }
                fs::rename(&path, &aside)?;
            }
        }
        Ok(())
    };
    rename().map_err(|source| HistoryError::File { path: dir.to_owned(), source })
}
