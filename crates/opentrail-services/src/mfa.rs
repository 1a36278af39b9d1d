//! The port to the root user's MFA device.

use crate::signin::MfaDevice;
use opentrail_catalog::Catalog;
use opentrail_seal::Seal;
use time::OffsetDateTime;

/// Whether this is the present code of the root user's device of this serial number, not used up by a sign-in. A code
/// given with a request for S3 stays good for the next within its thirty seconds.
pub fn verify(catalog: &Catalog, seal: &Seal, account: &str, serial: &str, code: &str, now: OffsetDateTime) -> bool {
    let device = catalog.get::<MfaDevice>(serial).ok().flatten();
    device.is_some_and(|device| device.account == account && device.is_of(None) && device.accept(seal, code, now).is_some())
}
