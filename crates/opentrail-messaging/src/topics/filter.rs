//! Filter policies: which messages a subscriber wants.

use super::topic::PublishedAttribute;
use opentrail_patterns::event::EventPattern;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most keys of a policy, at all levels.
const MAX_KEYS: usize = 5;
/// Most combinations of values.
const MAX_COMBINATIONS: usize = 150;

/// A filter policy that was understood.
#[derive(Debug, Clone)]
pub struct Filter {
    pattern: Option<EventPattern>,
    about_body: bool,
}

impl Filter {
    /// Reads a policy; `{}` lets everything through.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(policy: &str, about_body: bool) -> Result<Self, String> {
        let value: Value = serde_json::from_str(policy).map_err(|_| "failed to parse JSON.".to_owned())?;
        let Value::Object(members) = &value else { return Err("Filter policy must be a JSON object".into()) };
        if members.is_empty() {
            return Ok(Self { pattern: None, about_body });
        }
        let (mut keys, mut combinations) = (0, 1);
        count(members, 1, &mut keys, &mut combinations);
        if keys > MAX_KEYS {
            return Err(format!("Filter policy can not have more than {MAX_KEYS} keys"));
        }
        if combinations > MAX_COMBINATIONS {
            return Err("Filter policy is too complex".into());
        }
        if !about_body && members.iter().any(|(name, value)| name != "$or" && value.is_object()) {
            return Err("Filter policy scope MessageAttributes does not support nested filter policy".into());
        }
        let pattern = policy.parse::<EventPattern>().map_err(|error| error.reason)?;
        Ok(Self { pattern: Some(pattern), about_body })
    }

    pub fn lets_through(&self, message: &str, attributes: &BTreeMap<String, PublishedAttribute>) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        if self.about_body {
            return serde_json::from_str::<Value>(message).is_ok_and(|body| body.is_object() && pattern.matches(&body));
        }
        pattern
            .matches(&Value::Object(attributes.iter().filter_map(|(name, value)| Some((name.clone(), plain(value)?))).collect()))
    }
}

/// Keys, and the product of the numbers of values, each times its depth.
fn count(members: &Map<String, Value>, depth: usize, keys: &mut usize, combinations: &mut usize) {
    for (name, value) in members {
        match value {
            Value::Array(list) if name == "$or" => {
                list.iter().filter_map(Value::as_object).for_each(|inner| count(inner, depth, keys, combinations));
            }
            Value::Array(list) => {
                *keys += 1;
                *combinations = combinations.saturating_mul(list.len().max(1).saturating_mul(depth));
            }
            Value::Object(inner) => count(inner, depth + 1, keys, combinations),
            _ => {}
        }
    }
}

/// An attribute as what a policy compares with.
fn plain(attribute: &PublishedAttribute) -> Option<Value> {
    match attribute.data_type.as_str() {
        "String.Array" => serde_json::from_str(&attribute.value).ok(),
        kind if kind.starts_with("String") => Some(attribute.value.as_str().into()),
        kind if kind.starts_with("Number") => serde_json::from_str(&attribute.value).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes() -> BTreeMap<String, PublishedAttribute> {
        [
            ("store", "String", "example_corp"),
            ("price", "Number", "210.75"),
            ("event", "String.Array", "[\"placed\",\"paid\"]"),
            ("ip", "String", "10.0.0.7"),
        ]
        .into_iter()
        .map(|(name, kind, value)| (name.into(), PublishedAttribute { data_type: kind.into(), value: value.into() }))
        .collect()
    }

    #[test]
    fn policies_on_attributes() {
        for (policy, expect) in [
            (r#"{}"#, true),
            (r#"{"store":["example_corp"]}"#, true),
            (r#"{"store":["other"]}"#, false),
            (r#"{"store":["other","example_corp"],"price":[{"numeric":[">",200,"<=",300]}]}"#, true),
            (r#"{"price":[210.75]}"#, true),
            (r#"{"price":[{"numeric":["<",100]}]}"#, false),
            (r#"{"store":[{"prefix":"exam"}]}"#, true),
            (r#"{"store":[{"suffix":"corp"}]}"#, true),
            (r#"{"store":[{"equals-ignore-case":"EXAMPLE_CORP"}]}"#, true),
            (r#"{"store":[{"anything-but":["example_corp"]}]}"#, false),
            (r#"{"store":[{"anything-but":{"prefix":"other"}}]}"#, true),
            (r#"{"event":["paid"]}"#, true),
            (r#"{"ip":[{"cidr":"10.0.0.0/24"}]}"#, true),
            (r#"{"missing":[{"exists":false}]}"#, true),
            (r#"{"store":[{"exists":false}]}"#, false),
            (r#"{"$or":[{"store":["x"]},{"event":["placed"]}]}"#, true),
        ] {
            let filter = Filter::parse(policy, false).expect(policy);
            assert_eq!(filter.lets_through("text", &attributes()), expect, "{policy}");
        }
        assert!(!Filter::parse(r#"{"store":["a"]}"#, false).expect("a policy").lets_through("text", &BTreeMap::new()));
    }

    #[test]
    fn policies_on_bodies() {
        let filter = Filter::parse(r#"{"s3ObjectKey":[{"prefix":"AWSLogs/"}],"a":{"b":["c"]}}"#, true).expect("a policy");
        assert!(filter.lets_through(r#"{"s3ObjectKey":["AWSLogs/x"],"a":{"b":"c"}}"#, &BTreeMap::new()));
        assert!(!filter.lets_through(r#"{"s3ObjectKey":["x"],"a":{"b":"c"}}"#, &BTreeMap::new()));
        assert!(!filter.lets_through("CloudTrail validation message.", &BTreeMap::new()));
    }

    #[test]
    fn bad_policies_are_refused() {
        let many = (0..6).map(|n| format!("\"k{n}\":[\"v\"]")).collect::<Vec<_>>().join(",");
        for (policy, body) in [
            ("x", false),
            ("[]", false),
            (r#"{"a":"b"}"#, false),
            (r#"{"a":[]}"#, false),
            (r#"{"a":{"b":["c"]}}"#, false),
            (r#"{"a":[{"no-such":1}]}"#, true),
            (&format!("{{{many}}}"), false),
        ] {
            assert!(Filter::parse(policy, body).is_err(), "{policy}");
        }
    }
}
