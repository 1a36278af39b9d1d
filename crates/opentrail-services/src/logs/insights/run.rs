//! Running one query over its groups.

use super::pointer::Pointer;
use super::queries::{QueryRun, QueryState};
use crate::app::App;
use opentrail_insights::{Execution, ExecutionFault, LogRecord, Query};
use opentrail_logs::{LogGroup, LogStream, LogsError, newest_first};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How long a query may take, in milliseconds. Source: CloudWatch Logs quotas.
const MAX_MS: i64 = 3_600_000;
/// Events between looks at the clock.
const LOOK_EVERY: u64 = 4096;

#[derive(Debug, thiserror::Error)]
enum RunFault {
    #[error(transparent)]
    Logs(#[from] LogsError),
    #[error(transparent)]
    Execution(#[from] ExecutionFault),
}

/// Runs a query when its turn comes.
pub fn start(app: &Arc<App>, run: Arc<QueryRun>, query: Query, groups: Vec<Arc<LogGroup>>, limit: Option<usize>) {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let turn = Arc::clone(&app.insights.turns).acquire_owned().await;
        let work = move || {
            run.set(QueryState::Running);
            let ended = execute(&app, &run, &query, &groups, limit).unwrap_or_else(|fault| {
                tracing::warn!(query = run.id, fault = &fault as &dyn std::error::Error, "a query of log groups failed");
                QueryState::Failed
            });
            run.set(ended);
            drop(turn);
        };
        if let Err(error) = tokio::task::spawn_blocking(work).await {
            tracing::error!(%error, "a query of log groups ended early");
        }
    });
}

fn execute(
    app: &App,
    run: &QueryRun,
    query: &Query,
    groups: &[Arc<LogGroup>],
    limit: Option<usize>,
) -> Result<QueryState, RunFault> {
    let mut streams: Vec<LogStream> = Vec::new();
    let mut of = Vec::new();
    for group in groups {
        let found = app.catalog.list::<LogStream>(&LogStream::key_of(&group.id, "")).map_err(LogsError::from)?;
        of.extend(found.iter().map(|stream| Pointer::prefix(group, stream)));
        streams.extend(found);
    }
    let logs: Vec<(String, String)> =
        groups.iter().map(|group| (group.id.clone(), format!("{}:{}", group.account, group.name))).collect();
    let log_of = |stream: &LogStream| logs.iter().find(|(id, _)| *id == stream.group_id).map_or("", |(_, log)| log.as_str());
    let now = || i64::try_from(app.intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    let began = now();
    let mut execution = Execution::new(query, limit, began / 1000);
    let mut ended: Option<Result<QueryState, ExecutionFault>> = None;
    newest_first(&app.catalog, &streams, run.start, run.end, |place, event| {
        let stream = &streams[place];
        let scanned = run.scanned.fetch_add(1, Ordering::Relaxed);
        run.scanned_bytes.fetch_add(event.message.len() as u64, Ordering::Relaxed);
        if run.is_stopped() {
            ended = Some(Ok(QueryState::Cancelled));
        } else if scanned.is_multiple_of(LOOK_EVERY) && now() - began > MAX_MS {
            ended = Some(Ok(QueryState::Timeout));
        } else {
            let record = LogRecord {
                timestamp: event.timestamp(),
                ingestion: event.id.ingestion,
                message: &event.message,
                stream: &stream.name,
                log: log_of(stream),
                pointer: &Pointer::text(&of[place], event.id),
            };
            match execution.push(record) {
                Ok(true) => return ControlFlow::Continue(()),
                Ok(false) => {}
                Err(fault) => ended = Some(Err(fault)),
            }
        }
        ControlFlow::Break(())
    })?;
    match ended {
        Some(ended) => Ok(ended?),
        None => Ok(QueryState::Complete(Arc::new(execution.finish()?))),
    }
}
