//! Being told of changes as they are folded.

use crate::Change;

/// Keeps an index in memory of some kinds of entities.
///
/// Called on the event log's thread, in log order, once the changes are durable and can be read, and before whoever
/// submitted them is answered. So it must be quick and must not wait for the log. What was folded before it was
/// registered it is not told of: register first, then read what is there, and take the same change twice.
pub trait Observer: Send + Sync {
    /// The tables it wants to hear of.
    fn tables(&self) -> &'static [&'static str];

    /// A change of one of its tables.
    fn changed(&self, change: &Change);

    /// After the changes of a group.
    fn settled(&self) {}
}
