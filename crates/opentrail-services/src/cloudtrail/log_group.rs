//! The log group that a trail writes into, seen through the role that it was given for that.

use super::SERVICE;
use crate::app::{App, catalog_failure};
use crate::authorisation::{Question, Standing, pass_role};
use crate::call::Call;
use crate::iam::Role;
use crate::service_role::trusts;
use opentrail_catalog::{Catalog, CatalogError};
use opentrail_logs::LogGroup;
use opentrail_model::trail::Trail;
use opentrail_policy::{Decision, Principal, RequestContext};
use opentrail_wire::ApiError;
use std::sync::Arc;

/// Who assumes the role.
pub const DELIVERER: &str = "cloudtrail.amazonaws.com";
/// The name of the session under which CloudTrail writes.
pub const SESSION_NAME: &str = "CLOUDWATCHLOGS_DELIVERY_SESSION";

const CREATE_STREAM: &str = "logs:CreateLogStream";
const PUT_EVENTS: &str = "logs:PutLogEvents";

/// Why a trail cannot write into its log group.
#[derive(Debug, thiserror::Error)]
pub enum LogGroupFault {
    #[error("You must specify a log group and a role ARN.")]
    OnlyRole,
    #[error("You must specify a log group and a role ARN.")]
    OnlyGroup,
    #[error("CloudTrail cannot validate the specified log group ARN.")]
    GroupArn,
    #[error("CloudTrail cannot validate the specified role ARN.")]
    RoleArn,
    #[error("The specified log group does not exist.")]
    NoGroup,
    /// The role is not there or does not trust CloudTrail; from outside the two cannot be told apart.
    #[error("User: {DELIVERER} is not authorized to perform: sts:AssumeRole on resource: {role}")]
    NotTrusted { role: String },
    #[error("{0}")]
    NotPermitted(String),
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
}

impl LogGroupFault {
    /// What GetTrailStatus shows: a code and what it means.
    pub fn status(&self) -> String {
        let code = match self {
            Self::OnlyRole | Self::OnlyGroup | Self::GroupArn | Self::RoleArn => "InvalidParameterException",
            Self::NoGroup => "ResourceNotFoundException",
            Self::NotTrusted { .. } | Self::NotPermitted(_) => "AccessDeniedException",
            Self::Catalog(_) => "InternalFailure",
        };
        format!("{code}: {self}")
    }

    /// What CreateTrail and UpdateTrail answer.
    fn refusal(&self) -> ApiError {
        const GROUP: &str = "InvalidCloudWatchLogsLogGroupArnException";
        const ROLE: &str = "InvalidCloudWatchLogsRoleArnException";
        let told = self.to_string();
        let (code, message) = match self {
            Self::OnlyRole | Self::GroupArn => (GROUP, told.as_str()),
            Self::NoGroup => (GROUP, "CloudTrail cannot validate the specified log group ARN."),
            Self::OnlyGroup | Self::RoleArn => (ROLE, told.as_str()),
            Self::NotTrusted { .. } => (ROLE, "Access denied. Check the trust relationships for your role."),
            Self::NotPermitted(_) => (GROUP, "Access denied. Verify in IAM that the role has adequate permissions."),
            Self::Catalog(error) => return catalog_failure(error),
        };
        ApiError::new(code, message)
    }
}

/// A trail's log group and the role that writes into it, both as they are now.
pub struct LogGroupWriter {
    pub group: Arc<LogGroup>,
    pub role: Arc<Role>,
    standing: Standing,
}

