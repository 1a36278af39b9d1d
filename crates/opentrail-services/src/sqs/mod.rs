//! SQS: standard queues over JSON and the query protocol.
//!
//! ```text
//! queues.rs       which queue a URL means, and its ARN
//! attributes.rs   settings: reading, checking, showing
//! messages.rs     what a message may be
//! batch.rs        ten at a time
//! faults.rs       errors, with the names of both protocols
//! wire.rs         how the query protocol spells the members
//! the others      operations
//! ```
//!
//! Source: Amazon SQS API Reference and Developer Guide. Handlers read and write the JSON form; the front translates.

mod attributes;
mod batch;
mod faults;
mod messages;
mod queues;
mod wire;

mod create_queue;
mod delete_queue;
mod get_queue_attributes;
mod get_queue_url;
mod list_dead_letter_source_queues;
mod list_queues;
mod permissions;
mod purge_queue;
mod set_queue_attributes;
mod tags;

mod change_message_visibility;
mod delete_message;
mod receive_message;
mod send_message;

#[cfg(test)]
mod tests;

pub use wire::FLATTENED;

use crate::handler;
use crate::service::{Handler, Operation, Service};

pub static SERVICE: Service = Service {
    name: "sqs",
    event_source: "sqs.amazonaws.com",
    target: Some("AmazonSQS"),
    version: Some("2012-11-05"),
    namespace: Some("http://queue.amazonaws.com/doc/2012-11-05/"),
    global: false,
    operations: OPERATIONS,
    missing: &["CancelMessageMoveTask", "ListMessageMoveTasks", "StartMessageMoveTask"],
    unsupported_code: "UnsupportedOperation",
};

/// Which are data events: Amazon SQS Developer Guide, "Logging API calls".
const OPERATIONS: &[Operation] = &[
    named(write("CreateQueue", handler!(create_queue::create_queue))),
    named(read("GetQueueUrl", handler!(get_queue_url::get_queue_url))),
    Operation { resource: queues::any_arn, resource_policy: None, ..read("ListQueues", handler!(list_queues::list_queues)) },
    write("DeleteQueue", handler!(delete_queue::delete_queue)),
    read("GetQueueAttributes", handler!(get_queue_attributes::get_queue_attributes)),
    write("SetQueueAttributes", handler!(set_queue_attributes::set_queue_attributes)),
    write("AddPermission", handler!(permissions::add_permission)),
    write("RemovePermission", handler!(permissions::remove_permission)),
    write("TagQueue", handler!(tags::tag_queue)),
    write("UntagQueue", handler!(tags::untag_queue)),
    read("ListQueueTags", handler!(tags::list_queue_tags)),
    read("ListDeadLetterSourceQueues", handler!(list_dead_letter_source_queues::list_dead_letter_source_queues)),
    write("PurgeQueue", handler!(purge_queue::purge_queue)),
    data(secret(write("SendMessage", handler!(send_message::send_message)))),
    secret(batch("sqs:SendMessage", write("SendMessageBatch", handler!(send_message::send_message_batch)))),
    read("ReceiveMessage", handler!(receive_message::receive_message)),
    data(write("DeleteMessage", handler!(delete_message::delete_message))),
    batch("sqs:DeleteMessage", write("DeleteMessageBatch", handler!(delete_message::delete_message_batch))),
    data(write("ChangeMessageVisibility", handler!(change_message_visibility::change_message_visibility))),
    batch(
        "sqs:ChangeMessageVisibility",
        write("ChangeMessageVisibilityBatch", handler!(change_message_visibility::change_message_visibility_batch)),
    ),
];

const fn write(name: &'static str, handler: Handler) -> Operation {
    Operation { resource: queues::url_arn, resource_policy: Some(queues::url_policy), ..Operation::new(name, handler) }
}

const fn read(name: &'static str, handler: Handler) -> Operation {
    Operation { read_only: true, data_event: true, ..write(name, handler) }
}

/// For operations that name a queue instead of giving its URL.
const fn named(operation: Operation) -> Operation {
    Operation { resource: queues::name_arn, resource_policy: Some(queues::name_policy), ..operation }
}

/// For writes of messages, not of queues.
const fn data(operation: Operation) -> Operation {
    Operation { data_event: true, ..operation }
}

/// For batches, which are allowed by the action for one.
const fn batch(action: &'static str, operation: Operation) -> Operation {
    Operation { action: Some(action), data_event: true, ..operation }
}

/// For operations whose input holds what only receivers should read.
const fn secret(operation: Operation) -> Operation {
    Operation { parameters: messages::recorded, ..operation }
}
