//! GetTrailStatus: what became of a trail's deliveries in the region of the call.

use super::trails::{self, NamedTrail, Unknown};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::dates::{epoch, epoch_ms};
use crate::service::Reply;
use opentrail_delivery::{LogGroupStatus, TrailStatus, trail_id};
use opentrail_model::timestamp::event_time;
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;
use time::OffsetDateTime;

/// # Errors
/// The faults of [`trails::visible`].
pub async fn get_trail_status(app: &Arc<App>, call: &Call, input: NamedTrail) -> Result<Reply, ApiError> {
    let trail = trails::visible(app, call, input.given(), Unknown::AsArn)?;
    let key = TrailStatus::key_of(&trail_id(&trail), &call.region);
    let status = app.catalog.get::<TrailStatus>(&key).map_err(|error| catalog_failure(&error))?;
    let mut output = output(&trail, &status.map(|status| TrailStatus::clone(&status)).unwrap_or_default());
    let group = app.catalog.get::<LogGroupStatus>(&trail_id(&trail)).map_err(|error| catalog_failure(&error))?;
    if let Some(group) = group.filter(|_| trail.log_group_arn.is_some()) {
        add_log_group(&group, call, &mut output);
    }
    Ok(trails::read(&trail, output))
}

fn add_log_group(status: &LogGroupStatus, call: &Call, output: &mut Value) {
    let now = i64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    if let Some(at) = status.latest_delivery_ms {
        output["LatestCloudWatchLogsDeliveryTime"] = epoch_ms(at);
    }
    if let Some(error) = status.shown_error(now) {
        output["LatestCloudWatchLogsDeliveryError"] = error.into();
    }
}

/// What has no value is absent, apart from the retired strings, which are empty then.
fn output(trail: &Trail, status: &TrailStatus) -> Value {
    let succeeded = if status.latest_delivery_error.is_none() { status.latest_delivery_attempt_ms } else { None };
    let notified = if status.latest_notification_error.is_none() { status.latest_notification_attempt_ms } else { None };
    let mut output = json!({
        "IsLogging": trail.logging,
        "LatestDeliveryAttemptTime": retired(status.latest_delivery_attempt_ms),
        "LatestNotificationAttemptTime": retired(status.latest_notification_attempt_ms),
        "LatestNotificationAttemptSucceeded": retired(notified),
        "LatestDeliveryAttemptSucceeded": retired(succeeded),
        "TimeLoggingStarted": trail.started.map(event_time).unwrap_or_default(),
        "TimeLoggingStopped": trail.stopped.map(event_time).unwrap_or_default(),
    });
    let optional = [
        ("StartLoggingTime", trail.started.map(epoch)),
        ("StopLoggingTime", trail.stopped.map(epoch)),
        ("LatestDeliveryTime", status.latest_delivery_ms.map(epoch_ms)),
        ("LatestDeliveryError", status.latest_delivery_error.clone().map(Value::String)),
        ("LatestNotificationTime", status.latest_notification_ms.map(epoch_ms)),
        ("LatestNotificationError", status.latest_notification_error.clone().map(Value::String)),
        ("LatestDigestDeliveryTime", status.latest_digest_delivery_ms.map(epoch_ms)),
        ("LatestDigestDeliveryError", status.latest_digest_delivery_error.clone().map(Value::String)),
    ];
    for (member, value) in optional {
        if let Some(value) = value {
            output[member] = value;
        }
    }
    output
}

fn retired(milliseconds: Option<i64>) -> String {
    let moment = milliseconds.and_then(|ms| OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok());
    moment.map(event_time).unwrap_or_default()
}
