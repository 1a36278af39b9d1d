//! Organizations: accounts that belong together under a management account.
//!
//! ```text
//! organization.rs  what is kept, and how it is named
//! members.rs       who belongs where, who may run it; organization trails follow who joins and who leaves
//! lifecycle.rs     the organization itself          accounts.rs    its accounts
//! structure.rs     roots, units, parents            handshakes.rs  invitations
//! services.rs      trusted access, delegated administrators
//! control.rs       service control policies: what is kept, which are over an account
//! policies.rs      the policies themselves          attachments.rs  what they are attached to
//! tags.rs          tags of all of these
//! ```
//!
//! Whatever changes an organization holds the lock of its management account's trails, because its trails change with it.
//!
//! Source: AWS Organizations API Reference. Organizations is global and recorded in us-east-1.

mod organization;

mod members;

mod input;

mod control;

mod accounts;
mod attachments;
mod handshakes;
mod lifecycle;
mod policies;
mod services;
mod structure;
mod tags;

#[cfg(test)]
mod tests;

pub(crate) use accounts::free_id;
pub use control::policies_over;
pub use members::{CLOUDTRAIL, accounts_of, lock, organization_of, trails_of};
pub(crate) use organization::is_email;
pub use organization::{Membership, Organization, Since};
pub use services::{MAX_ADMINISTRATORS, with_administrator, without_administrator};

use crate::app::App;
use crate::call::Call;
use crate::handler;
use crate::service::{Handler, Operation, Service};
use serde_json::Value;

pub static SERVICE: Service = Service {
    name: "organizations",
    event_source: "organizations.amazonaws.com",
    target: Some("AWSOrganizationsV20161128"),
    version: None,
    namespace: None,
    global: true,
    operations: OPERATIONS,
    missing: MISSING,
    unsupported_code: "UnsupportedAPIEndpointException",
};

const OPERATIONS: &[Operation] = &[
    write("CreateOrganization", handler!(lifecycle::create_organization)),
    read("DescribeOrganization", handler!(lifecycle::describe_organization)),
    write("DeleteOrganization", handler!(lifecycle::delete_organization)),
    write("CreateAccount", handler!(accounts::create_account)),
    read("DescribeCreateAccountStatus", handler!(accounts::describe_create_account_status)),
    read("ListCreateAccountStatus", handler!(accounts::list_create_account_status)),
    read("ListAccounts", handler!(accounts::list_accounts)),
    Operation { resource: account_arn, ..read("DescribeAccount", handler!(accounts::describe_account)) },
    Operation { resource: account_arn, ..write("RemoveAccountFromOrganization", handler!(accounts::remove_account)) },
    write("LeaveOrganization", handler!(accounts::leave_organization)),
    read("ListRoots", handler!(structure::list_roots)),
    read("ListOrganizationalUnitsForParent", handler!(structure::list_units)),
    read("ListAccountsForParent", handler!(structure::list_accounts_for_parent)),
    read("ListChildren", handler!(structure::list_children)),
    read("ListParents", handler!(structure::list_parents)),
    write("CreateOrganizationalUnit", handler!(structure::create_unit)),
    read("DescribeOrganizationalUnit", handler!(structure::describe_unit)),
    write("UpdateOrganizationalUnit", handler!(structure::update_unit)),
    write("DeleteOrganizationalUnit", handler!(structure::delete_unit)),
    Operation { resource: account_arn, ..write("MoveAccount", handler!(structure::move_account)) },
    write("EnableAWSServiceAccess", handler!(services::enable_access)),
    write("DisableAWSServiceAccess", handler!(services::disable_access)),
    read("ListAWSServiceAccessForOrganization", handler!(services::list_access)),
    Operation { resource: account_arn, ..write("RegisterDelegatedAdministrator", handler!(services::register)) },
    Operation { resource: account_arn, ..write("DeregisterDelegatedAdministrator", handler!(services::deregister)) },
    read("ListDelegatedAdministrators", handler!(services::list_administrators)),
    Operation { resource: account_arn, ..read("ListDelegatedServicesForAccount", handler!(services::list_services)) },
    write("InviteAccountToOrganization", handler!(handshakes::invite)),
    write("AcceptHandshake", handler!(handshakes::accept)),
    write("DeclineHandshake", handler!(handshakes::decline)),
    write("CancelHandshake", handler!(handshakes::cancel)),
    read("DescribeHandshake", handler!(handshakes::describe)),
    read("ListHandshakesForAccount", handler!(handshakes::list_for_account)),
    read("ListHandshakesForOrganization", handler!(handshakes::list_for_organization)),
    write("EnablePolicyType", handler!(attachments::enable_policy_type)),
    write("DisablePolicyType", handler!(attachments::disable_policy_type)),
    write("CreatePolicy", handler!(policies::create_policy)),
    Operation { resource: policy_arn, ..write("UpdatePolicy", handler!(policies::update_policy)) },
    Operation { resource: policy_arn, ..read("DescribePolicy", handler!(policies::describe_policy)) },
    Operation { resource: policy_arn, ..write("DeletePolicy", handler!(policies::delete_policy)) },
    read("ListPolicies", handler!(policies::list_policies)),
    Operation { resource: policy_arn, ..write("AttachPolicy", handler!(attachments::attach_policy)) },
    Operation { resource: policy_arn, ..write("DetachPolicy", handler!(attachments::detach_policy)) },
    read("ListPoliciesForTarget", handler!(attachments::list_policies_for_target)),
    Operation { resource: policy_arn, ..read("ListTargetsForPolicy", handler!(attachments::list_targets_for_policy)) },
    write("TagResource", handler!(tags::tag_resource)),
    write("UntagResource", handler!(tags::untag_resource)),
    read("ListTagsForResource", handler!(tags::list_tags_for_resource)),
];

const MISSING: &[&str] = &[
    "CloseAccount",
    "CreateGovCloudAccount",
    "DeleteResourcePolicy",
    "DescribeEffectivePolicy",
    "DescribeResourcePolicy",
    "EnableAllFeatures",
    "PutResourcePolicy",
];

const fn write(name: &'static str, handler: Handler) -> Operation {
    Operation::new(name, handler)
}

const fn read(name: &'static str, handler: Handler) -> Operation {
    Operation { read_only: true, ..Operation::new(name, handler) }
}

/// The ARN of the policy that the input names, in the caller's organization.
fn policy_arn(app: &App, call: &Call, input: &Value) -> String {
    let id = input["PolicyId"].as_str().unwrap_or_default();
    match organization_of(app, &call.account) {
        Ok(Some(organization)) => organization.policy_arn(id),
        _ => "*".into(),
    }
}

/// The ARN of the account that the input names, in the caller's organization.
fn account_arn(app: &App, call: &Call, input: &Value) -> String {
    let id = input["AccountId"].as_str().unwrap_or_default();
    match organization_of(app, &call.account) {
        Ok(Some(organization)) => organization.account_arn(id),
        _ => "*".into(),
    }
}
