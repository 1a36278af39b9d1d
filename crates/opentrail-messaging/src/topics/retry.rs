//! When a failed delivery is tried again.

use serde::Deserialize;
use serde_json::Value;

/// Most retries of a policy, and the longest a delivery may take in all, in seconds.
const MAX_RETRIES: u32 = 100;
const MAX_TOTAL_S: u32 = 3600;

/// How a delivery that failed is retried: at once, at the least delay, with growing delay, at the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RetryPolicy {
    min_delay_target: u32,
    max_delay_target: u32,
    num_retries: u32,
    num_no_delay_retries: u32,
    num_min_delay_retries: u32,
    num_max_delay_retries: u32,
    backoff_function: Backoff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Backoff {
    Arithmetic,
    Exponential,
    Geometric,
    Linear,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            min_delay_target: 20,
            max_delay_target: 20,
            num_retries: 3,
            num_no_delay_retries: 0,
            num_min_delay_retries: 0,
            num_max_delay_retries: 0,
            backoff_function: Backoff::Linear,
        }
    }
}

impl RetryPolicy {
    /// From a subscription's delivery policy, or a topic's.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(policy: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(policy).map_err(|_| "DeliveryPolicy: failed to parse JSON.".to_owned())?;
        let retry = [&value["healthyRetryPolicy"], &value["http"]["defaultHealthyRetryPolicy"]];
        let Some(given) = retry.into_iter().find(|given| !given.is_null()) else { return Ok(Self::default()) };
        let parsed: Self = serde_json::from_value(given.clone()).map_err(|error| format!("DeliveryPolicy: {error}"))?;
        let phases = u64::from(parsed.num_no_delay_retries)
            + u64::from(parsed.num_min_delay_retries)
            + u64::from(parsed.num_max_delay_retries);
        let fits = parsed.num_retries <= MAX_RETRIES
            && (1..=MAX_TOTAL_S).contains(&parsed.min_delay_target)
            && (parsed.min_delay_target..=MAX_TOTAL_S).contains(&parsed.max_delay_target)
            && phases <= u64::from(parsed.num_retries);
        if fits { Ok(parsed) } else { Err("DeliveryPolicy: healthyRetryPolicy is out of range".into()) }
    }

    /// The seconds to wait after so many failures; `None` if that was the last.
    pub fn delay(&self, failures: u32) -> Option<u32> {
        if failures == 0 || failures > self.num_retries {
            return None;
        }
        let (min, max) = (self.min_delay_target, self.max_delay_target);
        let retry = failures - 1;
        if retry < self.num_no_delay_retries {
            return Some(0);
        }
        let retry = retry - self.num_no_delay_retries;
        if retry < self.num_min_delay_retries {
            return Some(min);
        }
        let step = retry - self.num_min_delay_retries;
        let steps = self.num_retries - self.num_no_delay_retries - self.num_min_delay_retries - self.num_max_delay_retries;
        if step >= steps || steps == 1 {
            return Some(if steps == 1 && step == 0 { min } else { max });
        }
        let share = f64::from(step) / f64::from(steps - 1);
        let shaped = match self.backoff_function {
            Backoff::Linear => share,
            Backoff::Arithmetic => f64::midpoint(share, share * share),
            Backoff::Geometric => share * share,
            Backoff::Exponential => (share.exp2() - 1.0) * share,
        };
        Some(min + (f64::from(max - min) * shaped).round() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_each_other() {
        let all = |policy: &str| {
            let policy = RetryPolicy::parse(policy).expect("a policy");
            (1..).map_while(|failures| policy.delay(failures)).collect::<Vec<_>>()
        };
        assert_eq!(all("{}"), [20, 20, 20]);
        assert_eq!(
            all(
                r#"{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":5,"numRetries":9,"numNoDelayRetries":2,"numMinDelayRetries":1,"numMaxDelayRetries":1}}"#
            ),
            [0, 0, 1, 1, 2, 3, 4, 5, 5]
        );
        assert_eq!(all(r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":3,"maxDelayTarget":9,"numRetries":1}}}"#), [3]);
        assert!(all(r#"{"healthyRetryPolicy":{"numRetries":0}}"#).is_empty());
        for bad in ["x", r#"{"healthyRetryPolicy":{"numRetries":101}}"#, r#"{"healthyRetryPolicy":{"minDelayTarget":30}}"#] {
            assert!(RetryPolicy::parse(bad).is_err(), "{bad}");
        }
    }
}
