//! Temporary credentials: the key, its secret, and the token that carries the session.
//!
//! ```text
//! AssumeRole, GetSessionToken, … ─▶ TemporaryCredentials ─seal─▶ session token (nothing is stored)
//! a later call: access key + token ─open─▶ TemporaryCredentials ─▶ role or user looked up live ─▶ Caller
//! ```
//!
//! The token is everything that is known of the session, sealed under the data directory's root key, so sessions cost no
//! storage and end by themselves. Who the holder is stands in it; what the holder may do is read from the catalog at
//! every call, so a change of a role's policies counts at once and a deleted role ends its sessions.

use crate::call::{Caller, FederatingUser};
use crate::credentials::{User, random_text};
use crate::iam::Role;
use crate::session::Session;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_catalog::{Catalog, CatalogError};
use opentrail_seal::{Seal, SealError};
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use time::OffsetDateTime;

/// Longest token that is opened, in characters. What a session can hold is bounded when it is made.
pub const MAX_TOKEN_CHARS: usize = 16_384;

/// What the sealed text is about, so that nothing sealed for another purpose passes for a token.
const PURPOSE: &str = "sts-session";

/// A key that works for a while, together with its token.
#[derive(Clone, Serialize, Deserialize)]
pub struct TemporaryCredentials {
    /// `ASIA…`
    pub access_key: String,
    pub secret: String,
    pub account: String,
    #[serde(with = "time::serde::timestamp")]
    pub expires: OffsetDateTime,
    pub holder: Holder,
    pub session: Session,
}

/// Whose credentials they are. Ids tell an entity from a later one of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    /// GetSessionToken or sign-in of the root user.
    Root,
    /// GetSessionToken or sign-in of a user.
    User { name: String, id: String },
    /// AssumeRole and its kin.
    Role { name: String, id: String, session_name: String },
    /// GetFederationToken, by a user (name and id) or by root.
    Federated { name: String, user: Option<(String, String)> },
}

/// Leaves out the secret.
impl std::fmt::Debug for TemporaryCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { access_key, account, holder, .. } = self;
        f.debug_struct("TemporaryCredentials")
            .field("access_key", access_key)
            .field("account", account)
            .field("holder", holder)
            .finish_non_exhaustive()
    }
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// Cut, changed, sealed elsewhere, or of another access key.
    Bad,
    Expired,
}

