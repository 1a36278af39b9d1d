//! One trail's delivery, from mark to mark.

use crate::DeliveryError;
use crate::chain::{DigestChain, PendingFile};
use crate::digester;
use crate::engine::Context;
use crate::mark_range::{self, RangeFile, RangeResult, Validation};
use crate::marker::Mark;
use crate::state::{DeliveryState, TrailStatus};
use opentrail_catalog::{Changes, Entity};
use opentrail_model::digest::{DigestLogFile, HASH_ALGORITHM};
use opentrail_model::keys::{Place, unique_part};
use opentrail_storage::{BucketFault, LogObject};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;
use time::OffsetDateTime;

/// How long files wait for an unreachable bucket before they are given up.
pub const GIVE_UP_AFTER: time::Duration = time::Duration::days(30);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Runs until the trail is gone and all of it delivered, or the engine stops.
pub(crate) async fn run(context: Context, trail_id: String) {
    let mut pause = FIRST_PAUSE;
    let mut stop = context.stop.clone();
    loop {
        let wait = match step(&context, &trail_id).await {
            Ok(Progress::Gone) => return,
            Ok(Progress::More) => {
                pause = FIRST_PAUSE;
                continue;
            }
            Ok(Progress::Idle) => {
                pause = FIRST_PAUSE;
                context.poll
            }
            Ok(Progress::Refused) => {
                let wait = pause;
                pause = (pause * 2).min(LONGEST_PAUSE.min(context.config.interval.max(FIRST_PAUSE) * 4));
                wait
            }
            Err(error) => {
                tracing::error!(trail = trail_id, %error, source = ?std::error::Error::source(&error), "delivery failed, will try again");
                let wait = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                wait
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = crate::engine::stopped(&mut stop) => return,
        }
    }
}

enum Progress {
    /// Something was done; look again at once.
    More,
    /// Nothing to do now.
    Idle,
    /// The bucket refused; try again later.
    Refused,
    /// The trail is deleted and everything of it delivered.
    Gone,
}

async fn step(context: &Context, trail_id: &str) -> Result<Progress, DeliveryError> {
    let Some(state) = context.catalog.get::<DeliveryState>(trail_id)? else { return Ok(Progress::Gone) };
    let next = context.catalog.scan::<Mark>("", Some(&Mark::key_of(state.cursor)), 1)?.pop();
    if let Some(mark) = next.filter(|_| state.deleted.is_none()) {
        return deliver_mark(context, DeliveryState::clone(&state), mark).await;
    }
    match digester::step(context, &state).await? {
        digester::Progress::Delivered => Ok(Progress::More),
        digester::Progress::Nothing => Ok(Progress::Idle),
        digester::Progress::Refused => Ok(Progress::Refused),
        digester::Progress::Finished => Ok(Progress::Gone),
    }
}

async fn deliver_mark(context: &Context, state: DeliveryState, mark: Mark) -> Result<Progress, DeliveryError> {
    let trail_id = state.trail_id.clone();
    let log = context.intake.log().clone();
    let max_bytes = context.config.max_bytes;
    let range = tokio::task::spawn_blocking(move || mark_range::scan(&log, state, mark.end, max_bytes))
        .await
        .map_err(|_| DeliveryError::Stopped)??;
    if range.unreadable > 0 {
        context.stats.unreadable_records.fetch_add(range.unreadable, Ordering::Relaxed);
        tracing::error!(
            trail = trail_id,
            records = range.unreadable,
            "records that are not JSON objects were left out of log files"
        );
    }
    let mut changes = recovered(context, &trail_id)?;
    let mut refused = None;
    for file in &range.files {
        match put_file(context, file, mark).await {
            Ok(pending) => {
                let mut status = status(context, &trail_id, &file.region, mark, None)?;
                announce(context, file, &pending.file.s3_object, &mut status, &mut changes);
                changes.put(&status);
                if validates(&range, file) {
                    changes.put(&pending);
                }
            }
            Err(fault) => {
                refused = Some((file, fault));
                break;
            }
        }
    }
    if let Some((file, fault)) = refused {
        return refuse(context, &range, file, &fault, mark).await;
    }
    commit(context, range, changes).await?;
    Ok(Progress::More)
}

/// One message for each file, in the entry that commits it.
fn announce(context: &Context, file: &RangeFile, key: &str, status: &mut TrailStatus, changes: &mut Changes) {
    if file.trail.sns_topic.is_none() {
        return;
    }
    let now = context.now_ms();
    status.latest_notification_attempt_ms = Some(now);
    match context.announcer.announce(&file.trail, &[key.to_owned()], changes) {
        Ok(()) => {
            status.latest_notification_ms = Some(now);
            status.latest_notification_error = None;
        }
        Err(fault) => {
            tracing::warn!(trail = file.trail.name, key, %fault, "a log file could not be announced");
            status.latest_notification_error = Some(fault.code);
        }
    }
}

/// A range that is delivered proves the bucket good again, also for regions that have no file in it.
fn recovered(context: &Context, trail_id: &str) -> Result<Changes, DeliveryError> {
    let mut changes = Changes::new();
    for mut status in context.catalog.list::<TrailStatus>(&format!("{trail_id}/"))? {
        if status.latest_delivery_error.take().is_some() {
            changes.put(&status);
        }
    }
    Ok(changes)
}

fn validates(range: &RangeResult, file: &RangeFile) -> bool {
    file.trail.log_file_validation || range.validation.contains(&Validation::Ended)
}

/// Moves the cursor, opens and ends chains, saves status: one entry.
async fn commit(context: &Context, range: RangeResult, mut changes: Changes) -> Result<(), DeliveryError> {
    let state = range.state;
    if !range.validation.is_empty() {
        let prefix = format!("{}/", state.trail_id);
        let mut chains: BTreeMap<String, DigestChain> =
            context.catalog.list::<DigestChain>(&prefix)?.into_iter().map(|chain| (chain.key(), chain)).collect();
        for change in range.validation {
            match change {
                Validation::Began { at_ms } => begin_chains(context, &state, at_ms, &mut chains),
                Validation::Ended => chains.values_mut().for_each(|chain| {
                    chain.ending = true;
                    chain.restart_ms = None;
                }),
            }
        }
        chains.values().for_each(|chain| {
            changes.put(chain);
        });
    }
    changes.put(&state);
    context.intake.submit(Vec::new(), changes.encode()).await?;
    Ok(())
}

fn begin_chains(context: &Context, state: &DeliveryState, at_ms: i64, chains: &mut BTreeMap<String, DigestChain>) {
    let Some(trail) = state.trail.as_ref().or(state.deleted.as_ref()) else { return };
    for region in context.regions.iter().filter(|region| trail.covers_region(region)) {
        for account in trail.accounts() {
            let new = DigestChain::begin(&state.trail_id, account, region, at_ms);
            chains.entry(new.key()).and_modify(|chain| chain.restart_ms = Some(at_ms)).or_insert(new);
        }
    }
}

async fn put_file(context: &Context, file: &RangeFile, mark: Mark) -> Result<PendingFile, BucketFault> {
    let trail = &file.trail;
    let trail_id = crate::trail_id(trail);
    let place = Place {
        prefix: trail.key_prefix.as_deref(),
        organization: trail.organization_id(),
        account: &file.account,
        region: &file.region,
    };
    let key = place.log_file_key(ceil_to_minute(mark.at_ms), &unique_name(&trail_id, file));
    let object = LogObject {
        key: key.clone(),
        body: file.file.body.clone(),
        content_type: "application/json",
        content_encoding: Some("gzip"),
        metadata: Vec::new(),
    };
    context.buckets.put(&context.binding(trail)?, object).await?;
    let stats = &context.stats;
    stats.files.fetch_add(1, Ordering::Relaxed);
    stats.records.fetch_add(file.file.records, Ordering::Relaxed);
    stats.raw_bytes.fetch_add(file.file.raw_bytes, Ordering::Relaxed);
    tracing::info!(trail = trail.name, region = file.region, key, records = file.file.records, "delivered log file");
    let chain = format!("{trail_id}/{}/{}", file.account, file.region);
    Ok(PendingFile {
        chain,
        delivered_ms: mark.at_ms,
        file: DigestLogFile {
            s3_bucket: trail.bucket.clone(),
            s3_object: key,
            hash_value: file.file.hash.clone(),
            hash_algorithm: HASH_ALGORITHM.into(),
            newest_event_time: file.file.newest.clone(),
            oldest_event_time: file.file.oldest.clone(),
        },
    })
}

/// Names come from positions: the same range gives the same name.
fn unique_name(trail_id: &str, file: &RangeFile) -> String {
    let text = format!("{trail_id}\n{}\n{}\n{}\n{}", file.account, file.region, file.file.first, file.file.last);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    unique_part(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
}

fn ceil_to_minute(at_ms: i64) -> OffsetDateTime {
    let seconds = (at_ms + 59_999) / 60_000 * 60;
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The status of a trail in a region after an attempt.
pub(crate) fn status(
    context: &Context,
    trail_id: &str,
    region: &str,
    mark: Mark,
    error: Option<&BucketFault>,
) -> Result<TrailStatus, DeliveryError> {
    let known = context.catalog.get::<TrailStatus>(&TrailStatus::key_of(trail_id, region))?;
    let mut status = known.map(|status| TrailStatus::clone(&status)).unwrap_or_default();
    status.trail_id = trail_id.into();
    status.region = region.into();
    status.latest_delivery_attempt_ms = Some(context.now_ms());
    match error {
        None => {
            status.latest_delivery_ms = Some(context.now_ms().max(mark.at_ms));
            status.latest_delivery_error = None;
        }
        Some(fault) => status.latest_delivery_error = Some(fault.code.clone()),
    }
    Ok(status)
}

/// The bucket did not take a file: say so, and give the range up once it is too old.
async fn refuse(
    context: &Context,
    range: &RangeResult,
    file: &RangeFile,
    fault: &BucketFault,
    mark: Mark,
) -> Result<Progress, DeliveryError> {
    context.stats.refused.fetch_add(1, Ordering::Relaxed);
    let trail_id = &range.state.trail_id;
    tracing::warn!(trail = file.trail.name, bucket = file.trail.bucket, region = file.region, %fault, "the bucket refused a log file");
    let mut changes = Changes::new();
    // What comes after this range waits as well; so the home region, where trails are looked at, tells of it too.
    let waiting: BTreeSet<&str> =
        range.files.iter().map(|waiting| waiting.region.as_str()).chain([file.trail.home_region.as_str()]).collect();
    for region in waiting {
        let known = context.catalog.get::<TrailStatus>(&TrailStatus::key_of(trail_id, region))?;
        if known.is_none_or(|status| status.latest_delivery_error.as_deref() != Some(fault.code.as_str())) {
            changes.put(&status(context, trail_id, region, mark, Some(fault))?);
        }
    }
    let age_ms = context.now_ms() - mark.at_ms;
    if time::Duration::milliseconds(age_ms) > GIVE_UP_AFTER {
        let lost: u64 = range.files.iter().map(|f| f.file.records).sum();
        context.stats.lost_records.fetch_add(lost, Ordering::Relaxed);
        tracing::error!(trail = file.trail.name, records = lost, "log files given up: their bucket was not usable for 30 days");
        changes.put(&range.state);
        let event = crate::engine::loss_event(context, file, lost, fault);
        context.intake.submit(vec![event], changes.encode()).await?;
        return Ok(Progress::More);
    }
    if !changes.is_empty() {
        context.intake.submit(Vec::new(), changes.encode()).await?;
    }
    Ok(Progress::Refused)
}
