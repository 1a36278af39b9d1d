//! CloudTrail's bucket policy as its console writes it, and what breaks it.

use super::*;
use crate::{BUCKET_POLICY_MAX_BYTES, parse_bucket_policy};

const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";
const WRITE: &[(&str, &[&str])] = &[("aws:SourceArn", &[TRAIL]), ("s3:x-amz-acl", &["bucket-owner-full-control"])];
const KEY: &str = "arn:aws:s3:::trails/audit/AWSLogs/111122223333/CloudTrail/";

const POLICY: &str = r#"
{"Sid":"AWSCloudTrailAclCheck20150319","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},
 "Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::trails",
 "Condition":{"StringEquals":{"aws:SourceArn":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}}},
{"Sid":"AWSCloudTrailWrite20150319","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},
 "Action":"s3:PutObject","Resource":"arn:aws:s3:::trails/audit/AWSLogs/111122223333/*",
 "Condition":{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control",
  "aws:SourceArn":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}}}"#;

/// Decides a request of CloudTrail under [`POLICY`] followed by `extra` statements.
#[track_caller]
fn check_delivery(extra: &str, action: &str, resource: &str, context: &[(&str, &[&str])], expect: Decision) {
    let policy = if extra.is_empty() { POLICY.to_owned() } else { format!("{POLICY},{extra}") };
    let texts = Texts { resource: Some(&policy), ..Texts::default() };
    check(texts, Ask { principal: &cloudtrail(), action, resource, owner: HOME, context }, expect);
}

#[test]
fn delivery_needs_prefix_acl_and_trail() {
    let acl_check = &WRITE[..1];
    let other_trail: &[(&str, &[&str])] = &[("aws:SourceArn", &["arn:aws:cloudtrail:eu-west-1:1:trail/x"]), WRITE[1]];
    let private: &[(&str, &[&str])] = &[WRITE[0], ("s3:x-amz-acl", &["private"])];
    let key = |rest: &str| format!("arn:aws:s3:::trails/{rest}");
    check_delivery("", "s3:GetBucketAcl", "arn:aws:s3:::trails", acl_check, Allowed);
    check_delivery("", "s3:GetBucketAcl", "arn:aws:s3:::trails", &[], NO_RESOURCE);
    check_delivery("", "s3:GetBucketAcl", "arn:aws:s3:::trails2", acl_check, NO_RESOURCE);
    check_delivery("", "s3:PutObject", KEY, WRITE, Allowed);
    check_delivery("", "S3:putobject", KEY, WRITE, Allowed);
    check_delivery("", "s3:PutObject", KEY, acl_check, NO_RESOURCE);
    check_delivery("", "s3:PutObject", KEY, private, NO_RESOURCE);
    check_delivery("", "s3:PutObject", KEY, other_trail, NO_RESOURCE);
    check_delivery("", "s3:PutObject", &key("AWSLogs/111122223333/x"), WRITE, NO_RESOURCE);
    check_delivery("", "s3:PutObject", &key("other/AWSLogs/111122223333/x"), WRITE, NO_RESOURCE);
    check_delivery("", "s3:PutObject", &key("audit/AWSLogs/444455556666/x"), WRITE, NO_RESOURCE);
    check_delivery("", "s3:PutObject", &key("audit/awslogs/111122223333/x"), WRITE, NO_RESOURCE);
    check_delivery("", "s3:DeleteObject", KEY, WRITE, NO_RESOURCE);
}

#[test]
fn a_deny_for_everyone_stops_delivery() {
    let insecure = r#"{"Effect":"Deny","Principal":"*","Action":"s3:*",
        "Resource":["arn:aws:s3:::trails","arn:aws:s3:::trails/*"],"Condition":{"Bool":{"aws:SecureTransport":false}}}"#;
    let plain: Vec<(&str, &[&str])> = WRITE.iter().copied().chain([("aws:SecureTransport", &["false"] as _)]).collect();
    let secure: Vec<(&str, &[&str])> = WRITE.iter().copied().chain([("aws:SecureTransport", &["true"] as _)]).collect();
    check_delivery(insecure, "s3:PutObject", KEY, &plain, DENY_RESOURCE);
    check_delivery(insecure, "s3:PutObject", KEY, &secure, Allowed);
    let all = r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"*","Resource":"arn:aws:s3:::trails/*"}"#;
    check_delivery(all, "s3:PutObject", KEY, WRITE, DENY_RESOURCE);
    let others = r#"{"Effect":"Deny","NotPrincipal":{"Service":"cloudtrail.amazonaws.com"},"Action":"*",
        "Resource":"arn:aws:s3:::trails/*"}"#;
    check_delivery(others, "s3:PutObject", KEY, WRITE, Allowed);
}

