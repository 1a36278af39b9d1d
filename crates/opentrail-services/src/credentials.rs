//! Accounts, users, access keys, and proving who calls.

use crate::app::{App, AuthMode, catalog_failure};
use crate::call::Caller;
use crate::organizations::Membership;
use crate::temporary::{TemporaryCredentials, TokenFault};
use opentrail_catalog::{Catalog, CatalogError, Changes, Entity};
use opentrail_policy::PolicyText;
use opentrail_seal::{Seal, SealError, SealedText};
use opentrail_wire::{ApiError, AuthFault, Protocol, SignedRequest, auth_error};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// What sealed secrets of access keys are for.
const PURPOSE: &str = "access-key";
const SECRET_CHARS: usize = 40;

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    pub id: String,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
    /// Empty for the account of the first start.
    #[serde(default)]
    pub name: String,
    /// Likewise.
    #[serde(default)]
    pub email: String,
    /// The organization it belongs to.
    #[serde(default)]
    pub membership: Option<Membership>,
}

impl Account {
    /// An account with nothing but its id.
    pub fn begin(id: &str, now: OffsetDateTime) -> Self {
        Self { id: id.into(), created: now, name: String::new(), email: String::new(), membership: None }
    }
}

impl Entity for Account {
    const TABLE: &'static str = "account";
    fn key(&self) -> String {
        self.id.clone()
    }
}

/// An IAM user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    pub account: String,
    pub name: String,
    pub path: String,
    /// `AIDA…`
    pub id: String,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
    /// Inline policies by name, as given.
    #[serde(default)]
    pub policies: BTreeMap<String, PolicyText>,
    /// ARNs of attached managed policies.
    #[serde(default)]
    pub attached: BTreeSet<String>,
    /// Names of the groups it is in.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// ARN of the managed policy that bounds its permissions.
    #[serde(default)]
    pub boundary: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl User {
    /// A user at `/` that may do nothing yet.
    pub fn new(account: &str, name: &str, id: String, created: OffsetDateTime) -> Self {
        Self {
            account: account.into(),
            name: name.into(),
            path: "/".into(),
            id,
            created,
            policies: BTreeMap::new(),
            attached: BTreeSet::new(),
            groups: BTreeSet::new(),
            boundary: None,
            tags: BTreeMap::new(),
        }
    }

    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:user{}{}", self.account, self.path, self.name)
    }
}

impl Entity for User {
    const TABLE: &'static str = "user";
    fn key(&self) -> String {
        format!("{}/{}", self.account, self.name)
    }
}

/// A long-term access key.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccessKey {
    pub id: String,
    pub(crate) secret: SealedText,
    pub account: String,
    /// `None` for the root user.
    pub user: Option<String>,
    pub active: bool,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).field("active", &self.active).finish_non_exhaustive()
    }
}

impl Entity for AccessKey {
    const TABLE: &'static str = "access_key";
    fn key(&self) -> String {
        self.id.clone()
    }
}

