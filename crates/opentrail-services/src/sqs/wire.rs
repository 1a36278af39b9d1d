//! How the query protocol spells the members of SQS.

use opentrail_wire::{FlatMember, FlatShape};

const NAME_VALUE: FlatShape = FlatShape::Map { key: "Name", value: "Value" };
const KEY_VALUE: FlatShape = FlatShape::Map { key: "Key", value: "Value" };

const fn member(json: &'static str, query: &'static str, shape: FlatShape) -> FlatMember {
    FlatMember { json, query, shape }
}

const fn list(json: &'static str, query: &'static str) -> FlatMember {
    member(json, query, FlatShape::List)
}

const fn answers(json: &'static str, query: &'static str) -> FlatMember {
    member(json, query, FlatShape::AnswerList)
}

const fn number(name: &'static str) -> FlatMember {
    member(name, name, FlatShape::Number)
}

/// Every member of SQS that is spelt or shaped otherwise in forms and XML.
pub const FLATTENED: &[FlatMember] = &[
    member("Attributes", "Attribute", NAME_VALUE),
    list("AttributeNames", "AttributeName"),
    member("MessageAttributes", "MessageAttribute", NAME_VALUE),
    list("MessageAttributeNames", "MessageAttributeName"),
    member("MessageSystemAttributes", "MessageSystemAttribute", NAME_VALUE),
    list("MessageSystemAttributeNames", "MessageSystemAttributeName"),
    list("Entries", "{action}RequestEntry"),
    answers("Successful", "{action}ResultEntry"),
    answers("Failed", "BatchResultErrorEntry"),
    answers("Messages", "Message"),
    answers("QueueUrls", "QueueUrl"),
    answers("queueUrls", "QueueUrl"),
    member("Tags", "Tag", KEY_VALUE),
    list("TagKeys", "TagKey"),
    list("AWSAccountIds", "AWSAccountId"),
    list("Actions", "ActionName"),
    number("DelaySeconds"),
    number("MaxNumberOfMessages"),
    number("MaxNumberOfMessagesPerSecond"),
    number("MaxResults"),
    number("VisibilityTimeout"),
    number("WaitTimeSeconds"),
];
