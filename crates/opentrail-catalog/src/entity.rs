//! What can be kept in the catalog.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A kind of thing with a table of its own.
///
/// The serde form is the stored form: members may be added with defaults, never renamed or retyped.
pub trait Entity: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Name of the table.
    const TABLE: &'static str;

    /// The key inside the table. Keys sort by their UTF-8 bytes.
    fn key(&self) -> String;
}
