//! Who may do what: gathers the policies that stand behind a caller and asks [`opentrail_policy::decide`].
//!
//! ```text
//! Caller ──Standing::of──▶ identity policies (inline, attached, of groups), boundary, session policies, tags
//!                                          │
//! Call ──policy_context──▶ condition keys ─┼─▶ decide ─▶ Ok, or AccessDenied in AWS's words
//! resource ─▶ its own policy, its account ─┘
//! ```
//!
//! Documents are read once and kept with the entities they belong to (`PolicyText`). The catalog forgets an entity before
//! a change of it is answered, so no decision rests on what has been replaced.

use crate::app::{App, catalog_failure};
use crate::call::{Call, Caller};
use crate::credentials::{Account, User};
use crate::iam::{Group, Role, document_in_effect};
use crate::organizations::policies_over;
use crate::service::{Operation, Service};
use crate::session::Session;
use opentrail_catalog::{Catalog, CatalogError};
use opentrail_policy::{
    Decision, Policies, PolicyDocument, PolicyKind, PolicyText, Principal, Reason, Request, RequestContext, decide,
};
use opentrail_wire::ApiError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

/// What a session of the root user may do by itself.
static EVERYTHING: LazyLock<PolicyText> = LazyLock::new(|| {
    PolicyText::from(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#)
});
/// Stands for a boundary or session policy that is gone: it allows nothing.
static NOTHING: LazyLock<PolicyText> = LazyLock::new(|| {
    PolicyText::from(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"*","Resource":"*"}]}"#)
});

/// The policies and tags that stand behind a caller at this moment.
#[derive(Debug, Default)]
pub struct Standing {
    identity: Vec<Arc<PolicyDocument>>,
    boundary: Option<Arc<PolicyDocument>>,
    /// `None` if no policy was given when the session was made.
    session: Option<Vec<Arc<PolicyDocument>>>,
    /// Service control policies, a list for each level from the organization's root to the account.
    organization: Vec<Vec<Arc<PolicyDocument>>>,
    tags: BTreeMap<String, String>,
    /// Id of the organization that the caller's account belongs to.
    organization_id: Option<String>,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// In full: `s3:GetObject`.
    pub action: &'a str,
    pub resource: &'a str,
    /// The account that owns the resource.
    pub resource_account: &'a str,
    /// The resource's own policy, if it has one.
    pub resource_policy: Option<&'a PolicyDocument>,
    /// What grants on the resource allow, as a policy.
    pub grants: Option<&'a PolicyDocument>,
    /// As [`Standing::context`] made it, with the keys of the operation.
    pub context: &'a RequestContext,
}

