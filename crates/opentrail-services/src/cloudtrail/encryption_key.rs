//! The KMS key that a trail's files are encrypted under: may CloudTrail use it, for this trail and this bucket?

use crate::app::{App, log_failure};
use crate::call::Call;
use opentrail_kms::{EncryptionContext, Key, KeyRef, KeyUse, KmsError, ServiceCaller};
use opentrail_model::identity::UserIdentity;
use opentrail_model::service_event::CLOUDTRAIL;
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use std::sync::Arc;

/// Longest `KmsKeyId`.
const MAX_KEY_ID_BYTES: usize = 2048;
const DATA_KEY_BYTES: usize = 32;

/// Checks the key that a trail names, by asking it for a data key that is thrown away, as CloudTrail does. Answers its ARN.
///
/// # Errors
/// In this order: `InvalidKmsKeyIdException`, `KmsKeyNotFoundException` (also for a key of another region than the
/// bucket's), `KmsException` for a key that cannot be used, `InsufficientEncryptionPolicyException`.
pub(super) async fn check_key(app: &App, call: &Call, trail: &Trail, given: &str) -> Result<String, ApiError> {
    if !is_well_formed(given) {
        return Err(ApiError::new("InvalidKmsKeyIdException", format!("KMS key ID {given} is invalid.")));
    }
    if !app.log_buckets.takes_keys() {
        let message = "Log files in a bucket of another store cannot be encrypted under a key of this server.";
        return Err(ApiError::new("KmsException", message));
    }
    let key = find(app, call, trail, given)?;
    let context = EncryptionContext::default()
        .with("aws:cloudtrail:arn", trail.arn())
        .with("aws:s3:arn", format!("arn:aws:s3:::{}/{}AWSLogs/{}/", trail.bucket, prefix(trail), trail.account));
    let caller = ServiceCaller { service: CLOUDTRAIL.into(), source_arn: trail.arn(), source_account: trail.account.clone() };
    let made = app
        .kms
        .permit_service(&key, &caller, "kms:DescribeKey", &EncryptionContext::default())
        .and_then(|()| app.kms.permit_service(&key, &caller, "kms:GenerateDataKey", &context))
        .and_then(|()| app.kms.generate_data_key(&key, &context, DATA_KEY_BYTES));
    let used = KeyUse {
        identity: UserIdentity::Service { invoked_by: CLOUDTRAIL.into() },
        invoked_by: CLOUDTRAIL,
        operation: "GenerateDataKey",
        key: &key,
        context: &context,
        error: made.as_ref().err().map(|error| (error.recorded_code().into(), error.to_string())),
        now: call.now,
    };
    let event = used.event(&app.intake);
    app.intake.submit(vec![event], bytes::Bytes::new()).await.map_err(|failure| log_failure(&failure))?;
    match made {
        Ok(_) => Ok(key.arn()),
        Err(KmsError::AccessDenied(message)) => {
            tracing::info!(key = key.arn(), trail = trail.arn(), message, "a key's policy does not let CloudTrail use it");
            let message = format!("Insufficient permissions to access S3 bucket {} or KMS key {}.", trail.bucket, key.arn());
            Err(ApiError::new("InsufficientEncryptionPolicyException", message))
        }
        Err(error) if error.is_internal() => Err(crate::kms::fault(error)),
        Err(error) => Err(ApiError::new("KmsException", error.to_string())),
    }
}

fn prefix(trail: &Trail) -> String {
    trail.key_prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default()
}

/// An id, `alias/…`, or the ARN of either.
fn is_well_formed(given: &str) -> bool {
    let resource = match given.strip_prefix("arn:") {
        Some(rest) => rest.splitn(5, ':').nth(4).unwrap_or_default(),
        None => given,
    };
    let id = ["alias/", "key/"].iter().find_map(|kind| resource.strip_prefix(kind)).unwrap_or(resource);
    let fits = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    !id.is_empty() && given.len() <= MAX_KEY_ID_BYTES && id.chars().all(fits)
}

/// What is no ARN is looked for in the region of the call; the key has to be in the bucket's.
fn find(app: &App, call: &Call, trail: &Trail, given: &str) -> Result<Arc<Key>, ApiError> {
    let missing = || ApiError::new("KmsKeyNotFoundException", format!("KMS key {given} could not be found."));
    let region = given.strip_prefix("arn:").and_then(|_| given.split(':').nth(3)).unwrap_or(&call.region);
    let key = KeyRef::parse(given, &call.account, region).and_then(|name| app.kms.find(&name));
    let key = match key {
        Ok(key) => key,
        Err(error) if error.is_internal() => return Err(crate::kms::fault(error)),
        Err(_) => return Err(missing()),
    };
    let bucket = app.store.bucket(&trail.bucket).ok().flatten();
    if bucket.is_some_and(|bucket| bucket.region != key.region) {
        let message = format!("The S3 bucket {} and the KMS key {} are not in the same region.", trail.bucket, key.arn());
        return Err(ApiError::new("KmsKeyNotFoundException", message));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_names_are_recognised() {
        let check = |given: &str, expect: bool| assert_eq!(is_well_formed(given), expect, "{given}");
        check("alias/trail", true);
        check("arn:aws:kms:us-east-1:123456789012:alias/trail", true);
        check("arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012", true);
        check("12345678-1234-1234-1234-123456789012", true);
        check("alias/", false);
        check("arn:aws:kms", false);
        check("a b", false);
        check(&"a".repeat(2049), false);
    }
}
