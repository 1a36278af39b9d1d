//! A slice: the index of the events of one UTC day, in a directory named after it.

use crate::document::{self, Fields};
use crate::error::HistoryError;
use crate::merging::{self, TieredMerges};
use crate::segment::SegmentView;
use opentrail_eventlog::Position;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tantivy::directory::META_LOCK;
use tantivy::indexer::{IndexWriterOptions, MergePolicy, NoMergePolicy};
use tantivy::{Directory, Index, IndexSettings, IndexWriter};
use time::{Date, OffsetDateTime, Time};

/// A slice's segments, newest first.
pub(crate) type View = Arc<Vec<Arc<SegmentView>>>;

/// A slice that exists on disk. Shared by the sink, which writes, and lookups, which open it when they first need it.
pub(crate) struct Slice {
    pub day: Date,
    pub dir: PathBuf,
    pub fields: Fields,
    index: Index,
    /// The slice holds every event of its day below this position.
    through: AtomicU64,
    count: AtomicU64,
    /// Set before the directory goes, so that a lookup that comes too late finds nothing rather than fails.
    pub dropped: AtomicBool,
    view: Mutex<Option<View>>,
}

impl Slice {
    /// Opens the slice in `dir`, or creates it where no index was committed.
    pub fn open(dir: &Path, day: Date) -> Result<Self, HistoryError> {
        let open = || {
            let (schema, fields) = document::schema();
            let index = if dir.join("meta.json").exists() {
                let index = Index::open_in_dir(dir)?;
                if index.schema() != schema {
                    return Err(tantivy::TantivyError::SchemaError("not the schema of a history slice".to_owned()));
                }
                index
            } else {
                std::fs::create_dir_all(dir)?;
                let settings = IndexSettings { docstore_compress_dedicated_thread: false, ..IndexSettings::default() };
                Index::builder().schema(schema).settings(settings).create_in_dir(dir)?
            };
            let meta = index.load_metas()?;
            let through = match &meta.payload {
                Some(text) => text.parse().map_err(|_| tantivy::TantivyError::SchemaError(format!("odd payload {text:?}")))?,
                None => 0,
            };
            let count = meta.segments.iter().map(|segment| u64::from(segment.num_docs())).sum();
            Ok((index, fields, through, count))
        };
        let (index, fields, through, count) = open().map_err(|source| HistoryError::Index { slice: day.to_string(), source })?;
        Ok(Self {
            day,
            dir: dir.to_owned(),
            fields,
            index,
            through: AtomicU64::new(through),
            count: AtomicU64::new(count),
            dropped: AtomicBool::new(false),
            view: Mutex::new(None),
        })
    }

    pub fn through(&self) -> Position {
        self.through.load(Ordering::Acquire)
    }

    /// Documents committed.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The first and last second of the day.
    pub fn seconds(&self) -> (i64, i64) {
        let first = OffsetDateTime::new_utc(self.day, Time::MIDNIGHT).unix_timestamp();
        (first, first + 86_399)
    }

