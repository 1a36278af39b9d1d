//! Users, groups and roles as what policies are put into and attached to.

use super::group::Group;
use super::input::Input;
use super::role::Role;
use super::users::{delete_conflict, limit_exceeded, no_such_entity};
use super::validation::{self, MAX_NAME_CHARS};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::User;
use opentrail_catalog::Entity;
use opentrail_policy::PolicyText;
use opentrail_wire::ApiError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What has inline policies and attached ones.
pub(super) trait Holder: Entity + Clone {
    /// `user`, `group` or `role`, as errors and ARNs have it.
    const KIND: &'static str;
    /// The member of inputs and answers that names it.
    const MEMBER: &'static str;
    /// Most characters of all inline policies together, white space not counted.
    const MAX_INLINE_CHARS: usize;
    /// The quota of attached policies, as errors call it.
    const ATTACHMENT_QUOTA: &'static str;

    fn name(&self) -> &str;
    fn path(&self) -> &str;
    fn id(&self) -> &str;
    fn arn(&self) -> String;
    fn inline(&self) -> &BTreeMap<String, PolicyText>;
    fn inline_mut(&mut self) -> &mut BTreeMap<String, PolicyText>;
    fn attached(&self) -> &BTreeSet<String>;
    fn attached_mut(&mut self) -> &mut BTreeSet<String>;

    /// The ARN of the policy that bounds its permissions; groups have none.
    fn boundary(&self) -> Option<&str> {
        None
    }

    /// Its tags; groups have none.
    fn tags(&self) -> Option<&BTreeMap<String, String>> {
        None
    }

    /// Refuses to change what only AWS may change.
    ///
    /// # Errors
    /// `UnmodifiableEntity`.
    fn check_modifiable(&self) -> Result<(), ApiError> {
        Ok(())
    }
}

macro_rules! holder {
    ($entity:ty, $kind:literal, $member:literal, $chars:literal, $quota:literal, { $($more:item)* }) => {
        impl Holder for $entity {
            const KIND: &'static str = $kind;
            const MEMBER: &'static str = $member;
            const MAX_INLINE_CHARS: usize = $chars;
            const ATTACHMENT_QUOTA: &'static str = $quota;

            fn name(&self) -> &str {
                &self.name
            }
            fn path(&self) -> &str {
                &self.path
            }
            fn id(&self) -> &str {
                &self.id
            }
            fn arn(&self) -> String {
                self.arn()
            }
            fn inline(&self) -> &BTreeMap<String, PolicyText> {
                &self.policies
            }
            fn inline_mut(&mut self) -> &mut BTreeMap<String, PolicyText> {
                &mut self.policies
            }
            fn attached(&self) -> &BTreeSet<String> {
                &self.attached
            }
            fn attached_mut(&mut self) -> &mut BTreeSet<String> {
                &mut self.attached
            }
            $($more)*
        }
    };
}

holder!(User, "user", "UserName", 2048, "PoliciesPerUser", {
    fn boundary(&self) -> Option<&str> {
        self.boundary.as_deref()
    }
    fn tags(&self) -> Option<&BTreeMap<String, String>> {
        Some(&self.tags)
    }
});
holder!(Group, "group", "GroupName", 5120, "PoliciesPerGroup", {});
holder!(Role, "role", "RoleName", 10_240, "PoliciesPerRole", {
    fn boundary(&self) -> Option<&str> {
        self.boundary.as_deref()
    }
    fn tags(&self) -> Option<&BTreeMap<String, String>> {
        Some(&self.tags)
    }
    fn check_modifiable(&self) -> Result<(), ApiError> {
        unprotected(self)
    }
});

fn unprotected(role: &Role) -> Result<(), ApiError> {
    if !role.is_service_linked() {
        return Ok(());
    }
    let name = &role.name;
    let message = format!("Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS");
    Err(ApiError::new("UnmodifiableEntity", message))
}

/// A user, group or role by name.
///
/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub(super) fn named<H: Holder>(app: &App, call: &Call, name: &str) -> Result<Arc<H>, ApiError> {
    validation::name(name, &opentrail_model::record::lower_first_name(H::MEMBER), MAX_NAME_CHARS)?;
    let found = find::<H>(app, call, name)?;
    found.ok_or_else(|| no_such_entity(format!("The {} with name {name} cannot be found.", H::KIND)))
}