impl LogGroupWriter {
    /// Opens a trail's log group. `None` if it has none.
    ///
    /// # Errors
    /// If the group is not there, or the role is not there or does not trust CloudTrail.
    pub fn open(catalog: &Catalog, trail: &Trail) -> Result<Option<Self>, LogGroupFault> {
        let (group, role) = match (&trail.log_group_arn, &trail.log_group_role_arn) {
            (None, None) => return Ok(None),
            (None, Some(_)) => return Err(LogGroupFault::OnlyRole),
            (Some(_), None) => return Err(LogGroupFault::OnlyGroup),
            (Some(group), Some(role)) => (group, role),
        };
        let name = group_name(group, trail).ok_or(LogGroupFault::GroupArn)?;
        let (account, role_name) = Role::split_arn(role).ok_or(LogGroupFault::RoleArn)?;
        let key = LogGroup::key_of(&trail.account, &trail.home_region, name);
        let group = catalog.get::<LogGroup>(&key)?.ok_or(LogGroupFault::NoGroup)?;
        let found = catalog.get::<Role>(&Role::key_of(account, role_name))?;
        let role = found
            .filter(|found| {
                found.arn() == *role && found.account == trail.account && trusts(found, DELIVERER, &trail.arn(), &trail.account)
            })
            .ok_or_else(|| LogGroupFault::NotTrusted { role: role.clone() })?;
        let standing = Standing::of_role(catalog, &role.account, &role.name, &role.id)?;
        Ok(Some(Self { group, role, standing }))
    }

    /// Whether the role may create this stream, and write into it.
    ///
    /// # Errors
    /// What it may not do.
    pub fn permit(&self, stream: &str, create: bool) -> Result<(), LogGroupFault> {
        let resource = format!("{}:log-stream:{stream}", self.group.arn());
        let role = &self.role;
        let session_arn = format!("arn:aws:sts::{}:assumed-role/{}/{SESSION_NAME}", role.account, role.name);
        let context = RequestContext::new()
            .with("aws:PrincipalArn", role.arn())
            .with("aws:PrincipalAccount", role.account.as_str())
            .with("aws:PrincipalType", "AssumedRole")
            .with("aws:RequestedRegion", self.group.region.as_str())
            .with("aws:ResourceAccount", self.group.account.as_str())
            .with("aws:SecureTransport", "true")
            .with("aws:ViaAWSService", "true");
        let context = self.standing.context(context);
        let principal =
            Principal::AssumedRole { account: role.account.clone(), role_arn: role.arn(), session_arn, role_id: role.id.clone() };
        for action in create.then_some(CREATE_STREAM).into_iter().chain([PUT_EVENTS]) {
            let question = Question {
                action,
                resource: &resource,
                resource_account: &self.group.account,
                resource_policy: None,
                grants: None,
                context: &context,
            };
            if let Decision::Denied(reason) = self.standing.decide(&principal, &question) {
                return Err(LogGroupFault::NotPermitted(reason.message(&question.request(&principal))));
            }
        }
        Ok(())
    }
}

/// The stream that takes a trail's events of an account. The region is the trail's home: that is what roles are made for.
pub fn stream_name(trail: &Trail, account: &str) -> String {
    let region = &trail.home_region;
    match trail.organization_id() {
        Some(organization) => format!("{organization}_{account}_CloudTrail_{region}"),
        None => format!("{account}_CloudTrail_{region}"),
    }
}

/// The name in the ARN of a group that is in the trail's own account and region, with or without `:*`.
fn group_name<'a>(arn: &'a str, trail: &Trail) -> Option<&'a str> {
    let prefix = format!("arn:aws:logs:{}:{}:log-group:", trail.home_region, trail.account);
    let name = arn.strip_prefix(&prefix)?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    opentrail_logs::is_group_name(name).then_some(name)
}

/// Checks the log group and role that a trail would have, and that the caller may hand the role to CloudTrail.
///
/// # Errors
/// `InvalidCloudWatchLogsLogGroupArnException`, `InvalidCloudWatchLogsRoleArnException`, `AccessDeniedException`.
pub(super) fn check(app: &App, call: &Call, trail: &Trail) -> Result<(), ApiError> {
    let writer = match LogGroupWriter::open(&app.catalog, trail) {
        Ok(None) => return Ok(()),
        // Whether a role is there is not for everybody to find out.
        Err(LogGroupFault::NotTrusted { role }) => {
            pass_role(app, &SERVICE, call, &role, DELIVERER)?;
            return Err(LogGroupFault::NotTrusted { role }.refusal());
        }
        opened => opened.map_err(|fault| fault.refusal())?,
    };
    let Some(writer) = writer else { return Ok(()) };
    pass_role(app, &SERVICE, call, &writer.role.arn(), DELIVERER)?;
    writer.permit(&stream_name(trail, &trail.account), true).map_err(|fault| fault.refusal())
}
