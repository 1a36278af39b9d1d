//! Operations of SNS.

use super::SERVICE;
use crate::call::{Call, Caller};
use crate::testing::{Bench, code, told};
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:t";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:q";

async fn run(bench: &Bench, operation: &str, input: Value) -> Result<Value, opentrail_wire::ApiError> {
    bench.run(&SERVICE, bench.call(), operation, input).await
}

async fn ok(bench: &Bench, operation: &str, input: Value) -> Value {
    run(bench, operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn sqs(bench: &Bench, operation: &str, input: Value) -> Value {
    bench.run(&crate::sqs::SERVICE, bench.call(), operation, input).await.expect("sqs")
}

async fn with_topic() -> Bench {
    let bench = Bench::new();
    assert_eq!(ok(&bench, "CreateTopic", json!({"Name": "t"})).await, json!({"TopicArn": TOPIC}));
    bench
}

async fn with_queue(bench: &Bench) {
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": QUEUE, "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}}}]});
    sqs(bench, "CreateQueue", json!({"QueueName": "q", "Attributes": {"Policy": policy.to_string()}})).await;
}

fn attributes(output: &Value) -> Value {
    let entries = output["Attributes"]["entry"].as_array().expect("a map");
    entries.iter().map(|entry| (entry["key"].as_str().expect("text").to_owned(), entry["value"].clone())).collect()
}

