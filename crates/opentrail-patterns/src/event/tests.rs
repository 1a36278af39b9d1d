//! What EventBridge's guide says, and what its service was seen to do.

use super::*;
use serde_json::json;

fn check(pattern: &Value, event: &Value, expect: bool) {
    let parsed: EventPattern = pattern.to_string().parse().unwrap_or_else(|error| panic!("{pattern}: {error}"));
    assert_eq!(parsed.matches(event), expect, "{pattern} on {event}");
}

fn leaf(matchers: Value, value: Value, expect: bool) {
    check(&json!({"a": matchers}), &json!({"a": value}), expect);
}

fn refused(pattern: &str, reason: &str) {
    let error = pattern.parse::<EventPattern>().map(|_| ()).expect_err(pattern);
    assert!(error.reason.contains(reason), "{pattern}: {error}");
}

#[test]
fn values() {
    leaf(json!(["x"]), json!("x"), true);
    leaf(json!(["x"]), json!("X"), false);
    leaf(json!(["x", "y"]), json!("y"), true);
    leaf(json!([null]), json!(null), true);
    leaf(json!([null]), json!(""), false);
    leaf(json!([""]), json!(""), true);
    leaf(json!([true]), json!(true), true);
    leaf(json!([true]), json!("true"), false);
    leaf(json!([300]), json!(300.0), true);
    leaf(json!([300]), json!("300"), false);
    leaf(json!(["x"]), json!(["w", "x"]), true);
    leaf(json!(["x"]), json!({"x": 1}), false);
    check(&json!({"a": ["x"]}), &json!({}), false);
}

#[test]
fn operators() {
    leaf(json!([{"prefix": "ab"}]), json!("abc"), true);
    leaf(json!([{"prefix": {"equals-ignore-case": "AB"}}]), json!("abc"), true);
    leaf(json!([{"suffix": ".png"}]), json!("x.png"), true);
    leaf(json!([{"suffix": {"equals-ignore-case": ".PNG"}}]), json!("x.png"), true);
    leaf(json!([{"equals-ignore-case": "Abc"}]), json!("aBC"), true);
    leaf(json!([{"anything-but": "x"}]), json!("y"), true);
    leaf(json!([{"anything-but": "x"}]), json!("x"), false);
    check(&json!({"a": [{"anything-but": "x"}]}), &json!({"b": 1}), false);
    leaf(json!([{"anything-but": [1, 2]}]), json!(3), true);
    leaf(json!([{"anything-but": {"prefix": ["a", "b"]}}]), json!("box"), false);
    leaf(json!([{"anything-but": {"wildcard": "*/lib/*"}}]), json!("usr/bin/x"), true);
    leaf(json!([{"anything-but": {"equals-ignore-case": "X"}}]), json!("x"), false);
    leaf(json!([{"wildcard": "a*c*e"}]), json!("abcde"), true);
    leaf(json!([{"wildcard": "a*c"}]), json!("acd"), false);
    leaf(json!([{"wildcard": "a\\*"}]), json!("a*"), true);
    leaf(json!([{"wildcard": "aa*aa"}]), json!("aaa"), false);
    leaf(json!([{"numeric": [">", 0, "<=", 5]}]), json!(5), true);
    leaf(json!([{"numeric": [">", 0, "<=", 5]}]), json!("5"), false);
    leaf(json!([{"numeric": ["=", 3.0e2]}]), json!(300), true);
    leaf(json!([{"cidr": "10.0.0.0/24"}]), json!("10.0.0.255"), true);
    leaf(json!([{"cidr": "10.0.0.0/24"}]), json!("10.0.1.0"), false);
    leaf(json!([{"cidr": "0.0.0.0/0"}]), json!("::1"), false);
    leaf(json!([{"cidr": "2001:db8::/32"}]), json!("2001:db8:1::5"), true);
    leaf(json!([{"cidr": "::/0"}]), json!("::1"), true);
}

#[test]
fn presence() {
    leaf(json!([{"exists": true}]), json!(null), true);
    leaf(json!([{"exists": true}]), json!({"b": 1}), false);
    leaf(json!([{"exists": false}]), json!(1), false);
    check(&json!({"a": [{"exists": false}]}), &json!({"b": 1}), true);
    check(&json!({"a": {"b": [{"exists": false}]}}), &json!({"c": 1}), true);
    check(&json!({"a": {"b": [{"exists": false}]}}), &json!({"a": {"b": 1}}), false);
    check(&json!({"a": ["x", {"exists": false}]}), &json!({}), true);
}

