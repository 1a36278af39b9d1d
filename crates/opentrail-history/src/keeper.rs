//! Keeps the files: writes live parts to disk, merges segments, drops what expired. One job at a time, in a thread.

use crate::disk::live_source::LiveSource;
use crate::disk::segment::Segment;
use crate::disk::source::Source;
use crate::disk::writer::write_segment;
use crate::error::{HistoryError, HistoryErrorKind};
use crate::limits::{LOWEST_TIER_ROWS, MERGE_SEGMENTS, SEGMENT_ROWS};
use crate::manifest::{DayFiles, Manifest, SegmentFile, day_name, day_of, segment_path, set_aside, sync_dir};
use crate::state::{LivePart, State, first_second};
use opentrail_eventlog::Position;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::Date;

/// Owner of the files.
pub(crate) struct Keeper {
    dir: PathBuf,
    state: Arc<State>,
    manifest: Mutex<Manifest>,
}

/// Live parts to be written.
pub(crate) struct Flush {
    /// Each with the position below which it has all events of its day that are not in segments.
    pub parts: Vec<(Arc<LivePart>, Position)>,
    /// Everything below is in segments once these are.
    pub position: Position,
}

impl Keeper {
    pub fn new(dir: PathBuf, state: Arc<State>, manifest: Manifest) -> Self {
        Self { dir, state, manifest: Mutex::new(manifest) }
    }

    pub fn manifest(&self) -> MutexGuard<'_, Manifest> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes live parts, then merges what has become too many.
    ///
    /// # Errors
    /// If files cannot be written. Nothing is lost: the live parts stay, and the log has their events.
    pub fn flush(&self, flush: &Flush) -> Result<(), HistoryError> {
        let mut written = Vec::new();
        for (part, through) in &flush.parts {
            let live = part.read();
            if live.len() == 0 {
                continue;
            }
            let (number, segment) = self.write(&day_name(part.day), part.first_second(), &[&LiveSource::new(&live)])?;
            written.push((part.day, *through, number, segment));
        }
        let mut manifest = self.manifest();
        let mut changed = manifest.clone();
        for (day, through, number, segment) in &written {
            let files = changed.days.entry(day_name(*day)).or_default();
            files.segments.push(SegmentFile::of(*number, segment));
            files.segments.sort_by_key(|file| file.first);
            files.through = files.through.max(*through);
        }
        changed.position = changed.position.max(flush.position);
        let position = changed.position;
        changed.days.values_mut().for_each(|files| files.holes.retain(|(_, last)| *last >= position));
        // A crash before this line leaves files that are removed at the next start, and their events in the log.
        changed.save(&self.dir)?;
        *manifest = changed;
        drop(manifest);
        self.state.change(|parts| {
            parts.segments.extend(written.iter().map(|(.., segment)| Arc::clone(segment)));
            parts.live.retain(|live| !flush.parts.iter().any(|(part, _)| Arc::ptr_eq(part, live)));
        });
        self.state.flushed.fetch_max(position, Ordering::AcqRel);
        for (day, ..) in &written {
            self.merge_day(*day)?;
        }
        Ok(())
    }

    /// Writes a file of its own name, complete and synced before anything refers to it.
    fn write(&self, day: &str, first_second: i64, sources: &[&dyn Source]) -> Result<(u64, Arc<Segment>), HistoryError> {
        let number = {
            let mut manifest = self.manifest();
            manifest.next += 1;
            manifest.next - 1
        };
        let path = segment_path(&self.dir, day, number);
        let failed = |source| HistoryError::File { path: path.clone(), source };
        let folder = self.dir.join(day);
        if !folder.exists() {
            fs::create_dir_all(&folder).map_err(failed)?;
            sync_dir(&self.dir).map_err(failed)?;
        }
        let fresh = path.with_extension("new");
        write_segment(&fresh, sources, first_second)?;
        fs::rename(&fresh, &path).map_err(failed)?;
        sync_dir(&folder).map_err(failed)?;
        Ok((number, Arc::new(Segment::open(&path)?)))
    }

