//! Reading the catalog.

use crate::applier::CatalogApplier;
use crate::locks::{Locks, NamedLock};
use crate::{CatalogError, Changes, Entity, Observer};
use rusqlite::{Connection, OptionalExtension, params};
use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// Most entities kept parsed. Beyond that the cache starts anew.
const CACHED_ENTITIES: usize = 10_000;
/// Most lists kept parsed.
const CACHED_LISTS: usize = 1000;
/// Connections for reading.
const READERS: usize = 3;

type CacheKey = String;

fn cache_key(table: &str, key: &str) -> CacheKey {
    format!("{table}\0{key}")
}

pub(crate) struct Inner {
    path: PathBuf,
    readers: Vec<Mutex<Connection>>,
    next_reader: AtomicUsize,
    cache: RwLock<HashMap<CacheKey, Arc<dyn Any + Send + Sync>>>,
    lists: RwLock<HashMap<CacheKey, Arc<dyn Any + Send + Sync>>>,
    /// Rises with every apply; keeps a slow reader from caching what has been replaced meanwhile.
    pub(crate) generation: AtomicUsize,
    locks: Locks,
    observers: RwLock<Vec<Arc<dyn Observer>>>,
}

/// The folded state. Cheap to clone.
#[derive(Clone)]
pub struct Catalog(pub(crate) Arc<Inner>);

