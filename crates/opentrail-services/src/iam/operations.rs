//! The table of operations: what each is asked about, and what carries it out.

use super::group::Group;
use super::holders::{self, Holder};
use super::instance_profiles::InstanceProfile;
use super::managed_policy::ManagedPolicy;
use super::oidc_provider::OidcProvider;
use super::role::Role;
use super::users;
use super::validation::recorded_input;
use super::{
    access_key_last_used, account_aliases, account_summary, attached_policies, authorization_details, boundaries, conditions,
    create_access_key, create_policy, create_role, create_user, credential_report, delete_access_key, delete_role, delete_user,
    empty_lists, get_policy, get_role, get_user, groups, inline_policies, instance_profiles, list_access_keys,
    list_entities_for_policy, list_roles, list_users, login_profiles, mfa_devices, oidc_provider, password_policy,
    policy_versions, service_linked_roles, simulate, tags, update_access_key, update_role, update_user,
};
use crate::credentials::User;
use crate::handler;
use crate::service::{ConditionsOf, Handler, Operation, ResourceOf};

pub(super) const OPERATIONS: &[Operation] = &[
    // Users
    create::<User>("CreateUser", handler!(create_user::create_user)),
    read("GetUser", users::subject_arn, conditions::of::<User>, handler!(get_user::get_user)),
    write_on::<User>("DeleteUser", handler!(delete_user::delete_user)),
    list::<User>("ListUsers", handler!(list_users::list_users)),
    write_on::<User>("PutUserPolicy", handler!(inline_policies::put::<User>)),
    read_on::<User>("GetUserPolicy", handler!(inline_policies::get::<User>)),
    write_on::<User>("DeleteUserPolicy", handler!(inline_policies::delete::<User>)),
    read_on::<User>("ListUserPolicies", handler!(inline_policies::list::<User>)),
    write_on::<User>("AttachUserPolicy", handler!(attached_policies::attach::<User>)),
    write_on::<User>("DetachUserPolicy", handler!(attached_policies::detach::<User>)),
    read_on::<User>("ListAttachedUserPolicies", handler!(attached_policies::list::<User>)),
    write_on::<User>("PutUserPermissionsBoundary", handler!(boundaries::put::<User>)),
    write_on::<User>("DeleteUserPermissionsBoundary", handler!(boundaries::delete::<User>)),
    write_on::<User>("TagUser", handler!(tags::tag::<User>)),
    write_on::<User>("UntagUser", handler!(tags::untag::<User>)),
    read_on::<User>("ListUserTags", handler!(tags::list::<User>)),
    write_on::<User>("UpdateUser", handler!(update_user::update_user)),
    read_on::<User>("ListGroupsForUser", handler!(groups::list_for_user)),
    // Groups
    create::<Group>("CreateGroup", handler!(groups::create)),
    read_on::<Group>("GetGroup", handler!(groups::get)),
    write_on::<Group>("DeleteGroup", handler!(groups::delete)),
    list::<Group>("ListGroups", handler!(groups::list)),
    write_on::<Group>("UpdateGroup", handler!(groups::update)),
    write_on::<Group>("AddUserToGroup", handler!(groups::add_user)),
    write_on::<Group>("RemoveUserFromGroup", handler!(groups::remove_user)),
    write_on::<Group>("PutGroupPolicy", handler!(inline_policies::put::<Group>)),
    read_on::<Group>("GetGroupPolicy", handler!(inline_policies::get::<Group>)),
    write_on::<Group>("DeleteGroupPolicy", handler!(inline_policies::delete::<Group>)),
    read_on::<Group>("ListGroupPolicies", handler!(inline_policies::list::<Group>)),
    write_on::<Group>("AttachGroupPolicy", handler!(attached_policies::attach::<Group>)),
    write_on::<Group>("DetachGroupPolicy", handler!(attached_policies::detach::<Group>)),
    read_on::<Group>("ListAttachedGroupPolicies", handler!(attached_policies::list::<Group>)),
    // Access keys
    write("CreateAccessKey", users::subject_arn, conditions::of::<User>, handler!(create_access_key::create_access_key)),
    write("DeleteAccessKey", users::subject_arn, conditions::of::<User>, handler!(delete_access_key::delete_access_key)),
    read("ListAccessKeys", users::subject_arn, conditions::of::<User>, handler!(list_access_keys::list_access_keys)),
    write("UpdateAccessKey", users::subject_arn, conditions::of::<User>, handler!(update_access_key::update_access_key)),
    Operation {
        resource: access_key_last_used::resource,
        ..account_wide("GetAccessKeyLastUsed", handler!(access_key_last_used::get_access_key_last_used))
    },
    // Roles
    create::<Role>("CreateRole", handler!(create_role::create_role)),
    read_on::<Role>("GetRole", handler!(get_role::get_role)),
    write_on::<Role>("DeleteRole", handler!(delete_role::delete_role)),
    list::<Role>("ListRoles", handler!(list_roles::list_roles)),
    write_on::<Role>("UpdateRole", handler!(update_role::update_role)),
    write_on::<Role>("UpdateRoleDescription", handler!(update_role::update_role_description)),
    write_on::<Role>("UpdateAssumeRolePolicy", handler!(update_role::update_assume_role_policy)),
    write_on::<Role>("PutRolePolicy", handler!(inline_policies::put::<Role>)),
    read_on::<Role>("GetRolePolicy", handler!(inline_policies::get::<Role>)),
    write_on::<Role>("DeleteRolePolicy", handler!(inline_policies::delete::<Role>)),
    read_on::<Role>("ListRolePolicies", handler!(inline_policies::list::<Role>)),
    write_on::<Role>("AttachRolePolicy", handler!(attached_policies::attach::<Role>)),
    write_on::<Role>("DetachRolePolicy", handler!(attached_policies::detach::<Role>)),
    read_on::<Role>("ListAttachedRolePolicies", handler!(attached_policies::list::<Role>)),
    write_on::<Role>("PutRolePermissionsBoundary", handler!(boundaries::put::<Role>)),
    write_on::<Role>("DeleteRolePermissionsBoundary", handler!(boundaries::delete::<Role>)),
    write_on::<Role>("TagRole", handler!(tags::tag::<Role>)),
    write_on::<Role>("UntagRole", handler!(tags::untag::<Role>)),
    read_on::<Role>("ListRoleTags", handler!(tags::list::<Role>)),
    // Managed policies
    write("CreatePolicy", create_policy::new_resource, conditions::requested, handler!(create_policy::create_policy)),
    read_policy("GetPolicy", handler!(get_policy::get_policy)),
    write_policy("DeletePolicy", handler!(create_policy::delete_policy)),
    read("ListPolicies", create_policy::path_resource, conditions::requested, handler!(get_policy::list_policies)),
    write_policy("CreatePolicyVersion", handler!(policy_versions::create)),
    read_policy("GetPolicyVersion", handler!(policy_versions::get)),
    read_policy("ListPolicyVersions", handler!(policy_versions::list)),
    write_policy("SetDefaultPolicyVersion", handler!(policy_versions::set_default)),
    write_policy("DeletePolicyVersion", handler!(policy_versions::delete)),
    read_policy("ListEntitiesForPolicy", handler!(list_entities_for_policy::list_entities_for_policy)),
    write_policy("TagPolicy", handler!(tags::tag::<ManagedPolicy>)),
    write_policy("UntagPolicy", handler!(tags::untag::<ManagedPolicy>)),
    read_policy("ListPolicyTags", handler!(tags::list::<ManagedPolicy>)),
    // Instance profiles
    on_profile("CreateInstanceProfile", handler!(instance_profiles::create)),
    Operation { read_only: true, ..on_profile("GetInstanceProfile", handler!(instance_profiles::get)) },
    on_profile("DeleteInstanceProfile", handler!(instance_profiles::delete)),
    on_profile("AddRoleToInstanceProfile", handler!(instance_profiles::add_role)),
    on_profile("RemoveRoleFromInstanceProfile", handler!(instance_profiles::remove_role)),
    Operation { read_only: true, ..on_profile("ListInstanceProfiles", handler!(instance_profiles::list)) },
    read_on::<Role>("ListInstanceProfilesForRole", handler!(instance_profiles::list_for_role)),
    on_profile("TagInstanceProfile", handler!(tags::tag::<InstanceProfile>)),
    on_profile("UntagInstanceProfile", handler!(tags::untag::<InstanceProfile>)),
    Operation { read_only: true, ..on_profile("ListInstanceProfileTags", handler!(tags::list::<InstanceProfile>)) },
    // OpenID Connect providers
    on_provider("CreateOpenIDConnectProvider", handler!(oidc_provider::create)),
    Operation { read_only: true, ..on_provider("GetOpenIDConnectProvider", handler!(oidc_provider::get)) },
    on_provider("DeleteOpenIDConnectProvider", handler!(oidc_provider::delete)),
    Operation { read_only: true, ..on_provider("ListOpenIDConnectProviders", handler!(oidc_provider::list)) },
    on_provider("AddClientIDToOpenIDConnectProvider", handler!(oidc_provider::add_client_id)),
    on_provider("RemoveClientIDFromOpenIDConnectProvider", handler!(oidc_provider::remove_client_id)),
    on_provider("UpdateOpenIDConnectProviderThumbprint", handler!(oidc_provider::update_thumbprint)),
    on_provider("TagOpenIDConnectProvider", handler!(tags::tag::<OidcProvider>)),
    on_provider("UntagOpenIDConnectProvider", handler!(tags::untag::<OidcProvider>)),
    Operation { read_only: true, ..on_provider("ListOpenIDConnectProviderTags", handler!(tags::list::<OidcProvider>)) },
    // Roles of services
    write(
        "CreateServiceLinkedRole",
        service_linked_roles::resource,
        conditions::requested,
        handler!(service_linked_roles::create),
    ),
    write_on::<Role>("DeleteServiceLinkedRole", handler!(service_linked_roles::delete)),
    account_wide("GetServiceLinkedRoleDeletionStatus", handler!(service_linked_roles::deletion_status)),
    // The account
    Operation { read_only: false, ..account_wide("CreateAccountAlias", handler!(account_aliases::create)) },
    Operation { read_only: false, ..account_wide("DeleteAccountAlias", handler!(account_aliases::delete)) },
    account_wide("ListAccountAliases", handler!(account_aliases::list)),
    account_wide("GetAccountSummary", handler!(account_summary::get_account_summary)),
    account_wide("GetAccountAuthorizationDetails", handler!(authorization_details::get_account_authorization_details)),
    account_wide("GenerateCredentialReport", handler!(credential_report::generate)),
    account_wide("GetCredentialReport", handler!(credential_report::get)),
    account_wide("SimulateCustomPolicy", handler!(simulate::simulate_custom_policy)),
    Operation {
        resource: simulate::resource,
        ..account_wide("SimulatePrincipalPolicy", handler!(simulate::simulate_principal_policy))
    },
    // What cannot be made here
    account_wide("ListServerCertificates", handler!(empty_lists::server_certificates)),
    account_wide("ListSAMLProviders", handler!(empty_lists::saml_providers)),
    of_caller("ListSigningCertificates", handler!(empty_lists::signing_certificates)),
    of_caller("ListSSHPublicKeys", handler!(empty_lists::ssh_public_keys)),
    of_caller("ListServiceSpecificCredentials", handler!(empty_lists::service_specific_credentials)),
    // Signing in
    on_password("CreateLoginProfile", handler!(login_profiles::create)),
    Operation { read_only: true, ..on_password("GetLoginProfile", handler!(login_profiles::get)) },
    on_password("UpdateLoginProfile", handler!(login_profiles::update)),
    on_password("DeleteLoginProfile", handler!(login_profiles::delete)),
    // Its handler asks: the password policy of the account may allow it too.
    Operation { authorised: false, ..on_password("ChangePassword", handler!(login_profiles::change_password)) },
    on_account("UpdateAccountPasswordPolicy", handler!(password_policy::update)),
    Operation { read_only: true, ..on_account("GetAccountPasswordPolicy", handler!(password_policy::get)) },
    on_account("DeleteAccountPasswordPolicy", handler!(password_policy::delete)),
    on_device("CreateVirtualMFADevice", mfa_devices::device_arn, handler!(mfa_devices::create)),
    on_device("DeleteVirtualMFADevice", mfa_devices::device_arn, handler!(mfa_devices::delete)),
    on_device("EnableMFADevice", users::subject_arn, handler!(mfa_devices::enable)),
    on_device("ResyncMFADevice", users::subject_arn, handler!(mfa_devices::resync)),
    on_device("DeactivateMFADevice", users::subject_arn, handler!(mfa_devices::deactivate)),
    read("ListMFADevices", users::subject_arn, conditions::of::<User>, handler!(mfa_devices::list)),
    read("ListVirtualMFADevices", mfa_devices::device_arn, conditions::requested, handler!(mfa_devices::list_virtual)),
];

