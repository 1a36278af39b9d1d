//! IAM: users, groups, roles, their policies and access keys.
//!
//! ```text
//! input.rs, validation.rs       members of requests; names, paths, pages
//! role.rs, group.rs, managed_policy.rs      what is kept (users and keys: credentials.rs)
//! holders.rs                    users, groups and roles as what policies are put into and attached to
//! inline_policies.rs, attached_policies.rs, boundaries.rs, tags.rs      the same operations for each of them
//! aws_managed.rs                the managed policies of AWS
//! conditions.rs                 IAM's own condition keys
//! the others                    one operation each, or a family of small ones
//! ```
//!
//! Source: AWS IAM API Reference. IAM is global: one set of users per account, recorded in us-east-1.

mod input;
pub(crate) mod validation;

mod aws_managed;
mod group;
mod managed_policy;
mod role;

mod attached_policies;
mod boundaries;
mod conditions;
mod holders;
mod inline_policies;
mod managed_policies;
mod tags;

mod access_keys;
mod users;

mod create_user;
mod delete_user;
mod get_user;
mod list_users;

mod create_access_key;
mod delete_access_key;
mod list_access_keys;
mod update_access_key;

mod create_role;
mod delete_role;
mod get_role;
mod instance_profiles;
mod list_roles;
mod roles;
mod update_role;

mod login_profiles;
mod mfa_devices;
mod password_policy;
mod qr_code;

mod groups;
mod update_user;

mod account_aliases;
mod oidc_provider;
mod service_linked_roles;

mod create_policy;
mod get_policy;
mod list_entities_for_policy;
mod policy_versions;

mod access_key_last_used;
mod account_summary;
mod authorization_details;
mod credential_report;
mod empty_lists;
mod sign_in;
mod simulate;

mod missing;
mod operations;
#[cfg(test)]
mod tests;

pub use group::Group;
pub use managed_policy::{ManagedPolicy, PolicyVersion, document_in_effect};
pub use oidc_provider::OidcProvider;
pub use role::{DEFAULT_SESSION_SECONDS, Role};
pub use service_linked_roles::of_service as service_linked_role;

use crate::service::Service;

pub static SERVICE: Service = Service {
    name: "iam",
    event_source: "iam.amazonaws.com",
    target: None,
    version: Some("2010-05-08"),
    namespace: Some("https://iam.amazonaws.com/doc/2010-05-08/"),
    global: true,
    operations: operations::OPERATIONS,
    missing: missing::OPERATIONS,
    unsupported_code: "UnsupportedOperation",
};
