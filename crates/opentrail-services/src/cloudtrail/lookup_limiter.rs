//! How often LookupEvents may be called: a bucket of tokens per account and region.

use std::collections::HashMap;
use std::sync::Mutex;
use time::OffsetDateTime;

/// Most buckets kept. Beyond that the full ones go, which is the same as never having been used.
const MAX_BUCKETS: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: OffsetDateTime,
}

/// Holds callers to a rate. Bounded in memory.
#[derive(Debug, Default)]
pub struct LookupLimiter(Mutex<HashMap<String, Bucket>>);

impl LookupLimiter {
    /// Takes one call at `now` from the bucket of `who`, which refills with `rate` calls per second up to one second's
    /// worth. `false` if there is none left.
    pub fn take(&self, who: &str, rate: f64, now: OffsetDateTime) -> bool {
        let capacity = rate.max(1.0);
        let refilled = |bucket: &Bucket| {
            let elapsed = (now - bucket.at).as_seconds_f64().max(0.0);
            (bucket.tokens + elapsed * rate).min(capacity)
        };
        let mut buckets = self.0.lock().expect("no holder panics");
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(who) {
            buckets.retain(|_, bucket| refilled(bucket) < capacity);
            if buckets.len() >= MAX_BUCKETS {
                return false;
            }
        }
        let tokens = buckets.get(who).map_or(capacity, refilled);
        let taken = tokens >= 1.0;
        buckets.insert(who.to_owned(), Bucket { tokens: if taken { tokens - 1.0 } else { tokens }, at: now });
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use time::macros::datetime;

    const T: OffsetDateTime = datetime!(2026-11-21 10:00:00 UTC);

    #[test]
    fn two_calls_a_second_per_account_and_region() {
        let limiter = LookupLimiter::default();
        let take = |who: &str, ms: i64| limiter.take(who, 2.0, T + Duration::milliseconds(ms));
        assert_eq!([take("a", 0), take("a", 0), take("a", 0)], [true, true, false]);
        assert!(take("b", 0), "others are not concerned");
        assert_eq!([take("a", 400), take("a", 500), take("a", 501)], [false, true, false]);
        assert!(!take("a", 100), "a clock that steps back refills nothing");
    }

    #[test]
    fn memory_is_bounded_and_used_up_buckets_survive() {
        let limiter = LookupLimiter::default();
        for n in 0..MAX_BUCKETS {
            assert!(limiter.take(&n.to_string(), 1.0, T));
        }
        assert!(!limiter.take("one more", 1.0, T), "nobody gets around the limit by crowding others out");
        assert!(limiter.take("one more", 1.0, T + Duration::seconds(1)));
        assert_eq!(limiter.0.lock().expect("no panic").len(), 1);
    }
}
