//! OpenID Connect providers: whose word AssumeRoleWithWebIdentity takes.

use super::inline_policies::changed;
use super::input::Input;
use super::tags;
use super::users::{self, limit_exceeded, no_such_entity};
use super::validation::{self, broken};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use time::OffsetDateTime;

/// Most providers of an account.
pub(super) const MAX_PROVIDERS: usize = 100;
/// Most client ids (audiences) of a provider.
const MAX_CLIENT_IDS: usize = 100;
/// Most thumbprints of a provider.
const MAX_THUMBPRINTS: usize = 5;

/// An OpenID Connect provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OidcProvider {
    pub account: String,
    /// The issuer without `https://`: `HOST` or `HOST/PATH`.
    pub issuer: String,
    /// The audiences that tokens may be for.
    #[serde(default)]
    pub client_ids: BTreeSet<String>,
    /// SHA-1 of certificates of the provider's authority, as hexadecimal digits.
    #[serde(default)]
    pub thumbprints: Vec<String>,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl OidcProvider {
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:oidc-provider/{}", self.account, self.issuer)
    }

    /// The catalog key of the provider with this ARN.
    pub fn key_of_arn(arn: &str) -> Option<String> {
        let (account, issuer) = arn.strip_prefix("arn:aws:iam::")?.split_once(":oidc-provider/")?;
        Some(format!("{account}/{issuer}"))
    }
}

impl Entity for OidcProvider {
    const TABLE: &'static str = "oidc_provider";
    fn key(&self) -> String {
        format!("{}/{}", self.account, self.issuer)
    }
}

/// # Errors
/// `ValidationError`, `InvalidInput`, `EntityAlreadyExists`, `LimitExceeded`.
pub async fn create(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let url = input.required("Url")?;
    validation::length(url, "url", 1, 255)?;
    let issuer = issuer(url).ok_or_else(|| ApiError::new("ValidationError", "Invalid Open ID Connect Provider URL"))?;
    let client_ids = client_ids(&input)?;
    let thumbprints = thumbprints(&input)?;
    let tags = tags::of(&input)?;
    let lock = users::lock(app, call).await;
    let existing = all(app, call)?;
    if existing.iter().any(|provider| provider.issuer == issuer) {
        let message = format!("Provider with url {url} already exists.");
        return Err(ApiError::new("EntityAlreadyExists", message).with_status(409));
    }
    if existing.len() >= MAX_PROVIDERS {
        return Err(limit_exceeded(format!("Cannot exceed quota for OpenIdConnectProvidersPerAccount: {MAX_PROVIDERS}")));
    }
    let provider = OidcProvider { account: call.account.clone(), issuer, client_ids, thumbprints, created: call.now, tags };
    let mut output = json!({"OpenIDConnectProviderArn": provider.arn()});
    if !provider.tags.is_empty() {
        output["Tags"] = tags::output(&provider.tags);
    }
    Ok(Reply { output, ..changed(&provider, lock) })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn get(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let provider = named(app, call, &input)?;
    Ok(Reply::output(json!({
        "Url": provider.issuer,
        "ClientIDList": provider.client_ids,
        "ThumbprintList": provider.thumbprints,
        "CreateDate": event_time(provider.created),
        "Tags": tags::output(&provider.tags),
    })))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn delete(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let lock = users::lock(app, call).await;
    let provider = named(app, call, &input)?;
    let mut changes = Changes::new();
    changes.delete::<OidcProvider>(&provider.key());
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// # Errors
/// If the catalog fails.
pub async fn list(app: &Arc<App>, call: &Call, _: Input) -> Result<Reply, ApiError> {
    let arns: Vec<Value> = all(app, call)?.iter().map(|provider| json!({"Arn": provider.arn()})).collect();
    Ok(Reply::output(json!({"OpenIDConnectProviderList": arns})))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `LimitExceeded`.
pub async fn add_client_id(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let id = client_id(input.required("ClientID")?)?;
    let lock = users::lock(app, call).await;
    let mut provider = OidcProvider::clone(&*named(app, call, &input)?);
    provider.client_ids.insert(id.to_owned());
    if provider.client_ids.len() > MAX_CLIENT_IDS {
        return Err(too_many_client_ids());
    }
    Ok(changed(&provider, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn remove_client_id(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let id = client_id(input.required("ClientID")?)?;
    let lock = users::lock(app, call).await;
    let mut provider = OidcProvider::clone(&*named(app, call, &input)?);
    provider.client_ids.remove(id);
    Ok(changed(&provider, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn update_thumbprint(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let thumbprints = thumbprints(&input)?;
    let lock = users::lock(app, call).await;
    let provider = named(app, call, &input)?;
    Ok(changed(&OidcProvider { thumbprints, ..OidcProvider::clone(&provider) }, lock))
}

/// The ARN that policies are asked about.
pub(super) fn resource(_: &App, call: &Call, input: &Value) -> String {
    match (input["OpenIDConnectProviderArn"].as_str(), input["Url"].as_str()) {
        (Some(arn), _) => arn.to_owned(),
        (None, url) => {
            let issuer = url.and_then(issuer).unwrap_or_default();
            format!("arn:aws:iam::{}:oidc-provider/{issuer}", call.account)
        }
    }
}

pub(super) fn all(app: &App, call: &Call) -> Result<Arc<Vec<OidcProvider>>, ApiError> {
    app.catalog.all(&format!("{}/", call.account)).map_err(|error| catalog_failure(&error))
}

/// A provider of the caller's account that the input names.
///
/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub(super) fn named(app: &App, call: &Call, input: &Input) -> Result<Arc<OidcProvider>, ApiError> {
    let arn = input.required("OpenIDConnectProviderArn")?;
    validation::length(arn, "openIDConnectProviderArn", 20, 2048)?;
    let key = OidcProvider::key_of_arn(arn).filter(|key| key.starts_with(&format!("{}/", call.account)));
    let found = match key {
        Some(key) => app.catalog.get::<OidcProvider>(&key).map_err(|error| catalog_failure(&error))?,
        None => None,
    };
    found.ok_or_else(|| no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}")))
}

/// The issuer in an `https` URL without query, fragment, port or user.
fn issuer(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%+".contains(&byte);
    let issuer = rest.trim_end_matches('/');
    let host = issuer.split('/').next()?;
    (!host.is_empty() && issuer.bytes().all(is_plain)).then(|| issuer.to_owned())
}

fn client_ids(input: &Input) -> Result<BTreeSet<String>, ApiError> {
    let given = input.texts("ClientIDList")?;
    if given.len() > MAX_CLIENT_IDS {
        return Err(too_many_client_ids());
    }
    given.into_iter().map(|id| client_id(id).map(Into::into)).collect()
}

fn client_id(id: &str) -> Result<&str, ApiError> {
    validation::length(id, "clientID", 1, 255)?;
    Ok(id)
}

fn too_many_client_ids() -> ApiError {
    limit_exceeded(format!("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {MAX_CLIENT_IDS}"))
}

fn thumbprints(input: &Input) -> Result<Vec<String>, ApiError> {
    let given = input.texts("ThumbprintList")?;
    if given.len() > MAX_THUMBPRINTS {
        return Err(ApiError::new("InvalidInput", format!("Thumbprint list must contain fewer than {MAX_THUMBPRINTS} entries.")));
    }
    let read = |print: &str| {
        validation::length(print, "thumbprintList", 40, 40)?;
        if print.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(print.to_ascii_lowercase());
        }
        Err(broken(print, "thumbprintList", "Member must consist of hexadecimal digits"))
    };
    given.into_iter().map(read).collect()
}
