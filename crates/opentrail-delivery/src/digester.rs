//! Digests: deciding, signing, delivering, and moving the chain's head.
//!
//! A digest is staged before it is put: its text, its signature and the files it lists become durable first, so that
//! whatever happens afterwards the same digest is written again. The head moves in the entry that also removes what the
//! digest lists. A chain therefore never forks.

use crate::DeliveryError;
use crate::chain::{DigestChain, DigestHead, PendingFile, StagedDigest};
use crate::engine::Context;
use crate::file::gzip;
use crate::state::{DeliveryState, TrailStatus};
use aws_lc_rs::digest::{SHA256, digest};
use opentrail_catalog::{Changes, Entity};
use opentrail_model::digest::{
    Digest, HASH_ALGORITHM, METADATA_SIGNATURE, METADATA_SIGNATURE_ALGORITHM, SIGNATURE_ALGORITHM, signing_string,
};
use opentrail_model::keys::Place;
use opentrail_model::timestamp::event_time;
use opentrail_model::trail::Trail;
use opentrail_storage::{BucketFault, LogObject};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::Ordering;
use time::OffsetDateTime;

/// Windows missed while the server was down get a digest each, up to this many; the rest share one long window.
const MAX_CATCH_UP: i64 = 24;

pub(crate) enum Progress {
    /// At least one digest was delivered.
    Delivered,
    Nothing,
    Refused,
    /// The trail is deleted, its chains are ended, its state is gone.
    Finished,
}

/// Delivers what is due of a trail's digests.
pub(crate) async fn step(context: &Context, state: &DeliveryState) -> Result<Progress, DeliveryError> {
    let Some(trail) = state.deleted.as_ref().or(state.trail.as_ref()) else { return Ok(Progress::Nothing) };
    let mut chains = context.catalog.list::<DigestChain>(&format!("{}/", state.trail_id))?;
    if state.deleted.is_some() && chains.is_empty() {
        finish(context, state).await?;
        return Ok(Progress::Finished);
    }
    let mut changes = Changes::new();
    if state.deleted.is_none() {
        follow_regions(context, state, trail, &mut chains, &mut changes);
    }
    let interval_ms = i64::try_from(context.config.digest_interval.as_millis()).unwrap_or(i64::MAX);
    let now_ms = context.now_ms();
    let due = |chain: &DigestChain| {
        chain.staged.is_some() || chain.ending || now_ms >= chain.window_start_ms.saturating_add(interval_ms)
    };
    chains.retain(due);
    for chain in &mut chains {
        let elsewhere = |staged: &StagedDigest| {
            staged.head.bucket != trail.bucket
                || staged.head.object != digest_key(trail, &chain.account, &chain.region, staged.end_ms)
        };
        if chain.staged.as_ref().is_none_or(elsewhere) {
            chain.staged = Some(stage(context, trail, chain, interval_ms).await?);
            changes.put(&*chain);
        }
    }
    if !changes.is_empty() {
        context.intake.submit(Vec::new(), changes.encode()).await?;
    }
    // From here on every staged digest is durable.
    deliver(context, trail, chains).await
}

/// Opens chains for regions and accounts a running trail has come to cover, ends those it no longer covers.
fn follow_regions(context: &Context, state: &DeliveryState, trail: &Trail, chains: &mut Vec<DigestChain>, changes: &mut Changes) {
    if !(trail.logging && trail.log_file_validation) {
        return;
    }
    for chain in chains.iter_mut() {
        let known = context.regions.contains(&chain.region);
        let covered = known && trail.covers_region(&chain.region) && trail.covers_account(&chain.account);
        if !chain.ending && !covered {
            chain.ending = true;
            changes.put(&*chain);
        }
    }
    let open: BTreeSet<(String, String)> = chains.iter().map(|chain| (chain.account.clone(), chain.region.clone())).collect();
    for region in context.regions.iter().filter(|region| trail.covers_region(region)) {
        for account in trail.accounts() {
            if !open.contains(&(account.to_owned(), region.clone())) {
                let chain = DigestChain::begin(&state.trail_id, account, region, context.now_ms());
                changes.put(&chain);
                chains.push(chain);
            }
        }
    }
}

