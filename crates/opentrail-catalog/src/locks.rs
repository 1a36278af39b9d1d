//! Locks by name, for handlers that read, decide and write.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Held from reading until the submission is answered. Take at most one at a time.
pub type NamedLock = OwnedMutexGuard<()>;

const STRIPES: usize = 256;

#[derive(Debug)]
pub(crate) struct Locks(Vec<Arc<Mutex<()>>>);

impl Locks {
    pub(crate) fn new() -> Self {
        Self((0..STRIPES).map(|_| Arc::default()).collect())
    }

    pub(crate) async fn lock(&self, name: &str) -> NamedLock {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let stripe = usize::try_from(hasher.finish() % STRIPES as u64).expect("below the number of stripes");
        Arc::clone(&self.0[stripe]).lock_owned().await
    }
}
