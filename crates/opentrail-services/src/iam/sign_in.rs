//! What the credential report and the account's summary tell of passwords and one-time passwords.

use crate::app::App;
use crate::call::Call;
use opentrail_wire::ApiError;

/// How the users of an account sign in, apart from access keys.
#[derive(Debug, Default)]
pub(super) struct SignIn {
    pub devices: usize,
    pub devices_in_use: usize,
    pub root_device: bool,
    pub root_password: bool,
}

impl SignIn {
    /// # Errors
    /// If the catalog fails.
    pub(super) fn of(_: &App, _: &Call) -> Result<Self, ApiError> {
        Ok(Self::default())
    }

    /// The columns from `password_enabled` to `mfa_active` of a user, or of root.
    pub(super) fn columns(&self, user: Option<&str>) -> String {
        match user {
            None => "not_supported,N/A,not_supported,not_supported,false".to_owned(),
            Some(_) => "false,N/A,N/A,N/A,false".to_owned(),
        }
    }
}
