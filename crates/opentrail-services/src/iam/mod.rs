//! IAM: users, their access keys and inline policies.
//!
//! ```text
//! users.rs          whom an operation is about, and how users look
//! access_keys.rs    whose keys are whose, and what is told of them
//! validation.rs     names, paths, pages
//! the others        one operation each
//! ```
//!
//! Source: AWS IAM API Reference. IAM is global: one set of users per account, recorded in us-east-1.

mod access_keys;
mod users;
pub(crate) mod validation;

mod create_user;
mod delete_user;
mod get_user;
mod list_users;

mod create_access_key;
mod delete_access_key;
mod list_access_keys;
mod update_access_key;

mod delete_user_policy;
mod get_user_policy;
mod list_user_policies;
mod put_user_policy;

mod missing;
#[cfg(test)]
mod tests;

use crate::handler;
use crate::recording::lower_cased;
use crate::service::{Handler, Operation, Service};

pub static SERVICE: Service = Service {
    name: "iam",
    event_source: "iam.amazonaws.com",
    target: None,
    version: Some("2010-05-08"),
    namespace: Some("https://iam.amazonaws.com/doc/2010-05-08/"),
    global: true,
    data_events: false,
    operations: OPERATIONS,
    missing: missing::OPERATIONS,
    unsupported_code: "UnsupportedOperation",
};

const OPERATIONS: &[Operation] = &[
    Operation { resource: users::new_user_arn, ..write("CreateUser", handler!(create_user::create_user)) },
    read("GetUser", handler!(get_user::get_user)),
    write("DeleteUser", handler!(delete_user::delete_user)),
    Operation { resource: users::path_arn, ..paged("ListUsers", handler!(list_users::list_users)) },
    write("CreateAccessKey", handler!(create_access_key::create_access_key)),
    write("DeleteAccessKey", handler!(delete_access_key::delete_access_key)),
    paged("ListAccessKeys", handler!(list_access_keys::list_access_keys)),
    write("UpdateAccessKey", handler!(update_access_key::update_access_key)),
    write("PutUserPolicy", handler!(put_user_policy::put_user_policy)),
    read("GetUserPolicy", handler!(get_user_policy::get_user_policy)),
    write("DeleteUserPolicy", handler!(delete_user_policy::delete_user_policy)),
    paged("ListUserPolicies", handler!(list_user_policies::list_user_policies)),
];

const fn write(name: &'static str, handler: Handler) -> Operation {
    Operation { name, read_only: false, resource: users::subject_arn, parameters: lower_cased, authorised: true, handler }
}

const fn read(name: &'static str, handler: Handler) -> Operation {
    Operation { read_only: true, ..write(name, handler) }
}

const fn paged(name: &'static str, handler: Handler) -> Operation {
    Operation { parameters: validation::recorded_page, ..read(name, handler) }
}
