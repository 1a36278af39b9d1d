//! The worker that writes log groups into buckets.
//!
//! A file is put, then the place behind its last event is kept with the task; a crash in between puts the same file again.

use super::groups;
use crate::app::App;
use opentrail_catalog::{CatalogError, Changes, Entity};
use opentrail_eventlog::LogError;
use opentrail_logs::{GetQuery, LogEvent, LogStream, LogsError, MAX_PAGE_EVENTS, Token, get_events};
use opentrail_model::timestamp::event_time;
use opentrail_policy::{Policies, PolicyKind, Principal, Request, RequestContext, decide};
use opentrail_storage::{BucketFault, LogObject, TrailBinding};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::watch;

/// The object by which a bucket is tested.
pub(super) const TEST_OBJECT: &str = "aws-logs-write-test";
pub(super) const NO_BUCKET: &str = "The given bucket does not exist. Please make sure the bucket is valid.";
const NO_ACL: &str = "GetBucketAcl call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to perform this operation.";
pub(super) const NO_PUT: &str = "PutObject call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to perform this operation.";

/// Bytes of messages after which a file is closed.
const FILE_BYTES: usize = 32 << 20;
/// How often it is looked for tasks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a bucket that fails is tried, and the longest pause.
const ATTEMPTS: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An export of a log group, or of some of its streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportTask {
    pub account: String,
    pub region: String,
    pub id: String,
    #[serde(default)]
    pub name: Option<String>,
    pub group: String,
    pub group_id: String,
    /// Milliseconds since 1970, like the other times. Both are included.
    pub from: i64,
    pub to: i64,
    pub bucket: String,
    pub prefix: String,
    #[serde(default)]
    pub stream_prefix: Option<String>,
    pub status: ExportStatus,
    #[serde(default)]
    pub message: Option<String>,
    pub created: i64,
    #[serde(default)]
    pub completed: Option<i64>,
    #[serde(default)]
    pub progress: Option<Progress>,
}

/// How far an export has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub stream: String,
    /// Where its next file begins; `None` at its beginning.
    pub token: Option<String>,
    /// Number of its next file.
    pub file: u32,
    /// Whether all of the stream is written.
    pub done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportStatus {
    Pending,
    Running,
    PendingCancel,
    Cancelled,
    Completed,
    Failed,
}

impl ExportStatus {
    const ALL: [Self; 6] = [Self::Pending, Self::Running, Self::PendingCancel, Self::Cancelled, Self::Completed, Self::Failed];

    /// AWS's name.
    pub fn code(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::PendingCancel => "PENDING_CANCEL",
            Self::Cancelled => "CANCELLED",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// Whether there is still something to be done.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::PendingCancel)
    }
}

impl ExportTask {
    /// What the keys of an account's tasks in a region begin with.
    pub fn prefix_of(account: &str, region: &str) -> String {
        format!("{account}:{region}:")
    }
}

impl Entity for ExportTask {
    const TABLE: &'static str = "log_export_task";
    fn key(&self) -> String {
        format!("{}{}", Self::prefix_of(&self.account, &self.region), self.id)
    }
}

