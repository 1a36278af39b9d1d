//! Making archived objects readable for a while.
//!
//! Here nothing has to be fetched from anywhere, so the copy is there when the call is answered; it ends when it should.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::{fault, read};
use http::StatusCode;
use opentrail_storage::Object;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;
const MAX_DAYS: i32 = 36_500;

pub async fn object(context: &S3Context, req: S3Request<RestoreObjectInput>) -> S3Result<S3Response<RestoreObjectOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let input = req.input;
    let request = input.restore_request.ok_or_else(fault::malformed_xml)?;
    if request.select_parameters.is_some() || request.output_location.is_some() || request.type_.is_some() {
        return Err(fault::not_implemented("SELECT requests on archived objects"));
    }
    let days = request.days.ok_or_else(fault::malformed_xml)?;
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(fault::invalid_argument("The Days parameter must be a positive integer"));
    }
    let tier = request.tier.or(request.glacier_job_parameters.map(|parameters| parameters.tier));
    exchange.add_parameter("RestoreRequest", json!({"Days": days, "Tier": tier.as_ref().map(Tier::as_str)}));
    let bucket = existing(&exchange)?;
    let lock = context.store.lock_object(&bucket.name, &input.key).await;
    let version = read::find(context, &exchange, input.version_id.as_deref())?;
    check_tier(&version, tier.as_ref())?;
    let now_ms = exchange.now_ms();
    let was_restored = version.restored.is_some_and(|restored| restored.until_ms > now_ms);
    let until_ms = now_ms.saturating_add(i64::from(days) * DAY_MS);
    // Copies end at midnights, like everything that is counted in days.
    let until_ms = (until_ms + DAY_MS - 1).div_euclid(DAY_MS) * DAY_MS;
    let staged = context.store.stage_restore(&lock, &version, until_ms).map_err(fault::of_store)?;
    exchange.commit(staged, &[], Value::Null).await?;
    let status = if was_restored { StatusCode::OK } else { StatusCode::ACCEPTED };
    exchange.set_status(status);
    Ok(S3Response::new(RestoreObjectOutput::default()))
}

fn check_tier(version: &Object, tier: Option<&Tier>) -> S3Result<()> {
    let class = version.settings.storage_class;
    if !class.is_archive() {
        return Err(fault::custom("InvalidObjectState", 403, "Restore is not allowed for the object's current storage class"));
    }
    match tier.map(Tier::as_str) {
        None | Some(Tier::STANDARD | Tier::BULK) => Ok(()),
        Some(Tier::EXPEDITED) if class == opentrail_storage::StorageClass::Glacier => Ok(()),
        Some(Tier::EXPEDITED) => Err(fault::invalid_argument("Retrieval option is not supported by this storage class")),
        Some(_) => Err(fault::malformed_xml()),
    }
}