/// As [`named`], for a change.
///
/// # Errors
/// As [`named`]; `UnmodifiableEntity`.
pub(super) fn modifiable<H: Holder>(app: &App, call: &Call, name: &str) -> Result<H, ApiError> {
    let found = named::<H>(app, call, name)?;
    found.check_modifiable()?;
    Ok(H::clone(&found))
}

/// As [`named`], without an error for one that is not there.
///
/// # Errors
/// If the catalog fails.
pub(super) fn find<H: Holder>(app: &App, call: &Call, name: &str) -> Result<Option<Arc<H>>, ApiError> {
    app.catalog.get::<H>(&format!("{}/{name}", call.account)).map_err(|error| catalog_failure(&error))
}

/// All of an account, in the order of their names.
///
/// # Errors
/// If the catalog fails.
pub(super) fn all<H: Holder>(app: &App, call: &Call) -> Result<Arc<Vec<H>>, ApiError> {
    app.catalog.all::<H>(&format!("{}/", call.account)).map_err(|error| catalog_failure(&error))
}

/// The ARN that policies are asked about: as it is stored, path and all.
pub(super) fn resource<H: Holder>(app: &App, call: &Call, input: &Value) -> String {
    let name = input[H::MEMBER].as_str().unwrap_or_default();
    let stored = find::<H>(app, call, name).ok().flatten();
    stored.map_or_else(|| format!("arn:aws:iam::{}:{}/{name}", call.account, H::KIND), |found| found.arn())
}

/// The ARN that a new one would have.
pub(super) fn new_resource<H: Holder>(_: &App, call: &Call, input: &Value) -> String {
    let path = input["Path"].as_str().unwrap_or("/");
    format!("arn:aws:iam::{}:{}{path}{}", call.account, H::KIND, input[H::MEMBER].as_str().unwrap_or_default())
}

/// What listings by path are asked about.
pub(super) fn path_resource<H: Holder>(_: &App, call: &Call, input: &Value) -> String {
    format!("arn:aws:iam::{}:{}{}", call.account, H::KIND, input["PathPrefix"].as_str().unwrap_or("/"))
}

/// Refuses names that are taken in whatever letters.
///
/// # Errors
/// `EntityAlreadyExists`, `LimitExceeded`.
pub(super) fn check_new<H: Holder>(
    app: &App,
    call: &Call,
    title: &str,
    name: &str,
    quota: (&str, usize),
) -> Result<(), ApiError> {
    check_free::<H>(app, call, title, name)?;
    if all::<H>(app, call)?.len() >= quota.1 {
        return Err(limit_exceeded(format!("Cannot exceed quota for {}: {}", quota.0, quota.1)));
    }
    Ok(())
}

fn check_free<H: Holder>(app: &App, call: &Call, title: &str, name: &str) -> Result<(), ApiError> {
    if all::<H>(app, call)?.iter().any(|other| other.name().eq_ignore_ascii_case(name)) {
        let message = format!("{title} with name {name} already exists.");
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    Ok(())
}

/// Whether anything hangs on what is to be deleted.
///
/// # Errors
/// `DeleteConflict`.
pub(super) fn check_bare<H: Holder>(holder: &H) -> Result<(), ApiError> {
    if !holder.attached().is_empty() {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !holder.inline().is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    Ok(())
}

/// What UpdateUser and UpdateGroup change.
pub(super) struct Renaming<'a> {
    pub name: Option<&'a str>,
    pub path: Option<&'a str>,
}

impl<'a> Renaming<'a> {
    /// # Errors
    /// `ValidationError`, `SerializationException`.
    pub(super) fn of(input: &'a Input, member: &str, max_chars: usize) -> Result<Self, ApiError> {
        let name = if input.has(member) { Some(input.name_within(member, max_chars)?) } else { None };
        let path = input.text("NewPath")?;
        path.map_or(Ok(()), validation::path)?;
        Ok(Self { name, path })
    }

    /// Refuses a name that another has, in whatever letters.
    ///
    /// # Errors
    /// `EntityAlreadyExists`.
    pub(super) fn check<H: Holder>(&self, app: &App, call: &Call, title: &str, old: &str) -> Result<(), ApiError> {
        match self.name {
            Some(name) if !name.eq_ignore_ascii_case(old) => check_free::<H>(app, call, title, name),
            _ => Ok(()),
        }
    }
}
