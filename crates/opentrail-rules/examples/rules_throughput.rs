//! How many records a second are held against the rules of a bus: `rules_throughput [RULES] [RECORDS]`.
//!
//! One rule in ten is about names of calls that the records have; one in a hundred says no name and is tried on every one.

use opentrail_eventlog::Event;
use opentrail_rules::{CompiledRule, Rule, RuleIndex, RuleState, Target};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

fn rule(n: usize) -> Rule {
    let pattern = match n {
        n if n % 100 == 0 => json!({"detail": {"userIdentity": {"type": ["Root"]}, "errorCode": [{"exists": true}]}}),
        n if n % 10 == 0 => {
            json!({"source": ["aws.ec2"], "detail": {"eventName": ["RunInstances", "StopInstances"], "awsRegion": [{"prefix": "eu-"}]}})
        }
        n => json!({"source": [format!("aws.service{}", n % 50)], "detail": {"eventName": [format!("Call{n}")]}}),
    };
    let target = Target {
        id: "q".into(),
        arn: "arn:aws:sqs:us-east-1:123456789012:q".into(),
        role_arn: None,
        input: opentrail_rules::Input::Whole,
        http: None,
        dead_letter_arn: None,
        max_retries: None,
        max_age_s: None,
    };
    Rule {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        bus: "default".into(),
        name: format!("r{n:05}"),
        pattern: pattern.to_string(),
        state: RuleState::Enabled,
        description: None,
        role_arn: None,
        tags: Default::default(),
        created_by: "123456789012".into(),
        since: 0,
        targets: vec![target],
    }
}

fn record(n: usize) -> Event {
    let name = ["RunInstances", "PutBucketPolicy", "CreateUser", "Call7"][n % 4];
    let source = ["ec2", "s3", "iam", "service7"][n % 4];
    let record = json!({
        "eventVersion": "1.11", "userIdentity": {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "accountId": "123456789012",
        "arn": "arn:aws:iam::123456789012:user/ann", "accessKeyId": "AKIAEXAMPLE", "userName": "ann"},
        "eventTime": "2026-11-21T10:00:00Z", "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
        "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.7", "userAgent": "aws-cli/2.0",
        "requestParameters": {"bucketName": "logs", "policy": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}},
        "responseElements": null, "requestID": format!("{n:08x}"), "eventID": format!("{n:08x}"), "readOnly": false,
        "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "123456789012", "eventCategory": "Management"});
    Event { account: "123456789012".into(), region: "us-east-1".into(), record: record.to_string().into() }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rules: usize = arguments.next().map_or(Ok(1000), |text| text.parse())?;
    let records: usize = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let compiled = (0..rules).map(|n| CompiledRule::of(rule(n)).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    let index = RuleIndex::of(compiled.into_iter());
    let events: Vec<Event> = (0..1000).map(record).collect();
    let began = Instant::now();
    let matches: usize = (0..records).map(|n| index.matches(&events[n % events.len()])).sum();
    let rate = records as f64 / began.elapsed().as_secs_f64();
    println!("{rules} rules, {records} records: {rate:.0} records/s on one core, {matches} matches");
    Ok(())
}