impl Standing {
    /// What stands behind this caller now.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn of(catalog: &Catalog, caller: &Caller) -> Result<Self, CatalogError> {
        let mut standing = match caller {
            Caller::Anonymous
            | Caller::Unauthenticated { .. }
            | Caller::WebIdentity(_)
            | Caller::Service { .. }
            | Caller::Root { .. } => Self::default(),
            Caller::User { account, name, user_id, .. } => Self::of_user(catalog, account, name, Some(user_id))?,
            Caller::AssumedRole { account, role, role_id, .. } => Self::policies_of_role(catalog, account, role, role_id)?,
            Caller::FederatedUser { account, user: Some(user), .. } => {
                Self::of_user(catalog, account, &user.name, Some(&user.id))?
            }
            Caller::FederatedUser { user: None, .. } => {
                Self { identity: vec![Arc::clone(EVERYTHING.document(PolicyKind::Identity))], ..Self::default() }
            }
        };
        if let Some(session) = caller.session() {
            standing.narrow(catalog, session)?;
        }
        if let Some(account) = caller.account() {
            standing.place(catalog, account, is_beyond_control(caller))?;
        }
        Ok(standing)
    }

    /// Adds what comes of the organization that an account belongs to.
    fn place(&mut self, catalog: &Catalog, account: &str, beyond_control: bool) -> Result<(), CatalogError> {
        let Some(account) = catalog.get::<Account>(account)? else { return Ok(()) };
        self.organization_id = account.membership.as_ref().map(|membership| membership.organization.clone());
        if !beyond_control {
            self.organization = policies_over(catalog, &account)?;
        }
        Ok(())
    }

    /// What stands behind a user. One that is gone, or was made again under its name, has nothing.
    ///
    /// # Errors
    /// If the catalog fails.
    fn of_user(catalog: &Catalog, account: &str, name: &str, id: Option<&str>) -> Result<Self, CatalogError> {
        let user = catalog.get::<User>(&format!("{account}/{name}"))?;
        let Some(user) = user.filter(|user| id.is_none_or(|id| user.id == id)) else { return Ok(Self::default()) };
        let mut standing = Self::attached_to(catalog, &user.policies, &user.attached, user.boundary.as_deref())?;
        for group in &user.groups {
            if let Some(group) = catalog.get::<Group>(&Group::key_of(account, group))? {
                standing.identity.extend(documents(catalog, &group.policies, &group.attached)?);
            }
        }
        standing.tags.clone_from(&user.tags);
        Ok(standing)
    }

    /// What stands behind a role that a service assumes. One that is gone, or was made again under its name, has nothing.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn of_role(catalog: &Catalog, account: &str, name: &str, id: &str) -> Result<Self, CatalogError> {
        let mut standing = Self::policies_of_role(catalog, account, name, id)?;
        let role = catalog.get::<Role>(&Role::key_of(account, name))?;
        standing.place(catalog, account, role.is_some_and(|role| is_service_linked(&role.arn())))?;
        Ok(standing)
    }

    fn policies_of_role(catalog: &Catalog, account: &str, name: &str, id: &str) -> Result<Self, CatalogError> {
        let role = catalog.get::<Role>(&Role::key_of(account, name))?;
        let Some(role) = role.filter(|role| role.id == id) else { return Ok(Self::default()) };
        let standing = Self::attached_to(catalog, &role.policies, &role.attached, role.boundary.as_deref())?;
        Ok(Self { tags: role.tags.clone(), ..standing })
    }

    fn attached_to(
        catalog: &Catalog,
        inline: &BTreeMap<String, PolicyText>,
        attached: &BTreeSet<String>,
        boundary: Option<&str>,
    ) -> Result<Self, CatalogError> {
        let boundary = boundary.map(|arn| managed_or_nothing(catalog, arn)).transpose()?;
        Ok(Self { identity: documents(catalog, inline, attached)?, boundary, ..Self::default() })
    }

    fn narrow(&mut self, catalog: &Catalog, session: &Session) -> Result<(), CatalogError> {
        // Keys of tags are compared without regard to case, and those of the session win.
        self.tags.retain(|old, _| !session.tags.keys().any(|key| old.eq_ignore_ascii_case(key)));
        self.tags.extend(session.tags.iter().map(|(key, value)| (key.clone(), value.clone())));
        if session.is_narrowed() {
            let mut policies: Vec<_> =
                session.policies.iter().map(|text| Arc::clone(text.document(PolicyKind::Identity))).collect();
            for arn in &session.policy_arns {
                policies.push(managed_or_nothing(catalog, arn)?);
            }
            self.session = Some(policies);
        }
        Ok(())
    }

    /// Adds what the catalog knows of the caller to the condition keys of a call.
    pub fn context(&self, context: RequestContext) -> RequestContext {
        let context = match &self.organization_id {
            Some(id) => context.with("aws:PrincipalOrgID", id.as_str()),
            None => context,
        };
        with_tags(context, "aws:PrincipalTag", &self.tags)
    }

    /// Puts the question to all policies.
    pub fn decide(&self, principal: &Principal, question: &Question<'_>) -> Decision {
        let request = question.request(principal);
        let levels: Vec<Vec<&PolicyDocument>> = self.organization.iter().map(|level| borrowed(level)).collect();
        let levels: Vec<&[&PolicyDocument]> = levels.iter().map(Vec::as_slice).collect();
        let session = self.session.as_deref().map(borrowed);
        let policies = Policies {
            identity: &borrowed(&self.identity),
            resource: question.resource_policy,
            session: session.as_deref(),
            boundary: self.boundary.as_deref(),
            organization: &levels,
            grants: question.grants,
        };
        decide(&request, &policies)
    }
}

impl<'a> Question<'a> {
    /// The question as one caller's request.
    pub fn request(&self, principal: &'a Principal) -> Request<'a> {
        Request {
            principal,
            action: self.action,
            resource: self.resource,
            resource_account: self.resource_account,
            context: self.context,
        }
    }
}

fn borrowed(documents: &[Arc<PolicyDocument>]) -> Vec<&PolicyDocument> {
    documents.iter().map(Arc::as_ref).collect()
}

fn documents(
    catalog: &Catalog,
    inline: &BTreeMap<String, PolicyText>,
    attached: &BTreeSet<String>,
) -> Result<Vec<Arc<PolicyDocument>>, CatalogError> {
    let mut documents: Vec<_> = inline.values().map(|text| Arc::clone(text.document(PolicyKind::Identity))).collect();
    for arn in attached {
        documents.extend(document_in_effect(catalog, arn)?);
    }
    Ok(documents)
}

fn managed_or_nothing(catalog: &Catalog, arn: &str) -> Result<Arc<PolicyDocument>, CatalogError> {
    let document = document_in_effect(catalog, arn)?;
    Ok(document.unwrap_or_else(|| Arc::clone(NOTHING.document(PolicyKind::Identity))))
}

/// Sets `prefix/KEY` for each tag.
pub fn with_tags(context: RequestContext, prefix: &str, tags: &BTreeMap<String, String>) -> RequestContext {
    tags.iter().fold(context, |context, (key, value)| context.with(&format!("{prefix}/{key}"), value.as_str()))
}

/// Sets `aws:RequestTag/KEY` for each tag of a request's list `{Key, Value}`, and `aws:TagKeys` for these and for `removed`.
pub fn with_request_tags<'a>(
    context: RequestContext,
    tags: &Value,
    removed: impl IntoIterator<Item = &'a str>,
) -> RequestContext {
    let given = tags.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |tag: &Value, member: &str| tag[member].as_str().unwrap_or_default().to_owned();
    let tags: BTreeMap<String, String> = given.iter().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect();
    let keys: Vec<String> = tags.keys().cloned().chain(removed.into_iter().map(Into::into)).collect();
    with_tags(context.with_all("aws:TagKeys", keys), "aws:RequestTag", &tags)
}

