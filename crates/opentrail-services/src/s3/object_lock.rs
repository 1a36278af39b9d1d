//! Object Lock: of buckets, and the holds of versions.

use super::S3Context;
use super::bucket::{existing, timestamp};
use super::exchange::Exchange;
use super::object_settings::{hold_status, missing_lock_configuration, retention_until};
use super::settings::{change, not_set};
use super::{delete, fault, object_access, read};
use opentrail_storage::{
    DefaultRetention as KeptDefault, MAX_RETENTION_DAYS, MAX_RETENTION_YEARS, Object, ObjectLockSettings, Retention,
    RetentionMode, RetentionPeriod, Versioning,
};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};
use serde_json::{Map, Value, json};

type GotConfiguration = S3Result<S3Response<GetObjectLockConfigurationOutput>>;
type PutConfiguration = S3Result<S3Response<PutObjectLockConfigurationOutput>>;

pub fn get_configuration(req: &S3Request<GetObjectLockConfigurationInput>) -> GotConfiguration {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let Some(lock) = &bucket.settings.object_lock else {
        let code = "ObjectLockConfigurationNotFoundError";
        return Err(not_set(code, "Object Lock configuration does not exist for this bucket"));
    };
    let rule = lock.default_retention.map(|default| {
        let (days, years) = match default.period {
            RetentionPeriod::Days(days) => (i32::try_from(days).ok(), None),
            RetentionPeriod::Years(years) => (None, i32::try_from(years).ok()),
        };
        let mode = Some(ObjectLockRetentionMode::from_static(default.mode.name()));
        ObjectLockRule { default_retention: Some(DefaultRetention { days, mode, years }) }
    });
    Ok(S3Response::new(GetObjectLockConfigurationOutput {
        object_lock_configuration: Some(ObjectLockConfiguration {
            object_lock_enabled: Some(ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED)),
            rule,
        }),
    }))
}

pub async fn put_configuration(context: &S3Context, req: S3Request<PutObjectLockConfigurationInput>) -> PutConfiguration {
    let exchange = Exchange::of(&req.extensions)?;
    let configuration = req.input.object_lock_configuration.ok_or_else(fault::malformed_xml)?;
    let is_enabled = configuration.object_lock_enabled.as_ref().is_some_and(|on| on.as_str() == ObjectLockEnabled::ENABLED);
    let default_retention = configuration.rule.as_ref().map(parse_default).transpose()?;
    exchange.add_parameter("ObjectLockConfiguration", recorded(default_retention));
    if !is_enabled {
        return Err(fault::malformed_xml());
    }
    change(context, &exchange, |bucket| {
        if bucket.settings.versioning != Versioning::Enabled {
            return Err(fault::custom(
                "InvalidBucketState",
                409,
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
            ));
        }
        bucket.settings.object_lock = Some(ObjectLockSettings { default_retention });
        Ok(())
    })
    .await?;
    Ok(S3Response::new(PutObjectLockConfigurationOutput::default()))
}

fn recorded(default: Option<KeptDefault>) -> Value {
    let mut configuration = Map::new();
    configuration.insert("ObjectLockEnabled".into(), "Enabled".into());
    if let Some(default) = default {
        let (unit, number) = match default.period {
            RetentionPeriod::Days(days) => ("Days", days),
            RetentionPeriod::Years(years) => ("Years", years),
        };
        let retention = json!({"Mode": default.mode.name(), unit: number});
        configuration.insert("Rule".into(), json!({"DefaultRetention": retention}));
    }
    configuration.into()
}

fn parse_default(rule: &ObjectLockRule) -> S3Result<KeptDefault> {
    let default = rule.default_retention.as_ref().ok_or_else(fault::malformed_xml)?;
    let mode = default.mode.as_ref().and_then(|mode| RetentionMode::parse(mode.as_str())).ok_or_else(fault::malformed_xml)?;
    let positive = |number: i32| {
        u32::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| fault::invalid_argument("Default retention period must be a positive integer value."))
    };
    let too_long = || fault::invalid_argument("Default retention period too large.");
    let period = match (default.days, default.years) {
        (Some(days), None) => RetentionPeriod::Days(positive(days)?),
        (None, Some(years)) => RetentionPeriod::Years(positive(years)?),
        _ => return Err(fault::malformed_xml()),
    };
    match period {
        RetentionPeriod::Days(days) if days > MAX_RETENTION_DAYS => Err(too_long()),
        RetentionPeriod::Years(years) if years > MAX_RETENTION_YEARS => Err(too_long()),
        period => Ok(KeptDefault { mode, period }),
    }
}

/// # Errors
/// If the call's bucket has no Object Lock.
fn require_lock(exchange: &Exchange) -> S3Result<()> {
    let bucket = existing(exchange)?;
    if bucket.settings.object_lock.is_some() { Ok(()) } else { Err(missing_lock_configuration()) }
}

fn no_hold() -> S3Error {
    fault::custom("NoSuchObjectLockConfiguration", 404, "The specified object does not have a ObjectLock configuration")
}

