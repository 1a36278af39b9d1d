//! CloudWatch Logs: groups, streams, events, retention, filters.
//!
//! ```text
//! groups.rs         which group an input means, names and pages
//! faults.rs         errors in the service's words
//! metric_filter.rs  what a metric filter is
//! destinations.rs   destinations, and which targets may be subscribed
//! exporting.rs      the worker that exports        live_tail.rs  events as they come
//! tidying.rs        the worker that lets go of what has expired
//! insights          queries over groups
//! the others        operations
//! ```
//!
//! Source: Amazon CloudWatch Logs API Reference. Times are milliseconds since 1970.

mod faults;
mod groups;
mod metric_filter;
mod tidying;

mod create_log_group;
mod delete_log_group;
mod describe_log_groups;
mod list_log_groups;
mod retention_policy;
mod tags;

mod create_log_stream;
mod delete_log_stream;
mod describe_log_streams;

mod filter_log_events;
mod get_log_events;
mod put_log_events;

mod delete_metric_filter;
mod describe_metric_filters;
mod put_metric_filter;
mod test_metric_filter;

mod destinations;
mod resource_policies;
mod subscription_filters;

mod export_tasks;
mod exporting;

mod event_stream;
mod live_tail;

mod insights;

mod missing;
#[cfg(test)]
mod tests;

pub use exporting::{ExportTask, run_exports};
pub use groups::stream_lock;
pub use insights::{InsightsQueries, QueryDefinition};
pub use live_tail::{START_LIVE_TAIL, live_tail};
pub use resource_policies::lets_service;
pub use tidying::{LOGS_TIDYING, LogsTidier};

use crate::handler;
use crate::service::{Handler, Operation, ResourceOf, Service};

pub static SERVICE: Service = Service {
    name: "logs",
    event_source: "logs.amazonaws.com",
    target: Some("Logs_20140328"),
    version: None,
    namespace: None,
    global: false,
    operations: OPERATIONS,
    missing: missing::OPERATIONS,
    unsupported_code: "InvalidOperationException",
};

const OPERATIONS: &[Operation] = &[
    write("CreateLogGroup", groups::arn_of, handler!(create_log_group::create_log_group)),
    write("DeleteLogGroup", groups::arn_of, handler!(delete_log_group::delete_log_group)),
    read("DescribeLogGroups", groups::any_arn, handler!(describe_log_groups::describe_log_groups)),
    read("ListLogGroups", groups::any_arn, handler!(list_log_groups::list_log_groups)),
    write("PutRetentionPolicy", groups::arn_of, handler!(retention_policy::put_retention_policy)),
    write("DeleteRetentionPolicy", groups::arn_of, handler!(retention_policy::delete_retention_policy)),
    write("TagResource", groups::arn_of, handler!(tags::tag_resource)),
    write("UntagResource", groups::arn_of, handler!(tags::untag_resource)),
    read("ListTagsForResource", groups::arn_of, handler!(tags::list_tags_for_resource)),
    write("TagLogGroup", groups::arn_of, handler!(tags::tag_log_group)),
    write("UntagLogGroup", groups::arn_of, handler!(tags::untag_log_group)),
    read("ListTagsLogGroup", groups::arn_of, handler!(tags::list_tags_log_group)),
    write("PutResourcePolicy", groups::anything, handler!(resource_policies::put_resource_policy)),
    read("DescribeResourcePolicies", groups::anything, handler!(resource_policies::describe_resource_policies)),
    write("DeleteResourcePolicy", groups::anything, handler!(resource_policies::delete_resource_policy)),
    write("PutSubscriptionFilter", groups::arn_of, handler!(subscription_filters::put_subscription_filter)),
    read("DescribeSubscriptionFilters", groups::arn_of, handler!(subscription_filters::describe_subscription_filters)),
    write("DeleteSubscriptionFilter", groups::arn_of, handler!(subscription_filters::delete_subscription_filter)),
    write("PutDestination", destinations::arn_of, handler!(destinations::put_destination)),
    write("PutDestinationPolicy", destinations::arn_of, handler!(destinations::put_destination_policy)),
    read("DescribeDestinations", groups::anything, handler!(destinations::describe_destinations)),
    write("DeleteDestination", destinations::arn_of, handler!(destinations::delete_destination)),
    write("CreateExportTask", groups::arn_of, handler!(export_tasks::create_export_task)),
    read("DescribeExportTasks", groups::anything, handler!(export_tasks::describe_export_tasks)),
    write("CancelExportTask", groups::anything, handler!(export_tasks::cancel_export_task)),
    Operation { data_event: true, ..read(START_LIVE_TAIL, live_tail::arn_of, handler!(live_tail::unstreamed)) },
    write("CreateLogStream", groups::stream_arn_of, handler!(create_log_stream::create_log_stream)),
    write("DeleteLogStream", groups::stream_arn_of, handler!(delete_log_stream::delete_log_stream)),
    read("DescribeLogStreams", groups::arn_of, handler!(describe_log_streams::describe_log_streams)),
    Operation {
        parameters: put_log_events::parameters,
        data_event: true,
        ..write("PutLogEvents", groups::stream_arn_of, handler!(put_log_events::put_log_events))
    },
    Operation { data_event: true, ..read("GetLogEvents", groups::stream_arn_of, handler!(get_log_events::get_log_events)) },
    Operation { data_event: true, ..read("FilterLogEvents", groups::arn_of, handler!(filter_log_events::filter_log_events)) },
    write("PutMetricFilter", groups::arn_of, handler!(put_metric_filter::put_metric_filter)),
    read("DescribeMetricFilters", groups::any_arn, handler!(describe_metric_filters::describe_metric_filters)),
    write("DeleteMetricFilter", groups::arn_of, handler!(delete_metric_filter::delete_metric_filter)),
    read("StartQuery", insights::group_resource, handler!(insights::start_query)),
    read("GetQueryResults", groups::anything, handler!(insights::get_query_results)),
    write("StopQuery", groups::anything, handler!(insights::stop_query)),
    read("DescribeQueries", groups::any_arn, handler!(insights::describe_queries)),
    write("PutQueryDefinition", groups::anything, handler!(insights::put_query_definition)),
    read("DescribeQueryDefinitions", groups::anything, handler!(insights::describe_query_definitions)),
    write("DeleteQueryDefinition", groups::anything, handler!(insights::delete_query_definition)),
    read("GetLogRecord", insights::record_resource, handler!(insights::get_log_record)),
    read("GetLogGroupFields", groups::arn_of, handler!(insights::get_log_group_fields)),
    Operation {
        parameters: test_metric_filter::parameters,
        ..read("TestMetricFilter", groups::anything, handler!(test_metric_filter::test_metric_filter))
    },
];

const fn read(name: &'static str, resource: ResourceOf, handler: Handler) -> Operation {
    Operation { read_only: true, ..write(name, resource, handler) }
}

/// On groups and streams, whose resource policies are asked too; without one in the input they hold for nothing.
const fn write(name: &'static str, resource: ResourceOf, handler: Handler) -> Operation {
    Operation { resource, resource_policy: Some(resource_policies::policy_of), ..Operation::new(name, handler) }
}
