//! What all ways to assume a role share: asking the role's trust policy and the caller's own, and the session that results.

use super::issue::{self, Answer};
use super::narrowed;
use super::request::Narrowing;
use crate::app::{App, catalog_failure};
use crate::authorisation::{Question, Standing, with_tags};
use crate::call::{Call, Caller};
use crate::iam::Role;
use crate::session::Session;
use crate::temporary::{Holder, TemporaryCredentials};
use opentrail_model::record::{Resource, lower_first};
use opentrail_policy::PolicyKind;
use opentrail_wire::ApiError;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// What somebody asks for when assuming a role.
pub(super) struct Ask<'a> {
    /// `sts:AssumeRole` or `sts:AssumeRoleWithWebIdentity`.
    pub action: &'static str,
    pub role_arn: &'a str,
    pub session_name: &'a str,
    pub external_id: Option<&'a str>,
    pub source_identity: Option<String>,
    /// When a one-time password was given with this very request.
    pub mfa: Option<OffsetDateTime>,
    pub narrowing: Narrowing,
    pub tags: BTreeMap<String, String>,
    pub transitive: BTreeSet<String>,
}

/// The role and the session that the caller gets, if everybody concerned allows it.
///
/// # Errors
/// `AccessDenied`; what is wrong with the policies that narrow the session.
pub(super) fn permitted(app: &App, call: &Call, ask: Ask<'_>) -> Result<(Arc<Role>, Session), ApiError> {
    let role = Role::split_arn(ask.role_arn)
        .map(|(account, name)| app.catalog.get::<Role>(&Role::key_of(account, name)))
        .transpose()
        .map_err(|error| catalog_failure(&error))?
        .flatten()
        .filter(|role| role.arn() == ask.role_arn)
        .ok_or_else(|| denied(call, ask.action, ask.role_arn))?;
    let session = inherited(call, &ask)?;
    let standing = Standing::of(&app.catalog, &call.caller).map_err(|error| catalog_failure(&error))?;
    let mut context = standing
        .context(call.policy_context())
        .with("aws:ResourceAccount", role.account.as_str())
        .with("sts:RoleSessionName", ask.session_name);
    context = with_tags(with_tags(context, "aws:ResourceTag", &role.tags), "iam:ResourceTag", &role.tags);
    context = with_tags(context, "aws:RequestTag", &ask.tags);
    if !ask.tags.is_empty() {
        context = context.with_all("aws:TagKeys", ask.tags.keys().map(String::as_str));
    }
    if !ask.transitive.is_empty() {
        context = context.with_all("sts:TransitiveTagKeys", ask.transitive.iter().map(String::as_str));
    }
    if let Some(id) = ask.external_id {
        context = context.with("sts:ExternalId", id);
    }
    if let Some(identity) = &session.source_identity {
        context = context.with("sts:SourceIdentity", identity.as_str());
    }
    if ask.mfa.is_some() {
        context = context.with("aws:MultiFactorAuthPresent", "true").with("aws:MultiFactorAuthAge", "0");
    }
    let trust = role.trust.document(PolicyKind::Trust);
    let principal = call.caller.principal();
    let actions = [
        Some(ask.action),
        (!session.tags.is_empty()).then_some("sts:TagSession"),
        session.source_identity.as_ref().map(|_| "sts:SetSourceIdentity"),
    ];
    for action in actions.into_iter().flatten() {
        let question = Question {
            action,
            resource: ask.role_arn,
            resource_account: &role.account,
            resource_policy: Some(trust.as_ref()),
            grants: None,
            context: &context,
        };
        if !standing.decide(&principal, &question).is_allowed() {
            return Err(denied(call, action, ask.role_arn));
        }
    }
    let session = narrowed(app, &role.account, ask.narrowing, session)?;
    Ok((role, session))
}

/// The session with what passes on from the caller's own.
fn inherited(call: &Call, ask: &Ask<'_>) -> Result<Session, ApiError> {
    let mut session = Session {
        mfa: ask.mfa,
        tags: ask.tags.clone(),
        transitive_tags: ask.transitive.clone(),
        source_identity: ask.source_identity.clone(),
        ..Session::issued_at(call.now)
    };
    if let Caller::WebIdentity(web) = &call.caller {
        session.web_identity = Some(web.clone());
    }
    let Some(before) = call.caller.session() else { return Ok(session) };
    if let Caller::User { .. } = &call.caller {
        session.mfa = session.mfa.or(before.mfa);
    }
    for key in &before.transitive_tags {
        let Some(value) = before.tags.get(key) else { continue };
        if session.tags.keys().any(|given| given.eq_ignore_ascii_case(key)) {
            let message = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session";
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        session.tags.insert(key.clone(), value.clone());
        session.transitive_tags.insert(key.clone());
    }
    match (&before.source_identity, &session.source_identity) {
        (Some(fixed), Some(given)) if fixed != given => Err(denied(call, "sts:SetSourceIdentity", ask.role_arn)),
        (Some(fixed), None) => Ok(Session { source_identity: Some(fixed.clone()), ..session }),
        _ => Ok(session),
    }
}

/// The same words whatever stands in the way, so that nobody learns which roles exist or whom they trust.
pub(super) fn denied(call: &Call, action: &str, role_arn: &str) -> ApiError {
    let message = match &call.caller {
        Caller::WebIdentity(_) => format!("Not authorized to perform {action}"),
        caller => format!("User: {} is not authorized to perform: {action} on resource: {role_arn}", caller.arn()),
    };
    ApiError::new("AccessDenied", message).with_status(403)
}

/// # Errors
/// `ValidationError` for a session longer than the role allows.
pub(super) fn check_duration(role: &Role, asked: Duration) -> Result<(), ApiError> {
    if asked > Duration::seconds(i64::from(role.max_session_seconds)) {
        let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(ApiError::new("ValidationError", message));
    }
    Ok(())
}

/// Issues the credentials.
///
/// # Errors
/// If they cannot be sealed.
pub(super) fn answer(
    app: &App,
    role: &Role,
    session: Session,
    session_name: &str,
    lasts: Duration,
    packed: Option<usize>,
) -> Result<Answer, ApiError> {
    let holder = Holder::Role { name: role.name.clone(), id: role.id.clone(), session_name: session_name.to_owned() };
    let source_identity = session.source_identity.clone();
    let credentials = issue::credentials(app, &TemporaryCredentials::issue(&role.account, holder, session, lasts))?;
    let user = json!({
        "AssumedRoleId": format!("{}:{session_name}", role.id),
        "Arn": format!("arn:aws:sts::{}:assumed-role/{}/{session_name}", role.account, role.name),
    });
    let mut told = json!({"Credentials": credentials.told, "AssumedRoleUser": user});
    let mut recorded = json!({"credentials": credentials.recorded, "assumedRoleUser": lower_first(user)});
    if let Some(percent) = packed {
        told["PackedPolicySize"] = percent.into();
        recorded["packedPolicySize"] = percent.into();
    }
    if let Some(identity) = source_identity {
        told["SourceIdentity"] = identity.as_str().into();
        recorded["sourceIdentity"] = identity.into();
    }
    Ok(Answer { told, recorded })
}

/// `resources` of the record.
pub(super) fn resource(role: &Role) -> Resource {
    Resource { account: Some(role.account.clone()), kind: Some("AWS::IAM::Role".into()), arn: Some(role.arn()), arn_prefix: None }
}
