//! Locks by name, for handlers that read, decide and write.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Held from reading until the submission is answered. Take at most one at a time, or all at once.
pub type NamedLock = OwnedMutexGuard<()>;

const STRIPES: usize = 256;

#[derive(Debug)]
pub(crate) struct Locks(Vec<Arc<Mutex<()>>>);

impl Locks {
    pub(crate) fn new() -> Self {
        Self((0..STRIPES).map(|_| Arc::default()).collect())
    }

    pub(crate) async fn lock(&self, name: &str) -> NamedLock {
        Arc::clone(&self.0[Self::stripe(name)]).lock_owned().await
    }

    pub(crate) async fn lock_all<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<NamedLock> {
        // In one order, each stripe once: nobody waits for somebody who waits for them.
        let stripes: BTreeSet<usize> = names.map(Self::stripe).collect();
        let mut locks = Vec::with_capacity(stripes.len());
        for stripe in stripes {
            locks.push(Arc::clone(&self.0[stripe]).lock_owned().await);
        }
        locks
    }

    fn stripe(name: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        usize::try_from(hasher.finish() % STRIPES as u64).expect("below the number of stripes")
    }
}
