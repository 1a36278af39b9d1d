//! Grants: what a key lets somebody do beside its policy.

use crate::context::EncryptionContext;
use crate::entity::Key;
use opentrail_catalog::{Catalog, CatalogError, Entity};
use opentrail_policy::{PolicyDocument, PolicyKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What grants of symmetric keys can be for.
pub const GRANT_OPERATIONS: &[&str] = &[
    "CreateGrant",
    "Decrypt",
    "DescribeKey",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "RetireGrant",
];
/// Those that an encryption context goes with, so that a grant's constraint holds for them.
const WITH_CONTEXT: &[&str] =
    &["Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"];
/// Longest grant token.
const MAX_TOKEN_CHARS: usize = 8192;

/// A grant of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Of the key.
    pub account: String,
    pub region: String,
    pub key_id: String,
    /// 64 hex digits.
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// ARN of whom it is for.
    pub grantee: String,
    /// ARN of who else may retire it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retiring: Option<String>,
    /// The account that made it.
    pub issuer: String,
    pub created_ms: i64,
    pub operations: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<Constraint>,
}

/// Which encryption contexts a grant is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constraint {
    /// Those that hold all these pairs.
    Subset(EncryptionContext),
    /// This one.
    Equals(EncryptionContext),
}

impl Constraint {
    fn holds(&self, given: &EncryptionContext) -> bool {
        match self {
            Self::Equals(wanted) => given == wanted,
            Self::Subset(wanted) => includes(given, wanted),
        }
    }

    /// Whether every context that is good for `self` is good for `other`.
    fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Equals(own), other) => other.holds(own),
            (Self::Subset(own), Self::Subset(others)) => includes(own, others),
            (Self::Subset(_), Self::Equals(_)) => false,
        }
    }
}

fn includes(given: &EncryptionContext, wanted: &EncryptionContext) -> bool {
    wanted.0.iter().all(|(name, value)| given.0.get(name) == Some(value))
}

impl Entity for Grant {
    const TABLE: &'static str = "kms_grant";
    fn key(&self) -> String {
        format!("{}{}", Self::prefix(&self.account, &self.region, &self.key_id), self.id)
    }
}

impl Grant {
    /// What the catalog keys of a key's grants begin with.
    pub fn prefix(account: &str, region: &str, key_id: &str) -> String {
        format!("{account}/{region}/{key_id}/")
    }

    /// The grants of a key, by id.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn of_key(catalog: &Catalog, key: &Key) -> Result<Arc<Vec<Self>>, CatalogError> {
        catalog.all::<Self>(&Self::prefix(&key.account, &key.region, &key.id))
    }

    /// What names the grant in calls. It is no secret: who presents it is asked about as ever.
    pub fn token(&self) -> String {
        hex::encode(self.key())
    }

    /// The catalog key of the grant that a token names.
    pub fn key_of_token(token: &str) -> Option<String> {
        let bytes = hex::decode(Some(token).filter(|token| token.len() <= MAX_TOKEN_CHARS)?).ok()?;
        String::from_utf8(bytes).ok().filter(|key| key.split('/').count() == 4)
    }

    /// Whether it is for this operation with this context, whoever asks.
    pub fn covers(&self, operation: &str, encryption: &EncryptionContext) -> bool {
        let bound = self.constraint.as_ref().filter(|_| WITH_CONTEXT.contains(&operation));
        self.operations.contains(operation) && bound.is_none_or(|constraint| constraint.holds(encryption))
    }

    /// Whether it gives nothing that `parent` does not: what is made by virtue of a grant can only be like it or less.
    pub fn is_within(&self, parent: &Self) -> bool {
        let within = match (&self.constraint, &parent.constraint) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(parents)) => own.is_within(parents),
        };
        within && self.operations.is_subset(&parent.operations)
    }

    /// Whether a call to make this grant again would make the same.
    pub fn is_same(&self, other: &Self) -> bool {
        let Self { id: _, created_ms: _, .. } = self;
        *self == Self { id: self.id.clone(), created_ms: self.created_ms, ..other.clone() }
    }
}