#[test]
fn nobody_but_cloudtrail_is_let_in() {
    let texts = Texts { resource: Some(POLICY), ..Texts::default() };
    let cases = [
        (Principal::Anonymous, NO_RESOURCE),
        (Principal::Service("config.amazonaws.com".to_owned()), NO_RESOURCE),
        (user("alice"), NO_IDENTITY),
        (root(), Allowed),
    ];
    for (principal, expect) in &cases {
        let ask = Ask { principal, action: "s3:PutObject", resource: KEY, owner: HOME, context: WRITE };
        check(texts, ask, *expect);
    }
    let ask = Ask { principal: &cloudtrail(), action: "s3:PutObject", resource: KEY, owner: HOME, context: WRITE };
    check(Texts::default(), ask, NO_RESOURCE);
}

/// Reads `{"Statement": [..]}` of one statement as the policy of bucket `b`. An empty expectation means accepted.
#[track_caller]
fn check_accepted(action: &str, resource: &str, expect: &str) {
    let text = format!(r#"{{"Statement":{{"Effect":"Allow","Principal":"*","Action":{action},"Resource":{resource}}}}}"#);
    let message = parse_bucket_policy(&text, "b").err().map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(message, expect, "{text}");
}

#[test]
fn a_bucket_policy_speaks_of_its_bucket_only() {
    let (bad_resource, bad_action) = ("Policy has invalid resource", "Policy has invalid action");
    let unrelated = "Action does not apply to any resource(s) in statement";
    let (bucket, objects) = (r#""arn:aws:s3:::b""#, r#""arn:aws:s3:::b/*""#);
    check_accepted(r#""s3:GetObject""#, objects, "");
    check_accepted(r#""s3:*""#, bucket, "");
    check_accepted(r#""*""#, objects, "");
    check_accepted(r#"["s3:GetObject","s3:ListBucket"]"#, &format!("[{bucket},{objects}]"), "");
    check_accepted(r#""s3:FromTheFuture""#, bucket, "");
    check_accepted(r#""s3:GetObject""#, bucket, unrelated);
    check_accepted(r#""s3:ListBucket""#, objects, unrelated);
    check_accepted(r#"["s3:GetObject","s3:ListBucket"]"#, objects, unrelated);
    check_accepted(r#""s3:DeleteObject*""#, bucket, unrelated);
    check_accepted(r#""s3:GetObject""#, r#""*""#, bad_resource);
    check_accepted(r#""s3:GetObject""#, r#""arn:aws:s3:::bb/*""#, bad_resource);
    check_accepted(r#""s3:GetObject""#, r#"["arn:aws:s3:::b/*","arn:aws:s3:::c/*"]"#, bad_resource);
    check_accepted(r#""s3:GetObject""#, r#""arn:aws:sns:eu-west-1:111122223333:b""#, bad_resource);
    check_accepted(r#""sns:Publish""#, objects, bad_action);
    check_accepted(r#""s3GetObject""#, objects, bad_action);
}

#[test]
fn a_bucket_policy_has_a_size_limit() {
    let padded = |length: usize| {
        let text = format!(r#"{{"Statement":[{POLICY}]}}"#);
        format!("{text}{}", " ".repeat(length - text.len()))
    };
    assert!(parse_bucket_policy(&padded(BUCKET_POLICY_MAX_BYTES), "trails").is_ok());
    assert!(parse_bucket_policy(&padded(BUCKET_POLICY_MAX_BYTES + 1), "trails").is_err());
}
