//! Finding managed policies, and how they look in answers.

use super::aws_managed::{self, AwsManaged};
use super::group::Group;
use super::holders::{self, Holder};
use super::managed_policy::ManagedPolicy;
use super::role::Role;
use super::tags;
use super::users::no_such_entity;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::User;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// A policy of the caller's account by its ARN.
///
/// # Errors
/// If the catalog fails.
pub(super) fn own(app: &App, call: &Call, arn: &str) -> Result<Option<Arc<ManagedPolicy>>, ApiError> {
    let Some((account, name)) = ManagedPolicy::split_arn(arn) else { return Ok(None) };
    if account != call.account {
        return Ok(None);
    }
    let found = app.catalog.get::<ManagedPolicy>(&ManagedPolicy::key_of(account, name));
    Ok(found.map_err(|error| catalog_failure(&error))?.filter(|policy| policy.arn() == arn))
}

/// A policy of the caller's account, for operations that AWS's own do not take.
///
/// # Errors
/// `NoSuchEntity`; `AccessDenied` for policies of AWS.
pub(super) fn own_named(app: &App, call: &Call, arn: &str) -> Result<Arc<ManagedPolicy>, ApiError> {
    if aws_managed::find(arn).is_some() {
        let message = "Policy is outside your own account.";
        return Err(ApiError::new("AccessDenied", message).with_status(403));
    }
    own(app, call, arn)?.ok_or_else(|| not_found(arn))
}

/// A policy of the caller's account or of AWS.
pub(super) enum Found {
    Own(Arc<ManagedPolicy>),
    Aws(&'static AwsManaged),
}

/// # Errors
/// `NoSuchEntity`.
pub(super) fn named(app: &App, call: &Call, arn: &str) -> Result<Found, ApiError> {
    match aws_managed::find(arn) {
        Some(policy) => Ok(Found::Aws(policy)),
        None => own(app, call, arn)?.map(Found::Own).ok_or_else(|| not_found(arn)),
    }
}

/// Refuses ARNs of policies that cannot be attached here.
///
/// # Errors
/// `NoSuchEntity`, `PolicyNotAttachable`.
pub(super) fn attachable(app: &App, call: &Call, arn: &str) -> Result<(), ApiError> {
    match named(app, call, arn) {
        Ok(Found::Aws(policy)) if !policy.is_attachable() => {
            Err(ApiError::new("PolicyNotAttachable", format!("Cannot attach a Service Role Policy to a Customer Role: {arn}")))
        }
        Ok(_) => Ok(()),
        Err(error) if error.code == "NoSuchEntity" => {
            Err(no_such_entity(format!("Policy {arn} does not exist or is not attachable.")))
        }
        Err(error) => Err(error),
    }
}

pub(super) fn not_found(arn: &str) -> ApiError {
    no_such_entity(format!("Policy {arn} was not found."))
}

/// How often each policy is attached and bounds, over users, groups and roles of an account.
#[derive(Debug, Default)]
pub(super) struct Usage {
    attached: HashMap<String, usize>,
    bounding: HashMap<String, usize>,
}

impl Usage {
    /// # Errors
    /// If the catalog fails.
    pub(super) fn of(app: &App, call: &Call) -> Result<Self, ApiError> {
        let mut usage = Self::default();
        usage.count::<User>(app, call)?;
        usage.count::<Group>(app, call)?;
        usage.count::<Role>(app, call)?;
        Ok(usage)
    }

    fn count<H: Holder>(&mut self, app: &App, call: &Call) -> Result<(), ApiError> {
        for holder in holders::all::<H>(app, call)?.iter() {
            for arn in holder.attached() {
                *self.attached.entry(arn.clone()).or_default() += 1;
            }
            if let Some(arn) = holder.boundary() {
                *self.bounding.entry(arn.to_owned()).or_default() += 1;
            }
        }
        Ok(())
    }

    pub(super) fn attachments(&self, arn: &str) -> usize {
        self.attached.get(arn).copied().unwrap_or_default()
    }

    pub(super) fn boundaries(&self, arn: &str) -> usize {
        self.bounding.get(arn).copied().unwrap_or_default()
    }
}

impl Found {
    pub(super) fn arn(&self) -> String {
        match self {
            Self::Own(policy) => policy.arn(),
            Self::Aws(policy) => policy.arn(),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Own(policy) => &policy.name,
            Self::Aws(policy) => policy.name,
        }
    }

    pub(super) fn path(&self) -> &str {
        match self {
            Self::Own(policy) => &policy.path,
            Self::Aws(policy) => policy.path,
        }
    }

    /// What listings tell of a policy.
    pub(super) fn summary(&self, usage: &Usage) -> Value {
        let arn = self.arn();
        let (id, version, created, updated) = match self {
            Self::Own(policy) => (policy.id.clone(), policy.default_version, policy.created, policy.updated),
            Self::Aws(policy) => (policy.id(), policy.version, policy.created(), policy.updated()),
        };
        json!({
            "PolicyName": self.name(),
            "PolicyId": id,
            "Arn": arn,
            "Path": self.path(),
            "DefaultVersionId": format!("v{version}"),
            "AttachmentCount": usage.attachments(&arn),
            "PermissionsBoundaryUsageCount": usage.boundaries(&arn),
            "IsAttachable": !matches!(self, Self::Aws(policy) if !policy.is_attachable()),
            "CreateDate": event_time(created),
            "UpdateDate": event_time(updated),
        })
    }

    /// What GetPolicy tells.
    pub(super) fn description(&self, usage: &Usage) -> Value {
        let mut told = self.summary(usage);
        let (description, tags) = match self {
            Self::Own(policy) => (policy.description.clone(), tags::output(&policy.tags)),
            Self::Aws(policy) => (Some(policy.description.to_owned()), json!([])),
        };
        if let Some(description) = description {
            told["Description"] = description.into();
        }
        told["Tags"] = tags;
        told
    }
}
