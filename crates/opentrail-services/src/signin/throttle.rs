//! What slows guessing down: after a few failures each further attempt has to wait.
//!
//! Counted are the address and the name, each for itself, and the two together. Whoever signed in from an address before is
//! counted there alone, so that nobody keeps the rightful person out by failing in their name from elsewhere.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use time::{Duration, OffsetDateTime};

/// Failures that cost nothing, for a name or a name at an address.
const FREE_FAILURES: u32 = 5;
/// Likewise for an address, behind which there may be an office.
const FREE_FAILURES_OF_ADDRESS: u32 = 30;
/// Longest wait. It is short enough to be waited for.
const LONGEST_WAIT: Duration = Duration::seconds(60);
/// Failures are forgotten this long after the last one.
const FORGOTTEN_AFTER: Duration = Duration::minutes(15);
/// Most counters and known places that are kept. When full, the oldest counters go.
const MAX_KEPT: usize = 20_000;

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: OffsetDateTime,
}

#[derive(Debug, Default)]
struct State {
    failures: HashMap<String, Failures>,
    /// Names at addresses that signed in successfully.
    known: HashSet<String>,
}

/// Failed sign-ins, in memory: a restart forgets them.
#[derive(Debug, Default)]
pub struct SignInThrottle(Mutex<State>);

impl SignInThrottle {
    /// How long this name has to wait at this address before it may try (again).
    pub fn wait(&self, name: &str, address: &str, now: OffsetDateTime) -> Option<Duration> {
        let state = self.state();
        let waits = keys(name, address, state.known.contains(&pair(name, address)));
        let wait_for = |(key, free): (String, u32)| {
            let failures = state.failures.get(&key).filter(|failures| now - failures.last < FORGOTTEN_AFTER)?;
            let over = failures.count.checked_sub(free)?;
            let wait = Duration::seconds(1_i64 << over.min(6)).min(LONGEST_WAIT);
            let left = failures.last + wait - now;
            left.is_positive().then_some(left)
        };
        waits.into_iter().filter_map(wait_for).max()
    }

    pub fn failed(&self, name: &str, address: &str, now: OffsetDateTime) {
        let mut state = self.state();
        if state.failures.len() + 3 > MAX_KEPT {
            state.failures.retain(|_, failures| now - failures.last < FORGOTTEN_AFTER);
            if state.failures.len() + 3 > MAX_KEPT {
                let mut times: Vec<OffsetDateTime> = state.failures.values().map(|failures| failures.last).collect();
                times.sort_unstable();
                let middle = times[times.len() / 2];
                state.failures.retain(|_, failures| failures.last > middle);
            }
        }
        let known = state.known.contains(&pair(name, address));
        for (key, _) in keys(name, address, known) {
            let entry = state.failures.entry(key).or_insert(Failures { count: 0, last: now });
            let count = if now - entry.last < FORGOTTEN_AFTER { entry.count.saturating_add(1) } else { 1 };
            *entry = Failures { count, last: now };
        }
    }

    pub fn succeeded(&self, name: &str, address: &str) {
        let mut state = self.state();
        if state.known.len() >= MAX_KEPT {
            state.known.clear();
        }
        state.known.insert(pair(name, address));
        state.failures.remove(&pair(name, address));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Counters are right whatever happened to whoever held the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pair(name: &str, address: &str) -> String {
    format!("{name} at {address}")
}

/// What an attempt counts for, and how many failures are free there.
fn keys(name: &str, address: &str, known: bool) -> Vec<(String, u32)> {
    let together = (pair(name, address), FREE_FAILURES);
    if known {
        return vec![together];
    }
    vec![together, (format!("name {name}"), FREE_FAILURES), (format!("address {address}"), FREE_FAILURES_OF_ADDRESS)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 10:00:00 UTC);

    #[test]
    fn guessing_gets_slower_and_waiting_helps() {
        let throttle = SignInThrottle::default();
        for _ in 0..FREE_FAILURES {
            assert_eq!(throttle.wait("alice", "a", NOW), None);
            throttle.failed("alice", "a", NOW);
        }
        assert_eq!(throttle.wait("alice", "a", NOW), Some(Duration::SECOND));
        assert_eq!(throttle.wait("alice", "a", NOW + Duration::SECOND), None);
        throttle.failed("alice", "a", NOW);
        assert_eq!(throttle.wait("alice", "a", NOW), Some(Duration::seconds(2)));
        for _ in 0..100 {
            throttle.failed("alice", "a", NOW);
        }
        assert_eq!(throttle.wait("alice", "a", NOW), Some(LONGEST_WAIT));
        assert_eq!(throttle.wait("alice", "b", NOW), Some(LONGEST_WAIT), "the name is counted wherever it is tried");
        assert_eq!(throttle.wait("bob", "a", NOW), Some(LONGEST_WAIT), "so is the address");
        assert_eq!(throttle.wait("bob", "b", NOW), None);
        assert_eq!(throttle.wait("alice", "a", NOW + FORGOTTEN_AFTER), None);
    }

    #[test]
    fn nobody_is_kept_out_where_they_signed_in_before() {
        let throttle = SignInThrottle::default();
        throttle.succeeded("alice", "home");
        for _ in 0..100 {
            throttle.failed("alice", "elsewhere", NOW);
        }
        assert_eq!(throttle.wait("alice", "home", NOW), None);
        for _ in 0..=FREE_FAILURES {
            throttle.failed("alice", "home", NOW);
        }
        assert!(throttle.wait("alice", "home", NOW).is_some());
        throttle.succeeded("alice", "home");
        assert_eq!(throttle.wait("alice", "home", NOW), None);
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = SignInThrottle::default();
        for number in 0..MAX_KEPT {
            throttle.failed(&number.to_string(), "a", NOW + Duration::milliseconds(i64::try_from(number).expect("small")));
        }
        assert!(throttle.state().failures.len() <= MAX_KEPT);
    }
}
