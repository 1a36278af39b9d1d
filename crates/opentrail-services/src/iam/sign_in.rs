//! What the credential report and the account's summary tell of passwords and one-time passwords.

use super::credential_report::moment;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::signin::{LoginProfile, MfaDevice, PasswordPolicy, PasswordUse, RootPassword};
use opentrail_catalog::CatalogError;
use opentrail_wire::ApiError;
use std::collections::{HashMap, HashSet};
use time::{Duration, OffsetDateTime};

/// How the users of an account sign in, apart from access keys.
#[derive(Debug, Default)]
pub(super) struct SignIn {
    pub devices: usize,
    pub devices_in_use: usize,
    pub root_device: bool,
    pub root_password: bool,
    /// When passwords were set, by user.
    passwords: HashMap<String, OffsetDateTime>,
    /// When passwords were last used; root's under `None`.
    uses: HashMap<Option<String>, OffsetDateTime>,
    /// Users with a device.
    with_device: HashSet<String>,
    max_age_days: Option<u32>,
}

impl SignIn {
    /// # Errors
    /// If the catalog fails.
    pub(super) fn of(app: &App, call: &Call) -> Result<Self, ApiError> {
        Self::read(app, &call.account).map_err(|error| catalog_failure(&error))
    }

    fn read(app: &App, account: &str) -> Result<Self, CatalogError> {
        let catalog = &app.catalog;
        let prefix = format!("{account}/");
        let mut sign_in = Self {
            root_password: catalog.get::<RootPassword>(account)?.is_some(),
            max_age_days: catalog.get::<PasswordPolicy>(account)?.and_then(|policy| policy.max_age_days),
            ..Self::default()
        };
        for profile in catalog.list::<LoginProfile>(&prefix)? {
            sign_in.passwords.insert(profile.user, profile.changed);
        }
        for used in catalog.list::<PasswordUse>(&prefix)? {
            sign_in.uses.insert(used.user, used.at);
        }
        for device in catalog.list::<MfaDevice>(&format!("arn:aws:iam::{account}:mfa/"))? {
            sign_in.devices += 1;
            let Some(owner) = device.owner else { continue };
            sign_in.devices_in_use += 1;
            match owner.user {
                Some(user) => drop(sign_in.with_device.insert(user)),
                None => sign_in.root_device = true,
            }
        }
        Ok(sign_in)
    }

    /// The columns from `password_enabled` to `mfa_active` of a user, or of root.
    pub(super) fn columns(&self, user: Option<&str>) -> String {
        let used = self.uses.get(&user.map(Into::into)).map_or_else(|| "no_information".to_owned(), |at| moment(*at));
        let Some(user) = user else {
            return format!("not_supported,{used},not_supported,not_supported,{}", self.root_device);
        };
        let mfa = self.with_device.contains(user);
        let Some(changed) = self.passwords.get(user) else { return format!("false,N/A,N/A,N/A,{mfa}") };
        let next = self.max_age_days.map(|days| *changed + Duration::days(days.into()));
        let next = next.map_or_else(|| "N/A".to_owned(), moment);
        format!("true,{used},{},{next},{mfa}", moment(*changed))
    }
}
