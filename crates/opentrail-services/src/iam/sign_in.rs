//! What the credential report and the account's summary tell of passwords and one-time passwords.

use super::mfa_devices;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::signin::{LoginProfile, PasswordPolicy, PasswordUse, RootPassword};
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use std::collections::{BTreeMap, BTreeSet};
use time::{Duration, OffsetDateTime};

/// How the users of an account sign in, apart from access keys.
#[derive(Debug, Default)]
pub(super) struct SignIn {
    pub devices: usize,
    pub devices_in_use: usize,
    pub root_device: bool,
    pub root_password: bool,
    /// When passwords were set, by user.
    passwords: BTreeMap<String, OffsetDateTime>,
    /// When they were used, by user; root has the empty name.
    uses: BTreeMap<String, OffsetDateTime>,
    /// Users with a device.
    with_device: BTreeSet<String>,
    max_age: Option<Duration>,
}

impl SignIn {
    /// # Errors
    /// If the catalog fails.
    pub(super) fn of(app: &App, call: &Call) -> Result<Self, ApiError> {
        let failed = |error| catalog_failure(&error);
        let devices = mfa_devices::devices(app, call)?;
        let owners: Vec<Option<String>> =
            devices.iter().filter_map(|device| device.owner.as_ref().map(|owner| owner.user.clone())).collect();
        let prefix = format!("{}/", call.account);
        let profiles = app.catalog.list::<LoginProfile>(&prefix).map_err(failed)?;
        let uses = app.catalog.list::<PasswordUse>(&prefix).map_err(failed)?;
        let policy = app.catalog.get::<PasswordPolicy>(&call.account).map_err(failed)?;
        Ok(Self {
            devices: devices.len(),
            devices_in_use: owners.len(),
            root_device: owners.contains(&None),
            root_password: app.catalog.get::<RootPassword>(&call.account).map_err(failed)?.is_some(),
            passwords: profiles.into_iter().map(|profile| (profile.user, profile.changed)).collect(),
            uses: uses.into_iter().map(|used| (used.user.unwrap_or_default(), used.at)).collect(),
            with_device: owners.into_iter().flatten().collect(),
            max_age: policy.and_then(|policy| policy.max_age_days).map(|days| Duration::days(i64::from(days))),
        })
    }

    /// The columns from `password_enabled` to `mfa_active` of a user, or of root.
    pub(super) fn columns(&self, user: Option<&str>) -> String {
        let used = self.uses.get(user.unwrap_or_default()).map(|at| event_time(*at));
        let Some(user) = user else {
            let used = if self.root_password { used.unwrap_or_else(|| "no_information".into()) } else { "N/A".into() };
            return format!("not_supported,{used},not_supported,not_supported,{}", self.root_device);
        };
        let active = self.with_device.contains(user);
        match self.passwords.get(user) {
            None => format!("false,N/A,N/A,N/A,{active}"),
            Some(changed) => {
                let used = used.unwrap_or_else(|| "no_information".into());
                let next = self.max_age.map_or_else(|| "N/A".into(), |age| event_time(*changed + age));
                format!("true,{used},{},{next},{active}", event_time(*changed))
            }
        }
    }
}
