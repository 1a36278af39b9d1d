//! The decision: from policies and a request to allowed or denied.

use crate::{
    context::RequestContext,
    decision::{Decision, PolicySource, Reason, assumes_a_role},
    document::PolicyDocument,
    principal::{Facet, Principal, PrincipalClause},
    statement::{Effect, Statement},
};

/// Who wants to do what to which resource, under which circumstances.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// The action, for example `s3:GetObject`.
    pub action: &'a str,
    /// The ARN of the resource; `*` for actions that have none.
    pub resource: &'a str,
    /// The account that owns the resource.
    pub resource_account: &'a str,
    /// The condition keys of the request.
    pub context: &'a RequestContext,
}

/// The policies that apply to a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies<'a> {
    /// Those attached to the caller: inline and managed, of the user and its groups, or of the role.
    pub identity: &'a [&'a PolicyDocument],
    /// The policy of the resource, or the trust policy of the role that is to be assumed.
    pub resource: Option<&'a PolicyDocument>,
    /// What grants on the resource allow, written as a policy. It counts like the resource's own, and between accounts an
    /// Allow in it is enough where it names the caller.
    pub grants: Option<&'a PolicyDocument>,
    /// The policies that were given when the session was made; one of them has to allow. A federated user without any
    /// may do nothing by itself.
    pub session: Option<&'a [&'a PolicyDocument]>,
    /// The permissions boundary of the caller.
    pub boundary: Option<&'a PolicyDocument>,
    /// The service control policies over the caller's account, a list for each level from the organization's root down
    /// to the account: on every level one has to allow. Empty for an account that none limit.
    pub organization: &'a [&'a [&'a PolicyDocument]],
}

/// Which missing permissions of the caller an Allow in a resource policy makes up for. Each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grant {
    /// None: it hands the question over to the account's own policies.
    Delegation,
    /// Those of its identity policies.
    PastIdentity,
    /// Those of its permissions boundary too.
    PastBoundary,
    /// Those of the session policy too.
    PastSession,
}

/// Decides a request. Actions have no case, so from here on the action is in lower case.
///
/// An explicit deny is final. Within an account an Allow by the caller's policies or by the resource's is enough;
/// between accounts both have to allow, unless a grant does. Boundary and session policy narrow the caller's own permissions.
pub fn decide(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    let action = request.action.to_ascii_lowercase();
    let request = &Request { action: &action, ..*request };
    if let Some(source) = explicit_deny(request, policies) {
        return Decision::Denied(Reason::ExplicitDeny(source));
    }
    let granted = policies.grants.and_then(|document| strongest_grant(document, request));
    let grant = policies.resource.and_then(|document| strongest_grant(document, request)).max(granted);
    let shortfall = match request.principal.account() {
        None => resource_shortfall(grant),
        Some(_) if !organization_allows(request, policies) => Some(Reason::NoOrganizationAllow),
        Some(account) if account == request.resource_account => {
            let own = if resource_decides(request, policies) { resource_shortfall(grant) } else { None };
            own.or_else(|| caller_shortfall(request, policies, grant.unwrap_or(Grant::Delegation)))
        }
        Some(_) => match granted {
            Some(granted) => caller_shortfall(request, policies, granted),
            None => caller_shortfall(request, policies, Grant::Delegation).or_else(|| resource_shortfall(grant)),
        },
    };
    shortfall.map_or(Decision::Allowed, Decision::Denied)
}

/// The first policy that denies the request.
fn explicit_deny(request: &Request<'_>, policies: &Policies<'_>) -> Option<PolicySource> {
    let identity = policies.identity.iter().map(|document| (PolicySource::Identity, *document));
    let resource = policies.resource.map(|document| (PolicySource::Resource, document));
    let boundary = policies.boundary.map(|document| (PolicySource::Boundary, document));
    let session = policies.session.unwrap_or_default().iter().map(|document| (PolicySource::Session, *document));
    let levels = policies.organization.iter().flat_map(|level| level.iter());
    let organization = levels.map(|document| (PolicySource::Organization, *document));
    organization.chain(identity).chain(resource).chain(boundary).chain(session).find_map(|(source, document)| {
        let denies = covering(document, Effect::Deny, request).any(|statement| statement.principal.denies(request.principal));
        denies.then_some(source)
    })
}

