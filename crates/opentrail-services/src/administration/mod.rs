//! What AWS has no API for: accounts of this server, and passwords of their root users. `opentrail account` calls it.
//!
//! A JSON 1.1 service of our own, signed and recorded like every other, so that whoever makes an account is on record. The
//! account of the first start runs the server: its root user, or whoever its policies let (`opentrail:CreateAccount`, …),
//! may call it.

mod accounts;
mod set_root_password;

#[cfg(test)]
mod tests;

use crate::app::App;
use crate::call::Call;
use crate::handler;
use crate::service::{Operation, Service};
use opentrail_wire::ApiError;

pub static SERVICE: Service = Service {
    name: "opentrail",
    event_source: "opentrail.local",
    target: Some("OpenTrail"),
    version: None,
    namespace: None,
    global: true,
    data_events: false,
    operations: OPERATIONS,
    missing: &[],
    unsupported_code: "UnknownOperationException",
};

const OPERATIONS: &[Operation] = &[
    Operation::new("CreateAccount", handler!(accounts::create_account)),
    Operation { read_only: true, ..Operation::new("ListAccounts", handler!(accounts::list_accounts)) },
    Operation {
        parameters: set_root_password::parameters,
        ..Operation::new("SetRootPassword", handler!(set_root_password::set_root_password))
    },
];

/// Refuses accounts other than the first.
///
/// # Errors
/// `AccessDeniedException`.
fn check_operator(app: &App, call: &Call) -> Result<(), ApiError> {
    if call.account == app.settings.account_id {
        return Ok(());
    }
    Err(ApiError::new("AccessDeniedException", "Only the account of the first start may do this."))
}
