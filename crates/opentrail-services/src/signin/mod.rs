//! Signing in at the console: passwords, one-time passwords, and what slows guessing down.
//!
//! ```text
//! Attempt ─▶ throttle ─▶ password (PBKDF2) ─▶ MFA code ─▶ new password, if one is due ─▶ TemporaryCredentials
//!               └──────────┴──────────┴── every outcome is a ConsoleLogin event before it is told
//! ```
//!
//! Source: AWS CloudTrail User Guide, "AWS Management Console sign-in events".

mod access_key;
mod attempt;

mod device;
mod password;
mod throttle;
mod totp;

#[cfg(test)]
mod tests;

pub use access_key::{KeyAttempt, sign_in_with_key};
pub use attempt::{Attempt, SignedIn, sign_in, told};
pub(crate) use attempt::{acceptable, device_of, hashed, verified};
pub use device::{MfaDevice, MfaOwner};
pub use password::{LoginProfile, MAX_PASSWORD_CHARS, PasswordHash, PasswordPolicy, RootPassword};
pub use throttle::SignInThrottle;
pub use totp::CODE_DIGITS;
pub(crate) use totp::base32;

use crate::app::{App, catalog_failure};
use opentrail_catalog::Entity;
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// When a password was last used: `PasswordLastUsed` of users.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PasswordUse {
    pub account: String,
    /// `None` for the root user.
    pub user: Option<String>,
    #[serde(with = "time::serde::timestamp")]
    pub at: OffsetDateTime,
}

impl PasswordUse {
    /// The catalog key of a user's.
    pub fn key_of(account: &str, user: Option<&str>) -> String {
        format!("{account}/{}", user.unwrap_or_default())
    }
}

impl Entity for PasswordUse {
    const TABLE: &'static str = "password_use";
    fn key(&self) -> String {
        Self::key_of(&self.account, self.user.as_deref())
    }
}

/// How many former passwords an account's policy looks back at.
pub(crate) fn remembered(app: &App, account: &str) -> Result<usize, ApiError> {
    let policy = app.catalog.get::<PasswordPolicy>(account).map_err(|error| catalog_failure(&error))?;
    Ok(policy.and_then(|policy| policy.reuse_prevention).and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
}
