//! The matchers by themselves.

use crate::{action_matches, arn_matches, text_matches};

#[test]
fn text() {
    let cases = [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("**", "abc", true),
        ("?", "", false),
        ("?", "ü", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-b-b-", false),
        ("*a", "aaa", true),
        ("a?*", "a", false),
    ];
    for (pattern, text, expect) in cases {
        assert_eq!(text_matches(pattern, text), expect, "{pattern} {text}");
    }
}

#[test]
fn actions_and_arns() {
    assert!(action_matches("s3:get*", "S3:GetObject"));
    assert!(!action_matches("s3:get*", "s3:PutObject"));
    assert!(arn_matches("arn:aws:s3:::b/*", "arn:aws:s3:::b/x:y"));
    assert!(!arn_matches("arn:aws:*:b", "arn:aws:s3:::b"));
    assert!(arn_matches("*", "*"));
}

/// A matcher that tries every split would need longer than the age of the universe.
#[test]
fn many_stars_end_in_time() {
    let pattern = format!("{}b", "*a".repeat(1_000));
    assert!(!text_matches(&pattern, &"a".repeat(5_000)));
}
