//! Rules for the names callers choose: trails, buckets, key prefixes.

/// Longest `S3KeyPrefix`, in characters.
pub const MAX_KEY_PREFIX_CHARS: usize = 200;

/// Why a trail's name is refused; the text is CloudTrail's own.
pub fn trail_name_problem(name: &str) -> Option<String> {
    let length = name.chars().count();
    if length < 3 {
        return Some(format!(
            "Trail name too short. Minimum allowed length: 3 characters. Specified name length: {length} characters."
        ));
    }
    if length > 128 {
        return Some(format!(
            "Trail name too long. Maximum allowed length: 128 characters. Specified name length: {length} characters."
        ));
    }
    let bytes = name.as_bytes();
    if !bytes[0].is_ascii_alphanumeric() {
        return Some("Trail name must starts with a letter or number.".into());
    }
    if !bytes[bytes.len() - 1].is_ascii_alphanumeric() {
        return Some("Trail name must ends with a letter or number.".into());
    }
    let separator = |b: u8| matches!(b, b'.' | b'-' | b'_');
    if !bytes.iter().all(|&b| b.is_ascii_alphanumeric() || separator(b)) {
        return Some(
            "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_)."
                .into(),
        );
    }
    if bytes.windows(2).any(|pair| separator(pair[0]) && separator(pair[1])) {
        return Some("Trail name can not have adjacent periods, hyphens or underscores.".into());
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some("Trail name must not be formatted as an IP address.".into());
    }
    None
}

/// Whether a bucket name follows S3's rules: 3 to 63 of `[a-z0-9.-]`, letter or digit at both ends, not an IP address.
pub fn is_bucket_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|&b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
        && [bytes[0], bytes[bytes.len() - 1]].iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// Whether a trail may use this key prefix: not too long, no leading or trailing slash, printable.
pub fn is_key_prefix(prefix: &str) -> bool {
    prefix.chars().count() <= MAX_KEY_PREFIX_CHARS
        && !prefix.starts_with('/')
        && !prefix.ends_with('/')
        && !prefix.contains("//")
        && prefix.chars().all(|c| c.is_ascii_alphanumeric() || "/!-_.*'()".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trail_names() {
        for good in ["abc", "my-trail", "a.b_c-d", "X1y", "1.2.3"] {
            assert_eq!(trail_name_problem(good), None, "{good}");
        }
        for bad in ["", "ab", "-abc", "abc-", "a b c", "my--ns", "my-_ns", "10.0.0.1", "äöü"] {
            assert!(trail_name_problem(bad).is_some(), "{bad}");
        }
        assert!(trail_name_problem(&"a".repeat(129)).is_some());
    }

    #[test]
    fn bucket_names_and_prefixes() {
        assert!(is_bucket_name("my-bucket.1"));
        for bad in ["ab", "Bucket", "a..b", "-abc", "192.168.1.1", "a_b"] {
            assert!(!is_bucket_name(bad), "{bad}");
        }
        assert!(is_key_prefix("audit/2026"));
        for bad in ["/a", "a/", "a//b", "a b"] {
            assert!(!is_key_prefix(bad), "{bad}");
        }
    }
}
