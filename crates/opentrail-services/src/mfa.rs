//! The port to the root user's MFA device.

use opentrail_catalog::Catalog;
use time::OffsetDateTime;

/// Whether this is the present code of the root user's device of this serial number. There are no devices yet, so never.
pub fn verify(_catalog: &Catalog, _account: &str, _serial: &str, _code: &str, _now: OffsetDateTime) -> bool {
    false
}
