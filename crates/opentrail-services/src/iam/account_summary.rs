//! GetAccountSummary.

use super::group::Group;
use super::holders::{self, Holder};
use super::input::Input;
use super::role::Role;
use super::sign_in::SignIn;
use super::{create_policy, create_role, create_user, groups, instance_profiles, oidc_provider};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::{AccessKey, User};
use crate::service::Reply;
use opentrail_wire::{ApiError, query_map};
use serde_json::json;
use std::sync::Arc;

/// # Errors
/// If the catalog fails.
pub async fn get_account_summary(app: &Arc<App>, call: &Call, _: Input) -> Result<Reply, ApiError> {
    let users = holders::all::<User>(app, call)?.len();
    let groups = holders::all::<Group>(app, call)?.len();
    let roles = holders::all::<Role>(app, call)?.len();
    let policies = create_policy::all(app, call)?;
    let versions: usize = policies.iter().map(|policy| policy.versions.len()).sum();
    let keys = app.catalog.list::<AccessKey>("").map_err(|error| catalog_failure(&error))?;
    let root_keys = keys.iter().any(|key| key.account == call.account && key.user.is_none());
    let sign_in = SignIn::of(app, call)?;
    let figures = [
        ("Users", users),
        ("UsersQuota", create_user::MAX_USERS),
        ("Groups", groups),
        ("GroupsQuota", groups::MAX_GROUPS),
        ("Roles", roles),
        ("RolesQuota", create_role::MAX_ROLES),
        ("Policies", policies.len()),
        ("PoliciesQuota", create_policy::MAX_POLICIES),
        ("PolicyVersionsInUse", versions),
        ("PolicyVersionsInUseQuota", 10_000),
        ("VersionsPerPolicyQuota", super::policy_versions::MAX_VERSIONS),
        ("PolicySizeQuota", create_policy::MAX_CHARS),
        ("UserPolicySizeQuota", User::MAX_INLINE_CHARS),
        ("GroupPolicySizeQuota", Group::MAX_INLINE_CHARS),
        ("RolePolicySizeQuota", Role::MAX_INLINE_CHARS),
        ("AssumeRolePolicySizeQuota", super::roles::MAX_TRUST_CHARS),
        ("AttachedPoliciesPerUserQuota", super::attached_policies::MAX_ATTACHED),
        ("AttachedPoliciesPerGroupQuota", super::attached_policies::MAX_ATTACHED),
        ("AttachedPoliciesPerRoleQuota", super::attached_policies::MAX_ATTACHED),
        ("GroupsPerUserQuota", groups::MAX_GROUPS_OF_USER),
        ("AccessKeysPerUserQuota", super::create_access_key::MAX_KEYS),
        ("InstanceProfiles", instance_profiles::all(app, call)?.len()),
        ("InstanceProfilesQuota", instance_profiles::MAX_PROFILES),
        ("Providers", oidc_provider::all(app, call)?.len()),
        ("MFADevices", sign_in.devices),
        ("MFADevicesInUse", sign_in.devices_in_use),
        ("AccountMFAEnabled", usize::from(sign_in.root_device)),
        ("AccountPasswordPresent", usize::from(sign_in.root_password)),
        ("AccountAccessKeysPresent", usize::from(root_keys)),
        ("AccountSigningCertificatesPresent", 0),
        ("SigningCertificatesPerUserQuota", 0),
        ("ServerCertificates", 0),
        ("ServerCertificatesQuota", 0),
        ("GlobalEndpointTokenVersion", 2),
    ];
    let figures = figures.into_iter().map(|(name, figure)| (name.to_owned(), json!(figure)));
    Ok(Reply::output(json!({"SummaryMap": query_map(figures)})))
}