/// A policy that says what grants say: each principal may do `action`. `None` for no principals.
pub fn granting<'a>(principals: impl Iterator<Item = &'a str>, action: &str) -> Option<PolicyDocument> {
    let principals: BTreeSet<&str> = principals.collect();
    if principals.is_empty() {
        return None;
    }
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": action, "Resource": "*"}]});
    PolicyDocument::parse(&policy.to_string(), PolicyKind::Resource).ok()
}

/// What a key's grants allow of an action such as `kms:Decrypt`, as a policy; `None` for nothing.
///
/// # Errors
/// If the catalog fails.
pub fn granted(
    catalog: &Catalog,
    key: &Key,
    action: &str,
    encryption: &EncryptionContext,
) -> Result<Option<PolicyDocument>, CatalogError> {
    let operation = action.trim_start_matches("kms:");
    if !GRANT_OPERATIONS.contains(&operation) {
        return Ok(None);
    }
    let grants = Grant::of_key(catalog, key)?;
    let covering = grants.iter().filter(|grant| grant.covers(operation, encryption));
    Ok(granting(covering.map(|grant| grant.grantee.as_str()), action))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        pairs.iter().fold(EncryptionContext::default(), |context, (name, value)| context.with(name, *value))
    }

    fn grant(operations: &[&str], constraint: Option<Constraint>) -> Grant {
        Grant {
            account: "111122223333".into(),
            region: "us-east-1".into(),
            key_id: "k".into(),
            id: "g".into(),
            name: None,
            grantee: "arn:aws:iam::111122223333:user/a".into(),
            retiring: None,
            issuer: "111122223333".into(),
            created_ms: 0,
            operations: operations.iter().map(|operation| (*operation).to_owned()).collect(),
            constraint,
        }
    }

    #[test]
    fn constraints_bind_what_has_a_context_and_nothing_else() {
        let check = |constraint: Option<Constraint>, operation, given: &[(&str, &str)], expect| {
            let grant = grant(&["Decrypt", "DescribeKey"], constraint);
            assert_eq!(grant.covers(operation, &context(given)), expect, "{grant:?} {operation} {given:?}");
        };
        let subset = || Some(Constraint::Subset(context(&[("a", "1")])));
        let equals = || Some(Constraint::Equals(context(&[("a", "1")])));
        check(None, "Decrypt", &[], true);
        check(None, "Encrypt", &[], false);
        check(subset(), "Decrypt", &[("a", "1"), ("b", "2")], true);
        check(subset(), "Decrypt", &[("a", "2"), ("b", "2")], false);
        check(subset(), "Decrypt", &[("A", "1")], false);
        check(subset(), "Decrypt", &[], false);
        check(equals(), "Decrypt", &[("a", "1")], true);
        check(equals(), "Decrypt", &[("a", "1"), ("b", "2")], false);
        check(equals(), "DescribeKey", &[], true);
    }

    #[test]
    fn a_grant_made_by_a_grant_is_no_wider() {
        let wide = [("a", "1"), ("b", "2")];
        let (one, two) = (context(&wide[..1]), context(&wide));
        let check = |own: Option<Constraint>, parents: Option<Constraint>, expect| {
            assert_eq!(grant(&["Decrypt"], own).is_within(&grant(&["Decrypt", "Encrypt"], parents)), expect);
        };
        check(None, None, true);
        check(Some(Constraint::Subset(one.clone())), None, true);
        check(None, Some(Constraint::Subset(one.clone())), false);
        check(Some(Constraint::Subset(two.clone())), Some(Constraint::Subset(one.clone())), true);
        check(Some(Constraint::Subset(one.clone())), Some(Constraint::Subset(two.clone())), false);
        check(Some(Constraint::Equals(two.clone())), Some(Constraint::Subset(one.clone())), true);
        check(Some(Constraint::Subset(one.clone())), Some(Constraint::Equals(one.clone())), false);
        check(Some(Constraint::Equals(one.clone())), Some(Constraint::Equals(one)), true);
        assert!(!grant(&["Decrypt"], None).is_within(&grant(&["Encrypt"], None)));
    }

    #[test]
    fn tokens_name_grants() {
        let grant = grant(&["Decrypt"], None);
        assert_eq!(Grant::key_of_token(&grant.token()), Some(grant.key()));
        for wrong in ["", "!", "6161", &"6".repeat(MAX_TOKEN_CHARS + 4)] {
            assert_eq!(Grant::key_of_token(wrong), None, "{wrong}");
        }
    }
}
