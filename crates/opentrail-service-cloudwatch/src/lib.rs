//! CloudWatch: metrics and alarms, as the wire has them.
//!
//! ```text
//! input.rs          members in the forms of three protocols
//! faults.rs         errors in the service's words
//! queries.rs        MetricDataQuery: read, checked, written
//! settings.rs       what metric alarms and composite alarms have in common
//! alarm_output.rs   alarms as DescribeAlarms shows them
//! the others        operations
//! ```
//!
//! Source: Amazon CloudWatch API Reference. What the operations do is in `opentrail-alarms`.
//!
//! Does not know: sockets, how metrics are kept, when alarms are evaluated.

mod alarm_output;
mod faults;
mod input;
mod queries;
mod settings;

mod get_metric_data;
mod get_metric_statistics;
mod list_metrics;
mod put_metric_data;

mod alarm_actions;
mod delete_alarms;
mod describe_alarm_history;
mod describe_alarms;
mod put_composite_alarm;
mod put_metric_alarm;
mod set_alarm_state;
mod tags;

#[cfg(test)]
mod tests;

use opentrail_services::service::{Handler, Operation, ResourceOf, Service};
use opentrail_services::{App, Call, handler};
use opentrail_wire::{FlatMember, FlatShape};
use serde_json::{Value, json};

pub static SERVICE: Service = Service {
    name: "monitoring",
    event_source: "monitoring.amazonaws.com",
    target: Some("GraniteServiceVersion20100801"),
    version: Some("2010-08-01"),
    namespace: Some("http://monitoring.amazonaws.com/doc/2010-08-01/"),
    global: false,
    operations: OPERATIONS,
    missing: MISSING,
    unsupported_code: "InvalidAction",
};

const OPERATIONS: &[Operation] = &[
    Operation {
        parameters: namespace_only,
        data_event: true,
        conditions: Some(|_, _, input, context| match input["Namespace"].as_str() {
            Some(namespace) => context.with("cloudwatch:namespace", namespace),
            None => context,
        }),
        ..write("PutMetricData", "cloudwatch:PutMetricData", anything, handler!(put_metric_data::put_metric_data))
    },
    Operation {
        data_event: true,
        ..read("GetMetricData", "cloudwatch:GetMetricData", anything, handler!(get_metric_data::get_metric_data))
    },
    Operation {
        data_event: true,
        ..read(
            "GetMetricStatistics",
            "cloudwatch:GetMetricStatistics",
            anything,
            handler!(get_metric_statistics::get_metric_statistics),
        )
    },
    Operation {
        data_event: true,
        ..read("ListMetrics", "cloudwatch:ListMetrics", anything, handler!(list_metrics::list_metrics))
    },
    write("PutMetricAlarm", "cloudwatch:PutMetricAlarm", alarm_arn, handler!(put_metric_alarm::put_metric_alarm)),
    write("PutCompositeAlarm", "cloudwatch:PutCompositeAlarm", alarm_arn, handler!(put_composite_alarm::put_composite_alarm)),
    read("DescribeAlarms", "cloudwatch:DescribeAlarms", all_alarms, handler!(describe_alarms::describe_alarms)),
    read(
        "DescribeAlarmsForMetric",
        "cloudwatch:DescribeAlarmsForMetric",
        all_alarms,
        handler!(describe_alarms::describe_alarms_for_metric),
    ),
    read(
        "DescribeAlarmHistory",
        "cloudwatch:DescribeAlarmHistory",
        alarm_arn,
        handler!(describe_alarm_history::describe_alarm_history),
    ),
    write("DeleteAlarms", "cloudwatch:DeleteAlarms", alarm_arn, handler!(delete_alarms::delete_alarms)),
    write("SetAlarmState", "cloudwatch:SetAlarmState", alarm_arn, handler!(set_alarm_state::set_alarm_state)),
    write("EnableAlarmActions", "cloudwatch:EnableAlarmActions", alarm_arn, handler!(alarm_actions::enable_alarm_actions)),
    write("DisableAlarmActions", "cloudwatch:DisableAlarmActions", alarm_arn, handler!(alarm_actions::disable_alarm_actions)),
    write("TagResource", "cloudwatch:TagResource", resource_arn, handler!(tags::tag_resource)),
    write("UntagResource", "cloudwatch:UntagResource", resource_arn, handler!(tags::untag_resource)),
    read("ListTagsForResource", "cloudwatch:ListTagsForResource", resource_arn, handler!(tags::list_tags_for_resource)),
];

