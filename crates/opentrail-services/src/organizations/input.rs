//! Inputs of operations, where several have the same.

use opentrail_model::arn::is_account_id;
use opentrail_wire::ApiError;
use serde::Deserialize;

/// Nothing that matters, or a page: everything fits on one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Paged {
    #[serde(default)]
    next_token: Option<String>,
    #[serde(default)]
    pub(super) service_principal: Option<String>,
    #[serde(default)]
    pub(super) states: Option<Vec<String>>,
    #[serde(default)]
    max_results: Option<i64>,
}

impl Paged {
    /// # Errors
    /// `InvalidInputException` for a token, as none is handed out, and for a page size out of bounds.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        if self.next_token.is_some() {
            return Err(invalid("You provided a next token that is not valid."));
        }
        match self.max_results {
            Some(size) if !(1..=20).contains(&size) => Err(invalid("MaxResults must be between 1 and 20.")),
            _ => Ok(()),
        }
    }
}

/// An account, by id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedAccount {
    #[serde(default)]
    account_id: Option<String>,
}

impl NamedAccount {
    /// # Errors
    /// `InvalidInputException`.
    pub(super) fn id(&self) -> Result<&str, ApiError> {
        account_id(self.account_id.as_deref())
    }
}

/// Twelve digits.
///
/// # Errors
/// `InvalidInputException`.
pub(super) fn account_id(given: Option<&str>) -> Result<&str, ApiError> {
    given.filter(|id| is_account_id(id)).ok_or_else(|| invalid("You provided an account id that is not valid."))
}

/// A service's name.
///
/// # Errors
/// `InvalidInputException`.
pub(super) fn service_principal(given: Option<&str>) -> Result<&str, ApiError> {
    let well_formed = |name: &&str| {
        (1..=128).contains(&name.len())
            && name.contains('.')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_@=,+".contains(&b))
    };
    given.filter(well_formed).ok_or_else(|| invalid("You specified an unrecognized service principal."))
}

/// A parent, or a child that can be a parent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedParent {
    #[serde(default)]
    parent_id: Option<String>,
    #[serde(default)]
    child_id: Option<String>,
    #[serde(default)]
    pub(super) child_type: Option<String>,
}

impl NamedParent {
    pub(super) fn parent(&self) -> &str {
        self.parent_id.as_deref().unwrap_or_default()
    }

    pub(super) fn child(&self) -> &str {
        self.child_id.as_deref().unwrap_or_default()
    }
}

pub(super) fn invalid(message: &str) -> ApiError {
    ApiError::new("InvalidInputException", message)
}

pub(super) fn no_parent() -> ApiError {
    ApiError::new("ParentNotFoundException", "You specified parent that doesn't exist.")
}

pub(super) fn no_child() -> ApiError {
    ApiError::new("ChildNotFoundException", "You specified child that doesn't exist.")
}
