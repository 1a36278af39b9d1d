//! Changes: how entities get into the log and out of it again.

use crate::{CatalogError, Entity};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One entity set or removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Change {
    #[serde(rename = "t")]
    pub table: String,
    #[serde(rename = "k")]
    pub key: String,
    /// The new value; `None` removes.
    #[serde(rename = "v")]
    pub value: Option<Box<RawValue>>,
}

/// The changes of one entry, applied together and in order.
#[derive(Debug, Clone, Default)]
pub struct Changes(Vec<Change>);

impl Changes {
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an entity, replacing any other of its key.
    pub fn put<E: Entity>(&mut self, entity: &E) -> &mut Self {
        let value = serde_json::value::to_raw_value(entity).expect("entities serialise: string keys, no failing impls");
        self.0.push(Change { table: E::TABLE.into(), key: entity.key(), value: Some(value) });
        self
    }

    /// Removes an entity, if it is there.
    pub fn delete<E: Entity>(&mut self, key: &str) -> &mut Self {
        self.0.push(Change { table: E::TABLE.into(), key: key.into(), value: None });
        self
    }

    /// Adds other changes behind these.
    pub fn append(&mut self, mut other: Self) -> &mut Self {
        self.0.append(&mut other.0);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.0.iter()
    }

    /// The form that goes into the log; empty for no changes.
    pub fn encode(&self) -> Bytes {
        if self.0.is_empty() {
            return Bytes::new();
        }
        serde_json::to_vec(&self.0).expect("changes are strings and raw JSON").into()
    }

    /// Reads [`Self::encode`]'s form.
    ///
    /// # Errors
    /// If the bytes are not changes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CatalogError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(bytes).map(Self).map_err(CatalogError::Change)
    }

    /// The entities of kind `E` that these changes set (`Ok`) or remove (`Err(key)`), in order.
    ///
    /// # Errors
    /// If a value is not in `E`'s form.
    pub fn of<E: Entity>(&self) -> Result<Vec<Result<E, String>>, CatalogError> {
        self.0
            .iter()
            .filter(|change| change.table == E::TABLE)
            .map(|change| match &change.value {
                None => Ok(Err(change.key.clone())),
                Some(value) => serde_json::from_str(value.get()).map(Ok).map_err(|source| CatalogError::Entity {
                    table: change.table.clone(),
                    key: change.key.clone(),
                    source,
                }),
            })
            .collect()
    }
}
