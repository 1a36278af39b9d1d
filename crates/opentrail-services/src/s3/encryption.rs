//! A bucket's default encryption, as it is configured; what it does to objects is in object_encryption.rs.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::fault;
use super::settings::change;
use opentrail_storage::{DefaultEncryption, EncryptionAlgorithm};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};
use serde_json::{Map, json};

/// Longest name of a key: an ARN with an alias.
const MAX_KEY_ID_CHARS: usize = 2048;

pub fn get(req: &S3Request<GetBucketEncryptionInput>) -> S3Result<S3Response<GetBucketEncryptionOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let own = DefaultEncryption { algorithm: EncryptionAlgorithm::Aes256, kms_key_id: None, bucket_key_enabled: false };
    let encryption = bucket.settings.encryption.clone().unwrap_or(own);
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
            kms_master_key_id: encryption.kms_key_id,
            sse_algorithm: ServerSideEncryption::from_static(encryption.algorithm.name()),
        }),
        bucket_key_enabled: Some(encryption.bucket_key_enabled),
    };
    Ok(S3Response::new(GetBucketEncryptionOutput {
        server_side_encryption_configuration: Some(ServerSideEncryptionConfiguration { rules: vec![rule] }),
    }))
}

pub async fn put(
    context: &S3Context,
    req: S3Request<PutBucketEncryptionInput>,
) -> S3Result<S3Response<PutBucketEncryptionOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let encryption = parse(&req.input.server_side_encryption_configuration)?;
    let mut default = Map::new();
    default.insert("SSEAlgorithm".into(), encryption.algorithm.name().into());
    if let Some(key) = &encryption.kms_key_id {
        default.insert("KMSMasterKeyID".into(), key.as_str().into());
    }
    let rule = json!({"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": encryption.bucket_key_enabled});
    exchange.add_parameter("ServerSideEncryptionConfiguration", json!({"Rule": rule}));
    change(context, &exchange, |bucket| {
        bucket.settings.encryption = Some(encryption);
        Ok(())
    })
    .await?;
    Ok(S3Response::new(PutBucketEncryptionOutput {}))
}

fn parse(configuration: &ServerSideEncryptionConfiguration) -> S3Result<DefaultEncryption> {
    let [rule] = configuration.rules.as_slice() else { return Err(fault::malformed_xml()) };
    let Some(default) = &rule.apply_server_side_encryption_by_default else { return Err(fault::malformed_xml()) };
    let algorithm = EncryptionAlgorithm::parse(default.sse_algorithm.as_str()).ok_or_else(fault::malformed_xml)?;
    let kms_key_id = default.kms_master_key_id.clone().filter(|key| !key.is_empty());
    if algorithm == EncryptionAlgorithm::Aes256 && kms_key_id.is_some() {
        return Err(fault::invalid_argument(
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
        ));
    }
    if kms_key_id.as_ref().is_some_and(|key| key.chars().count() > MAX_KEY_ID_CHARS) {
        return Err(fault::invalid_argument("Invalid KMS key id"));
    }
    if algorithm == EncryptionAlgorithm::KmsDsse {
        return Err(fault::not_implemented("dual-layer encryption (aws:kms:dsse)"));
    }
    Ok(DefaultEncryption { algorithm, kms_key_id, bucket_key_enabled: rule.bucket_key_enabled.unwrap_or(false) })
}

/// Goes back to what a bucket has without a setting.
pub async fn delete(
    context: &S3Context,
    req: S3Request<DeleteBucketEncryptionInput>,
) -> S3Result<S3Response<DeleteBucketEncryptionOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    change(context, &exchange, |bucket| {
        bucket.settings.encryption = None;
        Ok(())
    })
    .await?;
    Ok(S3Response::with_status(DeleteBucketEncryptionOutput {}, http::StatusCode::NO_CONTENT))
}