#[test]
fn structure() {
    let pattern = json!({"a": {"b": ["x"], "c": ["y"]}});
    check(&pattern, &json!({"a": {"b": "x", "c": "y"}}), true);
    check(&pattern, &json!({"a": [{"b": "x"}, {"c": "y"}]}), false);
    check(&pattern, &json!({"a": [{"b": "x"}, {"b": "x", "c": "y"}]}), true);
    check(&pattern, &json!({"a.b": "x", "a.c": "y"}), true);
    check(&json!({"a.b": ["x"], "a": {"c": ["y"]}}), &json!({"a": {"b": "x", "c": "y"}}), true);
    let or = json!({"s": ["t"], "$or": [{"a": ["x"]}, {"b": [{"numeric": [">", 1]}]}]});
    check(&or, &json!({"s": "t", "b": 2}), true);
    check(&or, &json!({"s": "t", "b": 1}), false);
    check(&or, &json!({"a": "x"}), false);
    check(&json!({"d": {"$or": [{"a": ["x"]}, {"b": ["y"]}]}}), &json!({"d": {"b": "y"}}), true);
}

#[test]
fn what_a_pattern_is_about() {
    let about = |pattern: Value, path: &[&str], expect: Option<&[&str]>| {
        let parsed: EventPattern = pattern.to_string().parse().expect("a pattern");
        assert_eq!(parsed.exact(path).as_deref(), expect, "{pattern} {path:?}");
    };
    about(json!({"source": ["a", "b"]}), &["source"], Some(&["a", "b"]));
    about(json!({"detail": {"eventName": ["x"]}}), &["detail", "eventName"], Some(&["x"]));
    about(json!({"detail.eventName": ["x"]}), &["detail", "eventName"], Some(&["x"]));
    about(json!({"source": ["a", {"prefix": "b"}]}), &["source"], None);
    about(json!({"source": ["a", null]}), &["source"], None);
    about(json!({"source": {"a": ["b"]}}), &["source"], None);
    about(json!({"$or": [{"source": ["a"]}, {"region": ["b"]}]}), &["source"], None);
    about(json!({"detail": [{"exists": true}]}), &["detail", "eventName"], None);
}

#[test]
fn refusals() {
    refused("", "EOF");
    refused("[]", "Filter is not an object");
    refused("{}", "Empty objects");
    refused(r#"{"a": "x"}"#, "\"a\" must be an object or an array");
    refused(r#"{"a": []}"#, "Empty arrays");
    refused(r#"{"a": {}}"#, "Empty objects");
    refused(r#"{"a": [{"EXISTS": true}]}"#, "Unrecognized match type EXISTS");
    refused(r#"{"a": [{"exists": 1}]}"#, "either true or false");
    refused(r#"{"a": [{"wildcard": "a**b"}]}"#, "Consecutive wildcard characters");
    refused(r#"{"a": [{"cidr": "10.0.0.0"}]}"#, "Malformed CIDR, one '/' required");
    refused(r#"{"a": [{"cidr": "10.0.0.0/33"}]}"#, "mask bits");
    refused(r#"{"a": [{"numeric": ["<", 5, ">", 1]}]}"#, "Bad numeric range");
    refused(r#"{"a": [{"numeric": [">", "5"]}]}"#, "must be numeric");
    refused(r#"{"a": [6e9]}"#, "5.0E9");
    refused(r#"{"a": [{"anything-but": [1, "a"]}]}"#, "mixed type");
    refused(r#"{"a": [{"anything-but": {"prefix": ""}}]}"#, "Null prefix not allowed");
    refused(r#"{"a": [{"anything-but": {"prefix": {"equals-ignore-case": "x"}}}]}"#, "must be a string");
    refused(r#"{"a": [{"prefix": "a", "suffix": "b"}]}"#, "Only one key");
    refused(r#"{"$or": [{"a": ["x"]}]}"#, "at least 2 Objects");
    let level = r#""$or":[{"a":["1"]},{"a":["2"]},{"a":["3"]},{"a":["4"]}]"#;
    let deep = (0..5).fold(String::new(), |inner, n| {
        if inner.is_empty() { format!("{{{level}}}") } else { format!("{{{level},\"n{n}\":{inner}}}") }
    });
    refused(&deep, "too complex");
    let nested = format!("{}[1]{}", "{\"a\":".repeat(600), "}".repeat(600));
    assert!(nested.parse::<EventPattern>().is_err());
}
