//! Whether a bucket keeps versions.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::settings::change;
use super::{fault, mfa};
use opentrail_storage::Versioning;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};
use serde_json::{Map, json};

pub fn get(req: &S3Request<GetBucketVersioningInput>) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let status = match bucket.settings.versioning {
        Versioning::Unversioned => None,
        Versioning::Enabled => Some(BucketVersioningStatus::ENABLED),
        Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
    };
    let mfa = bucket.settings.mfa_delete.map(|is_on| if is_on { MFADeleteStatus::ENABLED } else { MFADeleteStatus::DISABLED });
    Ok(S3Response::new(GetBucketVersioningOutput {
        status: status.map(BucketVersioningStatus::from_static),
        mfa_delete: mfa.map(MFADeleteStatus::from_static),
    }))
}

pub async fn put(
    context: &S3Context,
    req: S3Request<PutBucketVersioningInput>,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let wanted = req.input.versioning_configuration;
    let (status, mfa_delete) = (parse_status(&wanted)?, parse_mfa_delete(&wanted)?);
    let mut recorded = Map::new();
    for (name, value) in [
        ("Status", wanted.status.as_ref().map(BucketVersioningStatus::as_str)),
        ("MfaDelete", wanted.mfa_delete.as_ref().map(MFADelete::as_str)),
    ] {
        if let Some(value) = value {
            recorded.insert(name.into(), value.into());
        }
    }
    exchange.add_parameter("VersioningConfiguration", json!(recorded));
    let Some(status) = status else {
        return Err(fault::custom("IllegalVersioningConfigurationException", 400, "The Versioning element must be specified"));
    };
    change(context, &exchange, |bucket| {
        let settings = &mut bucket.settings;
        if settings.mfa_delete == Some(true) || mfa_delete == Some(true) {
            mfa::require(&exchange)?;
        }
        if settings.object_lock.is_some() && status != Versioning::Enabled {
            return Err(fault::custom(
                "InvalidBucketState",
                409,
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
            ));
        }
        if mfa_delete == Some(true) && settings.lifecycle.is_some() {
            return Err(fault::custom(
                "InvalidBucketState",
                409,
                "MFA Delete cannot be enabled on a bucket that has a lifecycle configuration.",
            ));
        }
        settings.versioning = status;
        settings.mfa_delete = mfa_delete.or(settings.mfa_delete);
        Ok(())
    })
    .await?;
    Ok(S3Response::new(PutBucketVersioningOutput {}))
}

fn parse_status(wanted: &VersioningConfiguration) -> S3Result<Option<Versioning>> {
    match wanted.status.as_ref().map(BucketVersioningStatus::as_str) {
        None => Ok(None),
        Some(BucketVersioningStatus::ENABLED) => Ok(Some(Versioning::Enabled)),
        Some(BucketVersioningStatus::SUSPENDED) => Ok(Some(Versioning::Suspended)),
        Some(_) => Err(fault::malformed_xml()),
    }
}

fn parse_mfa_delete(wanted: &VersioningConfiguration) -> S3Result<Option<bool>> {
    match wanted.mfa_delete.as_ref().map(MFADelete::as_str) {
        None => Ok(None),
        Some(MFADelete::ENABLED) => Ok(Some(true)),
        Some(MFADelete::DISABLED) => Ok(Some(false)),
        Some(_) => Err(fault::malformed_xml()),
    }
}
