//! One trail's follower: writes what the trail takes into its group, as its role.

use crate::stretch::{Stretch, Taken};
use crate::supervisor::Counters;
use opentrail_catalog::{CatalogError, Changes, Entity, Follower, Made};
use opentrail_delivery::{LogGroupSettings, LogGroupStatus};
use opentrail_eventlog::{Event, LogError, LoggedEntry};
use opentrail_logs::{InputEvent, LogGroup, LogStream, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, stored};
use opentrail_model::identity::UserIdentity;
use opentrail_model::record::{EventKind, Record};
use opentrail_model::service_event::{Occasion, service_event};
use opentrail_model::trail::Trail;
use opentrail_services::cloudtrail::{DELIVERER, LogGroupFault, LogGroupWriter, stream_name};
use opentrail_services::{App, logs};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long events wait for a group that cannot be written before they are given up.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Bytes that CloudWatch Logs counts for an event beside its message.
const EVENT_OVERHEAD_BYTES: usize = 26;

#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the log group cannot be written")]
    Refused(#[from] LogGroupFault),
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("the status could not be saved")]
    Log(#[from] LogError),
}

pub(crate) struct TrailWriter {
    app: Arc<App>,
    trail_id: String,
    name: String,
    counters: Arc<Counters>,
}

impl TrailWriter {
    pub(crate) fn new(app: Arc<App>, trail_id: String, counters: Arc<Counters>) -> Self {
        let name = LogGroupSettings::cursor_name(&trail_id);
        Self { app, trail_id, name, counters }
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.app.intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    fn status(&self) -> Result<LogGroupStatus, CatalogError> {
        let known = self.app.catalog.get::<LogGroupStatus>(&self.trail_id)?;
        let known = known.map(|known| LogGroupStatus::clone(&known)).unwrap_or_default();
        Ok(LogGroupStatus { trail_id: self.trail_id.clone(), ..known })
    }

    /// Writes a stretch: into the group that was set when it happened, or else into the one that is set now.
    async fn write(&self, stretch: &Stretch, target: &Trail) -> Result<Made, LogGroupFault> {
        let fault = match self.write_to(stretch, target).await {
            Err(fault) if !matches!(fault, LogGroupFault::Catalog(_)) => fault,
            outcome => return outcome,
        };
        let now = self.app.catalog.get::<Trail>(&target.key())?.filter(|now| now.incarnation == target.incarnation);
        let elsewhere = now.filter(|now| {
            now.log_group_arn.is_some()
                && (&now.log_group_arn, &now.log_group_role_arn) != (&target.log_group_arn, &target.log_group_role_arn)
        });
        match elsewhere {
            Some(now) => self.write_to(stretch, &now).await,
            None => Err(fault),
        }
    }

    async fn write_to(&self, stretch: &Stretch, target: &Trail) -> Result<Made, LogGroupFault> {
        let writer = LogGroupWriter::open(&self.app.catalog, target)?.ok_or(LogGroupFault::GroupArn)?;
        // The stream of the trail's own account is made when the group is given, as CreateTrail's test makes it.
        let empty = (stretch.events.is_empty()).then(|| (&target.account, [].as_slice()));
        let streams: Vec<(String, &[Taken])> = stretch
            .events
            .iter()
            .map(|(account, events)| (account, events.as_slice()))
            .chain(empty)
            .map(|(account, events)| (stream_name(target, account), events))
            .collect();
        let names: Vec<String> = streams.iter().map(|(stream, _)| logs::stream_lock(&writer.group, stream)).collect();
        let mut made = Made {
            locks: self.app.catalog.lock_all(names.iter().map(String::as_str)).await,
            up_to: Some(stretch.up_to),
            ..Made::default()
        };
        for (name, events) in streams {
            self.write_stream(&writer, &name, events, &mut made)?;
        }
        Ok(made)
    }

    fn write_stream(&self, writer: &LogGroupWriter, name: &str, events: &[Taken], made: &mut Made) -> Result<(), LogGroupFault> {
        let group = &writer.group;
        let known = self.app.catalog.get::<LogStream>(&LogStream::key_of(&group.id, name))?;
        writer.permit(name, known.is_none())?;
        let now = self.now_ms();
        let mut stream = match known {
            Some(known) => LogStream::clone(&known),
            None => {
                made.events.push(self.created(group, name));
                let stream = LogStream::new(group, name, self.app.intake.event_id(), now);
                made.changes.put(&stream);
                stream
            }
        };
        for batch in batches(events) {
            let call = batch.first().map_or(0, |event| event.position);
            let input: Vec<InputEvent> =
                batch.iter().map(|event| InputEvent { timestamp: now, message: event.message.clone() }).collect();
            made.changes.append(stored(&mut stream, &input, now, call));
        }
        Ok(())
    }

    /// The record of a stream that was made.
    fn created(&self, group: &LogGroup, stream: &str) -> Event {
        let record = Record {
            kind: EventKind::ManagementCall,
            user_identity: UserIdentity::Service { invoked_by: DELIVERER.into() },
            event_time: self.app.intake.now(),
            event_source: "logs.amazonaws.com".into(),
            event_name: "CreateLogStream".into(),
            region: group.region.clone(),
            source_ip: DELIVERER.into(),
            user_agent: Some(DELIVERER.into()),
            error_code: None,
            error_message: None,
            request_parameters: json!({"logGroupName": group.name, "logStreamName": stream}),
            response_elements: Value::Null,
            additional_event_data: None,
            request_id: Some(uuid::Uuid::new_v4().to_string()),
            event_id: self.app.intake.event_id(),
            read_only: false,
            resources: Vec::new(),
            api_version: Some("20140328".into()),
            recipient_account: group.account.clone(),
            shared_event_id: None,
            service_event_details: None,
            tls_details: None,
            session_from_console: false,
        };
        Event { account: group.account.clone(), region: group.region.clone(), record: record.to_json().into() }
    }

    /// What to do with a stretch that cannot be written: wait, or give up, which is an event.
    async fn refused(&self, stretch: &Stretch, target: &Trail, fault: LogGroupFault) -> Result<Made, WriteError> {
        let (now, count) = (self.now_ms(), stretch.count());
        let mut status = self.status()?;
        let error = fault.status();
        let waited = stretch.oldest_ms.map_or(0, |at| now.saturating_sub(i64::try_from(at).unwrap_or(i64::MAX)));
        let current = self.app.catalog.get::<Trail>(&target.key())?.filter(|now| now.incarnation == target.incarnation);
        let wanted = current.is_some_and(|now| now.log_group_arn.is_some());
        let patient = i64::try_from(GIVE_UP_AFTER.as_millis()).unwrap_or(i64::MAX);
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        if count > 0 && wanted && waited < patient {
            if status.error.as_ref() != Some(&error) {
                tracing::warn!(trail = target.name, error, "a trail's log group cannot be written");
                status.error = Some(error);
                let mut changes = Changes::new();
                self.app.intake.submit(Vec::new(), changes.put(&status).encode()).await?;
            }
            return Err(fault.into());
        }
        let mut made = Made { up_to: Some(stretch.up_to), ..Made::default() };
        status.error = Some(error);
        if count > 0 {
            tracing::error!(trail = target.name, events = count, "events given up: the trail's log group was not usable");
            self.counters.lost.fetch_add(count, Ordering::Relaxed);
            status.lost += count;
            // That an event which tells of this is lost itself is not told again, or there would be no end.
            let told = |event: &Taken| event.message.contains(r#""eventName":"LogGroupDeliveryAbandoned""#);
            if !stretch.events.values().flatten().all(told) {
                made.events.push(self.abandoned(target, count, &fault));
            }
        }
        made.changes.put(&status);
        Ok(made)
    }

    /// Giving up is itself an event.
    fn abandoned(&self, trail: &Trail, count: u64, fault: &LogGroupFault) -> Event {
        let occasion = Occasion {
            at: self.app.intake.now(),
            event_id: self.app.intake.event_id(),
            account: trail.account.clone(),
            region: trail.home_region.clone(),
        };
        let details = json!({
            "trailARN": trail.arn(), "cloudWatchLogsLogGroupArn": trail.log_group_arn, "lostRecords": count,
            "errorMessage": fault.status(),
        });
        let record = service_event(occasion, "LogGroupDeliveryAbandoned", details);
        Event { account: trail.account.clone(), region: trail.home_region.clone(), record: record.to_json().into() }
    }

    /// The status after a stretch was written.
    fn written(&self, stretch: &Stretch, made: &mut Made) -> Result<(), CatalogError> {
        let before = self.status()?;
        let now = self.now_ms();
        let mut status = LogGroupStatus { error: None, ..before.clone() };
        if stretch.count() > 0 {
            status.latest_delivery_ms = Some(now);
        }
        self.counters.delivered.fetch_add(stretch.count(), Ordering::Relaxed);
        self.left_out(stretch, &mut status);
        if status != before {
            made.changes.put(&status);
        }
        Ok(())
    }

    fn left_out(&self, stretch: &Stretch, status: &mut LogGroupStatus) {
        if stretch.oversize > 0 {
            tracing::warn!(trail = self.trail_id, events = stretch.oversize, "events over 256 KB were not sent to the log group");
            self.counters.oversize.fetch_add(stretch.oversize, Ordering::Relaxed);
            status.oversize += stretch.oversize;
            status.latest_oversize_ms = Some(self.now_ms());
        }
    }
}

impl Follower for TrailWriter {
    type Error = WriteError;

    fn name(&self) -> &str {
        &self.name
    }

    async fn take(&mut self, entries: &[LoggedEntry]) -> Result<Made, WriteError> {
        let settings = self.app.catalog.get::<LogGroupSettings>(&self.trail_id)?;
        let Some(settings) = settings.filter(|settings| !settings.finished) else { return Ok(Made::default()) };
        let stretch = Stretch::read(&self.trail_id, settings.trail.as_ref(), entries)?;
        let mut made = match &stretch.target {
            None => {
                let mut made = Made { up_to: Some(stretch.up_to), ..Made::default() };
                if stretch.oversize > 0 {
                    self.written(&stretch, &mut made)?;
                }
                made
            }
            Some(target) => match self.write(&stretch, target).await {
                Ok(mut made) => {
                    self.written(&stretch, &mut made)?;
                    made
                }
                Err(fault) => self.refused(&stretch, target, fault).await?,
            },
        };
        if let Some(after) = &stretch.changed {
            let trail = after.as_deref().cloned();
            let finished = trail.is_none();
            made.changes.put(&LogGroupSettings { trail_id: self.trail_id.clone(), trail, finished });
        }
        Ok(made)
    }
}

/// Cuts events as PutLogEvents would take them.
fn batches(events: &[Taken]) -> Vec<&[Taken]> {
    let mut batches = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |event: &&Taken| {
            bytes += event.message.len() + EVENT_OVERHEAD_BYTES;
            bytes <= MAX_BATCH_BYTES
        };
        let count = rest.iter().take(MAX_BATCH_EVENTS).take_while(fits).count().max(1);
        let (batch, later) = rest.split_at(count);
        batches.push(batch);
        rest = later;
    }
    batches
}