/// The service is signed for as `monitoring`, policies know it as `cloudwatch`.
const fn write(name: &'static str, action: &'static str, resource: ResourceOf, handler: Handler) -> Operation {
    Operation { action: Some(action), resource, ..Operation::new(name, handler) }
}

const fn read(name: &'static str, action: &'static str, resource: ResourceOf, handler: Handler) -> Operation {
    Operation { read_only: true, ..write(name, action, resource, handler) }
}

fn anything(_: &App, _: &Call, _: &Value) -> String {
    "*".into()
}

/// The alarm that an input names first; those that name more ask about the others themselves.
fn alarm_arn(_: &App, call: &Call, input: &Value) -> String {
    let name = input["AlarmName"].as_str().or_else(|| input["AlarmNames"][0].as_str());
    format!("arn:aws:cloudwatch:{}:{}:alarm:{}", call.region, call.account, name.unwrap_or("*"))
}

fn all_alarms(_: &App, call: &Call, _: &Value) -> String {
    format!("arn:aws:cloudwatch:{}:{}:alarm:*", call.region, call.account)
}

fn resource_arn(_: &App, _: &Call, input: &Value) -> String {
    input["ResourceARN"].as_str().unwrap_or_default().to_owned()
}

/// What is recorded of metric data: where they go, never what they are.
fn namespace_only(input: &Value) -> Value {
    json!({"namespace": input["Namespace"]})
}

const fn member(name: &'static str, shape: FlatShape) -> FlatMember {
    FlatMember { json: name, query: name, shape }
}

/// Members that are not the same in all protocols.
pub const MEMBERS: &[FlatMember] = &[
    member("AlarmConfigurationUpdatedTimestamp", FlatShape::Timestamp),
    member("StateTransitionedTimestamp", FlatShape::Timestamp),
    member("StateUpdatedTimestamp", FlatShape::Timestamp),
    member("Timestamp", FlatShape::Timestamp),
    member("Timestamps", FlatShape::Timestamp),
    member("ExtendedStatistics", FlatShape::Entries),
    member("ActionsSuppressorExtensionPeriod", FlatShape::Number),
    member("ActionsSuppressorWaitPeriod", FlatShape::Number),
    member("DatapointsToAlarm", FlatShape::Number),
    member("EvaluationPeriods", FlatShape::Number),
    member("MaxDatapoints", FlatShape::Number),
    member("MaxRecords", FlatShape::Number),
    member("Period", FlatShape::Number),
];

const MISSING: &[&str] = &[
    "AssociateDatasetKmsKey",
    "CreateResourceMetricsConfiguration",
    "DeleteAlarmMuteRule",
    "DeleteAnomalyDetector",
    "DeleteDashboards",
    "DeleteInsightRules",
    "DeleteMetricDataQueryDefinition",
    "DeleteMetricStream",
    "DeleteResourceMetricsConfiguration",
    "DescribeAlarmContributors",
    "DescribeAnomalyDetectors",
    "DescribeInsightRules",
    "DisableInsightRules",
    "DisassociateDatasetKmsKey",
    "EnableInsightRules",
    "GetAlarmMuteRule",
    "GetDashboard",
    "GetDataset",
    "GetInsightRuleReport",
    "GetMetricDataQueryDefinition",
    "GetMetricStream",
    "GetMetricWidgetImage",
    "GetOTelEnrichment",
    "GetResourceMetricsConfiguration",
    "ListAlarmMuteRules",
    "ListDashboards",
    "ListManagedInsightRules",
    "ListMetricDataQueryDefinitions",
    "ListMetricStreams",
    "PutAlarmMuteRule",
    "PutAnomalyDetector",
    "PutDashboard",
    "PutInsightRule",
    "PutLogAlarm",
    "PutManagedInsightRules",
    "PutMetricDataQueryDefinition",
    "PutMetricStream",
    "StartMetricStreams",
    "StartOTelEnrichment",
    "StopMetricStreams",
    "StopOTelEnrichment",
    "UpdateOTelEnrichment",
    "UpdateResourceMetricsConfiguration",
];