fn digest_key(trail: &Trail, account: &str, region: &str, end_ms: i64) -> String {
    let place = Place { prefix: trail.key_prefix.as_deref(), organization: trail.organization_id(), account, region };
    place.digest_key(&trail.name, &trail.home_region, at(end_ms), false)
}

fn at(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Where the open window of a chain ends, and whether the chain ends there.
fn window_end(chain: &DigestChain, interval_ms: i64, now_ms: i64) -> (i64, bool) {
    let start = chain.window_start_ms;
    if chain.ending {
        return ((now_ms / 1000 * 1000).max(start + 1000), true);
    }
    let elapsed = (now_ms - start) / interval_ms.max(1);
    (start + (elapsed - MAX_CATCH_UP).max(1) * interval_ms, false)
}

async fn stage(context: &Context, trail: &Trail, chain: &DigestChain, interval_ms: i64) -> Result<StagedDigest, DeliveryError> {
    let (end_ms, last) = window_end(chain, interval_ms, context.now_ms());
    let mut pending = context.catalog.list::<PendingFile>(&format!("{}/", chain.key()))?;
    pending.retain(|file| last || file.delivered_ms <= end_ms);
    let key = context.keys.current(&chain.region, &chain.account).await?;
    let head = chain.head.as_ref();
    let object = digest_key(trail, &chain.account, &chain.region, end_ms);
    let digest_file = Digest {
        aws_account_id: chain.account.clone(),
        digest_start_time: event_time(at(chain.window_start_ms)),
        digest_end_time: event_time(at(end_ms)),
        digest_s3_bucket: trail.bucket.clone(),
        digest_s3_object: object.clone(),
        digest_public_key_fingerprint: key.fingerprint.clone(),
        digest_signature_algorithm: SIGNATURE_ALGORITHM.into(),
        newest_event_time: pending.iter().map(|p| p.file.newest_event_time.clone()).max(),
        oldest_event_time: pending.iter().map(|p| p.file.oldest_event_time.clone()).min(),
        previous_digest_s3_bucket: head.map(|h| h.bucket.clone()),
        previous_digest_s3_object: head.map(|h| h.object.clone()),
        previous_digest_hash_value: head.map(|h| h.hash.clone()),
        previous_digest_hash_algorithm: head.map(|_| HASH_ALGORITHM.into()),
        previous_digest_signature: head.map(|h| h.signature.clone()),
        log_files: pending.iter().map(|p| p.file.clone()).collect(),
    };
    let json = serde_json::to_string(&digest_file).expect("strings always serialise");
    let hash = hex::encode(digest(&SHA256, json.as_bytes()));
    let text = signing_string(&digest_file.digest_end_time, &trail.bucket, &object, &hash, head.map(|h| h.signature.as_str()));
    let signature = context.keys.sign(&key, text.as_bytes())?;
    Ok(StagedDigest {
        head: DigestHead { bucket: trail.bucket.clone(), object, hash, signature: signature.hex },
        json,
        end_ms,
        files: pending.iter().map(Entity::key).collect(),
        last,
    })
}

async fn deliver(context: &Context, trail: &Trail, chains: Vec<DigestChain>) -> Result<Progress, DeliveryError> {
    let mut changes = Changes::new();
    let (mut delivered, mut refused) = (false, false);
    for chain in chains {
        let Some(staged) = chain.staged.clone() else { continue };
        match put(context, trail, &staged).await {
            Ok(()) => {
                context.stats.digests.fetch_add(1, Ordering::Relaxed);
                tracing::info!(
                    trail = trail.name,
                    region = chain.region,
                    key = staged.head.object,
                    files = staged.files.len(),
                    "delivered digest"
                );
                changes.put(&status(context, &chain, None)?);
                advance(&mut changes, chain, staged);
                delivered = true;
            }
            Err(fault) => {
                refused = true;
                context.stats.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(trail = trail.name, region = chain.region, %fault, "the bucket refused a digest");
                let known = context.catalog.get::<TrailStatus>(&TrailStatus::key_of(&chain.trail_id, &chain.region))?;
                if known.is_none_or(|status| status.latest_digest_delivery_error.as_deref() != Some(fault.code.as_str())) {
                    changes.put(&status(context, &chain, Some(&fault))?);
                }
            }
        }
    }
    if !changes.is_empty() {
        context.intake.submit(Vec::new(), changes.encode()).await?;
    }
    Ok(match (delivered, refused) {
        (true, _) => Progress::Delivered,
        (false, true) => Progress::Refused,
        (false, false) => Progress::Nothing,
    })
}

/// The digest is in the bucket: the head moves, what it lists is no longer pending.
fn advance(changes: &mut Changes, chain: DigestChain, staged: StagedDigest) {
    for file in &staged.files {
        changes.delete::<PendingFile>(file);
    }
    let key = chain.key();
    match (staged.last, chain.restart_ms) {
        (true, Some(at_ms)) => {
            let start = at_ms.max(staged.end_ms);
            changes.put(&DigestChain::begin(&chain.trail_id, &chain.account, &chain.region, start));
        }
        (true, None) => {
            changes.delete::<DigestChain>(&key);
        }
        (false, _) => {
            changes.put(&DigestChain { window_start_ms: staged.end_ms, head: Some(staged.head), staged: None, ..chain });
        }
    }
}

async fn put(context: &Context, trail: &Trail, staged: &StagedDigest) -> Result<(), BucketFault> {
    let mut encoder = gzip(6);
    encoder.write_all(staged.json.as_bytes()).expect("writing to memory cannot fail");
    let object = LogObject {
        key: staged.head.object.clone(),
        body: encoder.finish().expect("writing to memory cannot fail").into(),
        content_type: "application/json",
        content_encoding: Some("gzip"),
        metadata: vec![
            (METADATA_SIGNATURE.into(), staged.head.signature.clone()),
            (METADATA_SIGNATURE_ALGORITHM.into(), SIGNATURE_ALGORITHM.into()),
        ],
    };
    context.buckets.put(&context.binding(trail)?, object).await
}

fn status(context: &Context, chain: &DigestChain, fault: Option<&BucketFault>) -> Result<TrailStatus, DeliveryError> {
    let known = context.catalog.get::<TrailStatus>(&TrailStatus::key_of(&chain.trail_id, &chain.region))?;
    let mut status = known.map(|status| TrailStatus::clone(&status)).unwrap_or_default();
    status.trail_id.clone_from(&chain.trail_id);
    status.region.clone_from(&chain.region);
    if fault.is_none() {
        status.latest_digest_delivery_ms = Some(context.now_ms());
    }
    status.latest_digest_delivery_error = fault.map(|fault| fault.code.clone());
    Ok(status)
}

/// Everything of a deleted trail is delivered: forget it.
async fn finish(context: &Context, state: &DeliveryState) -> Result<(), DeliveryError> {
    let mut changes = Changes::new();
    changes.delete::<DeliveryState>(&state.trail_id);
    for status in context.catalog.list::<TrailStatus>(&format!("{}/", state.trail_id))? {
        changes.delete::<TrailStatus>(&status.key());
    }
    for pending in context.catalog.list::<PendingFile>(&format!("{}/", state.trail_id))? {
        changes.delete::<PendingFile>(&pending.key());
    }
    context.intake.submit(Vec::new(), changes.encode()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_and_catch_up() {
        let chain = DigestChain::begin("t", "1", "r", 1_000);
        let check = |now_ms, ending, expect| {
            assert_eq!(window_end(&DigestChain { ending, ..chain.clone() }, 10_000, now_ms), expect, "{now_ms} {ending}");
        };
        check(11_000, false, (11_000, false));
        check(30_500, false, (11_000, false));
        check(7_300, true, (7_000, true));
        check(1_000, true, (2_000, true));
        check(30_500, true, (30_000, true));
        check(1_000 + 10_000 * 100, false, (1_000 + 10_000 * 76, false));
    }
}