/// The bucket of a task as CloudWatch Logs sees it: under the name, regional or not, by which its policy knows the service.
///
/// # Errors
/// Why the service may not write there, in AWS's words.
pub(super) fn binding(app: &App, task: &ExportTask) -> Result<TrailBinding, &'static str> {
    let bind = |service: String| TrailBinding {
        service,
        trail_arn: format!("arn:aws:logs:{}:{}:log-group:{}:*", task.region, task.account, task.group),
        account: task.account.clone(),
        home_region: task.region.clone(),
        bucket: task.bucket.clone(),
        key_prefix: None,
        organization: None,
        kms_key: None,
    };
    let regional = format!("logs.{}.amazonaws.com", task.region);
    if !app.log_buckets.takes_keys() {
        // A store elsewhere has its own rules.
        return Ok(bind(regional));
    }
    let found = app.store.bucket(&task.bucket).ok().flatten();
    let bucket = found.filter(|bucket| bucket.region == task.region).ok_or(NO_BUCKET)?;
    let policy = bucket.policy.as_ref().map(|policy| policy.document(PolicyKind::Resource)).ok_or(NO_ACL)?;
    let arn = format!("arn:aws:s3:::{}", bucket.name);
    let may = |service: &String| {
        let context = RequestContext::new()
            .with("aws:SourceArn", format!("arn:aws:logs:{}:{}:log-group:{}:*", task.region, task.account, task.group))
            .with("aws:SourceAccount", task.account.as_str())
            .with("aws:PrincipalServiceName", service.as_str())
            .with("aws:PrincipalIsAWSService", "true")
            .with("aws:SecureTransport", "true");
        let principal = Principal::Service(service.clone());
        let request = Request {
            principal: &principal,
            action: "s3:GetBucketAcl",
            resource: &arn,
            resource_account: &bucket.account,
            context: &context,
        };
        decide(&request, &Policies { resource: Some(policy.as_ref()), ..Policies::default() }).is_allowed()
    };
    [regional, "logs.amazonaws.com".to_owned()].into_iter().find(may).map(bind).ok_or(NO_ACL)
}

