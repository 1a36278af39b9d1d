//! Operations of EventBridge, and what becomes of events.

use super::SERVICE;
use opentrail_catalog::follow;
use opentrail_messaging::topics::WebhookNetworks;
use opentrail_rules::Rules;
use opentrail_services::testing::{ACCOUNT, Bench, code, hostile, told};
use opentrail_services::{Call, Service, iam, logs, sqs};
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:q";

/// A bench on which rules are at work.
struct Place {
    bench: Bench,
    rules: Rules,
    stop: watch::Sender<bool>,
}

impl Place {
    fn new() -> Self {
        let bench = Bench::new();
        let app = &bench.app;
        let networks = WebhookNetworks::default();
        let rules = Rules::open(
            app.catalog.clone(),
            app.intake.clone(),
            app.queues.clone(),
            app.topics.clone(),
            Arc::clone(&app.seal),
            &networks,
        );
        let place = Self { rules: rules.expect("rules"), stop: watch::Sender::new(false), bench };
        let app = &place.bench.app;
        tokio::spawn(follow(app.catalog.clone(), app.intake.clone(), place.rules.follower(), place.stop.subscribe()));
        place
    }

    /// With a queue `q` that lets EventBridge in.
    async fn with_queue() -> Self {
        let place = Self::new();
        place.queue("q").await;
        // The follower begins where the log ends when it is first polled.
        tokio::time::sleep(Duration::from_millis(20)).await;
        place
    }