    /// The segments of the last commit.
    pub fn view(&self) -> Result<View, HistoryError> {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = view.as_ref() {
            return Ok(Arc::clone(view));
        }
        let opened = self.open_view(&[])?;
        *view = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Brings the view up to the last commit or merge, if any lookup ever opened it.
    pub fn refresh(&self) -> Result<(), HistoryError> {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = view.as_ref() {
            let opened = self.open_view(known)?;
            *view = Some(opened);
        }
        Ok(())
    }

    fn open_view(&self, known: &[Arc<SegmentView>]) -> Result<View, HistoryError> {
        let open = || {
            // Keeps tantivy from removing merged segments between reading their names and opening them.
            let _lock = self
                .index
                .directory()
                .acquire_lock(&META_LOCK)
                .map_err(|error| tantivy::TantivyError::LockFailure(error, None))?;
            let mut segments = Vec::new();
            for segment in self.index.searchable_segments()? {
                let view = match known.iter().find(|view| view.id == segment.id()) {
                    Some(view) => Arc::clone(view),
                    None => Arc::new(SegmentView::open(&self.dir, &segment, &self.fields)?),
                };
                segments.push(view);
            }
            segments.sort_by_key(|view| std::cmp::Reverse(view.newest()));
            Ok(Arc::new(segments))
        };
        open().map_err(|source| self.failed(source))
    }

    /// The slice's only writer: one indexing thread, one merging thread.
    pub fn writer(self: &Arc<Self>, memory_bytes: usize) -> Result<SliceWriter, HistoryError> {
        let writer = self.tantivy_writer(memory_bytes, Box::new(TieredMerges))?;
        Ok(SliceWriter { slice: Arc::clone(self), writer, pending: 0, last_used_ms: 0 })
    }

    fn tantivy_writer(&self, memory_bytes: usize, policy: Box<dyn MergePolicy>) -> Result<IndexWriter, HistoryError> {
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(memory_bytes)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer: IndexWriter = self.index.writer_with_options(options).map_err(|source| self.failed(source))?;
        writer.set_merge_policy(policy);
        Ok(writer)
    }

    /// Merges the segments of a slice that is done with.
    fn compact(&self) -> Result<(), HistoryError> {
        // The list goes before the merge: tantivy keeps the files of segments that someone holds the description of.
        let merge = merging::on_close(&self.index.searchable_segment_metas().map_err(|source| self.failed(source))?);
        if !merge.is_empty() {
            let mut writer = self.tantivy_writer(crate::MIN_WRITER_MEMORY_BYTES, Box::new(NoMergePolicy))?;
            writer.merge(&merge).wait().map_err(|source| self.failed(source))?;
            writer.garbage_collect_files().wait().map_err(|source| self.failed(source))?;
            writer.wait_merging_threads().map_err(|source| self.failed(source))?;
        }
        self.refresh()
    }

    pub fn failed(&self, source: tantivy::TantivyError) -> HistoryError {
        HistoryError::Index { slice: self.day.to_string(), source }
    }
}

/// A slice being written to. Dropping it forgets what was not committed.
pub(crate) struct SliceWriter {
    pub slice: Arc<Slice>,
    writer: IndexWriter,
    /// Documents added since the last commit.
    pub pending: u64,
    /// When the log wrote the last entry that came here.
    pub last_used_ms: u64,
}

impl SliceWriter {
    pub fn add(&mut self, document: tantivy::TantivyDocument) -> Result<(), HistoryError> {
        self.writer.add_document(document).map_err(|source| self.slice.failed(source))?;
        self.pending += 1;
        Ok(())
    }

    /// Commits what was added, and with it that the slice is complete up to `through`; then shows it to lookups.
    pub fn commit(&mut self, through: Position) -> Result<(), HistoryError> {
        if self.pending == 0 {
            return Ok(());
        }
        let mut commit = || {
            let mut prepared = self.writer.prepare_commit()?;
            prepared.set_payload(&through.to_string());
            prepared.commit()
        };
        commit().map_err(|source| self.slice.failed(source))?;
        // A crash is safe from here on: what comes again below `through` is skipped.
        self.slice.through.store(through, Ordering::Release);
        self.slice.count.fetch_add(self.pending, Ordering::Relaxed);
        self.pending = 0;
        self.slice.refresh()
    }

    /// Ends writing after a commit; running merges finish first.
    pub fn close(self) -> Result<(), HistoryError> {
        assert_eq!(self.pending, 0, "a writer is committed before it is closed");
        self.writer.wait_merging_threads().map_err(|source| self.slice.failed(source))
    }

    /// Ends writing for good and leaves few segments. Takes seconds for a large slice.
    pub fn close_and_compact(self) -> Result<(), HistoryError> {
        let slice = Arc::clone(&self.slice);
        self.close()?;
        slice.compact()
    }
}
