//! A policy document: the elements around its statements.

use std::collections::BTreeSet;

use crate::{
    error::PolicyError,
    evaluate::{Request, says},
    json::{Fields, Json},
    statement::Statement,
};

/// The largest document [`PolicyDocument::parse`] reads, in bytes: what the KMS model takes for a key policy. Services
/// with a smaller limit use [`PolicyDocument::parse_within`].
pub const DOCUMENT_MAX_BYTES: usize = 131_072;

/// Where a policy is attached, which decides what elements it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// Attached to a user, group or role, or used as a session policy or permissions boundary: names no principal.
    Identity,
    /// Attached to a bucket, topic, key and the like: names principals and resources.
    Resource,
    /// The trust policy of a role: names principals, and no resource, because the role is the resource.
    Trust,
}

/// The version of the policy language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `2008-10-17`, also used when a document names none: no policy variables.
    V2008,
    /// `2012-10-17`.
    V2012,
}

/// A parsed policy. The text it came from is not kept.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDocument {
    kind: PolicyKind,
    version: Version,
    id: Option<String>,
    statements: Vec<Statement>,
}

impl PolicyDocument {
    /// Reads a policy of at most [`DOCUMENT_MAX_BYTES`].
    pub fn parse(text: &str, kind: PolicyKind) -> Result<Self, PolicyError> {
        Self::parse_within(text, kind, DOCUMENT_MAX_BYTES)
    }

    /// Reads a policy of at most `max_bytes`.
    pub fn parse_within(text: &str, kind: PolicyKind, max_bytes: usize) -> Result<Self, PolicyError> {
        if text.len() > max_bytes {
            return Err(PolicyError::TooLarge { max_bytes });
        }
        if !text.starts_with('{') {
            return Err(PolicyError::NotAnObject);
        }
        let json: Json = serde_json::from_str(text).map_err(|cause| PolicyError::NotJson { cause })?;
        let mut fields = json.into_fields("policy")?;
        let version = parse_version(&mut fields)?;
        let id = fields.take_text("Id")?;
        let statement = fields.take("Statement");
        fields.finish()?;
        let statements = parse_statements(statement, kind, version)?;
        if kind != PolicyKind::Resource {
            check_sids(&statements)?;
        }
        Ok(Self { kind, version, id, statements })
    }

    /// Stands for a stored policy whose text cannot be read any more: it may have denied, so it denies everything.
    pub fn unreadable(kind: PolicyKind) -> Self {
        Self { kind, version: Version::V2012, id: None, statements: vec![Statement::deny_everything(kind)] }
    }

    /// The ARNs of users, roles and sessions that the statements' `Principal` elements name, in order.
    pub fn principal_arns(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(|statement| statement.principal.arns())
    }

    /// The condition keys that the statements test, as written, in order and with repetitions.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(Statement::condition_keys)
    }

    /// What the policy by itself says to a request: `Some(false)` if a Deny covers it, else `Some(true)` if an Allow does.
    pub fn says(&self, request: &Request<'_>) -> Option<bool> {
        says(self, request)
    }

    /// Where the policy is attached.
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// The version of the policy language it is written in.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The `Id` element.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The `Sid` of each statement, in the order of the document.
    pub fn sids(&self) -> impl Iterator<Item = Option<&str>> {
        self.statements.iter().map(|statement| statement.sid.as_deref())
    }

    /// The statements, in the order of the document.
    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

fn parse_version(fields: &mut Fields) -> Result<Version, PolicyError> {
    match fields.take_text("Version")?.as_deref() {
        None | Some("2008-10-17") => Ok(Version::V2008),
        Some("2012-10-17") => Ok(Version::V2012),
        Some(other) => Err(PolicyError::InvalidVersion { version: other.to_owned() }),
    }
}

/// Reads one statement or a list of them.
fn parse_statements(json: Option<Json>, kind: PolicyKind, version: Version) -> Result<Vec<Statement>, PolicyError> {
    let items = match json {
        None => return Err(PolicyError::MissingField { field: "Statement" }),
        Some(Json::List(items)) if items.is_empty() => return Err(PolicyError::NoStatements),
        Some(Json::List(items)) => items,
        Some(single) => vec![single],
    };
    items.into_iter().map(|item| Statement::parse(item, kind, version)).collect()
}

/// IAM's rules for statement ids: letters and digits, each id once. An empty id counts as none.
fn check_sids(statements: &[Statement]) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for sid in statements.iter().filter_map(|statement| statement.sid.as_deref()).filter(|sid| !sid.is_empty()) {
        if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(PolicyError::InvalidSid { sid: sid.to_owned() });
        }
        if !seen.insert(sid) {
            return Err(PolicyError::DuplicateSid { sid: sid.to_owned() });
        }
    }
    Ok(())
}
