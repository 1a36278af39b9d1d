//! Bytes of values: small letters, hashes, words, and UUIDs as the sixteen bytes they stand for.

use std::cmp::Ordering;

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const OTHER_MULTIPLIER: u64 = 0xd6e8_feb8_6659_fd93;

/// The hash of a value that is the same whatever the case of its letters A to Z. Part of the format of segments.
pub(crate) fn folded_hash(seed: u64, value: &[u8]) -> u64 {
    let mut hash = seed ^ (value.len() as u64).wrapping_mul(OTHER_MULTIPLIER);
    let (chunks, rest) = value.as_chunks::<8>();
    for chunk in chunks {
        hash = mix(hash, folded(u64::from_le_bytes(*chunk)));
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = mix(hash, folded(u64::from_le_bytes(last)));
    }
    mix(hash, OTHER_MULTIPLIER)
}

fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word ^ OTHER_MULTIPLIER) * u128::from(word.rotate_left(29) ^ MULTIPLIER);
    #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
    let halves = (product as u64, (product >> 64) as u64);
    (halves.0 ^ halves.1).wrapping_mul(MULTIPLIER) ^ hash.rotate_left(23)
}

/// Eight bytes, their letters A to Z made small.
fn folded(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = bytes & (0x7f * ONES);
    let from_a = low + (0x80 - u64::from(b'A')) * ONES;
    let beyond_z = low + (0x7f - u64::from(b'Z')) * ONES;
    let upper = (from_a ^ beyond_z) & !bytes & (0x80 * ONES);
    bytes | (upper >> 2)
}

/// The order of values in dictionaries: by their small letters, then as they are.
pub(crate) fn folded_order(a: &[u8], b: &[u8]) -> Ordering {
    compare_folded(a, b).then_with(|| a.cmp(b))
}

pub(crate) fn compare_folded(a: &[u8], b: &[u8]) -> Ordering {
    let shared = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let lower = |bytes: &[u8], at: usize| bytes.get(at).map(u8::to_ascii_lowercase);
    for at in shared..a.len().max(b.len()) {
        match lower(a, at).cmp(&lower(b, at)) {
            Ordering::Equal => {}
            different => return different,
        }
    }
    Ordering::Equal
}

pub(crate) fn starts_with_folded(value: &[u8], prefix: &[u8]) -> bool {
    value.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether the byte belongs to words.
pub(crate) fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// The words of a value, as they are written.
pub(crate) fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| !in_word(*byte)).filter(|word| !word.is_empty())
}

/// Characters of a UUID in its usual form.
pub(crate) const UUID_TEXT: usize = 36;

/// The number of which the text is the usual form in small letters; no other form counts.
pub(crate) fn parse_uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; UUID_TEXT] = text.try_into().ok()?;
    if text[8] != b'-' || text[13] != b'-' || text[18] != b'-' || text[23] != b'-' {
        return None;
    }
    let mut number = 0u128;
    let mut bad = 0;
    for (at, byte) in text.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            continue;
        }
        let digit = HEX[usize::from(*byte)];
        bad |= digit;
        number = number << 4 | u128::from(digit & 0xf);
    }
    (bad & 0x80 == 0).then_some(number)
}

/// Values of the digits 0 to 9 and a to f; 0x80 for what is none.
const HEX: [u8; 256] = {
    let mut table = [0x80; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    table
};

/// The usual form of a UUID.
pub(crate) fn write_uuid(number: u128) -> [u8; UUID_TEXT] {
    let mut text = [b'-'; UUID_TEXT];
    let mut shift = 128;
    for (at, place) in text.iter_mut().enumerate() {
        if !matches!(at, 8 | 13 | 18 | 23) {
            shift -= 4;
            *place = b"0123456789abcdef"[(number >> shift) as usize & 0xf];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_makes_no_difference() {
        for (a, b) in [("DeleteBucket", "deletebucket"), ("ÀZ@[`{", "Àz@[`{"), ("", "")] {
            assert_eq!(folded_hash(1, a.as_bytes()), folded_hash(1, b.as_bytes()), "{a}");
            assert_eq!(compare_folded(a.as_bytes(), b.as_bytes()), Ordering::Equal, "{a}");
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(folded_hash(7, &all), folded_hash(7, &all.to_ascii_lowercase()));
        assert_ne!(folded_hash(7, b"a"), folded_hash(7, b"a\0"));
        assert_eq!(compare_folded(b"abc", b"ABD"), Ordering::Less);
        assert_eq!(compare_folded(b"ab", b"ABD"), Ordering::Less);
    }

    #[test]
    fn uuids_are_read_and_written() {
        let text = b"0123456f-89ab-cdef-0123-456789abcde0";
        let number = parse_uuid(text).expect("a UUID");
        assert_eq!(number, 0x0123_456f_89ab_cdef_0123_4567_89ab_cde0);
        assert_eq!(&write_uuid(number), text);
        for not in [
            "0123456F-89ab-cdef-0123-456789abcde0",
            "0123456f-89ab-cdef-0123-456789abcde",
            "0123456f989ab-cdef-0123-456789abcde0",
        ] {
            assert_eq!(parse_uuid(not.as_bytes()), None, "{not}");
        }
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let found: Vec<&[u8]> = words("arn:aws:iam::1:user/Jörg sg-01".as_bytes()).collect();
        assert_eq!(found, ["arn", "aws", "iam", "1", "user", "Jörg", "sg", "01"].map(str::as_bytes));
    }
}