/// Puts one object as CloudWatch Logs.
pub(super) async fn put(app: &App, binding: &TrailBinding, key: String, body: Vec<u8>) -> Result<(), BucketFault> {
    let content_type = if key.ends_with(".gz") { "application/x-gzip" } else { "text/plain" };
    let object = LogObject { key, body: body.into(), content_type, content_encoding: None, metadata: Vec::new() };
    app.log_buckets.put(binding, object).await
}

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("stored log events could not be read")]
    Logs(#[from] LogsError),
    #[error("the progress could not be recorded")]
    Log(#[from] LogError),
    #[error("the bucket refused: {0}")]
    Bucket(#[from] BucketFault),
    #[error("{0}")]
    Denied(&'static str),
}

/// Carries out export tasks until `stop` turns true.
pub async fn run_exports(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut failures = 0;
    loop {
        let open = app.catalog.all::<ExportTask>("").map(|tasks| tasks.iter().find(|task| task.status.is_open()).cloned());
        let wait = match open {
            Ok(None) => LOOK_EVERY,
            Ok(Some(task)) => match step(&app, &task).await {
                Ok(()) => {
                    failures = 0;
                    if *stop.borrow() {
                        return;
                    }
                    continue;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(task = task.id, error = &error as &dyn std::error::Error, "an export did not get on");
                    if failures > ATTEMPTS {
                        failures = 0;
                        fail(&app, &task, &error).await;
                    }
                    (LOOK_EVERY * 2u32.saturating_pow(failures.min(8))).min(LONGEST_PAUSE)
                }
            },
            Err(error) => {
                tracing::error!(%error, "export tasks could not be read");
                LONGEST_PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// The next file of a task, or its end.
async fn step(app: &Arc<App>, task: &ExportTask) -> Result<(), ExportError> {
    if task.status == ExportStatus::PendingCancel {
        return save(app, task, |task, now| finished(task, ExportStatus::Cancelled, None, now)).await;
    }
    let Some(stream) = stream(app, task)? else {
        return save(app, task, |task, now| finished(task, ExportStatus::Completed, Some("Completed successfully"), now)).await;
    };
    let before = task.progress.clone().filter(|progress| progress.stream == stream.name).unwrap_or_default();
    let (task_read, token) = (task.clone(), before.token.clone());
    let (reading, stream_id) = (Arc::clone(app), stream.id.clone());
    let (body, token, done) = tokio::task::spawn_blocking(move || file(&reading, &task_read, &stream_id, token))
        .await
        .map_err(|_| ExportError::Log(LogError::Stopped))??;
    let mut number = before.file;
    if let Some(body) = body {
        let binding = binding(app, task).map_err(ExportError::Denied)?;
        let folder = stream.name.replace('/', "-");
        put(app, &binding, format!("{}/{}/{folder}/{number:06}.gz", task.prefix, task.id), body).await?;
        number += 1;
    }
    let progress = Progress { stream: stream.name, token, file: number, done };
    save(app, task, |task, _| ExportTask {
        status: if task.status == ExportStatus::Pending { ExportStatus::Running } else { task.status },
        progress: Some(progress),
        ..task
    })
    .await
}

/// The stream that is to be written next.
fn stream(app: &App, task: &ExportTask) -> Result<Option<LogStream>, CatalogError> {
    let prefix = LogStream::key_of(&task.group_id, task.stream_prefix.as_deref().unwrap_or_default());
    let Some(progress) = &task.progress else { return Ok(app.catalog.scan(&prefix, None, 1)?.pop()) };
    let key = LogStream::key_of(&task.group_id, &progress.stream);
    if !progress.done
        && let Some(stream) = app.catalog.read_once::<LogStream>(&key)?
    {
        return Ok(Some(stream));
    }
    Ok(app.catalog.scan(&prefix, Some(&key), 1)?.pop())
}

type File = (Option<Vec<u8>>, Option<String>, bool);

/// The next file of a stream, where the one after begins, and whether that is the end.
fn file(app: &App, task: &ExportTask, stream_id: &str, token: Option<String>) -> Result<File, LogsError> {
    let mut token: Option<Token> = token.and_then(|token| token.parse().ok());
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    let (mut bytes, mut done) = (0, false);
    while bytes < FILE_BYTES {
        let query = GetQuery {
            group_id: &task.group_id,
            stream_id,
            start: Some(task.from),
            end: Some(task.to.saturating_add(1)),
            limit: MAX_PAGE_EVENTS,
            token,
            start_from_head: true,
        };
        let page = get_events(&app.catalog, &query)?;
        if page.events.is_empty() {
            done = true;
            break;
        }
        for event in &page.events {
            let line = line(event);
            bytes += line.len();
            encoder.write_all(line.as_bytes()).expect("writing to memory");
        }
        token = Some(page.forward);
    }
    let body = (bytes > 0).then(|| encoder.finish().expect("writing to memory"));
    Ok((body, token.map(|token| token.to_string()), done))
}

/// `2026-11-21T10:00:00.000Z message`, as exported files have it.
fn line(event: &LogEvent) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(event.timestamp()) * 1_000_000);
    let seconds = at.map(event_time).unwrap_or_default();
    format!("{}.{:03}Z {}\n", seconds.trim_end_matches('Z'), event.timestamp().rem_euclid(1000), event.message)
}

fn finished(task: ExportTask, status: ExportStatus, message: Option<&str>, now: i64) -> ExportTask {
    ExportTask { status, message: message.map(str::to_owned), completed: Some(now), ..task }
}

/// Changes a task as it is now.
async fn save(app: &App, task: &ExportTask, change: impl FnOnce(ExportTask, i64) -> ExportTask) -> Result<(), ExportError> {
    let _lock = app.catalog.lock(&groups::lock_name(&task.account, &task.region)).await;
    let now = i64::try_from(app.intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    let Some(known) = app.catalog.read_once::<ExportTask>(&task.key())? else { return Ok(()) };
    let mut changes = Changes::new();
    changes.put(&change(known, now));
    app.intake.submit(Vec::new(), changes.encode()).await?;
    Ok(())
}

async fn fail(app: &App, task: &ExportTask, error: &ExportError) {
    let message = error.to_string();
    let saved = save(app, task, |task, now| finished(task, ExportStatus::Failed, Some(&message), now)).await;
    if let Err(error) = saved {
        tracing::error!(
            task = task.id,
            error = &error as &dyn std::error::Error,
            "the failure of an export could not be recorded"
        );
    }
}