    async fn queue(&self, name: &str) {
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*",
            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/*"}}}]});
        let input = json!({"QueueName": name, "Attributes": {"Policy": policy.to_string()}});
        self.of(&sqs::SERVICE, "CreateQueue", input).await;
    }

    async fn try_of(&self, service: &'static Service, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.bench.run(service, self.bench.call(), operation, input).await
    }

    async fn of(&self, service: &'static Service, operation: &str, input: Value) -> Value {
        self.try_of(service, operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    async fn run(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.try_of(&SERVICE, operation, input).await
    }

    async fn ok(&self, operation: &str, input: Value) -> Value {
        self.of(&SERVICE, operation, input).await
    }

    /// A rule on the default bus with one target.
    async fn rule(&self, name: &str, pattern: Value, target: Value) {
        self.ok("PutRule", json!({"Name": name, "EventPattern": pattern.to_string()})).await;
        let put = self.ok("PutTargets", json!({"Rule": name, "Targets": [target]})).await;
        assert_eq!(put["FailedEntryCount"], 0);
    }

    async fn put(&self, source: &str, detail: Value) -> Value {
        let entry = json!({"Source": source, "DetailType": "t", "Detail": detail.to_string()});
        self.ok("PutEvents", json!({"Entries": [entry]})).await
    }

    async fn message_now(&self, queue: &str) -> Option<Value> {
        let url = format!("/{ACCOUNT}/{queue}");
        let input = json!({"QueueUrl": url, "MessageAttributeNames": ["All"], "VisibilityTimeout": 600});
        let got = self.of(&sqs::SERVICE, "ReceiveMessage", input).await;
        got["Messages"].as_array().and_then(|messages| messages.first()).cloned()
    }

    /// The next message of a queue, soon.
    async fn message(&self, queue: &str) -> Value {
        for _ in 0..400 {
            if let Some(message) = self.message_now(queue).await {
                return message;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no message in {queue}: {:?}", self.rules.stats());
    }

    /// The next message's body.
    async fn body(&self, queue: &str) -> Value {
        let message = self.message(queue).await;
        serde_json::from_str(message["Body"].as_str().expect("a body")).expect("JSON")
    }
}

fn to_queue() -> Value {
    json!({"Id": "q", "Arn": QUEUE})
}

#[tokio::test]
async fn a_call_reaches_its_rule_as_an_event() {
    let place = Place::with_queue().await;
    let pattern = json!({"source": ["aws.iam"], "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventSource": ["iam.amazonaws.com"], "eventName": ["CreateUser"]}});
    place.rule("users", pattern, to_queue()).await;
    place.of(&iam::SERVICE, "ListUsers", json!({})).await;
    place.of(&iam::SERVICE, "CreateUser", json!({"UserName": "eve"})).await;
    let event = place.body("q").await;
    assert_eq!(event["detail-type"], "AWS API Call via CloudTrail");
    assert_eq!(
        (&event["source"], &event["account"], &event["region"]),
        (&json!("aws.iam"), &json!(ACCOUNT), &json!("us-east-1"))
    );
    assert_eq!((&event["version"], &event["resources"]), (&json!("0"), &json!([])));
    assert_eq!(event["detail"]["requestParameters"], json!({"userName": "eve"}));
    assert_eq!(event["time"], event["detail"]["eventTime"]);
    assert_ne!(event["id"], event["detail"]["eventID"]);
    assert!(place.message_now("q").await.is_none(), "one call, one message");
}

#[tokio::test]
async fn reads_reach_only_rules_that_ask_for_them() {
    let place = Place::with_queue().await;
    let pattern = json!({"source": ["aws.iam"], "detail": {"eventName": ["ListUsers"]}});
    place.rule("plain", pattern.clone(), to_queue()).await;
    place.of(&iam::SERVICE, "ListUsers", json!({})).await;
    let state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";
    place.ok("PutRule", json!({"Name": "all", "EventPattern": pattern.to_string(), "State": state})).await;
    place.ok("PutTargets", json!({"Rule": "all", "Targets": [{"Id": "q", "Arn": QUEUE, "Input": "\"all\""}]})).await;
    place.of(&iam::SERVICE, "ListUsers", json!({})).await;
    assert_eq!(place.body("q").await, "all");
    assert!(place.message_now("q").await.is_none());
    place.ok("DisableRule", json!({"Name": "all"})).await;
    assert_eq!(place.ok("DescribeRule", json!({"Name": "all"})).await["State"], "DISABLED");
}

#[tokio::test]
async fn events_that_are_put_are_matched_transformed_and_forwarded() {
    let place = Place::with_queue().await;
    place.queue("other").await;
    place.ok("CreateEventBus", json!({"Name": "orders"})).await;
    let bus = "arn:aws:events:us-east-1:123456789012:event-bus/orders";
    place
        .rule("forward", json!({"source": ["shop"], "detail": {"n": [{"numeric": [">", 1]}]}}), json!({"Id": "b", "Arn": bus}))
        .await;
    let transformer =
        json!({"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": "{\"number\": <n>, \"rule\": \"<aws.events.rule-name>\"}"});
    let target = json!({"Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:other", "InputTransformer": transformer});
    place.ok("PutRule", json!({"Name": "on", "EventBusName": "orders", "EventPattern": "{\"source\":[\"shop\"]}"})).await;
    place.ok("PutTargets", json!({"Rule": "on", "EventBusName": bus, "Targets": [target]})).await;
    place.rule("direct", json!({"source": ["shop"]}), json!({"Id": "q", "Arn": QUEUE, "InputPath": "$.detail"})).await;
    assert_eq!(place.put("shop", json!({"n": 1})).await["FailedEntryCount"], 0);
    assert_eq!(place.put("shop", json!({"n": 2})).await["FailedEntryCount"], 0);
    assert_eq!((place.body("q").await, place.body("q").await), (json!({"n": 1}), json!({"n": 2})));
    assert_eq!(place.body("other").await, json!({"number": 2, "rule": "on"}));
    let names = place.ok("ListRuleNamesByTarget", json!({"TargetArn": QUEUE})).await;
    assert_eq!(names["RuleNames"], json!(["direct"]));
    let told = place
        .ok(
            "PutEvents",
            json!({"Entries": [
        {"Source": "aws.iam", "DetailType": "t", "Detail": "{}"}, {"DetailType": "t", "Detail": "{}"},
        {"Source": "s", "DetailType": "t", "Detail": "[1]"}]}),
        )
        .await;
    assert_eq!(told["FailedEntryCount"], 3);
    let codes: Vec<&Value> = told["Entries"].as_array().expect("entries").iter().map(|entry| &entry["ErrorCode"]).collect();
    assert_eq!(codes, ["NotAuthorizedForSourceException", "InvalidArgument", "MalformedDetail"]);
    let records = place.bench.records();
    let mut puts = records.iter().filter(|record| record["eventName"] == "PutEvents");
    assert!(puts.all(|put| put["requestParameters"]["entries"][0]["detail"] == "HIDDEN_DUE_TO_SECURITY_REASONS"));
}

#[tokio::test]
async fn events_end_after_some_buses() {
    let place = Place::with_queue().await;
    for bus in ["a", "b"] {
        place.ok("CreateEventBus", json!({"Name": bus})).await;
    }
    for (bus, to) in [("a", "b"), ("b", "a")] {
        let arn = format!("arn:aws:events:us-east-1:123456789012:event-bus/{to}");
        let letters = json!({"Id": "t", "Arn": arn, "DeadLetterConfig": {"Arn": QUEUE}});
        place.ok("PutRule", json!({"Name": "r", "EventBusName": bus, "EventPattern": "{\"source\":[\"s\"]}"})).await;
        place.ok("PutTargets", json!({"Rule": "r", "EventBusName": bus, "Targets": [letters]})).await;
    }
    let entry = json!({"Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": "a"});
    place.ok("PutEvents", json!({"Entries": [entry]})).await;
    let letter = place.message("q").await;
    assert_eq!(letter["MessageAttributes"]["ERROR_CODE"]["StringValue"], "TOO_MANY_HOPS");
    assert_eq!(place.rules.stats().matched, 5);
}

#[tokio::test]
async fn what_cannot_be_delivered_becomes_a_dead_letter() {
    let place = Place::with_queue().await;
    place.of(&sqs::SERVICE, "CreateQueue", json!({"QueueName": "closed"})).await;
    place.of(&logs::SERVICE, "CreateLogGroup", json!({"logGroupName": "/aws/events/closed"})).await;
    let arns = [
        ("sqs", "closed", "NO_PERMISSIONS"),
        ("sqs", "none", "NO_RESOURCE"),
        ("sns", "none", "NO_RESOURCE"),
        ("logs", "log-group:/aws/events/none", "NO_RESOURCE"),
        ("logs", "log-group:/aws/events/closed", "NO_PERMISSIONS"),
    ];
    for (n, (service, name, expect)) in arns.into_iter().enumerate() {
        let arn = format!("arn:aws:{service}:us-east-1:123456789012:{name}");
        let target = json!({"Id": "x", "Arn": arn, "DeadLetterConfig": {"Arn": QUEUE}});
        let rule = format!("r{n}");
        place.rule(&rule, json!({"source": [rule]}), target).await;
        place.put(&rule, json!({"k": n})).await;
        let letter = place.message("q").await;
        let attribute = |name: &str| letter["MessageAttributes"][name]["StringValue"].clone();
        assert_eq!((attribute("ERROR_CODE"), attribute("TARGET_ARN")), (json!(expect), json!(arn)));
        assert_eq!(attribute("RULE_ARN"), format!("arn:aws:events:us-east-1:123456789012:rule/{rule}"));
        let event: Value = serde_json::from_str(letter["Body"].as_str().expect("a body")).expect("JSON");
        assert_eq!(event["detail"], json!({"k": n}));
    }
    let stats = place.rules.stats();
    assert_eq!((stats.matched, stats.failed, stats.dropped, stats.delivered), (5, 5, 0, 0));
}

#[tokio::test]
async fn much_is_made_in_more_than_one_entry() {
    let place = Place::with_queue().await;
    for n in 0..30 {
        let targets: Vec<Value> = (0..5).map(|id| json!({"Id": format!("t{id}"), "Arn": QUEUE})).collect();
        let name = format!("r{n:02}");
        place.ok("PutRule", json!({"Name": name, "EventPattern": "{\"source\":[\"big\"]}"})).await;
        place.ok("PutTargets", json!({"Rule": name, "Targets": targets})).await;
    }
    place.put("big", json!({"text": "\"".repeat(100_000)})).await;
    for _ in 0..150 {
        place.message("q").await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(place.message_now("q").await.is_none(), "each target once");
    assert_eq!((place.rules.stats().matched, place.rules.stats().delivered), (30, 150));
    let left = place.bench.app.catalog.keys::<opentrail_rules::BusEvent>("", 10).expect("catalog");
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn log_groups_get_lines() {
    let place = Place::with_queue().await;
    let group = "/aws/events/all";
    place.of(&logs::SERVICE, "CreateLogGroup", json!({"logGroupName": group})).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}]});
    place.of(&logs::SERVICE, "PutResourcePolicy", json!({"policyName": "p", "policyDocument": policy.to_string()})).await;
    let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{group}");
    place.rule("lines", json!({"source": ["s"]}), json!({"Id": "l", "Arn": arn})).await;
    place.put("s", json!({"n": 1})).await;
    place.put("s", json!({"n": 2})).await;
    for _ in 0..200 {
        let found = place.of(&logs::SERVICE, "FilterLogEvents", json!({"logGroupName": group})).await;
        let events = found["events"].as_array().cloned().unwrap_or_default();
        if events.len() == 2 {
            let line: Value = serde_json::from_str(events[1]["message"].as_str().expect("text")).expect("JSON");
            assert_eq!((&line["source"], &line["detail-type"]), (&json!("s"), &json!("t")));
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no lines");
}

#[tokio::test]
async fn rules_and_targets_are_kept_as_given() {
    let place = Place::new();
    let made = place
        .ok(
            "PutRule",
            json!({"Name": "r", "EventPattern": "{\"source\": [\"a\"]}", "Description": "d",
        "Tags": [{"Key": "k", "Value": "v"}]}),
        )
        .await;
    let arn = "arn:aws:events:us-east-1:123456789012:rule/r";
    assert_eq!(made["RuleArn"], arn);
    let target = json!({"Id": "q", "Arn": QUEUE, "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
        "InputTransformer": {"InputPathsMap": {"a": "$.detail"}, "InputTemplate": "<a>"}});
    place.ok("PutTargets", json!({"Rule": "r", "Targets": [target]})).await;
    let listed = place.ok("ListTargetsByRule", json!({"Rule": "r"})).await;
    assert_eq!(listed["Targets"], json!([target]));
    let described = place.ok("DescribeRule", json!({"Name": "r"})).await;
    assert_eq!(
        described,
        json!({"Name": "r", "Arn": arn, "EventPattern": "{\"source\": [\"a\"]}", "State": "ENABLED",
        "EventBusName": "default", "Description": "d", "CreatedBy": ACCOUNT})
    );
    assert_eq!(place.ok("ListTagsForResource", json!({"ResourceARN": arn})).await["Tags"], json!([{"Key": "k", "Value": "v"}]));
    let has_targets = place.run("DeleteRule", json!({"Name": "r"})).await;
    assert_eq!(told(has_targets), ("ValidationException".into(), "Rule can't be deleted since it has targets.".into()));
    let removed = place.ok("RemoveTargets", json!({"Rule": "r", "Ids": ["q", "none"]})).await;
    assert_eq!(removed["FailedEntryCount"], 1);
    // What is left out of a new setting is cleared; targets and tags stay.
    place.ok("PutRule", json!({"Name": "r", "EventPattern": "{\"source\": [\"b\"]}"})).await;
    assert!(place.ok("DescribeRule", json!({"Name": "r"})).await.get("Description").is_none());
    place.ok("DeleteRule", json!({"Name": "r"})).await;
    let gone = place.run("DescribeRule", json!({"Name": "r"})).await;
    assert_eq!(told(gone), ("ResourceNotFoundException".into(), "Rule r does not exist on EventBus default.".into()));
    place.ok("DeleteRule", json!({"Name": "r"})).await;
}

#[tokio::test]
async fn lists_come_in_pages() {
    let place = Place::new();
    for n in 0..7 {
        place.ok("PutRule", json!({"Name": format!("r{n}"), "EventPattern": "{\"source\":[\"a\"]}"})).await;
    }
    let (mut token, mut names) = (None::<String>, Vec::new());
    loop {
        let mut input = json!({"Limit": 3});
        if let Some(token) = &token {
            input["NextToken"] = token.as_str().into();
        }
        let page = place.ok("ListRules", input).await;
        names.extend(page["Rules"].as_array().expect("rules").iter().map(|rule| rule["Name"].clone()));
        token = page["NextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(names, ["r0", "r1", "r2", "r3", "r4", "r5", "r6"]);
    let buses = place.ok("ListEventBuses", json!({})).await;
    assert_eq!(buses["EventBuses"][0]["Arn"], "arn:aws:events:us-east-1:123456789012:event-bus/default");
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let place = Place::new();
    place.ok("PutRule", json!({"Name": "r", "EventPattern": "{\"source\":[\"a\"]}"})).await;
    let refused = async |operation: &str, input: Value, code: &str, part: &str| {
        let (got, message) = told(place.run(operation, input.clone()).await);
        assert!(got == code && message.contains(part), "{operation} {input}: {got}: {message}");
    };
    let v = "ValidationException";
    refused("PutRule", json!({"Name": "x"}), v, "EventPattern or ScheduleExpression").await;
    refused("PutRule", json!({"Name": "x", "ScheduleExpression": "rate(1 minute)"}), v, "not supported").await;
    refused("PutRule", json!({"Name": "x", "EventPattern": "{"}), "InvalidEventPatternException", "Reason").await;
    refused("PutRule", json!({"Name": "a b", "EventPattern": "{\"source\":[\"a\"]}"}), v, "[\\.\\-_A-Za-z0-9]+").await;
    refused(
        "PutRule",
        json!({"Name": "x", "EventPattern": "{\"a\":[1]}", "EventBusName": "none"}),
        "ResourceNotFoundException",
        "none",
    )
    .await;
    let target = |target: Value| json!({"Rule": "r", "Targets": [target]});
    refused(
        "PutTargets",
        target(json!({"Id": "l", "Arn": "arn:aws:lambda:us-east-1:123456789012:function:f"})),
        v,
        "queues, topics",
    )
    .await;
    refused("PutTargets", target(json!({"Id": "q", "Arn": "q"})), v, "Provided Arn is not in correct format").await;
    refused("PutTargets", target(json!({"Id": "q", "Arn": QUEUE, "Input": "{", })), v, "JSON syntax error").await;
    refused("PutTargets", target(json!({"Id": "q", "Arn": QUEUE, "Input": "1", "InputPath": "$.a"})), v, "Only one of").await;
    let transformer = json!({"InputTemplate": "<who>"});
    refused(
        "PutTargets",
        target(json!({"Id": "q", "Arn": QUEUE, "InputTransformer": transformer})),
        v,
        "invalid placeholder who",
    )
    .await;
    refused("PutTargets", target(json!({"Id": "q", "Arn": QUEUE, "RoleArn": "arn:aws:iam::123456789012:role/r"})), v, "RoleArn")
        .await;
    let bus = "arn:aws:events:us-east-1:123456789012:event-bus/default";
    refused("PutTargets", target(json!({"Id": "b", "Arn": bus})), v, "its own rules").await;
    refused("DeleteEventBus", json!({"Name": "default"}), v, "default").await;
    refused("TestEventPattern", json!({"EventPattern": "{\"a\":[1]}", "Event": "{}"}), v, "Parameter Event is not valid.").await;
    let event =
        json!({"id": "1", "account": ACCOUNT, "source": "s", "time": "t", "region": "r", "resources": [], "detail-type": "d"});
    let test = place.ok("TestEventPattern", json!({"EventPattern": "{\"source\":[\"s\"]}", "Event": event.to_string()})).await;
    assert_eq!(test["Result"], true);
    refused(
        "PutTargets",
        json!({"Rule": "r", "Targets": (0..6).map(|n| json!({"Id": n.to_string(), "Arn": QUEUE})).collect::<Vec<_>>()}),
        "LimitExceededException",
        "5 targets",
    )
    .await;
    assert_eq!(code(place.run("CreateArchive", json!({})).await), v);
}

#[tokio::test]
async fn other_accounts_put_events_if_the_bus_lets_them() {
    let place = Place::new();
    let stranger = || Call {
        caller: opentrail_services::Caller::Root {
            account: "210987654321".into(),
            access_key: "AKIAOTHER00000000000".into(),
            session: None,
        },
        account: "210987654321".into(),
        ..place.bench.call()
    };
    let bus = "arn:aws:events:us-east-1:123456789012:event-bus/default";
    let entries = json!({"Entries": [{"Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": bus}]});
    let put = async || place.bench.run(&SERVICE, stranger(), "PutEvents", entries.clone()).await;
    assert_eq!(code(put().await), "AccessDeniedException");
    let permission = json!({"Action": "events:PutEvents", "Principal": "210987654321", "StatementId": "other"});
    place.ok("PutPermission", permission).await;
    assert_eq!(put().await.expect("allowed")["FailedEntryCount"], 0);
    let policy = place.ok("DescribeEventBus", json!({})).await["Policy"].as_str().expect("a policy").to_owned();
    assert!(policy.contains("\"Sid\":\"other\"") && policy.contains("arn:aws:iam::210987654321:root"), "{policy}");
    place.ok("RemovePermission", json!({"StatementId": "other"})).await;
    assert_eq!(code(put().await), "AccessDeniedException");
}

#[tokio::test]
async fn connections_keep_their_secrets() {
    let place = Place::new();
    let parameters = json!({"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "s3cret"},
        "InvocationHttpParameters": {"HeaderParameters": [{"Key": "X-Team", "Value": "audit"},
            {"Key": "X-Token", "Value": "t0ken", "IsValueSecret": true}]}});
    let made =
        place.ok("CreateConnection", json!({"Name": "c", "AuthorizationType": "API_KEY", "AuthParameters": parameters})).await;
    assert_eq!(made["ConnectionState"], "AUTHORIZED");
    let shown = place.ok("DescribeConnection", json!({"Name": "c"})).await;
    assert_eq!(shown["AuthParameters"]["ApiKeyAuthParameters"], json!({"ApiKeyName": "X-Key"}));
    let everything = format!("{shown}{:?}", place.bench.records());
    assert!(everything.contains("audit") && !everything.contains("s3cret") && !everything.contains("t0ken"));
    let kept = place.bench.app.catalog.list::<opentrail_rules::Connection>("").expect("catalog");
    assert!(!format!("{kept:?}").contains("s3cret"));
    let arn = made["ConnectionArn"].clone();
    let destination =
        json!({"Name": "d", "ConnectionArn": arn, "InvocationEndpoint": "https://example.com/x", "HttpMethod": "POST"});
    place.ok("CreateApiDestination", destination.clone()).await;
    assert_eq!(code(place.run("CreateApiDestination", destination).await), "ResourceAlreadyExistsException");
    assert_eq!(place.ok("DescribeApiDestination", json!({"Name": "d"})).await["InvocationRateLimitPerSecond"], 300);
    place.ok("DeleteApiDestination", json!({"Name": "d"})).await;
    place.ok("DeleteConnection", json!({"Name": "c"})).await;
    assert_eq!(code(place.run("DescribeConnection", json!({"Name": "c"})).await), "ResourceNotFoundException");
}

#[test]
fn hostile_inputs() {
    hostile::check(
        &SERVICE,
        &[
            "Name",
            "Rule",
            "EventPattern",
            "State",
            "Targets",
            "Id",
            "Arn",
            "Ids",
            "Input",
            "InputPath",
            "InputTransformer",
            "InputPathsMap",
            "InputTemplate",
            "Entries",
            "Source",
            "DetailType",
            "Detail",
            "EventBusName",
            "Time",
            "Limit",
            "NextToken",
            "Policy",
            "Principal",
            "StatementId",
            "Action",
            "AuthorizationType",
            "AuthParameters",
            "ResourceARN",
            "ConnectionArn",
            "InvocationEndpoint",
            "HttpMethod",
            "Event",
        ],
        &["r", "default", QUEUE, "{\"source\":[\"a\"]}", "{}", "ENABLED", "*", "BASIC", "https://example.com/*", "$.a[0]"],
        |runtime, bench, _| {
            let input = json!({"Name": "r", "EventPattern": "{\"source\":[\"a\"]}"});
            let _ = runtime.block_on(bench.run(&SERVICE, bench.call(), "PutRule", input));
        },
    );
}