impl TemporaryCredentials {
    /// New credentials for a session.
    pub fn issue(account: &str, holder: Holder, session: Session, lasts: time::Duration) -> Self {
        Self {
            access_key: format!("ASIA{}", random_text(16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
            secret: random_text(40, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
            account: account.into(),
            expires: session.issued + lasts,
            holder,
            session,
        }
    }

    /// The token that stands for the session.
    ///
    /// # Errors
    /// If it is far larger than a session may be.
    pub fn token(&self, seal: &Seal) -> Result<String, SealError> {
        let text = serde_json::to_vec(self).expect("strings and numbers always serialise");
        Ok(STANDARD.encode(seal.seal(PURPOSE, &[("access-key", &self.access_key)], &text)?))
    }

    /// What a token stands for, if it belongs to the access key and the session has not ended.
    ///
    /// # Errors
    /// What is wrong with the token.
    pub fn open(seal: &Seal, access_key: &str, token: &str, now: OffsetDateTime) -> Result<Self, TokenFault> {
        if token.len() > MAX_TOKEN_CHARS {
            return Err(TokenFault::Bad);
        }
        let sealed = STANDARD.decode(token).map_err(|_| TokenFault::Bad)?;
        let text = seal.open(PURPOSE, &[("access-key", access_key)], &sealed).map_err(|_| TokenFault::Bad)?;
        let credentials: Self = serde_json::from_slice(&text).map_err(|_| TokenFault::Bad)?;
        if now >= credentials.expires { Err(TokenFault::Expired) } else { Ok(credentials) }
    }

    /// Who calls with these credentials now. `None` once the role or user they belong to is gone.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn caller(&self, catalog: &Catalog) -> Result<Option<Caller>, CatalogError> {
        let session = Arc::new(self.session.clone());
        let account = self.account.clone();
        let access_key = self.access_key.clone();
        Ok(match &self.holder {
            Holder::Root => Some(Caller::Root { account, access_key, session: Some(session) }),
            Holder::User { name, id } => live_user(catalog, &account, name, id)?.map(|user| Caller::User {
                arn: user.arn(),
                name: user.name.clone(),
                user_id: user.id.clone(),
                account,
                access_key,
                session: Some(session),
            }),
            Holder::Role { name, id, session_name } => {
                let role = catalog.get::<Role>(&Role::key_of(&account, name))?.filter(|role| &role.id == id);
                role.map(|role| Caller::AssumedRole {
                    role: name.clone(),
                    role_arn: role.arn(),
                    role_id: id.clone(),
                    session_name: session_name.clone(),
                    account,
                    access_key,
                    session,
                })
            }
            Holder::Federated { name, user } => {
                let maker = match user {
                    Some((user, id)) => live_user(catalog, &account, user, id)?,
                    None => None,
                };
                (user.is_none() || maker.is_some()).then(|| Caller::FederatedUser {
                    name: name.clone(),
                    user: maker.map(|user| FederatingUser { name: user.name.clone(), id: user.id.clone(), arn: user.arn() }),
                    account,
                    access_key,
                    session,
                })
            }
        })
    }
}

/// What temporary credentials cannot be used for, whatever policies say: sessions of users and root without a second
/// factor reach neither IAM nor, apart from AssumeRole, STS; federated sessions reach neither at all. GetCallerIdentity is
/// open to all, and so is everything to those who signed in at the console.
///
/// Source: AWS IAM User Guide, "Comparing the AWS STS API operations".
///
/// # Errors
/// `InvalidClientTokenId` or `AccessDenied`, as AWS has them.
pub fn refuse_beyond(service: &str, operation: &str, caller: &Caller) -> Result<(), ApiError> {
    let Some(session) = caller.session() else { return Ok(()) };
    let federated = matches!(caller, Caller::FederatedUser { .. });
    let own = matches!(caller, Caller::User { .. } | Caller::Root { .. }) && !session.console;
    match service {
        "iam" if federated || (own && session.mfa.is_none()) => {
            let message = "The security token included in the request is invalid";
            Err(ApiError::new("InvalidClientTokenId", message).with_status(403))
        }
        "sts" if operation != "GetCallerIdentity" && (federated || (own && operation != "AssumeRole")) => {
            Err(cannot_with_session(operation))
        }
        _ => Ok(()),
    }
}

/// The refusal of an operation of STS.
pub fn cannot_with_session(operation: &str) -> ApiError {
    ApiError::new("AccessDenied", format!("Cannot call {operation} with session credentials")).with_status(403)
}

fn live_user(catalog: &Catalog, account: &str, name: &str, id: &str) -> Result<Option<Arc<User>>, CatalogError> {
    Ok(catalog.get::<User>(&format!("{account}/{name}"))?.filter(|user| user.id == id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 10:00:00 UTC);

    #[test]
    fn tokens_open_only_whole_here_in_time_and_for_their_key() {
        let seal = Seal::ephemeral();
        let made =
            TemporaryCredentials::issue("123456789012", Holder::Root, Session::issued_at(NOW), time::Duration::minutes(15));
        let token = made.token(&seal).expect("sealed");
        let check = |seal: &Seal, key: &str, token: &str, now, expect: Result<(), TokenFault>| {
            assert_eq!(TemporaryCredentials::open(seal, key, token, now).map(|_| ()), expect, "{key} {token}");
        };
        check(&seal, &made.access_key, &token, NOW, Ok(()));
        check(&seal, &made.access_key, &token, NOW + time::Duration::seconds(899), Ok(()));
        check(&seal, &made.access_key, &token, NOW + time::Duration::seconds(900), Err(TokenFault::Expired));
        check(&seal, "ASIAOTHER00000000000", &token, NOW, Err(TokenFault::Bad));
        check(&Seal::ephemeral(), &made.access_key, &token, NOW, Err(TokenFault::Bad));
        for cut in [0, 1, 10, token.len() / 2, token.len() - 1] {
            check(&seal, &made.access_key, &token[..cut], NOW, Err(TokenFault::Bad));
        }
        let changed = token.replacen(&token[50..51], if &token[50..51] == "A" { "B" } else { "A" }, 1);
        check(&seal, &made.access_key, &changed, NOW, Err(TokenFault::Bad));
        check(&seal, &made.access_key, &"A".repeat(MAX_TOKEN_CHARS + 1), NOW, Err(TokenFault::Bad));
        assert!(!format!("{made:?}").contains(&made.secret));
    }
}
