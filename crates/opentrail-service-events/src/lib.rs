//! EventBridge: event buses, rules, targets and events, over the JSON protocol.
//!
//! ```text
//! call ─▶ names.rs: which bus, which rule ─▶ operation ─▶ Reply { changes } ─▶ log ─▶ opentrail-rules
//!
//! faults.rs        errors in the service's words
//! roles.rs         what a role must be that a target is given
//! the others       operations
//! ```
//!
//! Source: Amazon EventBridge API Reference.
//!
//! Does not know: how events are matched and delivered, HTTP.
//!
//! Does not promise: schedules, archives, replays, partner sources, endpoints; see `docs/coverage.md`.

mod faults;
mod names;
mod roles;

mod buses;
mod permissions;
mod put_rule;
mod rules;
mod tags;
mod target;
mod targets;

mod put_events;
mod test_event_pattern;

mod api_destinations;
mod connection_input;
mod connections;
mod missing;

#[cfg(test)]
mod tests;

use names::{bus_resource, connection_resource, destination_resource, rule_resource, tagged_resource};
use opentrail_services::service::ResourceOf;
use opentrail_services::{Handler, Operation, Service, handler};

pub static SERVICE: Service = Service {
    name: "events",
    event_source: "events.amazonaws.com",
    target: Some("AWSEvents"),
    version: None,
    namespace: None,
    global: false,
    operations: OPERATIONS,
    missing: missing::OPERATIONS,
    unsupported_code: "ValidationException",
};

const OPERATIONS: &[Operation] = &[
    write("PutRule", rule_resource, handler!(put_rule::put_rule)),
    read("DescribeRule", rule_resource, handler!(rules::describe_rule)),
    read("ListRules", rule_resource, handler!(rules::list_rules)),
    read("ListRuleNamesByTarget", rule_resource, handler!(rules::list_rule_names_by_target)),
    write("DeleteRule", rule_resource, handler!(rules::delete_rule)),
    write("EnableRule", rule_resource, handler!(rules::enable_rule)),
    write("DisableRule", rule_resource, handler!(rules::disable_rule)),
    Operation { parameters: targets::recorded, ..write("PutTargets", rule_resource, handler!(targets::put_targets)) },
    read("ListTargetsByRule", rule_resource, handler!(targets::list_targets_by_rule)),
    write("RemoveTargets", rule_resource, handler!(targets::remove_targets)),
    Operation {
        resource_policy: Some(names::bus_policy),
        parameters: put_events::recorded,
        data_event: true,
        ..write("PutEvents", names::entry_resource, handler!(put_events::put_events))
    },
    read("TestEventPattern", names::anything, handler!(test_event_pattern::test_event_pattern)),
    write("PutPermission", bus_resource, handler!(permissions::put_permission)),
    write("RemovePermission", bus_resource, handler!(permissions::remove_permission)),
    write("CreateEventBus", bus_resource, handler!(buses::create_event_bus)),
    write("UpdateEventBus", bus_resource, handler!(buses::update_event_bus)),
    read("DescribeEventBus", bus_resource, handler!(buses::describe_event_bus)),
    read("ListEventBuses", names::anything, handler!(buses::list_event_buses)),
    write("DeleteEventBus", bus_resource, handler!(buses::delete_event_bus)),
    write("TagResource", tagged_resource, handler!(tags::tag_resource)),
    write("UntagResource", tagged_resource, handler!(tags::untag_resource)),
    read("ListTagsForResource", tagged_resource, handler!(tags::list_tags_for_resource)),
    secret(write("CreateConnection", connection_resource, handler!(connections::create_connection))),
    secret(write("UpdateConnection", connection_resource, handler!(connections::update_connection))),
    read("DescribeConnection", connection_resource, handler!(connections::describe_connection)),
    read("ListConnections", names::anything, handler!(connections::list_connections)),
    write("DeleteConnection", connection_resource, handler!(connections::delete_connection)),
    write("CreateApiDestination", destination_resource, handler!(api_destinations::create_api_destination)),
    write("UpdateApiDestination", destination_resource, handler!(api_destinations::update_api_destination)),
    read("DescribeApiDestination", destination_resource, handler!(api_destinations::describe_api_destination)),
    read("ListApiDestinations", names::anything, handler!(api_destinations::list_api_destinations)),
    write("DeleteApiDestination", destination_resource, handler!(api_destinations::delete_api_destination)),
];

const fn read(name: &'static str, resource: ResourceOf, handler: Handler) -> Operation {
    Operation { read_only: true, ..write(name, resource, handler) }
}

const fn write(name: &'static str, resource: ResourceOf, handler: Handler) -> Operation {
    Operation { resource, ..Operation::new(name, handler) }
}

/// For operations whose input holds what not everybody should read.
const fn secret(operation: Operation) -> Operation {
    Operation { parameters: connections::recorded, ..operation }
}
