//! Searching a live part.

use super::Live;
use super::leaves::{Kind, Leaf};
use super::paths::{PathId, Reserved, is_at_or_below};
use crate::disk::row_values::Numbers;
use crate::error::HistoryError;
use crate::folding::{starts_with_folded, write_uuid};
use crate::part::{LeafValue, Part, RowsAt, VisitLeaf, Word, Work};
use crate::rows::{RowSet, Union};
use bytes::Bytes;
use std::ops::ControlFlow;

impl Live {
    fn show(&self, id: u32, leaf: &Leaf, visit: VisitLeaf<'_>) -> ControlFlow<()> {
        if leaf.count == 0 {
            // Of a record that turned out to be none.
            return ControlFlow::Continue(());
        }
        let rows = RowsAt::Leaf(id);
        if leaf.kind == Kind::Uuid {
            let text = write_uuid(self.leaves.uuid(leaf));
            return visit(LeafValue { kind: Kind::Text, value: &text, count: leaf.count, rows });
        }
        visit(LeafValue { kind: leaf.kind, value: self.leaves.value(leaf), count: leaf.count, rows })
    }

    fn show_all(&self, path: PathId, word: &Word, visit: VisitLeaf<'_>) -> ControlFlow<()> {
        for id in &self.paths.get(path).leaves {
            let leaf = self.leaves.get(*id);
            if leaf.kind == Kind::Uuid && !word.uuids.admits(self.leaves.uuid(leaf)) {
                continue;
            }
            self.show(*id, leaf, visit)?;
        }
        ControlFlow::Continue(())
    }
}

impl Part for Live {
    fn rows(&self) -> u32 {
        self.len()
    }

    fn rows_between(&self, start: i64, end: i64) -> Result<RowSet, HistoryError> {
        let rows = (0..self.len()).zip(&self.times).filter(|(_, time)| (start..=end).contains(*time));
        Ok(RowSet::of(rows.map(|(row, _)| row).collect(), self.len()))
    }

    fn paths_below(&self, place: &str) -> Vec<PathId> {
        let paths = self.paths.all().iter().zip(0..);
        paths.filter(|(path, _)| !path.reserved && is_at_or_below(&path.name, place.as_bytes())).map(|(_, id)| id).collect()
    }

    fn paths_at(&self, place: &str) -> Vec<PathId> {
        let is_at = |path: &PathId| self.paths.get(*path).name.len() == place.len();
        self.paths_below(place).into_iter().filter(is_at).collect()
    }

    fn path_named(&self, name: &[u8]) -> Option<PathId> {
        self.paths.named(name)
    }

    fn path_reserved(&self, reserved: Reserved) -> Option<PathId> {
        Some(reserved.id())
    }

    fn values(&self, path: PathId) -> u64 {
        self.paths.get(path).leaves.len() as u64
    }

    fn each_leaf(&self, path: PathId, prefix: &[u8], work: &mut Work, visit: VisitLeaf<'_>) -> Result<(), HistoryError> {
        let path = self.paths.get(path);
        work.take(path.leaves.len() as u64)?;
        for id in &path.leaves {
            let leaf = self.leaves.get(*id);
            let begins = leaf.kind == Kind::Uuid || starts_with_folded(self.leaves.value(leaf), prefix);
            if begins && self.show(*id, leaf, visit).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn find_leaf(&self, path: PathId, value: &[u8], work: &mut Work, visit: VisitLeaf<'_>) -> Result<(), HistoryError> {
        work.take(10)?;
        self.leaves.find(path, value, |id, leaf| {
            // All are shown; there are no more than spellings of one text.
            let _ = self.show(id, leaf, visit);
        });
        Ok(())
    }

    fn each_leaf_with(
        &self,
        word: &Word,
        paths: Option<&[PathId]>,
        work: &mut Work,
        visit: VisitLeaf<'_>,
    ) -> Result<(), HistoryError> {
        match paths {
            Some(paths) => {
                for path in paths {
                    work.take(2 * self.values(*path))?;
                    if self.show_all(*path, word, visit).is_break() {
                        break;
                    }
                }
            }
            None => {
                work.take(2 * self.leaves.all().len() as u64)?;
                for (path, id) in self.paths.all().iter().zip(0..) {
                    let searched = !path.reserved || id == Reserved::Unkept.id();
                    if searched && self.show_all(id, word, visit).is_break() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn add_rows(&self, rows: RowsAt, work: &mut Work, to: &mut Union) -> Result<(), HistoryError> {
        if let RowsAt::Leaf(leaf) = rows {
            let rows = self.leaves.rows(self.leaves.get(leaf));
            work.take(rows.len() as u64 / 4)?;
            rows.iter().for_each(|row| to.add(*row));
        }
        Ok(())
    }

    fn append_rows(&self, rows: RowsAt, to: &mut Vec<u32>) -> Result<(), HistoryError> {
        if let RowsAt::Leaf(leaf) = rows {
            to.extend_from_slice(self.leaves.rows(self.leaves.get(leaf)));
        }
        Ok(())
    }

    fn has_column(&self, _: PathId) -> bool {
        false
    }

    fn column(&self, _: PathId) -> Result<Option<Numbers>, HistoryError> {
        Ok(None)
    }

    fn record(&self, row: u32) -> Result<Bytes, HistoryError> {
        self.blocks
            .read(self.places[row as usize])
            .ok_or_else(|| HistoryError::Damaged { file: "memory".into(), what: "a record" })
    }
}
