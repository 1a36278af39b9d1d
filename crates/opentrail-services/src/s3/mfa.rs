//! The second factor that removing versions may need.

use super::exchange::Exchange;
use crate::call::Caller;
use s3s::{S3Error, S3Result, s3_error};

/// Demands an `x-amz-mfa` header with the root user's device and its present code.
///
/// # Errors
/// `AccessDenied` if it is missing, wrong, or not the root user's.
pub fn require(exchange: &Exchange) -> S3Result<()> {
    let denied = || -> S3Error { s3_error!(AccessDenied, "Mfa Authentication must be used for this request") };
    let call = exchange.call_now();
    let Caller::Root { account, .. } = &call.caller else { return Err(denied()) };
    if exchange.stored_bucket().is_none_or(|bucket| bucket.account != *account) {
        return Err(denied());
    }
    let header = exchange.header("x-amz-mfa").ok_or_else(denied)?;
    let (serial, code) = header.trim().rsplit_once(' ').ok_or_else(denied)?;
    if crate::mfa::verify(&exchange.context.catalog, &exchange.context.seal, account, serial.trim(), code, call.now) {
        return Ok(());
    }
    Err(denied())
}