async fn receive(bench: &Bench) -> Option<String> {
    let got = sqs(bench, "ReceiveMessage", json!({"QueueUrl": "/123456789012/q"})).await;
    got["Messages"][0]["Body"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn what_is_published_reaches_the_queue_and_its_text_no_record() {
    let bench = with_topic().await;
    with_queue(&bench).await;
    let made = ok(&bench, "Subscribe", json!({"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE})).await;
    let arn = made["SubscriptionArn"].as_str().expect("an ARN").to_owned();
    assert!(arn.starts_with(TOPIC));
    let again = ok(&bench, "Subscribe", json!({"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE})).await;
    assert_eq!(again["SubscriptionArn"], arn.as_str());
    let published = ok(
        &bench,
        "Publish",
        json!({"TopicArn": TOPIC, "Message": "geheim", "Subject": "s",
        "MessageAttributes": {"color": {"DataType": "String", "StringValue": "red"}}}),
    )
    .await;
    let record = bench.last_record();
    assert_eq!(
        (&record["eventCategory"], &record["requestParameters"]["message"]),
        (&json!("Data"), &json!("HIDDEN_DUE_TO_SECURITY_REASONS"))
    );
    assert!(!record.to_string().contains("geheim"));
    let envelope: Value = serde_json::from_str(&receive(&bench).await.expect("a message")).expect("JSON");
    assert_eq!(envelope["MessageId"], published["MessageId"]);
    assert_eq!(
        (&envelope["Subject"], &envelope["MessageAttributes"]["color"]),
        (&json!("s"), &json!({"Type": "String", "Value": "red"}))
    );
    ok(
        &bench,
        "SetSubscriptionAttributes",
        json!({"SubscriptionArn": arn, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"}),
    )
    .await;
    ok(
        &bench,
        "SetSubscriptionAttributes",
        json!({"SubscriptionArn": arn, "AttributeName": "FilterPolicy", "AttributeValue": "{\"color\":[\"red\"]}"}),
    )
    .await;
    let entries = json!([{"Id": "a", "Message": "one"}, {"Id": "b", "Message": "two", "MessageAttributes": {"color": {"DataType": "String", "StringValue": "red"}}}]);
    let batch = ok(&bench, "PublishBatch", json!({"TopicArn": TOPIC, "PublishBatchRequestEntries": entries})).await;
    assert_eq!(batch["Successful"].as_array().map(Vec::len), Some(2));
    assert_eq!(receive(&bench).await.as_deref(), Some("two"));
    let structured = json!({"default": "d", "sqs": "for queues"}).to_string();
    let red = json!({"color": {"DataType": "String", "StringValue": "red"}});
    ok(
        &bench,
        "Publish",
        json!({"TopicArn": TOPIC, "Message": structured, "MessageStructure": "json", "MessageAttributes": red}),
    )
    .await;
    assert_eq!(receive(&bench).await.as_deref(), Some("for queues"));
    ok(&bench, "Unsubscribe", json!({"SubscriptionArn": arn})).await;
    ok(&bench, "Unsubscribe", json!({"SubscriptionArn": arn})).await;
    let shown = attributes(&ok(&bench, "GetTopicAttributes", json!({"TopicArn": TOPIC})).await);
    assert_eq!((&shown["SubscriptionsConfirmed"], &shown["SubscriptionsDeleted"]), (&json!("0"), &json!("1")));
}

#[tokio::test]
async fn webhooks_are_confirmed_by_the_link_alone() {
    let bench = with_topic().await;
    let subscribe = json!({"TopicArn": TOPIC, "Protocol": "https", "Endpoint": "https://example.com/hook", "ReturnSubscriptionArn": "true",
        "Attributes": {"WebhookSecret": "s3cret"}});
    let arn = ok(&bench, "Subscribe", subscribe).await["SubscriptionArn"].as_str().expect("an ARN").to_owned();
    assert!(!bench.last_record().to_string().contains("s3cret"));
    let listed = ok(&bench, "ListSubscriptionsByTopic", json!({"TopicArn": TOPIC})).await;
    assert_eq!(listed["Subscriptions"][0]["SubscriptionArn"], "PendingConfirmation");
    let kept = bench.app.topics.subscription(&arn).expect("there");
    let token = kept.open_token(&bench.app.seal).expect("opens").expect("a token");
    let anonymous = || Call { caller: Caller::Anonymous, ..bench.call() };
    let confirm = |token: &str| json!({"TopicArn": TOPIC, "Token": token});
    let wrong = bench.run(&SERVICE, anonymous(), "ConfirmSubscription", confirm("nonsense")).await;
    assert_eq!(told(wrong), ("InvalidParameter".into(), "Invalid parameter: Token".into()));
    let confirmed = bench.run(&SERVICE, anonymous(), "ConfirmSubscription", confirm(&token)).await.expect("confirmed");
    assert_eq!(confirmed["SubscriptionArn"], arn.as_str());
    assert!(!bench.last_record().to_string().contains(token.as_str()));
    let shown = attributes(&ok(&bench, "GetSubscriptionAttributes", json!({"SubscriptionArn": arn})).await);
    assert_eq!((&shown["PendingConfirmation"], &shown["ConfirmationWasAuthenticated"]), (&json!("false"), &json!("false")));
    assert!(!shown.to_string().contains("s3cret"));
    bench.run(&SERVICE, anonymous(), "Unsubscribe", json!({"SubscriptionArn": arn})).await.expect("the link is enough");
    assert_eq!(code(run(&bench, "GetSubscriptionAttributes", json!({"SubscriptionArn": arn})).await), "NotFound");
    let publish = bench.run(&SERVICE, anonymous(), "Publish", json!({"TopicArn": TOPIC, "Message": "x"})).await;
    assert_eq!(code(publish), "AuthorizationError");
}

#[tokio::test]
async fn topics_are_made_changed_listed_and_deleted() {
    let bench = with_topic().await;
    ok(&bench, "CreateTopic", json!({"Name": "t"})).await;
    assert_eq!(
        code(run(&bench, "CreateTopic", json!({"Name": "t", "Attributes": {"DisplayName": "x"}})).await),
        "InvalidParameter"
    );
    let set = |name: &str, value: &str| json!({"TopicArn": TOPIC, "AttributeName": name, "AttributeValue": value});
    ok(&bench, "SetTopicAttributes", set("DisplayName", "shown")).await;
    ok(&bench, "SetTopicAttributes", set("SignatureVersion", "2")).await;
    ok(
        &bench,
        "AddPermission",
        json!({"TopicArn": TOPIC, "Label": "l", "AWSAccountId": ["111111111111"], "ActionName": ["Publish"]}),
    )
    .await;
    let shown = attributes(&ok(&bench, "GetTopicAttributes", json!({"TopicArn": TOPIC})).await);
    assert_eq!((&shown["DisplayName"], &shown["SignatureVersion"]), (&json!("shown"), &json!("2")));
    assert!(shown["Policy"].as_str().expect("text").contains("arn:aws:iam::111111111111:root"));
    ok(&bench, "TagResource", json!({"ResourceArn": TOPIC, "Tags": [{"Key": "k", "Value": "v"}]})).await;
    assert_eq!(
        ok(&bench, "ListTagsForResource", json!({"ResourceArn": TOPIC})).await,
        json!({"Tags": [{"Key": "k", "Value": "v"}]})
    );
    assert_eq!(ok(&bench, "ListTopics", json!({})).await, json!({"Topics": [{"TopicArn": TOPIC}]}));
    with_queue(&bench).await;
    ok(&bench, "Subscribe", json!({"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE})).await;
    ok(&bench, "DeleteTopic", json!({"TopicArn": TOPIC})).await;
    ok(&bench, "DeleteTopic", json!({"TopicArn": TOPIC})).await;
    assert_eq!(ok(&bench, "ListSubscriptions", json!({})).await, json!({"Subscriptions": []}));
}

#[tokio::test]
async fn bad_input_gets_the_errors_clients_know() {
    let bench = with_topic().await;
    let check = async |operation: &str, input: Value, expect: &str| {
        assert_eq!(
            told(run(&bench, operation, input.clone()).await).1,
            format!("Invalid parameter: {expect}"),
            "{operation} {input}"
        );
    };
    check("CreateTopic", json!({"Name": "a b"}), "Topic Name").await;
    check("Publish", json!({"TopicArn": TOPIC, "Message": ""}), "Empty message").await;
    check("Publish", json!({"TopicArn": TOPIC, "Message": "x".repeat(262_145)}), "Message too long").await;
    check("Publish", json!({"TopicArn": TOPIC, "Message": "x", "Subject": "a\nb"}), "Subject").await;
    check("Publish", json!({"TopicArn": "x", "Message": "x"}), "TopicArn Reason: An ARN must have at least 6 elements, not 1")
        .await;
    check(
        "Publish",
        json!({"TopicArn": TOPIC, "Message": "{}", "MessageStructure": "json"}),
        "Message Structure - No default entry in JSON message body",
    )
    .await;
    check(
        "Subscribe",
        json!({"TopicArn": TOPIC, "Protocol": "email", "Endpoint": "a@b"}),
        "Does not support this protocol string: email",
    )
    .await;
    check("Subscribe", json!({"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": "http://x/1/q"}), "SQS endpoint ARN").await;
    check(
        "Subscribe",
        json!({"TopicArn": TOPIC, "Protocol": "http", "Endpoint": "https://x"}),
        "Endpoint must match the specified protocol",
    )
    .await;
    let policy =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}]})
            .to_string();
    check(
        "SetTopicAttributes",
        json!({"TopicArn": TOPIC, "AttributeName": "Policy", "AttributeValue": policy}),
        "Policy statement action out of service scope!",
    )
    .await;
    assert_eq!(code(run(&bench, "Publish", json!({"TopicArn": format!("{TOPIC}x"), "Message": "x"})).await), "NotFound");
    let foreign = json!({"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:111111111111:q"});
    assert_eq!(code(run(&bench, "Subscribe", foreign).await), "AuthorizationError");
}

#[test]
fn no_input_is_too_much() {
    crate::testing::hostile::check(
        &SERVICE,
        &[
            "TopicArn",
            "SubscriptionArn",
            "Name",
            "Attributes",
            "AttributeName",
            "AttributeValue",
            "Protocol",
            "Endpoint",
            "Message",
            "Token",
        ],
        &["t", TOPIC, QUEUE, "sqs", "http", "Policy", "FilterPolicy", "{}", "json", "true"],
        |_, _, _| {},
    );
}
