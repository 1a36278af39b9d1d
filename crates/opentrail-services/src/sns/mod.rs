//! SNS: topics and their subscriptions, over the query protocol.
//!
//! ```text
//! subjects.rs         which topic or subscription a call means, ARNs, locks
//! attributes.rs       settings of topics
//! subscription_attributes.rs   settings of subscriptions
//! faults.rs           errors
//! the others          operations
//! ```
//!
//! Source: Amazon SNS API Reference and Developer Guide. Everything in a query request is text.

mod attributes;
mod faults;
mod subjects;
mod subscription_attributes;

mod create_topic;
mod delete_topic;
mod list_topics;
mod permissions;
mod tags;
mod topic_attributes;

mod confirm_subscription;
mod list_subscriptions;
mod subscribe;
mod unsubscribe;

mod publish;

#[cfg(test)]
mod tests;

use crate::app::App;
use crate::call::Call;
use crate::handler;
use crate::service::{Handler, Operation, Service};
use serde_json::Value;

pub static SERVICE: Service = Service {
    name: "sns",
    event_source: "sns.amazonaws.com",
    target: None,
    version: Some("2010-03-31"),
    namespace: Some("http://sns.amazonaws.com/doc/2010-03-31/"),
    global: false,
    operations: OPERATIONS,
    missing: MISSING,
    unsupported_code: "InvalidAction",
};

/// Operations that subscribers make by following a link: what the link holds is their permission.
pub const LINKED: &[&str] = &["ConfirmSubscription", "Unsubscribe"];

/// Whether a call without signature is one that a link in a message stands for.
pub fn by_link(app: &App, service: &Service, operation: &str, call: &Call, input: &Value) -> bool {
    service.name == SERVICE.name && LINKED.contains(&operation) && unsubscribe::by_link(app, call, input)
}

const OPERATIONS: &[Operation] = &[
    Operation { resource: subjects::name_arn, ..write("CreateTopic", handler!(create_topic::create_topic)) },
    write("DeleteTopic", handler!(delete_topic::delete_topic)),
    account_wide("ListTopics", handler!(list_topics::list_topics)),
    read("GetTopicAttributes", handler!(topic_attributes::get_topic_attributes)),
    write("SetTopicAttributes", handler!(topic_attributes::set_topic_attributes)),
    write("AddPermission", handler!(permissions::add_permission)),
    write("RemovePermission", handler!(permissions::remove_permission)),
    write("TagResource", handler!(tags::tag_resource)),
    write("UntagResource", handler!(tags::untag_resource)),
    read("ListTagsForResource", handler!(tags::list_tags_for_resource)),
    secret(write("Subscribe", handler!(subscribe::subscribe))),
    secret(write("ConfirmSubscription", handler!(confirm_subscription::confirm_subscription))),
    write("Unsubscribe", handler!(unsubscribe::unsubscribe)),
    account_wide("ListSubscriptions", handler!(list_subscriptions::list_subscriptions)),
    read("ListSubscriptionsByTopic", handler!(list_subscriptions::list_subscriptions_by_topic)),
    read("GetSubscriptionAttributes", handler!(subscription_attributes::get_subscription_attributes)),
    secret(write("SetSubscriptionAttributes", handler!(subscription_attributes::set_subscription_attributes))),
    data(secret(write("Publish", handler!(publish::publish)))),
    Operation { action: Some("sns:Publish"), ..data(secret(write("PublishBatch", handler!(publish::publish_batch)))) },
];

const fn write(name: &'static str, handler: Handler) -> Operation {
    Operation { resource: subjects::arn, resource_policy: Some(subjects::policy), ..Operation::new(name, handler) }
}

const fn read(name: &'static str, handler: Handler) -> Operation {
    Operation { read_only: true, ..write(name, handler) }
}

const fn account_wide(name: &'static str, handler: Handler) -> Operation {
    Operation { resource: |_, _, _| "*".into(), resource_policy: None, ..read(name, handler) }
}

/// For operations whose events are data events. Source: Amazon SNS Developer Guide, "Logging API calls".
const fn data(operation: Operation) -> Operation {
    Operation { data_event: true, ..operation }
}

/// For operations whose input holds what not everybody should read.
const fn secret(operation: Operation) -> Operation {
    Operation { parameters: subjects::recorded, ..operation }
}

const MISSING: &[&str] = &[
    "CheckIfPhoneNumberIsOptedOut",
    "CreatePlatformApplication",
    "CreatePlatformEndpoint",
    "CreateSMSSandboxPhoneNumber",
    "DeleteEndpoint",
    "DeletePlatformApplication",
    "DeleteSMSSandboxPhoneNumber",
    "GetDataProtectionPolicy",
    "GetEndpointAttributes",
    "GetPlatformApplicationAttributes",
    "GetSMSAttributes",
    "GetSMSSandboxAccountStatus",
    "ListEndpointsByPlatformApplication",
    "ListOriginationNumbers",
    "ListPhoneNumbersOptedOut",
    "ListPlatformApplications",
    "ListSMSSandboxPhoneNumbers",
    "OptInPhoneNumber",
    "PutDataProtectionPolicy",
    "SetEndpointAttributes",
    "SetPlatformApplicationAttributes",
    "SetSMSAttributes",
    "VerifySMSSandboxPhoneNumber",
];