/// The most that the Allow statements of a resource policy give the caller; `None` if they do not name it.
fn strongest_grant(document: &PolicyDocument, request: &Request<'_>) -> Option<Grant> {
    covering(document, Effect::Allow, request)
        .flat_map(|statement| statement.principal.grants(request.principal))
        .map(grant_of)
        .max()
}

/// What an Allow makes up for, by how it names the caller. That everyone may do something does not lift a boundary.
fn grant_of(facet: Facet) -> Grant {
    match facet {
        Facet::Account => Grant::Delegation,
        Facet::Everyone | Facet::Role => Grant::PastIdentity,
        Facet::User => Grant::PastBoundary,
        Facet::Session | Facet::FederatedUser | Facet::Provider | Facet::Service => Grant::PastSession,
    }
}

/// Whether the resource has to allow even a caller of its own account: KMS keys, and roles that are to be assumed.
fn resource_decides(request: &Request<'_>, policies: &Policies<'_>) -> bool {
    assumes_a_role(request.action) || (request.action.starts_with("kms:") && policies.resource.is_some())
}

fn organization_allows(request: &Request<'_>, policies: &Policies<'_>) -> bool {
    policies.organization.iter().all(|level| level.iter().any(|document| allows(document, request)))
}

fn resource_shortfall(grant: Option<Grant>) -> Option<Reason> {
    match grant {
        Some(_) => None,
        None => Some(Reason::NoResourceAllow),
    }
}

/// What the caller's own policies lack for the request, beyond what the resource policy makes up for.
fn caller_shortfall(request: &Request<'_>, policies: &Policies<'_>, grant: Grant) -> Option<Reason> {
    let is_root = matches!(request.principal, Principal::Account { .. });
    let identity = is_root || policies.identity.iter().any(|document| allows(document, request));
    let boundary = policies.boundary.is_none_or(|document| allows(document, request));
    let session = match policies.session {
        Some(documents) => documents.iter().any(|document| allows(document, request)),
        None => !matches!(request.principal, Principal::FederatedUser { .. }),
    };
    if grant < Grant::PastIdentity && !identity {
        Some(Reason::NoIdentityAllow)
    } else if grant < Grant::PastBoundary && !boundary {
        Some(Reason::NoBoundaryAllow)
    } else if grant < Grant::PastSession && !session {
        Some(Reason::NoSessionAllow)
    } else {
        None
    }
}

/// Whether a policy without principals allows the request. One that names principals was attached to a resource and
/// gives the caller nothing here.
fn allows(document: &PolicyDocument, request: &Request<'_>) -> bool {
    covering(document, Effect::Allow, request).any(|statement| statement.principal == PrincipalClause::Attached)
}

/// What one policy says to a request, whatever the others do.
pub(crate) fn says(document: &PolicyDocument, request: &Request<'_>) -> Option<bool> {
    let action = request.action.to_ascii_lowercase();
    let request = &Request { action: &action, ..*request };
    if covering(document, Effect::Deny, request).any(|statement| statement.principal.denies(request.principal)) {
        return Some(false);
    }
    let grants = |statement: &Statement| {
        statement.principal == PrincipalClause::Attached || !statement.principal.grants(request.principal).is_empty()
    };
    covering(document, Effect::Allow, request).any(grants).then_some(true)
}

fn covering<'a>(document: &'a PolicyDocument, effect: Effect, request: &'a Request<'_>) -> impl Iterator<Item = &'a Statement> {
    document.statements().iter().filter(move |statement| {
        statement.effect == effect && statement.covers(request.action, request.resource, request.context)
    })
}
