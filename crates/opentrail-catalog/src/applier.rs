//! Folding the log's changes into the database.

use crate::{Catalog, CatalogError, Changes};
use bytes::Bytes;
use opentrail_eventlog::{Applier, ApplyError, Position};
use rusqlite::{Connection, OptionalExtension, params};

/// The catalog's only writer. The event log owns it.
pub struct CatalogApplier {
    connection: Connection,
    catalog: Catalog,
    applied: Position,
}

impl CatalogApplier {
    pub(crate) fn new(connection: Connection, catalog: Catalog) -> Result<Self, CatalogError> {
        let applied: Option<i64> = connection.query_row("SELECT position FROM applied", [], |row| row.get(0)).optional()?;
        let applied = applied.map_or(0, |position| u64::try_from(position).unwrap_or(0));
        Ok(Self { connection, catalog, applied })
    }

    fn fold(&mut self, groups: &[Bytes], end: Position) -> Result<(), CatalogError> {
        let groups = groups.iter().map(|bytes| Changes::decode(bytes)).collect::<Result<Vec<_>, _>>()?;
        let transaction = self.connection.transaction()?;
        let mut changed = Vec::new();
        {
            let mut put = transaction.prepare_cached(
                "INSERT INTO entity (tbl, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value",
            )?;
            let mut delete = transaction.prepare_cached("DELETE FROM entity WHERE tbl = ?1 AND key = ?2")?;
            for change in groups.iter().flat_map(Changes::iter) {
                match &change.value {
                    Some(value) => put.execute(params![change.table, change.key, value.get().as_bytes()])?,
                    None => delete.execute(params![change.table, change.key])?,
                };
                changed.push((change.table.clone(), change.key.clone()));
            }
            let position = i64::try_from(end).expect("positions stay below 2^63");
            transaction
                .prepare_cached(
                    "INSERT INTO applied (one, position) VALUES (1, ?1)
                     ON CONFLICT (one) DO UPDATE SET position = excluded.position",
                )?
                .execute([position])?;
        }
        transaction.commit()?;
        self.applied = end;
        self.catalog.forget(&changed);
        self.catalog.tell(&groups);
        Ok(())
    }
}

impl Applier for CatalogApplier {
    fn applied(&self) -> Position {
        self.applied
    }

    fn apply(&mut self, changes: &[Bytes], end: Position) -> Result<(), ApplyError> {
        self.fold(changes, end).map_err(Into::into)
    }
}