/// What is read of a user that is named, or of the caller.
const fn of_caller(name: &'static str, handler: Handler) -> Operation {
    read(name, users::subject_arn, conditions::of::<User>, handler)
}

/// What is asked about `*` and changes nothing.
const fn account_wide(name: &'static str, handler: Handler) -> Operation {
    Operation { read_only: true, parameters: recorded_input, ..Operation::new(name, handler) }
}

const fn on_provider(name: &'static str, handler: Handler) -> Operation {
    write(name, oidc_provider::resource, conditions::requested, handler)
}

const fn on_password(name: &'static str, handler: Handler) -> Operation {
    Operation { parameters: login_profiles::parameters, ..write(name, users::subject_arn, conditions::of::<User>, handler) }
}

const fn on_account(name: &'static str, handler: Handler) -> Operation {
    Operation { parameters: password_policy::parameters, ..Operation::new(name, handler) }
}

const fn on_device(name: &'static str, resource: ResourceOf, handler: Handler) -> Operation {
    Operation { parameters: mfa_devices::parameters, ..write(name, resource, conditions::requested, handler) }
}

const fn write(name: &'static str, resource: ResourceOf, conditions: ConditionsOf, handler: Handler) -> Operation {
    Operation { resource, conditions: Some(conditions), parameters: recorded_input, ..Operation::new(name, handler) }
}

