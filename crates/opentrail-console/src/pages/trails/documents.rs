//! The policies that a trail needs at its bucket, key, topic and role, as AWS's documentation gives them.

use serde_json::{Value, json};

const SERVICE: &str = "cloudtrail.amazonaws.com";

/// Letters and digits of a trail's name, for statements' ids.
fn id(trail: &str) -> String {
    trail.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// What a bucket has to allow.
pub fn bucket_statements(bucket: &str, prefix: &str, account: &str, trail: &str, trail_arn: &str) -> Vec<Value> {
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    vec![
        json!({
            "Sid": format!("AWSCloudTrailAclCheck20150319{}", id(trail)),
            "Effect": "Allow",
            "Principal": {"Service": SERVICE},
            "Action": "s3:GetBucketAcl",
            "Resource": format!("arn:aws:s3:::{bucket}"),
            "Condition": {"StringEquals": {"aws:SourceArn": trail_arn}},
        }),
        json!({
            "Sid": format!("AWSCloudTrailWrite20150319{}", id(trail)),
            "Effect": "Allow",
            "Principal": {"Service": SERVICE},
            "Action": "s3:PutObject",
            "Resource": format!("arn:aws:s3:::{bucket}/{prefix}AWSLogs/{account}/*"),
            "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceArn": trail_arn}},
        }),
    ]
}

/// The policy of a key made for a trail.
pub fn key_policy(account: &str, trail_arn: &str) -> String {
    let context = format!("arn:aws:cloudtrail:*:{account}:trail/*");
    json!({"Version": "2012-10-17", "Id": "Key policy created for a trail", "Statement": [
        {
            "Sid": "Enable IAM user permissions",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "Allow CloudTrail to encrypt logs",
            "Effect": "Allow",
            "Principal": {"Service": SERVICE},
            "Action": "kms:GenerateDataKey*",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:SourceArn": trail_arn},
                "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": context},
            },
        },
        {
            "Sid": "Allow CloudTrail to describe the key",
            "Effect": "Allow",
            "Principal": {"Service": SERVICE},
            "Action": "kms:DescribeKey",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceArn": trail_arn}},
        },
    ]})
    .to_string()
}

/// What a topic has to allow.
pub fn topic_statement(topic_arn: &str, trail: &str, trail_arn: &str) -> Value {
    json!({
        "Sid": format!("AWSCloudTrailSNSPolicy20150319{}", id(trail)),
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": "SNS:Publish",
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"aws:SourceArn": trail_arn}},
    })
}

/// Who may take on the role that writes into the log group.
pub fn role_trust() -> String {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"},
    ]})
    .to_string()
}

/// What that role may do.
pub fn role_policy(account: &str, region: &str, group: &str) -> String {
    let streams = format!("arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{account}_CloudTrail_{region}*");
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "AWSCloudTrailCreateLogStream", "Effect": "Allow", "Action": ["logs:CreateLogStream"], "Resource": [streams]},
        {"Sid": "AWSCloudTrailPutLogEvents", "Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": [streams]},
    ]})
    .to_string()
}

/// A policy with these statements, which take the place of those with the same ids. `None` if it cannot be read.
pub fn with_statements(policy: Option<&str>, statements: Vec<Value>) -> Option<String> {
    let mut policy = match policy.filter(|text| !text.trim().is_empty()) {
        Some(text) => serde_json::from_str::<Value>(text).ok()?,
        None => json!({"Version": "2012-10-17", "Statement": []}),
    };
    let kept = match policy.get("Statement")? {
        Value::Array(list) => list.clone(),
        one @ Value::Object(_) => vec![one.clone()],
        _ => return None,
    };
    let is_new = |statement: &Value| statements.iter().any(|new| new["Sid"] == statement["Sid"]);
    let all: Vec<Value> = kept.into_iter().filter(|statement| !is_new(statement)).chain(statements.clone()).collect();
    policy["Statement"] = all.into();
    Some(policy.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_join_those_that_are_there_and_replace_their_own() {
        let ours = || bucket_statements("b", "p", "123456789012", "my-trail", "arn:t");
        let first = with_statements(None, ours()).expect("a policy");
        let again = with_statements(Some(&first), ours()).expect("a policy");
        assert_eq!(first, again);
        assert!(first.contains("arn:aws:s3:::b/p/AWSLogs/123456789012/*"));
        let other = r#"{"Version": "2012-10-17", "Statement": {"Sid": "Mine", "Effect": "Deny"}}"#;
        let both = with_statements(Some(other), ours()).expect("a policy");
        assert!(both.contains("\"Mine\"") && both.contains("AWSCloudTrailWrite20150319mytrail"));
        assert_eq!(with_statements(Some("[]"), ours()), None);
        assert_eq!(with_statements(Some("no json"), ours()), None);
    }
}
