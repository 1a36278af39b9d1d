//! What is kept of a key that comes with every request (SSE-C): enough to tell whether a key is the one, and no more.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use opentrail_seal::DerivingKey;
use serde::{Deserialize, Serialize};

const LABEL: &[u8] = b"opentrail-customer-key-1";
const SALT_BYTES: usize = 24;
const CHECK_BYTES: usize = 32;

/// A random salt, and what HKDF-SHA256 makes of it and the key; both in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerKeyMark {
    salt: String,
    check: String,
}

impl CustomerKeyMark {
    /// A new mark of a key.
    pub fn of(key: &DerivingKey) -> Self {
        let mut salt = [0; SALT_BYTES];
        aws_lc_rs::rand::fill(&mut salt).expect("the system's random generator works");
        Self { salt: hex::encode(salt), check: hex::encode(check(key, &salt)) }
    }

    /// Whether this is the key, in time that does not depend on it.
    pub fn is_of(&self, key: &DerivingKey) -> bool {
        let (Ok(salt), Ok(kept)) = (hex::decode(&self.salt), hex::decode(&self.check)) else { return false };
        verify_slices_are_equal(&kept, &check(key, &salt)).is_ok()
    }
}

fn check(key: &DerivingKey, salt: &[u8]) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    key.derive(salt, &[LABEL], &mut check);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_tell_keys_apart_and_do_not_repeat() {
        let (key, other) = (DerivingKey::random(), DerivingKey::random());
        let mark = CustomerKeyMark::of(&key);
        assert!(mark.is_of(&key) && !mark.is_of(&other));
        assert_ne!(mark, CustomerKeyMark::of(&key));
        assert!(!CustomerKeyMark { check: String::new(), ..mark.clone() }.is_of(&key));
        assert!(!CustomerKeyMark { salt: "x".into(), ..mark }.is_of(&key));
    }
}
