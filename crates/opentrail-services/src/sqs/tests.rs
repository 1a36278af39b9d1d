//! Operations of SQS.

use super::SERVICE;
use crate::testing::{ACCOUNT, Bench, code, told};
use serde_json::{Value, json};

const URL: &str = "http://localhost/123456789012/q";

async fn run(bench: &Bench, operation: &str, input: Value) -> Result<Value, opentrail_wire::ApiError> {
    bench.run(&SERVICE, bench.call(), operation, input).await
}

async fn ok(bench: &Bench, operation: &str, input: Value) -> Value {
    run(bench, operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn with_queue() -> Bench {
    let bench = Bench::new();
    let created = ok(&bench, "CreateQueue", json!({"QueueName": "q", "tags": {"team": "a"}})).await;
    assert_eq!(created, json!({"QueueUrl": URL}));
    bench
}

#[tokio::test]
async fn a_message_goes_through() {
    let bench = with_queue().await;
    let attributes = json!({"Foo": {"DataType": "String", "StringValue": "Bar"}});
    let sent = ok(&bench, "SendMessage", json!({"QueueUrl": URL, "MessageBody": "hi", "MessageAttributes": attributes})).await;
    assert_eq!(sent["MD5OfMessageBody"], "49f68a5c8493ec2c0bf489821c21fc3b");
    assert_eq!(sent["MD5OfMessageAttributes"], "ae7155c6026991b6d54b11589678bf9c");
    let record = bench.last_record();
    assert_eq!((&record["eventCategory"], &record["managementEvent"]), (&json!("Data"), &json!(false)));
    assert_eq!(record["requestParameters"]["messageBody"], "HIDDEN_DUE_TO_SECURITY_REASONS");
    assert_eq!(record["resources"][0]["ARN"], format!("arn:aws:sqs:us-east-1:{ACCOUNT}:q"));
    assert!(!record.to_string().contains("Bar"));
    let got =
        ok(&bench, "ReceiveMessage", json!({"QueueUrl": URL, "AttributeNames": ["All"], "MessageAttributeNames": ["F.*"]})).await;
    let message = &got["Messages"][0];
    assert_eq!((&message["Body"], &message["MessageId"]), (&json!("hi"), &sent["MessageId"]));
    assert_eq!(message["MessageAttributes"], attributes);
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(message["Attributes"]["SenderId"], ACCOUNT);
    assert_eq!(ok(&bench, "ReceiveMessage", json!({"QueueUrl": URL})).await, json!({}));
    assert_eq!(ok(&bench, "DeleteMessage", json!({"QueueUrl": URL, "ReceiptHandle": message["ReceiptHandle"]})).await, json!({}));
    let shown = ok(&bench, "GetQueueAttributes", json!({"QueueUrl": URL, "AttributeNames": ["All"]})).await;
    assert_eq!(shown["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "0");
}

#[tokio::test]
async fn batches_succeed_and_fail_by_entry() {
    let bench = with_queue().await;
    let entries = json!([{"Id": "a", "MessageBody": "x"}, {"Id": "b", "MessageBody": "x", "DelaySeconds": 901}]);
    let sent = ok(&bench, "SendMessageBatch", json!({"QueueUrl": URL, "Entries": entries})).await;
    assert_eq!((&sent["Successful"][0]["Id"], &sent["Failed"][0]["Id"]), (&json!("a"), &json!("b")));
    assert_eq!(sent["Failed"][0]["Code"], "InvalidParameterValue");
    let received = ok(&bench, "ReceiveMessage", json!({"QueueUrl": URL, "MaxNumberOfMessages": 10})).await;
    let handle = &received["Messages"][0]["ReceiptHandle"];
    let entries = json!([{"Id": "1", "ReceiptHandle": handle, "VisibilityTimeout": 60}, {"Id": "2", "ReceiptHandle": "x", "VisibilityTimeout": 1}]);
    let changed = ok(&bench, "ChangeMessageVisibilityBatch", json!({"QueueUrl": URL, "Entries": entries})).await;
    assert_eq!((&changed["Successful"][0]["Id"], &changed["Failed"][0]["Code"]), (&json!("1"), &json!("ReceiptHandleIsInvalid")));
    let deleted =
        ok(&bench, "DeleteMessageBatch", json!({"QueueUrl": URL, "Entries": [{"Id": "1", "ReceiptHandle": handle}]})).await;
    assert_eq!(deleted, json!({"Successful": [{"Id": "1"}]}));
    for (entries, expect) in [
        (json!([]), "EmptyBatchRequest"),
        (json!([{"Id": "a", "MessageBody": "x"}, {"Id": "a", "MessageBody": "x"}]), "BatchEntryIdsNotDistinct"),
        (json!([{"Id": "a b", "MessageBody": "x"}]), "InvalidBatchEntryId"),
        (
            json!([{"Id": "a", "MessageBody": "x".repeat(600_000)}, {"Id": "b", "MessageBody": "x".repeat(600_000)}]),
            "BatchRequestTooLong",
        ),
        (
            json!((0..11).map(|n| json!({"Id": n.to_string(), "MessageBody": "x"})).collect::<Vec<_>>()),
            "TooManyEntriesInBatchRequest",
        ),
    ] {
        assert_eq!(code(run(&bench, "SendMessageBatch", json!({"QueueUrl": URL, "Entries": entries})).await), expect);
    }
}

#[tokio::test]
async fn queues_are_made_listed_changed_and_deleted() {
    let bench = with_queue().await;
    assert_eq!(ok(&bench, "CreateQueue", json!({"QueueName": "q"})).await["QueueUrl"], URL);
    let (code_, message) = told(run(&bench, "CreateQueue", json!({"QueueName": "q", "Attributes": {"DelaySeconds": "5"}})).await);
    assert_eq!(code_, "QueueNameExists");
    assert!(message.ends_with("attribute DelaySeconds"), "{message}");
    ok(&bench, "CreateQueue", json!({"QueueName": "r"})).await;
    let page = ok(&bench, "ListQueues", json!({"MaxResults": 1})).await;
    assert_eq!(page["QueueUrls"], json!([URL]));
    let next = ok(&bench, "ListQueues", json!({"MaxResults": 1, "NextToken": page["NextToken"]})).await;
    assert_eq!(next, json!({"QueueUrls": ["http://localhost/123456789012/r"]}));
    assert_eq!(ok(&bench, "ListQueues", json!({"QueueNamePrefix": "x"})).await, json!({}));
    let dead = format!("arn:aws:sqs:us-east-1:{ACCOUNT}:r");
    let redrive = json!({"deadLetterTargetArn": dead, "maxReceiveCount": "3"}).to_string();
    ok(
        &bench,
        "SetQueueAttributes",
        json!({"QueueUrl": URL, "Attributes": {"RedrivePolicy": redrive, "VisibilityTimeout": "5"}}),
    )
    .await;
    let shown =
        ok(&bench, "GetQueueAttributes", json!({"QueueUrl": URL, "AttributeNames": ["RedrivePolicy", "VisibilityTimeout"]}))
            .await;
    assert_eq!(shown["Attributes"]["VisibilityTimeout"], "5");
    assert_eq!(shown["Attributes"]["RedrivePolicy"], json!({"deadLetterTargetArn": dead, "maxReceiveCount": 3}).to_string());
    let sources = ok(&bench, "ListDeadLetterSourceQueues", json!({"QueueUrl": "http://localhost/123456789012/r"})).await;
    assert_eq!(sources, json!({"queueUrls": [URL]}));
    assert_eq!(ok(&bench, "ListQueueTags", json!({"QueueUrl": URL})).await, json!({"Tags": {"team": "a"}}));
    ok(&bench, "DeleteQueue", json!({"QueueUrl": URL})).await;
    assert_eq!(bench.last_record()["managementEvent"], true);
    assert_eq!(code(run(&bench, "CreateQueue", json!({"QueueName": "q"})).await), "QueueDeletedRecently");
    bench.clock.advance(time::Duration::seconds(61));
    ok(&bench, "CreateQueue", json!({"QueueName": "q"})).await;
}

#[tokio::test]
async fn permissions_are_statements() {
    let bench = with_queue().await;
    let grant = json!({"QueueUrl": URL, "Label": "l", "AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"]});
    ok(&bench, "AddPermission", grant.clone()).await;
    assert_eq!(code(run(&bench, "AddPermission", grant).await), "InvalidParameterValueException");
    let shown = ok(&bench, "GetQueueAttributes", json!({"QueueUrl": URL, "AttributeNames": ["Policy"]})).await;
    let policy: Value = serde_json::from_str(shown["Attributes"]["Policy"].as_str().expect("text")).expect("JSON");
    assert_eq!(policy["Statement"][0]["Principal"], json!({"AWS": "arn:aws:iam::111111111111:root"}));
    assert_eq!(policy["Statement"][0]["Action"], "SQS:SendMessage");
    ok(&bench, "RemovePermission", json!({"QueueUrl": URL, "Label": "l"})).await;
    assert_eq!(ok(&bench, "GetQueueAttributes", json!({"QueueUrl": URL, "AttributeNames": ["Policy"]})).await, json!({}));
}

#[tokio::test]
async fn purge_once_a_minute() {
    let bench = with_queue().await;
    ok(&bench, "SendMessage", json!({"QueueUrl": URL, "MessageBody": "x"})).await;
    ok(&bench, "PurgeQueue", json!({"QueueUrl": URL})).await;
    assert_eq!(ok(&bench, "ReceiveMessage", json!({"QueueUrl": URL})).await, json!({}));
    assert_eq!(code(run(&bench, "PurgeQueue", json!({"QueueUrl": URL})).await), "PurgeQueueInProgress");
}

#[tokio::test]
async fn bad_input_gets_the_errors_clients_know() {
    let bench = with_queue().await;
    let attribute = |name: &str, value: &str| json!({"QueueUrl": URL, "Attributes": {name: value}});
    let check = async |operation: &str, input: Value, expect: &str| {
        assert_eq!(code(run(&bench, operation, input.clone()).await), expect, "{operation} {input}");
    };
    check("CreateQueue", json!({"QueueName": "a.fifo"}), "InvalidParameterValueException").await;
    check("CreateQueue", json!({"QueueName": "a", "Attributes": {"FifoQueue": "true"}}), "InvalidAttributeName").await;
    check("CreateQueue", json!({"QueueName": "a", "Attributes": {"KmsMasterKeyId": "k"}}), "UnsupportedOperation").await;
    check("CreateQueue", json!({}), "MissingRequiredParameterException").await;
    check("SetQueueAttributes", attribute("MessageRetentionPeriod", "59"), "InvalidAttributeValue").await;
    check("SetQueueAttributes", attribute("Policy", "{}"), "InvalidAttributeValue").await;
    check(
        "SetQueueAttributes",
        attribute("RedrivePolicy", "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:123456789012:no\",\"maxReceiveCount\":1}"),
        "InvalidParameterValueException",
    )
    .await;
    check("SendMessage", json!({"QueueUrl": URL, "MessageBody": "\u{1}"}), "InvalidMessageContents").await;
    check("SendMessage", json!({"QueueUrl": URL, "MessageBody": ""}), "MissingRequiredParameterException").await;
    check("SendMessage", json!({"QueueUrl": URL, "MessageBody": "x".repeat(1_048_577)}), "InvalidParameterValueException").await;
    check("SendMessage", json!({"QueueUrl": "http://localhost/123456789012/none", "MessageBody": "x"}), "QueueDoesNotExist")
        .await;
    check("SendMessage", json!({"QueueUrl": "nonsense", "MessageBody": "x"}), "InvalidAddress").await;
    check(
        "SendMessage",
        json!({"QueueUrl": URL, "MessageBody": "x", "MessageAttributes": {"a": {"DataType": "Float", "StringValue": "1"}}}),
        "InvalidParameterValueException",
    )
    .await;
    check("ReceiveMessage", json!({"QueueUrl": URL, "MaxNumberOfMessages": 11}), "InvalidParameterValueException").await;
    check("ReceiveMessage", json!({"QueueUrl": URL, "WaitTimeSeconds": 21}), "InvalidParameterValueException").await;
    check("ReceiveMessage", json!({"QueueUrl": URL, "AttributeNames": ["No"]}), "InvalidAttributeName").await;
    check("DeleteMessage", json!({"QueueUrl": URL, "ReceiptHandle": "x"}), "ReceiptHandleIsInvalid").await;
    check("StartMessageMoveTask", json!({}), "UnsupportedOperation").await;
}

#[test]
fn no_input_is_too_much() {
    crate::testing::hostile::check(
        &SERVICE,
        &[
            "QueueUrl",
            "QueueName",
            "Attributes",
            "Entries",
            "Id",
            "MessageBody",
            "ReceiptHandle",
            "Policy",
            "RedrivePolicy",
            "Label",
        ],
        &["q", URL, "All", "String", "{}", "SendMessage", ACCOUNT],
        |runtime, bench, _| {
            if bench.app.queues.find(ACCOUNT, "us-east-1", "q").is_none() {
                let _ = runtime.block_on(run(bench, "CreateQueue", json!({"QueueName": "q"})));
            }
        },
    );
}
