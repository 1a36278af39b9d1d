//! Who calls, and whom a statement of a resource or trust policy names.

use std::borrow::Cow;

use crate::{error::PolicyError, json::Json};

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody signed the request.
    Anonymous,
    /// An AWS service acting for itself, for example `cloudtrail.amazonaws.com`.
    Service(String),
    /// The root user of an account.
    Account {
        /// Twelve digits.
        account: String,
    },
    /// An IAM user.
    User {
        /// Account of the user.
        account: String,
        /// `arn:aws:iam::ACCOUNT:user/[PATH/]NAME`
        arn: String,
        /// Name without path.
        name: String,
        /// Unique id, `AIDA...`.
        user_id: String,
    },
    /// A session of a role.
    AssumedRole {
        /// Account of the role.
        account: String,
        /// `arn:aws:iam::ACCOUNT:role/[PATH/]NAME`
        role_arn: String,
        /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`
        session_arn: String,
        /// Unique id of the role, `AROA...`.
        role_id: String,
    },
    /// Somebody whom an identity provider vouches for, while assuming a role.
    Federated {
        /// The provider as trust policies name it: `arn:aws:iam::ACCOUNT:oidc-provider/HOST` or a name such as
        /// `accounts.google.com`.
        provider: String,
        /// How messages name the caller; AWS names nobody.
        subject: String,
    },
    /// A session that an IAM user created with GetFederationToken.
    FederatedUser {
        /// Account of the user that created the session.
        account: String,
        /// `arn:aws:sts::ACCOUNT:federated-user/NAME`
        arn: String,
    },
}

/// The `Principal` or `NotPrincipal` element of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PrincipalClause {
    /// No element: the policy applies to whom it is attached.
    Attached,
    /// `Principal`
    Only(Vec<PrincipalPattern>),
    /// `NotPrincipal`
    Except(Vec<PrincipalPattern>),
}

/// One entry of a `Principal` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PrincipalPattern {
    /// `"*"` or `{"AWS": "*"}`: everyone, services and anonymous callers included.
    Everyone,
    /// An account id or the ARN of its root: everyone in the account.
    Account(String),
    /// The ARN of a user, role, role session or federated user.
    Arn(String),
    /// The unique id of a user or role.
    UniqueId(String),
    /// A service name.
    Service(String),
    /// `{"Service": "*"}`
    AnyService,
    /// `Federated`: a SAML or OIDC provider.
    Provider(String),
    /// A canonical user, which is no [`Principal`].
    Foreign,
}

/// The way in which an entry names a caller. The order has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Facet {
    Everyone,
    Account,
    User,
    Role,
    Session,
    FederatedUser,
    Provider,
    Service,
}

impl Principal {
    /// The account the caller belongs to; services and anonymous callers belong to none.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Anonymous | Self::Service(_) | Self::Federated { .. } => None,
            Self::Account { account }
            | Self::User { account, .. }
            | Self::AssumedRole { account, .. }
            | Self::FederatedUser { account, .. } => Some(account),
        }
    }

    /// The ARN the caller appears with in messages and logs; for a role it is that of the session.
    pub fn arn(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Anonymous | Self::Service(_) => None,
            Self::Federated { subject, .. } => Some(Cow::Borrowed(subject)),
            Self::Account { account } => Some(Cow::Owned(format!("arn:aws:iam::{account}:root"))),
            Self::User { arn, .. } | Self::FederatedUser { arn, .. } => Some(Cow::Borrowed(arn)),
            Self::AssumedRole { session_arn, .. } => Some(Cow::Borrowed(session_arn)),
        }
    }

    /// All the ways in which a `NotPrincipal` must name the caller to exempt it from a Deny.
    fn facets(&self) -> &'static [Facet] {
        match self {
            Self::Anonymous => &[Facet::Everyone],
            Self::Service(_) => &[Facet::Service],
            Self::Federated { .. } => &[Facet::Provider],
            Self::Account { .. } => &[Facet::Account],
            Self::User { .. } => &[Facet::Account, Facet::User],
            Self::AssumedRole { .. } => &[Facet::Account, Facet::Role, Facet::Session],
            Self::FederatedUser { .. } => &[Facet::Account, Facet::FederatedUser],
        }
    }
}

impl PrincipalClause {
    /// Reads the value of `Principal`.
    pub(crate) fn only(json: Json) -> Result<Self, PolicyError> {
        parse_principals(json).map(Self::Only)
    }

    /// Reads the value of `NotPrincipal`.
    pub(crate) fn except(json: Json) -> Result<Self, PolicyError> {
        parse_principals(json).map(Self::Except)
    }

    /// `"Principal": "*"`
    pub(crate) fn everyone() -> Self {
        Self::Only(vec![PrincipalPattern::Everyone])
    }

    /// The ARNs that the element names.
    pub(crate) fn arns(&self) -> impl Iterator<Item = &str> {
        let patterns = match self {
            Self::Attached => &[],
            Self::Only(patterns) | Self::Except(patterns) => patterns.as_slice(),
        };
        patterns.iter().filter_map(|pattern| match pattern {
            PrincipalPattern::Arn(arn) => Some(arn.as_str()),
            _ => None,
        })
    }

    /// Whether a Deny statement with this element reaches the caller.
    pub(crate) fn denies(&self, principal: &Principal) -> bool {
        match self {
            Self::Attached => true,
            Self::Only(patterns) => patterns.iter().any(|pattern| pattern.facet(principal).is_some()),
            // The exemption needs every facet: an account listed alone exempts its root user, not all its users.
            Self::Except(patterns) => {
                let listed = |facet| patterns.iter().any(|pattern| pattern.facet(principal) == Some(facet));
                !(listed(Facet::Everyone) || principal.facets().iter().all(|facet| listed(*facet)))
            }
        }
    }

    /// The ways in which an Allow statement of a resource policy with this element names the caller.
    pub(crate) fn grants(&self, principal: &Principal) -> Vec<Facet> {
        match self {
            // A resource policy always names principals; what does not is no resource policy and grants nothing.
            Self::Attached => Vec::new(),
            Self::Only(patterns) => patterns.iter().filter_map(|pattern| pattern.facet(principal)).collect(),
            Self::Except(patterns) if patterns.iter().any(|pattern| pattern.facet(principal).is_some()) => Vec::new(),
            Self::Except(_) => vec![Facet::Everyone],
        }
    }
}

impl PrincipalPattern {
    /// How the entry names the caller; `None` if it does not.
    fn facet(&self, principal: &Principal) -> Option<Facet> {
        match (self, principal) {
            (Self::Everyone, _) => Some(Facet::Everyone),
            (Self::Account(named), caller) => (caller.account() == Some(named)).then_some(Facet::Account),
            (Self::Arn(named), Principal::User { arn, .. }) => (named == arn).then_some(Facet::User),
            (Self::Arn(named), Principal::FederatedUser { arn, .. }) => (named == arn).then_some(Facet::FederatedUser),
            (Self::Arn(named), Principal::AssumedRole { role_arn, .. }) if named == role_arn => Some(Facet::Role),
            (Self::Arn(named), Principal::AssumedRole { session_arn, .. }) => (named == session_arn).then_some(Facet::Session),
            (Self::UniqueId(named), Principal::User { user_id, .. }) => (named == user_id).then_some(Facet::User),
            (Self::UniqueId(named), Principal::AssumedRole { role_id, .. }) => (named == role_id).then_some(Facet::Role),
            (Self::Service(named), Principal::Service(name)) => (named == name).then_some(Facet::Service),
            (Self::Provider(named), Principal::Federated { provider, .. }) => (named == provider).then_some(Facet::Provider),
            (Self::AnyService, Principal::Service(_)) => Some(Facet::Service),
            _ => None,
        }
    }
}

/// Reads `"*"` or `{"AWS": .., "Service": .., "Federated": .., "CanonicalUser": ..}`.
fn parse_principals(json: Json) -> Result<Vec<PrincipalPattern>, PolicyError> {
    let fields = match json {
        Json::Text(text) if text == "*" => return Ok(vec![PrincipalPattern::Everyone]),
        Json::Text(principal) => return Err(PolicyError::InvalidPrincipal { principal }),
        other => other.into_fields("Principal")?,
    };
    let mut patterns = Vec::new();
    for (class, values) in fields {
        for value in values.into_texts(&class)? {
            let pattern = parse_entry(&class, &value);
            patterns.push(pattern.ok_or(PolicyError::InvalidPrincipal { principal: value })?);
        }
    }
    if patterns.is_empty() {
        return Err(PolicyError::InvalidPrincipal { principal: String::new() });
    }
    Ok(patterns)
}

fn parse_entry(class: &str, value: &str) -> Option<PrincipalPattern> {
    match (class, value) {
        ("AWS", "*") => Some(PrincipalPattern::Everyone),
        ("AWS", _) => parse_aws_entry(value),
        ("Service", "*") => Some(PrincipalPattern::AnyService),
        ("Service", _) => is_service_name(value).then(|| PrincipalPattern::Service(value.to_owned())),
        ("Federated", _) => (!value.is_empty() && !has_wildcard(value)).then(|| PrincipalPattern::Provider(value.to_owned())),
        ("CanonicalUser", _) => (!value.is_empty() && !has_wildcard(value)).then_some(PrincipalPattern::Foreign),
        _ => None,
    }
}

/// Reads an account id, an ARN of IAM or STS, or a unique id.
fn parse_aws_entry(value: &str) -> Option<PrincipalPattern> {
    if is_account(value) {
        return Some(PrincipalPattern::Account(value.to_owned()));
    }
    if (value.starts_with("AIDA") || value.starts_with("AROA")) && is_unique_id(value) {
        return Some(PrincipalPattern::UniqueId(value.to_owned()));
    }
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let ["arn", partition, service, "", account, name] = parts[..] else { return None };
    if !partition.starts_with("aws") || !is_account(account) || has_wildcard(value) {
        return None;
    }
    match (service, name.split_once('/')) {
        ("iam", None) if name == "root" => Some(PrincipalPattern::Account(account.to_owned())),
        ("iam", Some(("user" | "role", rest))) | ("sts", Some(("assumed-role" | "federated-user", rest))) if !rest.is_empty() => {
            Some(PrincipalPattern::Arn(value.to_owned()))
        }
        _ => None,
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_unique_id(text: &str) -> bool {
    (16..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_service_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    text.contains('.') && text.bytes().all(is_part)
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}
