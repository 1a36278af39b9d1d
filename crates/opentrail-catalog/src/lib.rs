//! Durable state: accounts, credentials, trails, keys, objects, cursors, chain heads.
//!
//! ```text
//! handler: lock(name) ▸ get ▸ decide ▸ Changes::put/delete ▸ encode ──Intake::submit──▶ event log
//!                                                                                          │ durable
//!            get / scan  ◀── SQLite + cache ◀── CatalogApplier::apply (in log order) ◀─────┘
//! ```
//!
//! The event log is this catalog's write-ahead log: there is no other way to change it. SQLite holds the folded state
//! and the position up to which it is folded, in one transaction; whatever a power loss takes from it is applied again
//! from the log.
//!
//! Does not know: what the entities mean, events' contents, HTTP.
//!
//! Does not promise: isolation between reads. A handler that decides on what it read holds a [`Catalog::lock`] until its
//! submission is answered.

mod applier;
mod change;
mod entity;
mod follow;
mod locks;
mod observer;
mod store;
mod trails;

pub use applier::CatalogApplier;
pub use change::{Change, Changes};
pub use entity::Entity;
pub use follow::{Follower, FollowerCursor, Made, follow};
pub use locks::NamedLock;
pub use observer::Observer;
pub use store::Catalog;

/// Why the catalog could not answer. All of them call for an operator.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("the catalog's database failed")]
    Database(#[from] rusqlite::Error),
    #[error("entity {table}/{key} is not in a form this version reads")]
    Entity { table: String, key: String, source: serde_json::Error },
    #[error("the catalog's database is in use")]
    InUse,
    #[error("a change in the event log is not in a form this version reads")]
    Change(#[source] serde_json::Error),
}
