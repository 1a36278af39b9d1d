//! CreateExportTask, DescribeExportTasks, CancelExportTask. The work is done by [`super::exporting`].

use super::exporting::{ExportStatus, ExportTask, TEST_OBJECT, binding, put};
use super::faults::{constraint, invalid, limit_exceeded, missing, no_export_task};
use super::groups::{self, MAX_PAGE};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const DEFAULT_PREFIX: &str = "exportedlogs";
const MAX_TEXT_CHARS: usize = 512;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateExportTaskRequest {
    task_name: Option<String>,
    log_group_name: Option<String>,
    log_stream_name_prefix: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
    destination: Option<String>,
    destination_prefix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeExportTasksRequest {
    task_id: Option<String>,
    status_code: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelExportTaskRequest {
    task_id: Option<String>,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `LimitExceededException` while another task runs.
pub async fn create_export_task(app: &Arc<App>, call: &Call, input: CreateExportTaskRequest) -> Result<Reply, ApiError> {
    let from = time("from", input.from)?;
    let to = time("to", input.to)?;
    let bucket = text("destination", input.destination)?.ok_or_else(|| missing("destination"))?;
    let given_prefix = text("destinationPrefix", input.destination_prefix)?;
    let name = text("taskName", input.task_name)?;
    let stream_prefix = text("logStreamNamePrefix", input.log_stream_name_prefix)?;
    let group = groups::named(app, call, input.log_group_name.as_deref(), None)?;
    if from >= to {
        return Err(invalid("The specified from time must be before the specified to time."));
    }
    let prefix = given_prefix.as_deref().map_or(DEFAULT_PREFIX, |prefix| prefix.trim_end_matches('/')).to_owned();
    let task = ExportTask {
        account: call.account.clone(),
        region: call.region.clone(),
        id: app.intake.event_id(),
        name,
        group: group.name.clone(),
        group_id: group.id.clone(),
        from,
        to,
        bucket,
        prefix,
        stream_prefix,
        status: ExportStatus::Pending,
        message: None,
        created: groups::now_ms(call),
        completed: None,
        progress: None,
    };
    busy(app, call)?;
    let binding = binding(app, &task).map_err(invalid)?;
    let key = format!("{}/{TEST_OBJECT}", task.prefix);
    put(app, &binding, key, b"Permission Check Successful".to_vec()).await.map_err(|fault| {
        tracing::info!(bucket = task.bucket, %fault, "a bucket does not take exported logs");
        invalid(if fault.is_missing_bucket() { super::exporting::NO_BUCKET } else { super::exporting::NO_PUT })
    })?;
    let lock = groups::lock(app, call).await;
    busy(app, call)?;
    let mut changes = Changes::new();
    changes.put(&task);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({"taskId": task.id})) })
}

/// Only one task of an account runs at a time.
fn busy(app: &App, call: &Call) -> Result<(), ApiError> {
    if of_caller(app, call)?.iter().any(|task| task.status.is_open()) { Err(limit_exceeded()) } else { Ok(()) }
}

fn of_caller(app: &App, call: &Call) -> Result<Vec<ExportTask>, ApiError> {
    app.catalog.list::<ExportTask>(&ExportTask::prefix_of(&call.account, &call.region)).map_err(|error| catalog_failure(&error))
}

/// # Errors
/// `InvalidParameterException`.
pub async fn describe_export_tasks(app: &Arc<App>, call: &Call, input: DescribeExportTasksRequest) -> Result<Reply, ApiError> {
    let limit = groups::limit(input.limit, MAX_PAGE)?;
    let status = match input.status_code.as_deref() {
        None => None,
        Some(code) => Some(ExportStatus::parse(code).ok_or_else(|| {
            let must = "satisfy enum value set: [CANCELLED, COMPLETED, FAILED, PENDING, PENDING_CANCEL, RUNNING]";
            constraint(code, "statusCode", must)
        })?),
    };
    let tasks = of_caller(app, call)?;
    let wanted = |task: &&ExportTask| {
        input.task_id.as_ref().is_none_or(|id| *id == task.id) && status.is_none_or(|status| status == task.status)
    };
    let (page, next) = groups::page(tasks.iter().filter(wanted), input.next_token.as_deref(), limit, |task| task.id.clone());
    let mut output = json!({"exportTasks": page.into_iter().map(shown).collect::<Vec<_>>()});
    if let Some(next) = next {
        output["nextToken"] = next.into();
    }
    Ok(Reply::output(output))
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `InvalidOperationException` if it has ended.
pub async fn cancel_export_task(app: &Arc<App>, call: &Call, input: CancelExportTaskRequest) -> Result<Reply, ApiError> {
    let id = text("taskId", input.task_id)?.ok_or_else(|| missing("taskId"))?;
    let lock = groups::lock(app, call).await;
    let tasks = of_caller(app, call)?;
    let task = tasks.into_iter().find(|task| task.id == id).ok_or_else(no_export_task)?;
    let status = match task.status {
        ExportStatus::Pending => ExportStatus::Cancelled,
        ExportStatus::Running | ExportStatus::PendingCancel => ExportStatus::PendingCancel,
        ExportStatus::Completed | ExportStatus::Failed | ExportStatus::Cancelled => {
            let message = "The specified export task has already finished and cannot be cancelled.";
            return Err(ApiError::new("InvalidOperationException", message));
        }
    };
    let completed = (status == ExportStatus::Cancelled).then(|| groups::now_ms(call));
    let mut changes = Changes::new();
    changes.put(&ExportTask { status, completed, ..task });
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

fn shown(task: &ExportTask) -> Value {
    let mut status = json!({"code": task.status.code()});
    if let Some(message) = &task.message {
        status["message"] = message.as_str().into();
    }
    let mut execution = json!({"creationTime": task.created});
    if let Some(at) = task.completed {
        execution["completionTime"] = at.into();
    }
    let mut shown = json!({
        "taskId": task.id,
        "logGroupName": task.group,
        "from": task.from,
        "to": task.to,
        "destination": task.bucket,
        "destinationPrefix": task.prefix,
        "status": status,
        "executionInfo": execution,
    });
    if let Some(name) = &task.name {
        shown["taskName"] = name.as_str().into();
    }
    shown
}

fn time(member: &str, given: Option<i64>) -> Result<i64, ApiError> {
    match given {
        None => Err(missing(member)),
        Some(given) if given < 0 => Err(constraint(&given.to_string(), member, "have value greater than or equal to 0")),
        // Later than anything that can be, and still a time.
        Some(given) => Ok(given.min(i64::MAX >> 20)),
    }
}

fn text(member: &str, given: Option<String>) -> Result<Option<String>, ApiError> {
    match given {
        Some(text) if text.is_empty() || text.chars().count() > MAX_TEXT_CHARS => {
            Err(constraint(&text, member, &format!("have length between 1 and {MAX_TEXT_CHARS}")))
        }
        given => Ok(given),
    }
}