impl Catalog {
    /// Opens or creates the database and the applier that the event log drives.
    ///
    /// # Errors
    /// If the file cannot be opened or is not a catalog.
    pub fn open(path: &Path) -> Result<(Self, CatalogApplier), CatalogError> {
        let writer = Connection::open(path)?;
        writer.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216;
             CREATE TABLE IF NOT EXISTS entity (tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
                 PRIMARY KEY (tbl, key)) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS applied (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL);",
        )?;
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let reader = Connection::open(path)?;
            reader.execute_batch("PRAGMA query_only = ON;")?;
            readers.push(Mutex::new(reader));
        }
        let catalog = Self(Arc::new(Inner {
            path: path.to_owned(),
            readers,
            next_reader: AtomicUsize::new(0),
            cache: RwLock::new(HashMap::new()),
            lists: RwLock::new(HashMap::new()),
            generation: AtomicUsize::new(0),
            locks: Locks::new(),
            observers: RwLock::default(),
        }));
        let applier = CatalogApplier::new(writer, catalog.clone())?;
        Ok((catalog, applier))
    }

    /// Tells `observer` of every change of its tables from now on.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.0.observers.write().expect("no holder panics").push(observer);
    }

    pub(crate) fn tell(&self, groups: &[Changes]) {
        for observer in self.0.observers.read().expect("no holder panics").iter() {
            let tables = observer.tables();
            let wanted = groups.iter().flat_map(Changes::iter).filter(|change| tables.contains(&change.table.as_str()));
            let told = wanted.map(|change| observer.changed(change)).count();
            if told > 0 {
                observer.settled();
            }
        }
    }

    /// Waits for the lock of this name. Hold it from the read a decision rests on until the submission is answered.
    pub async fn lock(&self, name: &str) -> NamedLock {
        self.0.locks.lock(name).await
    }

    /// Waits for several locks. For followers, whose one entry changes what several handlers change.
    pub async fn lock_all<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<NamedLock> {
        self.0.locks.lock_all(names).await
    }

    /// One entity by key.
    ///
    /// # Errors
    /// If the database fails.
    pub fn get<E: Entity>(&self, key: &str) -> Result<Option<Arc<E>>, CatalogError> {
        let cache_key = cache_key(E::TABLE, key);
        if let Some(found) = self.0.cache.read().expect("no holder panics").get(&cache_key) {
            return Ok(Arc::clone(found).downcast().ok());
        }
        let generation = self.0.generation.load(Ordering::Acquire);
        let Some(value) = self.value::<E>(key)? else { return Ok(None) };
        let entity: Arc<E> = Arc::new(parse::<E>(key, &value)?);
        let mut cache = self.0.cache.write().expect("no holder panics");
        if generation == self.0.generation.load(Ordering::Acquire) {
            if cache.len() >= CACHED_ENTITIES {
                cache.clear();
            }
            cache.insert(cache_key, Arc::clone(&entity) as Arc<dyn Any + Send + Sync>);
        }
        Ok(Some(entity))
    }

    /// [`Self::get`] without keeping the entity in memory. For large entities that are read once.
    ///
    /// # Errors
    /// If the database fails.
    pub fn read_once<E: Entity>(&self, key: &str) -> Result<Option<E>, CatalogError> {
        self.value::<E>(key)?.map(|value| parse::<E>(key, &value)).transpose()
    }

    fn value<E: Entity>(&self, key: &str) -> Result<Option<Vec<u8>>, CatalogError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT value FROM entity WHERE tbl = ?1 AND key = ?2")?
                .query_row(params![E::TABLE, key], |row| row.get(0))
                .optional()
        })
    }

    /// Entities whose key begins with `prefix`, in key order, from the first key after `after` (if given), at most `limit`.
    ///
    /// # Errors
    /// If the database fails.
    pub fn scan<E: Entity>(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<E>, CatalogError> {
        let from = after.filter(|after| *after >= prefix);
        let rows: Vec<(String, Vec<u8>)> = self.read(|connection| {
            let comparison = if from.is_some() { ">" } else { ">=" };
            let upper = prefix_end(prefix);
            let bound = if upper.is_some() { "AND key < ?4" } else { "AND ?4 IS NULL" };
            let mut statement = connection.prepare_cached(&format!(
                "SELECT key, value FROM entity WHERE tbl = ?1 AND key {comparison} ?2 {bound} ORDER BY key LIMIT ?3"
            ))?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement
                .query_map(params![E::TABLE, from.unwrap_or(prefix), limit, upper], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        rows.iter().map(|(key, value)| parse::<E>(key, value)).collect()
    }

    /// The first `limit` keys that begin with `prefix`, in order.
    ///
    /// # Errors
    /// If the database fails.
    pub fn keys<E: Entity>(&self, prefix: &str, limit: usize) -> Result<Vec<String>, CatalogError> {
        self.read(|connection| {
            let upper = prefix_end(prefix);
            let mut statement = connection.prepare_cached(
                "SELECT key FROM entity WHERE tbl = ?1 AND key >= ?2 AND (?3 IS NULL OR key < ?3) ORDER BY key LIMIT ?4",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![E::TABLE, prefix, upper, limit], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Entities whose key begins with `prefix`, the last first, from the last key before `before` (if given), at most `limit`.
    ///
    /// # Errors
    /// If the database fails.
    pub fn scan_back<E: Entity>(&self, prefix: &str, before: Option<&str>, limit: usize) -> Result<Vec<E>, CatalogError> {
        let end = prefix_end(prefix);
        let bound = before.map(str::to_owned).into_iter().chain(end).min();
        let rows: Vec<(String, Vec<u8>)> = self.read(|connection| {
            let comparison = if bound.is_some() { "AND key < ?3" } else { "AND ?3 IS NULL" };
            let mut statement = connection.prepare_cached(&format!(
                "SELECT key, value FROM entity WHERE tbl = ?1 AND key >= ?2 {comparison} ORDER BY key DESC LIMIT ?4"
            ))?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![E::TABLE, prefix, bound, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        rows.iter().map(|(key, value)| parse::<E>(key, value)).collect()
    }

    /// All entities whose key begins with `prefix`, in key order.
    ///
    /// # Errors
    /// If the database fails.
    pub fn list<E: Entity>(&self, prefix: &str) -> Result<Vec<E>, CatalogError> {
        self.scan(prefix, None, usize::MAX)
    }

    /// Makes the folded state durable. Returns the position up to which no log entry is needed any more.
    ///
    /// # Errors
    /// If the database fails.
    pub fn checkpoint(&self) -> Result<u64, CatalogError> {
        let connection = Connection::open(&self.0.path)?;
        let position: Option<i64> = connection.query_row("SELECT position FROM applied", [], |row| row.get(0)).optional()?;
        let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get(0))?;
        Ok(if busy == 0 { position.and_then(|p| u64::try_from(p).ok()).unwrap_or(0) } else { 0 })
    }

    /// Writes the database's file anew, so that nothing of what was replaced or removed is left in it. Nobody else may use
    /// the catalog meanwhile.
    ///
    /// # Errors
    /// If the database fails or is in use.
    pub fn rewrite(&self) -> Result<(), CatalogError> {
        let connection = Connection::open(&self.0.path)?;
        connection.execute_batch("VACUUM")?;
        let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 { Ok(()) } else { Err(CatalogError::InUse) }
    }

    /// [`Self::list`], kept in memory until an entity of the kind changes. For kinds of which there are few.
    ///
    /// # Errors
    /// If the database fails.
    pub fn all<E: Entity>(&self, prefix: &str) -> Result<Arc<Vec<E>>, CatalogError> {
        let key = cache_key(E::TABLE, prefix);
        if let Some(found) = self.0.lists.read().expect("no holder panics").get(&key) {
            return Ok(Arc::clone(found).downcast().expect("a list is kept under the name of its kind"));
        }
        let generation = self.0.generation.load(Ordering::Acquire);
        let all: Arc<Vec<E>> = Arc::new(self.list(prefix)?);
        let mut lists = self.0.lists.write().expect("no holder panics");
        if generation == self.0.generation.load(Ordering::Acquire) {
            if lists.len() >= CACHED_LISTS {
                lists.clear();
            }
            lists.insert(key, Arc::clone(&all) as Arc<dyn Any + Send + Sync>);
        }
        Ok(all)
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, CatalogError> {
        let index = self.0.next_reader.fetch_add(1, Ordering::Relaxed) % READERS;
        let connection = self.0.readers[index].lock().expect("no holder panics");
        query(&connection).map_err(CatalogError::Database)
    }

    pub(crate) fn forget(&self, changed: &[(String, String)]) {
        let mut cache = self.0.cache.write().expect("no holder panics");
        let mut lists = self.0.lists.write().expect("no holder panics");
        self.0.generation.fetch_add(1, Ordering::AcqRel);
        let tables: BTreeSet<&str> = changed.iter().map(|(table, _)| table.as_str()).collect();
        lists.retain(|key, _| key.split('\0').next().is_none_or(|table| !tables.contains(table)));
        for (table, key) in changed {
            cache.remove(&cache_key(table, key));
        }
    }
}

fn parse<E: Entity>(key: &str, value: &[u8]) -> Result<E, CatalogError> {
    serde_json::from_slice(value).map_err(|source| CatalogError::Entity { table: E::TABLE.into(), key: key.into(), source })
}

/// The least string greater than every string with this prefix; `None` if there is none.
fn prefix_end(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests;
