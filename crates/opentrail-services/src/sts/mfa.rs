//! `SerialNumber` and `TokenCode`: a second factor given with a request for temporary credentials.

use crate::app::{App, catalog_failure};
use crate::call::{Call, Caller};
use crate::iam::validation::broken;
use crate::signin::{CODE_DIGITS, MfaDevice};
use opentrail_catalog::{Changes, NamedLock};
use opentrail_wire::ApiError;
use time::OffsetDateTime;

/// What came of it.
#[derive(Default)]
pub(super) struct Factor {
    /// When the factor was given; `None` if none was.
    pub given_at: Option<OffsetDateTime>,
    /// A code counts once: what has to be remembered of it.
    pub changes: Changes,
    pub lock: Option<NamedLock>,
}

/// Checks a code against the caller's own device.
///
/// # Errors
/// `ValidationError` for half of the two, `AccessDenied` for a wrong code or device.
pub(super) async fn check(app: &App, call: &Call, serial: Option<&str>, code: Option<&str>) -> Result<Factor, ApiError> {
    let (serial, code) = match (serial, code) {
        (None, None) => return Ok(Factor::default()),
        (Some(serial), Some(code)) => (serial, code),
        (Some(_), None) => return Err(missing("tokenCode")),
        (None, Some(_)) => return Err(missing("serialNumber")),
    };
    if code.len() != CODE_DIGITS || !code.bytes().all(|b| b.is_ascii_digit()) {
        return Err(broken(code, "tokenCode", "Member must satisfy regular expression pattern: [\\d]*"));
    }
    let denied = |message: &str| ApiError::new("AccessDenied", message).with_status(403);
    let unknown = || {
        denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
        )
    };
    let user = match &call.caller {
        Caller::Root { .. } => None,
        Caller::User { name, .. } => Some(name.as_str()),
        _ => return Err(unknown()),
    };
    let account = call.caller.account().ok_or_else(unknown)?;
    let lock = app.catalog.lock(&MfaDevice::lock_name(serial)).await;
    let device = app.catalog.get::<MfaDevice>(serial).map_err(|error| catalog_failure(&error))?;
    let device = device.filter(|device| device.account == account && device.is_of(user)).ok_or_else(unknown)?;
    let used = device
        .accept(&app.seal, code, call.now)
        .ok_or_else(|| denied("MultiFactorAuthentication failed with invalid MFA one time pass code."))?;
    let mut changes = Changes::new();
    changes.put(&used);
    Ok(Factor { given_at: Some(call.now), changes, lock: Some(lock) })
}

fn missing(member: &str) -> ApiError {
    ApiError::new("ValidationError", format!("The parameter {member} is required when MFA is used."))
}