    fn merge_day(&self, day: Date) -> Result<(), HistoryError> {
        let name = day_name(day);
        loop {
            let merge = self
                .manifest()
                .days
                .get(&name)
                .filter(|files| files.holes.is_empty())
                .and_then(|files| pick_merge(&files.segments));
            let Some(merge) = merge else { return Ok(()) };
            let of = |number: &u64| {
                let path = segment_path(&self.dir, &name, *number);
                self.state.parts().segments.iter().find(|segment| segment.path == path).cloned()
            };
            let Some(sources) = merge.iter().map(of).collect::<Option<Vec<_>>>() else { return Ok(()) };
            match self.merge(day, &name, &merge, &sources) {
                Ok(()) => {}
                Err(error) if error.kind() == HistoryErrorKind::Damaged => {
                    // The sink sets it aside when it commits next.
                    tracing::error!(%error, "segments of the history cannot be merged");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn merge(&self, day: Date, name: &str, numbers: &[u64], sources: &[Arc<Segment>]) -> Result<(), HistoryError> {
        // What is damaged is not passed on under a new checksum.
        sources.iter().try_for_each(|segment| segment.verify())?;
        let inputs: Vec<&dyn Source> = sources.iter().map(|segment| &**segment as &dyn Source).collect();
        let (number, segment) = self.write(name, first_second(day), &inputs)?;
        let mut manifest = self.manifest();
        let mut changed = manifest.clone();
        let Some(files) = changed.days.get_mut(name) else {
            // The day has expired meanwhile.
            return remove(&segment.path);
        };
        files.segments.retain(|file| !numbers.contains(&file.number));
        files.segments.push(SegmentFile::of(number, &segment));
        files.segments.sort_by_key(|file| file.first);
        // A crash before this line leaves the new file, after it the old ones; both are removed at the next start.
        changed.save(&self.dir)?;
        *manifest = changed;
        drop(manifest);
        self.state.change(|parts| {
            parts.segments.retain(|segment| !sources.iter().any(|merged| Arc::ptr_eq(merged, segment)));
            parts.segments.push(segment);
        });
        // Searches that are under way have these files open.
        sources.iter().try_for_each(|segment| remove(&segment.path))
    }

    /// Whether segments were found to be damaged.
    pub fn has_suspects(&self) -> bool {
        self.state.parts().segments.iter().any(|segment| segment.suspect.load(Ordering::Relaxed))
    }

    /// Takes segments out that were found to be damaged. The log is then to be read again from the manifest's position.
    pub fn set_suspects_aside(&self) -> Result<(), HistoryError> {
        let suspect = |segment: &&Arc<Segment>| segment.suspect.load(Ordering::Relaxed);
        let suspects: Vec<Arc<Segment>> = self.state.parts().segments.iter().filter(suspect).cloned().collect();
        if suspects.is_empty() {
            return Ok(());
        }
        let mut manifest = self.manifest();
        for segment in &suspects {
            tracing::error!(path = %segment.path.display(), "a segment of the history is damaged and set aside; the log is read again for its events");
            for (day, files) in &mut manifest.days {
                let is = |file: &SegmentFile| segment_path(&self.dir, day, file.number) == segment.path;
                let Some(at) = files.segments.iter().position(is) else { continue };
                let file = files.segments.remove(at);
                files.holes.push((file.first, file.last));
                manifest.position = manifest.position.min(file.first);
                break;
            }
        }
        manifest.save(&self.dir)?;
        self.state.flushed.store(manifest.position, Ordering::Release);
        drop(manifest);
        self.state.change(|parts| parts.segments.retain(|segment| !suspects.iter().any(|bad| Arc::ptr_eq(bad, segment))));
        suspects.iter().try_for_each(|segment| set_aside(&segment.path))
    }

    /// Whether there are days before this one.
    pub fn any_before(&self, first: Date) -> bool {
        self.manifest().days.keys().any(|name| day_of(name).is_some_and(|day| day < first))
    }

    /// Drops the days before `first`. Returns how many.
    pub fn drop_before(&self, first: Date) -> Result<usize, HistoryError> {
        let mut manifest = self.manifest();
        let mut changed = manifest.clone();
        let expired = |name: &str| day_of(name).is_some_and(|day| day < first);
        let dropped: Vec<(String, DayFiles)> = changed.days.extract_if(.., |name, _| expired(name)).collect();
        if dropped.is_empty() {
            return Ok(0);
        }
        // A crash before this line leaves the days, to be dropped again; after it, files that the next start removes.
        changed.save(&self.dir)?;
        *manifest = changed;
        drop(manifest);
        let in_days = |path: &Path| dropped.iter().any(|(day, _)| path.parent() == Some(&self.dir.join(day)));
        self.state.change(|parts| parts.segments.retain(|segment| !in_days(&segment.path)));
        for (day, _) in &dropped {
            let path = self.dir.join(day);
            fs::remove_dir_all(&path).map_err(|source| HistoryError::File { path, source })?;
        }
        Ok(dropped.len())
    }
}

fn remove(path: &Path) -> Result<(), HistoryError> {
    fs::remove_file(path).map_err(|source| HistoryError::File { path: path.to_owned(), source })
}

/// Neighbours, by position, to be merged: several of one tier, and what is smaller between them. An event is rewritten
/// once per tier.
fn pick_merge(files: &[SegmentFile]) -> Option<Vec<u64>> {
    let tier = |rows: u32| (rows / LOWEST_TIER_ROWS).checked_ilog(MERGE_SEGMENTS as u32).map_or(0, |tier| tier + 1);
    for start in 0..files.len() {
        let own = tier(files[start].rows);
        let (mut rows, mut equals) = (0, 0);
        let fitting = files[start..].iter().take_while(|file| {
            rows += file.rows;
            let fits = tier(file.rows) <= own && rows <= SEGMENT_ROWS;
            equals += usize::from(fits && tier(file.rows) == own);
            fits
        });
        let run: Vec<u64> = fitting.map(|file| file.number).collect();
        if equals >= MERGE_SEGMENTS {
            return Some(run);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_segments_become_few_and_events_are_seldom_rewritten() {
        for size in [40, 9_000, 48_000] {
            let mut files: Vec<SegmentFile> = Vec::new();
            let (mut rewritten, mut all, mut number) = (0u64, 0u64, 0);
            while all < 1_000_000 {
                number += 1;
                files.push(SegmentFile { number, rows: size, first: number, last: number });
                all += u64::from(size);
                while let Some(merge) = pick_merge(&files) {
                    assert!(merge.len() > 1);
                    let rows: u32 = files.iter().filter(|file| merge.contains(&file.number)).map(|file| file.rows).sum();
                    let at = files.iter().position(|file| file.number == merge[0]).expect("it is there");
                    number += 1;
                    files.splice(at..at + merge.len(), [SegmentFile { number, rows, first: number, last: number }]);
                    rewritten += u64::from(rows);
                }
                assert!(files.len() < 40, "{}", files.len());
            }
            assert!(rewritten <= 7 * all, "{size}: {rewritten}");
        }
    }
}