/// Whom service control policies do not reach, whatever the account: services, and the roles that are linked to them.
///
/// Source: AWS Organizations User Guide, "Service control policies (SCPs)", tasks and entities not restricted by SCPs.
fn is_beyond_control(caller: &Caller) -> bool {
    match caller {
        Caller::AssumedRole { role_arn, .. } => is_service_linked(role_arn),
        Caller::User { .. } | Caller::Root { .. } | Caller::FederatedUser { .. } => false,
        Caller::Anonymous | Caller::Unauthenticated { .. } | Caller::WebIdentity(_) | Caller::Service { .. } => true,
    }
}

/// Whether an ARN is that of a role that is linked to a service.
pub fn is_service_linked(arn: &str) -> bool {
    arn.contains(":role/aws-service-role/")
}

/// The account in an ARN, if it names one.
pub fn account_of_arn(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Asks all policies about one operation on the resource that the input names.
///
/// # Errors
/// The denial in the service's words; whatever stands in the way of the resource's policy.
pub fn authorise(app: &App, service: &Service, operation: &Operation, call: &Call, input: &Value) -> Result<(), ApiError> {
    if !operation.authorised {
        return Ok(());
    }
    let policy = match operation.resource_policy {
        Some(resource_policy) => resource_policy(app, call, input)?,
        None => None,
    };
    let resource = (operation.resource)(app, call, input);
    let owner = operation.resource_policy.and_then(|_| account_of_arn(&resource));
    let resource_account = owner.unwrap_or(&call.account);
    let standing = Standing::of(&app.catalog, &call.caller).map_err(|error| catalog_failure(&error))?;
    let mut context = standing.context(call.policy_context()).with("aws:ResourceAccount", resource_account);
    if let Some(conditions) = operation.conditions {
        context = conditions(app, call, input, context);
    }
    let usual;
    let action = match operation.action {
        Some(action) => action,
        None => {
            usual = format!("{}:{}", service.name, operation.name);
            &usual
        }
    };
    let grants = match operation.grants {
        Some(grants) => grants(app, call, action, input)?,
        None => None,
    };
    let question = Question {
        action,
        resource: &resource,
        resource_account,
        resource_policy: policy.as_deref(),
        grants: grants.as_ref(),
        context: &context,
    };
    let principal = call.caller.principal();
    match standing.decide(&principal, &question) {
        Decision::Allowed => Ok(()),
        Decision::Denied(reason) => Err(denied(service, reason, &question.request(&principal))),
    }
}

/// Whether the caller may hand this role to the service `passed_to`, which will act with it: `iam:PassRole`.
///
/// # Errors
/// The denial in the service's words.
pub fn pass_role(app: &App, service: &Service, call: &Call, role_arn: &str, passed_to: &str) -> Result<(), ApiError> {
    let standing = Standing::of(&app.catalog, &call.caller).map_err(|error| catalog_failure(&error))?;
    let context = standing.context(call.policy_context()).with("iam:PassedToService", passed_to);
    let question = Question {
        action: "iam:PassRole",
        resource: role_arn,
        resource_account: &call.account,
        resource_policy: None,
        grants: None,
        context: &context,
    };
    let principal = call.caller.principal();
    match standing.decide(&principal, &question) {
        Decision::Allowed => Ok(()),
        Decision::Denied(reason) => Err(denied(service, reason, &question.request(&principal))),
    }
}

/// A denial as this service's clients know it.
pub fn denied(service: &Service, reason: Reason, request: &Request<'_>) -> ApiError {
    let (code, status) = match service.name {
        "sns" => ("AuthorizationError", 403),
        _ if service.target.is_some() => ("AccessDeniedException", 400),
        _ => ("AccessDenied", 403),
    };
    ApiError::new(code, reason.message(request)).with_status(status)
}