impl AccessKey {
    /// A fresh random key, and its secret, which is told once.
    pub fn generate(seal: &Seal, account: &str, user: Option<&str>, now: OffsetDateTime) -> (Self, Zeroizing<String>) {
        let id = format!("AKIA{}", random_text(16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let secret = Zeroizing::new(random_text(SECRET_CHARS, alphabet));
        let sealed = SealedText::seal(seal, PURPOSE, &[("access-key", &id)], &secret).expect("secrets are short");
        let key = Self { id, secret: sealed, account: account.into(), user: user.map(Into::into), active: true, created: now };
        (key, secret)
    }

    /// The secret, for as long as it takes to check a signature.
    ///
    /// # Errors
    /// If it does not open: altered, or sealed under a root key that is not there.
    pub fn open_secret(&self, seal: &Seal) -> Result<Zeroizing<String>, SealError> {
        let secret = self.secret.open(seal, PURPOSE, &[("access-key", &self.id)]);
        secret.inspect_err(|error| tracing::error!(key = self.id, %error, "the secret of an access key does not open"))
    }

    /// The key with its secret sealed, if an earlier version left it plain.
    ///
    /// # Errors
    /// If it cannot be sealed.
    pub(crate) fn sealed(&self, seal: &Seal) -> Result<Option<Self>, SealError> {
        if !self.secret.is_plain() {
            return Ok(None);
        }
        let secret = self.secret.sealed(seal, PURPOSE, &[("access-key", &self.id)])?;
        Ok(Some(Self { secret, ..self.clone() }))
    }
}

/// A random id such as `AIDA…`: the prefix and seventeen characters.
pub fn unique_id(prefix: &str) -> String {
    format!("{prefix}{}", random_text(17, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
}

pub(crate) fn random_text(length: usize, alphabet: &[u8]) -> String {
    let mut random = rand::rng();
    (0..length).map(|_| char::from(alphabet[random.random_range(0..alphabet.len())])).collect()
}

/// The default account's root key, created on the first start.
///
/// # Errors
/// If the catalog or the event log fails.
pub async fn bootstrap(app: &App) -> Result<AccessKey, ApiError> {
    let account = &app.settings.account_id;
    let existing = app.catalog.list::<AccessKey>("").map_err(|error| catalog_failure(&error))?;
    if let Some(key) = existing.into_iter().find(|key| &key.account == account && key.user.is_none()) {
        return Ok(key);
    }
    let now = app.intake.now();
    let (key, _) = AccessKey::generate(&app.seal, account, None, now);
    let mut changes = Changes::new();
    changes.put(&Account::begin(account, now)).put(&key);
    app.intake.submit(Vec::new(), changes.encode()).await.map_err(|error| crate::app::log_failure(&error))?;
    Ok(key)
}

/// Proves who sent a request of a service other than S3.
///
/// # Errors
/// The fault in the protocol's own words, and the caller as far as it can be told for the record.
#[expect(clippy::result_large_err, reason = "made once per refused request")]
pub fn authenticate(
    app: &App,
    protocol: Protocol,
    service: &str,
    request: &SignedRequest<'_>,
    now: OffsetDateTime,
) -> Result<Caller, (ApiError, Caller)> {
    if app.settings.auth_mode == AuthMode::AcceptAny {
        let access_key = opentrail_wire::claim(request).map_or_else(|_| "AKIAACCEPTANY0000000".into(), |claim| claim.access_key);
        return Ok(Caller::Root { account: app.settings.account_id.clone(), access_key, session: None });
    }
    let claim = match opentrail_wire::claim(request) {
        Ok(claim) => claim,
        Err(AuthFault::Missing) => return Err((auth_error(protocol, &AuthFault::Missing, None), Caller::Anonymous)),
        Err(fault) => return Err((auth_error(protocol, &fault, None), Caller::Unauthenticated { access_key: None })),
    };
    let unauthenticated = || Caller::Unauthenticated { access_key: Some(claim.access_key.clone()) };
    let fault = |fault: &AuthFault| (auth_error(protocol, fault, Some(&claim.access_key)), unauthenticated());
    if claim.service != service {
        return Err(fault(&AuthFault::WrongService { expected: service.into(), got: claim.service.clone() }));
    }
    let failed = |error: CatalogError| (catalog_failure(&error), unauthenticated());
    if let Some(token) = &claim.security_token {
        let session = TemporaryCredentials::open(&app.seal, &claim.access_key, token, now).map_err(|reason| match reason {
            TokenFault::Bad => fault(&AuthFault::BadToken),
            TokenFault::Expired => fault(&AuthFault::ExpiredToken),
        })?;
        let open = || Some(session.secret.as_str());
        opentrail_wire::verify_with(&app.derived_keys, &claim, request, session.secret.as_bytes(), open, now)
            .map_err(|reason| fault(&reason))?;
        return session.caller(&app.catalog).map_err(failed)?.ok_or_else(|| fault(&AuthFault::BadToken));
    }
    let key = app.catalog.get::<AccessKey>(&claim.access_key).map_err(failed)?;
    let Some(key) = key.filter(|key| key.active) else { return Err(fault(&AuthFault::UnknownKey)) };
    let open = || key.open_secret(&app.seal).ok();
    opentrail_wire::verify_with(&app.derived_keys, &claim, request, key.secret.as_bytes(), open, now)
        .map_err(|reason| fault(&reason))?;
    caller_of(&app.catalog, &key).map_err(failed)
}

/// The caller that a key belongs to. A key whose user is gone is no longer anybody's.
///
/// # Errors
/// If the catalog fails.
pub fn caller_of(catalog: &Catalog, key: &AccessKey) -> Result<Caller, CatalogError> {
    let Some(name) = &key.user else {
        return Ok(Caller::Root { account: key.account.clone(), access_key: key.id.clone(), session: None });
    };
    let user = catalog.get::<User>(&format!("{}/{name}", key.account))?;
    Ok(user.map_or_else(
        || Caller::Unauthenticated { access_key: Some(key.id.clone()) },
        |user| Caller::User {
            account: user.account.clone(),
            name: user.name.clone(),
            arn: user.arn(),
            user_id: user.id.clone(),
            access_key: key.id.clone(),
            session: None,
        },
    ))
}
