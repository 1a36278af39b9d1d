//! Time-based one-time passwords.
//!
//! Source: RFC 6238 and RFC 4226, with SHA-1, thirty seconds and six digits, as AWS's virtual devices have them.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use time::OffsetDateTime;

/// Digits of a code.
pub const CODE_DIGITS: usize = 6;
const STEP_SECONDS: i64 = 30;
/// How many steps a device's clock may be off, either way.
const DRIFT_STEPS: i64 = 1;
/// How far a device's clock may be off while it is being synchronised.
pub(crate) const SYNC_DRIFT_STEPS: i64 = 10;
/// Bytes of a secret; AWS's seeds have forty bytes, 64 characters.
pub(crate) const SEED_BYTES: usize = 40;

/// The number of the thirty seconds that a moment lies in.
pub(crate) fn step_of(now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(STEP_SECONDS)
}

/// The code of one step.
pub(crate) fn code(seed: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes[bytes.len() - 1] & 0xf);
    let number = u32::from_be_bytes([bytes[offset] & 0x7f, bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// The step around `now` whose code this is, later than `after`. Every candidate is compared, in constant time.
pub(crate) fn matching_step(seed: &[u8], given: &str, now: OffsetDateTime, after: i64, drift: i64) -> Option<i64> {
    let here = step_of(now);
    let mut found = None;
    for step in here - drift..=here + drift {
        let fits = verify_slices_are_equal(code(seed, step).as_bytes(), given.as_bytes()).is_ok();
        if fits && step > after && found.is_none() {
            found = Some(step);
        }
    }
    found
}

/// [`matching_step`] of a code given to sign in with.
pub(crate) fn accepted_step(seed: &[u8], given: &str, now: OffsetDateTime, after: i64) -> Option<i64> {
    matching_step(seed, given, now, after, DRIFT_STEPS)
}

/// A seed as authenticator programs take it: base 32, without padding where none is needed.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    bytes
        .chunks(5)
        .flat_map(|chunk| {
            let mut padded = [0_u8; 8];
            padded[3..3 + chunk.len()].copy_from_slice(chunk);
            let number = u64::from_be_bytes(padded);
            let characters = (chunk.len() * 8).div_ceil(5);
            (0..characters).map(move |index| {
                let five = (number >> (35 - 5 * index)) & 0x1f;
                char::from(ALPHABET[usize::try_from(five).expect("five bits")])
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix B of RFC 6238, the last six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let seed = b"12345678901234567890";
        for (seconds, expect) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
            assert_eq!(code(seed, step_of(at)), expect, "{seconds}");
        }
    }

    #[test]
    fn codes_count_once_and_clocks_may_be_a_little_off() {
        let seed = b"12345678901234567890";
        let now = OffsetDateTime::from_unix_timestamp(1_111_111_111).expect("a time");
        let here = step_of(now);
        assert_eq!(accepted_step(seed, "050471", now, 0), Some(here));
        assert_eq!(accepted_step(seed, "050471", now, here), None);
        assert_eq!(accepted_step(seed, "081804", now, 0), Some(here - 1));
        assert_eq!(accepted_step(seed, &code(seed, here + 2), now, 0), None);
        assert_eq!(accepted_step(seed, "", now, 0), None);
    }

    /// Section 10 of RFC 4648.
    #[test]
    fn seeds_are_written_in_base_32() {
        for (bytes, expect) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), expect);
        }
    }
}