pub fn get_retention(
    context: &S3Context,
    req: &S3Request<GetObjectRetentionInput>,
) -> S3Result<S3Response<GetObjectRetentionOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    require_lock(&exchange)?;
    let object = read::find(context, &exchange, req.input.version_id.as_deref())?;
    let retention = object.settings.retention.ok_or_else(no_hold)?;
    Ok(S3Response::new(GetObjectRetentionOutput {
        retention: Some(ObjectLockRetention {
            mode: Some(ObjectLockRetentionMode::from_static(retention.mode.name())),
            retain_until_date: Some(timestamp(retention.until_ms)),
        }),
    }))
}

pub async fn put_retention(
    context: &S3Context,
    req: S3Request<PutObjectRetentionInput>,
) -> S3Result<S3Response<PutObjectRetentionOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let wanted = req.input.retention.ok_or_else(fault::malformed_xml)?;
    let parsed = parse_retention(&exchange, &wanted);
    let conditions = parsed.as_ref().ok().copied().flatten().map(|retention| conditions(&exchange, retention));
    object_access::permit_on_object(&exchange, "s3:PutObjectRetention", &conditions.unwrap_or_default())?;
    require_lock(&exchange)?;
    let retention = parsed?;
    let bypass = delete::bypasses(&exchange, &req.input.key);
    let now_ms = exchange.now_ms();
    read::update(context, &exchange, req.input.version_id.as_deref(), None, |object: &mut Object| {
        if !object.may_retain(retention, now_ms, bypass) {
            return Err(s3_error!(AccessDenied, "Access Denied because object protected by object lock."));
        }
        object.settings.retention = retention;
        Ok(())
    })
    .await?;
    Ok(S3Response::new(PutObjectRetentionOutput::default()))
}

/// What conditions on holds see of a retention.
fn conditions(exchange: &Exchange, retention: Retention) -> Vec<super::access::Extra> {
    let mut all = vec![("s3:object-lock-mode".to_owned(), vec![retention.mode.name().to_owned()])];
    if let Ok(until) = time::OffsetDateTime::from_unix_timestamp(retention.until_ms.div_euclid(1000)) {
        all.push(("s3:object-lock-retain-until-date".into(), vec![opentrail_model::timestamp::event_time(until)]));
        all.push(object_access::remaining_days(exchange, until));
    }
    all
}

/// `None`: an empty retention, which takes away what is there.
fn parse_retention(exchange: &Exchange, wanted: &ObjectLockRetention) -> S3Result<Option<Retention>> {
    let recorded = json!({
        "Mode": wanted.mode.as_ref().map(ObjectLockRetentionMode::as_str),
        "RetainUntilDate": wanted.retain_until_date.as_ref().map(|until| {
            opentrail_model::timestamp::event_time(time::OffsetDateTime::from(until.clone()))
        }),
    });
    exchange.add_parameter("Retention", recorded);
    match (&wanted.mode, &wanted.retain_until_date) {
        (None, None) => Ok(None),
        (Some(mode), Some(until)) => {
            let until = time::OffsetDateTime::from(until.clone());
            if RetentionMode::parse(mode.as_str()).is_none() {
                return Err(fault::malformed_xml());
            }
            retention_until(mode.as_str(), until, exchange.now_ms()).map(Some)
        }
        _ => Err(fault::malformed_xml()),
    }
}

pub fn get_legal_hold(
    context: &S3Context,
    req: &S3Request<GetObjectLegalHoldInput>,
) -> S3Result<S3Response<GetObjectLegalHoldOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    require_lock(&exchange)?;
    let object = read::find(context, &exchange, req.input.version_id.as_deref())?;
    let hold = object.settings.legal_hold.ok_or_else(no_hold)?;
    let legal_hold = Some(ObjectLockLegalHold { status: Some(read::hold_name(hold)) });
    Ok(S3Response::new(GetObjectLegalHoldOutput { legal_hold }))
}

pub async fn put_legal_hold(
    context: &S3Context,
    req: S3Request<PutObjectLegalHoldInput>,
) -> S3Result<S3Response<PutObjectLegalHoldOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let status = req.input.legal_hold.and_then(|hold| hold.status).ok_or_else(fault::malformed_xml)?;
    exchange.add_parameter("LegalHold", json!({"Status": status.as_str()}));
    let condition = ("s3:object-lock-legal-hold".to_owned(), vec![status.as_str().to_owned()]);
    object_access::permit_on_object(&exchange, "s3:PutObjectLegalHold", &[condition])?;
    require_lock(&exchange)?;
    let hold = hold_status(status.as_str()).map_err(|_| fault::malformed_xml())?;
    read::update(context, &exchange, req.input.version_id.as_deref(), None, |object: &mut Object| {
        object.settings.legal_hold = Some(hold);
        Ok(())
    })
    .await?;
    Ok(S3Response::new(PutObjectLegalHoldOutput::default()))
}
