//! Who calls AssumeRoleWithWebIdentity: the call is not signed, so the token has to prove it.

use super::web_keys::WebKeysError;
use super::web_token::{WebToken, WebTokenError};
use crate::app::{App, catalog_failure};
use crate::call::{Call, Caller};
use crate::iam::validation::length;
use crate::iam::{OidcProvider, Role};
use crate::session::WebIdentity;
use opentrail_model::arn::is_account_id;
use opentrail_wire::ApiError;
use serde_json::Value;
use std::sync::Arc;

/// The call with its caller proved, or at least its account found. The account is the role's, where the provider must be
/// registered, too.
///
/// # Errors
/// `ValidationError`, `InvalidIdentityToken`, `ExpiredTokenException`, `IDPCommunicationError`.
pub async fn identify(app: Arc<App>, mut call: Call, input: Value) -> Result<Call, Box<(Call, ApiError)>> {
    let account = input["RoleArn"].as_str().and_then(Role::split_arn).map(|(account, _)| account.to_owned());
    if let Some(account) = account.filter(|account| is_account_id(account) && exists(&app, account)) {
        call.account = account;
    }
    match prove(&app, &call, &input).await {
        Ok(identity) => Ok(Call { caller: Caller::WebIdentity(identity), ..call }),
        Err(error) => Err(Box::new((call, error))),
    }
}

fn exists(app: &App, account: &str) -> bool {
    app.catalog.get::<crate::credentials::Account>(account).is_ok_and(|account| account.is_some())
}

async fn prove(app: &App, call: &Call, input: &Value) -> Result<WebIdentity, ApiError> {
    let text = input["WebIdentityToken"].as_str().ok_or_else(|| {
        let constraint = "failed to satisfy constraint: Member must not be null";
        ApiError::new("ValidationError", format!("1 validation error detected: Value null at 'webIdentityToken' {constraint}"))
    })?;
    length(text, "webIdentityToken", 4, super::web_token::MAX_TOKEN_CHARS)?;
    if input["ProviderId"].as_str().is_some() {
        return Err(invalid("OpenTrail takes tokens of OpenID Connect providers only; leave out ProviderId."));
    }
    let token = WebToken::read(text)
        .map_err(|_| invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"))?;
    let issuer = token.claims.iss.strip_prefix("https://").ok_or_else(|| invalid("Issuer must be a valid URL"))?;
    let arn = format!("arn:aws:iam::{}:oidc-provider/{issuer}", call.account);
    let key = OidcProvider::key_of_arn(&arn).ok_or_else(|| unknown(&token.claims.iss))?;
    let provider = app.catalog.get::<OidcProvider>(&key).map_err(|error| catalog_failure(&error))?;
    let provider = provider.ok_or_else(|| unknown(&token.claims.iss))?;
    let registered: Vec<String> = provider.client_ids.iter().cloned().collect();
    let audience = token.claims.audience_among(&registered).ok_or_else(|| invalid("Incorrect token audience"))?.to_owned();

    let mut keys = app.web_keys.keys(&token.claims.iss, false).await.map_err(|error| unreachable_provider(&error))?;
    if !token.has_key_in(&keys) {
        // The provider may have a new key.
        keys = app.web_keys.keys(&token.claims.iss, true).await.map_err(|error| unreachable_provider(&error))?;
    }
    token.verify(&keys, call.now).map_err(|error| refused(&error))?;
    Ok(WebIdentity { provider: arn, issuer: issuer.to_owned(), subject: token.claims.sub.clone(), audience })
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("InvalidIdentityToken", message)
}

fn unknown(issuer: &str) -> ApiError {
    let shown: String = issuer.chars().take(255).collect();
    invalid(&format!("No OpenIDConnect provider found in your account for {shown}"))
}

fn unreachable_provider(error: &WebKeysError) -> ApiError {
    tracing::warn!(%error, "an identity provider's keys could not be had");
    let message = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements";
    ApiError::new("IDPCommunicationError", message)
}

fn refused(error: &WebTokenError) -> ApiError {
    match error {
        WebTokenError::Expired => ApiError::new("ExpiredTokenException", "Token expired"),
        WebTokenError::NotYet => invalid("Token not valid yet"),
        WebTokenError::Malformed => invalid("The ID Token provided is not a valid JWT."),
        WebTokenError::Algorithm(_) | WebTokenError::NoKey | WebTokenError::Signature => {
            invalid("Couldn't verify the signature of the token with the keys of the identity provider")
        }
    }
}