const fn read(name: &'static str, resource: ResourceOf, conditions: ConditionsOf, handler: Handler) -> Operation {
    Operation { read_only: true, ..write(name, resource, conditions, handler) }
}

/// A change of a user, group or role that exists.
const fn write_on<H: Holder>(name: &'static str, handler: Handler) -> Operation {
    write(name, holders::resource::<H>, conditions::of::<H>, handler)
}

const fn read_on<H: Holder>(name: &'static str, handler: Handler) -> Operation {
    Operation { read_only: true, ..write_on::<H>(name, handler) }
}

/// What makes a user, group or role.
const fn create<H: Holder>(name: &'static str, handler: Handler) -> Operation {
    write(name, holders::new_resource::<H>, conditions::requested, handler)
}

const fn list<H: Holder>(name: &'static str, handler: Handler) -> Operation {
    read(name, holders::path_resource::<H>, conditions::requested, handler)
}

const fn write_policy(name: &'static str, handler: Handler) -> Operation {
    write(name, create_policy::resource, conditions::of_policy, handler)
}

const fn read_policy(name: &'static str, handler: Handler) -> Operation {
    Operation { read_only: true, ..write_policy(name, handler) }
}

const fn on_profile(name: &'static str, handler: Handler) -> Operation {
    write(name, instance_profiles::resource, conditions::requested, handler)
}
