//! Every condition operator, one row per decision.

use super::*;

/// One key with its values; an empty list of keys means the key is absent.
type Given<'a> = &'a [(&'a str, &'a [&'a str])];

/// Decides under an identity policy that allows everything on this condition. `holds` is whether it allows.
#[track_caller]
fn check_condition(condition: &str, context: Given<'_>, holds: bool) {
    let policy = format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{{condition}}}}}"#);
    let texts = Texts { identity: Some(&policy), ..Texts::default() };
    let alice = user("alice");
    check(texts, Ask { context, ..get_object(&alice) }, if holds { Allowed } else { NO_IDENTITY });
}

/// Each row: operator, JSON of the policy's values, the request's value, whether the operator holds.
#[track_caller]
fn check_rows(rows: &[(&str, &str, &str, bool)]) {
    for (operator, values, actual, holds) in rows {
        check_condition(&format!(r#""{operator}":{{"t:Key":{values}}}"#), &[("T:key", &[actual])], *holds);
    }
}

#[test]
fn strings() {
    check_rows(&[
        ("StringEquals", r#""Ab""#, "Ab", true),
        ("StringEquals", r#""Ab""#, "ab", false),
        ("StringEquals", r#"["x","Ab"]"#, "Ab", true),
        ("StringEquals", r#""A*""#, "Ab", false),
        ("StringEquals", "7", "7", true),
        ("StringNotEquals", r#"["x","Ab"]"#, "Ab", false),
        ("StringNotEquals", r#"["x","y"]"#, "Ab", true),
        ("StringEqualsIgnoreCase", r#""AB""#, "ab", true),
        ("StringEqualsIgnoreCase", r#""AB""#, "abc", false),
        ("StringNotEqualsIgnoreCase", r#""AB""#, "ab", false),
        ("StringNotEqualsIgnoreCase", r#""AB""#, "abc", true),
        ("StringLike", r#""a*c?""#, "abbcd", true),
        ("StringLike", r#""a*c?""#, "Abbcd", false),
        ("StringNotLike", r#""a*""#, "abc", false),
        ("StringNotLike", r#""a*""#, "bc", true),
    ]);
}

#[test]
fn numbers() {
    check_rows(&[
        ("NumericEquals", "10", "10.0", true),
        ("NumericEquals", r#""10""#, "11", false),
        ("NumericEquals", "10", "ten", false),
        ("NumericNotEquals", "10", "11", true),
        ("NumericNotEquals", "[10,11]", "11", false),
        ("NumericLessThan", "10", "9", true),
        ("NumericLessThan", "10", "10", false),
        ("NumericLessThanEquals", "10", "10", true),
        ("NumericGreaterThan", "10", "10", false),
        ("NumericGreaterThan", "-1.5", "-1", true),
        ("NumericGreaterThanEquals", "10", "10", true),
        ("NumericGreaterThanEquals", "10", "9", false),
    ]);
}

#[test]
fn dates() {
    check_rows(&[
        ("DateEquals", r#""2024-05-01T00:00:00Z""#, "2024-05-01", true),
        ("DateEquals", r#""2024-05-01T02:00:00+02:00""#, "1714521600", true),
        ("DateEquals", "1714521600", "2024-05-01T00:00Z", true),
        ("DateNotEquals", r#""2024-05-01""#, "2024-05-02", true),
        ("DateNotEquals", r#""2024-05-01""#, "2024-05-01", false),
        ("DateLessThan", r#""2024-05-01""#, "2024-04-30T23:59:59.5Z", true),
        ("DateLessThan", r#""2024-05-01""#, "2024-05-01", false),
        ("DateLessThanEquals", r#""2024-05-01""#, "2024-05-01", true),
        ("DateGreaterThan", r#""2024-05-01""#, "2024-05-01", false),
        ("DateGreaterThan", r#""2024-05-01""#, "2024-05-02", true),
        ("DateGreaterThanEquals", r#""2024-05-01""#, "yesterday", false),
        ("DateGreaterThanEquals", r#""2024-05-01""#, "2024-05-01", true),
    ]);
}

#[test]
fn booleans_and_bytes() {
    check_rows(&[
        ("Bool", r#""true""#, "true", true),
        ("Bool", "true", "True", true),
        ("Bool", "false", "true", false),
        ("Bool", "false", "maybe", false),
        ("BinaryEquals", r#""QmFzZTY0""#, "QmFzZTY0", true),
        ("BinaryEquals", r#""QQ==""#, "QQ", true),
        ("BinaryEquals", r#""QQ==""#, "qq==", false),
    ]);
}

#[test]
fn addresses() {
    check_rows(&[
        ("IpAddress", r#""203.0.113.0/24""#, "203.0.113.255", true),
        ("IpAddress", r#""203.0.113.0/24""#, "203.0.114.0", false),
        ("IpAddress", r#""203.0.113.9""#, "203.0.113.9", true),
        ("IpAddress", r#""203.0.113.9""#, "203.0.113.8", false),
        ("IpAddress", r#""0.0.0.0/0""#, "8.8.8.8", true),
        ("IpAddress", r#""0.0.0.0/0""#, "2001:db8::1", false),
        ("IpAddress", r#""203.0.113.0/24""#, "::ffff:203.0.113.7", true),
        ("IpAddress", r#""2001:db8::/32""#, "2001:db8:ffff::1", true),
        ("IpAddress", r#""2001:db8::/32""#, "2001:db9::1", false),
        ("IpAddress", r#""::/0""#, "2001:db9::1", true),
        ("IpAddress", r#"["10.0.0.0/8","2001:db8::1"]"#, "2001:db8::1", true),
        ("IpAddress", r#""10.0.0.0/8""#, "kms.amazonaws.com", false),
        ("NotIpAddress", r#""10.0.0.0/8""#, "10.9.8.7", false),
        ("NotIpAddress", r#""10.0.0.0/8""#, "11.0.0.1", true),
    ]);
}

#[test]
fn arns() {
    let trail = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";
    check_rows(&[
        ("ArnEquals", r#""arn:aws:cloudtrail:eu-west-1:111122223333:trail/main""#, trail, true),
        ("ArnEquals", r#""arn:aws:cloudtrail:*:111122223333:trail/*""#, trail, true),
        ("ArnEquals", r#""arn:aws:cloudtrail:*:444455556666:trail/*""#, trail, false),
        ("ArnLike", r#""arn:aws:cloudtrail:*:trail/main""#, trail, false),
        ("ArnLike", r#""arn:*:*:*:*:trail/????""#, trail, true),
        ("ArnLike", r#""arn:aws:s3:::b*""#, "not an arn", false),
        ("ArnNotEquals", r#""arn:aws:cloudtrail:*:*:trail/main""#, trail, false),
        ("ArnNotLike", r#""arn:aws:cloudtrail:us-*:*:*""#, trail, true),
        ("ArnNotLike", r#""arn:aws:cloudtrail:eu-*:*:*""#, trail, false),
    ]);
}

#[test]
fn absent_keys() {
    // Columns: operator with value, whether it holds for an absent key.
    let rows = [
        (r#""StringEquals":{"t:Key":"a"}"#, false),
        (r#""StringEqualsIfExists":{"t:Key":"a"}"#, true),
        (r#""StringNotEquals":{"t:Key":"a"}"#, true),
        (r#""StringNotEqualsIfExists":{"t:Key":"a"}"#, true),
        (r#""StringLike":{"t:Key":"*"}"#, false),
        (r#""StringNotLike":{"t:Key":"*"}"#, true),
        (r#""NumericLessThan":{"t:Key":1}"#, false),
        (r#""NumericLessThanIfExists":{"t:Key":1}"#, true),
        (r#""DateNotEquals":{"t:Key":"2024-05-01"}"#, true),
        (r#""Bool":{"t:Key":false}"#, false),
        (r#""BoolIfExists":{"t:Key":true}"#, true),
        (r#""IpAddress":{"t:Key":"0.0.0.0/0"}"#, false),
        (r#""NotIpAddress":{"t:Key":"0.0.0.0/0"}"#, true),
        (r#""ArnLike":{"t:Key":"arn:*:*:*:*:*"}"#, false),
        (r#""Null":{"t:Key":"true"}"#, true),
        (r#""Null":{"t:Key":false}"#, false),
        (r#""ForAllValues:StringEquals":{"t:Key":"a"}"#, true),
        (r#""ForAnyValue:StringEquals":{"t:Key":"a"}"#, false),
        (r#""ForAnyValue:StringNotEquals":{"t:Key":"a"}"#, false),
        (r#""ForAnyValue:StringEqualsIfExists":{"t:Key":"a"}"#, true),
    ];
    for (condition, holds) in rows {
        check_condition(condition, &[], holds);
        check_condition(condition, &[("t:key", &[])], holds);
    }
    check_rows(&[
        ("Null", r#""true""#, "a", false),
        ("Null", r#""false""#, "a", true),
        ("StringEqualsIfExists", r#""a""#, "b", false),
        ("StringEqualsIfExists", r#""a""#, "a", true),
    ]);
}

#[test]
fn several_values() {
    // Columns: operator, whether it holds against ["a","b"] for the values a+b, a+c, c+d.
    let rows = [
        ("ForAllValues:StringEquals", [true, false, false]),
        ("ForAnyValue:StringEquals", [true, true, false]),
        ("ForAllValues:StringNotEquals", [false, false, true]),
        ("ForAnyValue:StringNotEquals", [false, true, true]),
        ("StringEquals", [true, true, false]),
        ("StringNotEquals", [false, false, true]),
        ("ForAllValues:StringLikeIfExists", [true, false, false]),
    ];
    for (operator, holds) in rows {
        let condition = format!(r#""{operator}":{{"t:Keys":["a","b"]}}"#);
        check_condition(&condition, &[("t:Keys", &["a", "b"])], holds[0]);
        check_condition(&condition, &[("t:Keys", &["a", "c"])], holds[1]);
        check_condition(&condition, &[("t:Keys", &["c", "d"])], holds[2]);
    }
}

#[test]
fn all_operators_and_keys_must_hold() {
    let both_keys = r#""StringEquals":{"t:A":"1","t:B":"2"}"#;
    check_condition(both_keys, &[("t:A", &["1"]), ("t:B", &["2"])], true);
    check_condition(both_keys, &[("t:A", &["1"]), ("t:B", &["1"])], false);
    let both_operators = r#""StringEquals":{"t:A":"1"},"Bool":{"t:B":"true"}"#;
    check_condition(both_operators, &[("t:A", &["1"]), ("t:B", &["true"])], true);
    check_condition(both_operators, &[("t:A", &["1"])], false);
    check_condition("", &[], true);
}

#[test]
fn variables() {
    let name: Given<'_> = &[("aws:username", &["alice"]), ("t:Key", &["home/alice"]), ("t:Star", &["*"])];
    check_condition(r#""StringEquals":{"t:Key":"home/${aws:username}"}"#, name, true);
    check_condition(r#""StringLike":{"t:Key":"*/${aws:username}"}"#, name, true);
    check_condition(r#""StringLike":{"t:Key":"home/${t:Star}"}"#, name, false);
    check_condition(r#""StringEquals":{"t:Key":"home/${t:Absent}"}"#, name, false);
    check_condition(r#""StringNotEquals":{"t:Key":"home/${t:Absent}"}"#, name, true);
    check_condition(r#""StringEquals":{"t:Key":"home/${t:Absent, 'alice'}"}"#, name, true);
    check_condition(r#""StringEquals":{"t:Star":"${*}"}"#, name, true);
    check_condition(r#""StringLike":{"t:Key":"home/${*}"}"#, name, false);
    let many: Given<'_> = &[("t:Many", &["a", "b"]), ("t:Key", &["a"])];
    check_condition(r#""StringEquals":{"t:Key":"${t:Many}"}"#, many, false);
    // A colon in a value does not shift the parts of an ARN.
    let colon: Given<'_> = &[("t:Tag", &["1:x"]), ("t:Key", &["arn:aws:sqs:r:1:x:q"])];
    check_condition(r#""ArnLike":{"t:Key":"arn:aws:sqs:r:${t:Tag}:q"}"#, colon, false);
}
