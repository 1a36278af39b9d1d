//! Trying again: exponential backoff with full jitter, and never before the service said.

use crate::error::{ErrorKind, PortError};
use crate::progress::{Progress, Report};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How waits grow: the n-th is anything up to `first` times two to the n, and at most `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    pub first: Duration,
    pub longest: Duration,
}

impl Growth {
    fn most(&self, attempt: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(attempt)).min(self.longest)
    }
}

/// Waits, and runs things again.
pub(crate) struct Backoff {
    random: Mutex<StdRng>,
    progress: Arc<dyn Progress>,
}

impl Backoff {
    pub fn new(seed: Option<u64>, progress: Arc<dyn Progress>) -> Self {
        let random = seed.map_or_else(StdRng::from_os_rng, StdRng::seed_from_u64);
        Self { random: Mutex::new(random), progress }
    }

    /// A wait before the next attempt; `attempt` counts those that failed, from zero.
    pub fn wait(&self, growth: Growth, attempt: u32, retry_after: Option<Duration>) -> Duration {
        let most = u64::try_from(growth.most(attempt).as_micros()).unwrap_or(u64::MAX);
        let jitter = self.random.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..=most);
        Duration::from_micros(jitter) + retry_after.unwrap_or_default().min(growth.longest)
    }

    /// Runs until it succeeds, fails for good, or `patience` is over.
    pub async fn run<T, F, Attempt>(&self, growth: Growth, patience: Duration, mut attempt: F) -> Result<T, PortError>
    where
        F: FnMut() -> Attempt + Send,
        Attempt: Future<Output = Result<T, PortError>> + Send,
    {
        let begun = Instant::now();
        let mut failed = 0;
        loop {
            let error = match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let ErrorKind::Transient { retry_after } = error.kind else { return Err(error) };
            let wait = self.wait(growth, failed, retry_after);
            if begun.elapsed() + wait > patience {
                return Err(error);
            }
            self.progress.report(Report::Fault { reason: error.explained(), wait });
            sleep(wait).await;
            failed += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use std::sync::atomic::{AtomicU32, Ordering};

    const GROWTH: Growth = Growth { first: Duration::from_millis(100), longest: Duration::from_secs(20) };
    const QUICK: Growth = Growth { first: Duration::from_millis(1), longest: Duration::from_millis(8) };

    #[test]
    fn waits_grow_and_are_spread() {
        let backoff = Backoff::new(Some(1), Arc::new(Silent));
        let waits = |attempt: u32| (0..200).map(|_| backoff.wait(GROWTH, attempt, None)).collect::<Vec<_>>();
        for (attempt, most) in [(0, 100), (3, 800), (7, 12_800), (9, 20_000), (1_000, 20_000)] {
            let waits = waits(attempt);
            let (least, largest) = (waits.iter().min().expect("some"), waits.iter().max().expect("some"));
            assert!(
                *largest <= Duration::from_millis(most) && *largest > Duration::from_millis(most * 8 / 10),
                "{attempt}: {largest:?}"
            );
            assert!(*least < Duration::from_millis(most / 5), "{attempt}: {least:?}");
        }
        assert!(backoff.wait(GROWTH, 0, Some(Duration::from_secs(7))) >= Duration::from_secs(7));
        assert!(backoff.wait(GROWTH, 0, Some(Duration::from_secs(7_000))) <= Duration::from_secs(21));
    }

    #[tokio::test]
    async fn only_transient_errors_are_tried_again_and_not_forever() {
        let backoff = Backoff::new(Some(1), Arc::new(Silent));
        let tries = AtomicU32::new(0);
        let check = async |kind: ErrorKind, succeed_at: u32| {
            tries.store(0, Ordering::Relaxed);
            let attempt = || async {
                if tries.fetch_add(1, Ordering::Relaxed) + 1 == succeed_at { Ok(()) } else { Err(PortError::new(kind, "x", "y")) }
            };
            let ok = backoff.run(QUICK, Duration::from_millis(60), attempt).await.is_ok();
            (ok, tries.load(Ordering::Relaxed))
        };
        let transient = ErrorKind::Transient { retry_after: None };
        assert_eq!(check(transient, 5).await, (true, 5));
        assert_eq!(check(ErrorKind::Denied, 5).await, (false, 1));
        let (ok, tries) = check(transient, u32::MAX).await;
        assert!(!ok && (5..200).contains(&tries), "{tries}");
    }
}
