//! The answer to a request, and the words AWS uses for it.

use std::borrow::Cow;

use crate::{evaluate::Request, principal::Principal};

/// Whether a request may proceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allowed,
    /// It may not.
    Denied(Reason),
}

impl Decision {
    /// Whether the request may proceed.
    pub fn is_allowed(self) -> bool {
        self == Self::Allowed
    }
}

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A Deny statement covers the request.
    ExplicitDeny(PolicySource),
    /// No policy attached to the caller allows it.
    NoIdentityAllow,
    /// The policy of the resource does not allow it, and here it has to.
    NoResourceAllow,
    /// The session was narrowed by a policy that does not allow it.
    NoSessionAllow,
    /// The caller's permissions boundary does not allow it.
    NoBoundaryAllow,
    /// The service control policies of the caller's organization do not allow it.
    NoOrganizationAllow,
}

/// Which policy a Deny statement stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicySource {
    /// A policy attached to the caller.
    Identity,
    /// The policy of the resource.
    Resource,
    /// The policy of the session.
    Session,
    /// The caller's permissions boundary.
    Boundary,
    /// A service control policy of the caller's organization.
    Organization,
}

impl Reason {
    /// The sentence that AWS puts into the error for this request.
    pub fn message(&self, request: &Request<'_>) -> String {
        let Request { action, resource, .. } = request;
        let caller = match request.principal {
            Principal::Service(name) => Cow::Borrowed(name.as_str()),
            other => other.arn().unwrap_or(Cow::Borrowed("anonymous")),
        };
        let because = match self {
            Self::ExplicitDeny(PolicySource::Resource) if assumes_a_role(action) => {
                "with an explicit deny in the role trust policy".to_owned()
            }
            Self::ExplicitDeny(source) => format!("with an explicit deny in {}", source.with_article()),
            Self::NoIdentityAllow => format!("because no identity-based policy allows the {action} action"),
            Self::NoResourceAllow if assumes_a_role(action) => {
                format!("because no role trust policy allows the {action} action")
            }
            Self::NoResourceAllow => format!("because no resource-based policy allows the {action} action"),
            Self::NoSessionAllow => format!("because no session policy allows the {action} action"),
            Self::NoBoundaryAllow => format!("because no permissions boundary allows the {action} action"),
            Self::NoOrganizationAllow => format!("because no service control policy allows the {action} action"),
        };
        format!("User: {caller} is not authorized to perform: {action} on resource: {resource} {because}")
    }
}

/// Whether what decides is the trust policy of a role: assuming it, and giving the session tags or a source identity.
pub(crate) fn assumes_a_role(action: &str) -> bool {
    action.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("sts:AssumeRole"))
        || action.eq_ignore_ascii_case("sts:TagSession")
        || action.eq_ignore_ascii_case("sts:SetSourceIdentity")
}

impl PolicySource {
    fn with_article(self) -> &'static str {
        match self {
            Self::Identity => "an identity-based policy",
            Self::Resource => "a resource-based policy",
            Self::Session => "a session policy",
            Self::Boundary => "a permissions boundary",
            Self::Organization => "a service control policy",
        }
    }
}
