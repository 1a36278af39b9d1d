//! Signing in with an access key, long-term or temporary, instead of a password.

use super::attempt::{SESSION, SignedIn};
use crate::app::{App, AuthMode, catalog_failure, log_failure};
use crate::call::Caller;
use crate::credentials::{AccessKey, caller_of};
use crate::session::Session;
use crate::temporary::{Holder, TemporaryCredentials};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use opentrail_eventlog::Event;
use opentrail_model::identity::UserIdentity;
use opentrail_model::record::HIDDEN;
use opentrail_model::regions::GLOBAL_SERVICE_REGION;
use opentrail_model::service_event::{Occasion, Origin, SignIn, console_login};
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// What somebody typed, and from where.
#[derive(Clone)]
pub struct KeyAttempt {
    pub access_key: String,
    pub secret: String,
    /// With temporary credentials.
    pub session_token: Option<String>,
    pub source_ip: String,
    pub user_agent: Option<String>,
    /// The page that was asked for.
    pub login_to: String,
}

/// Signs somebody in with an access key, or not. Long-term keys get a session of the console; temporary credentials are
/// taken as they are, until they expire. Every outcome is recorded as ConsoleLogin before it is told.
///
/// # Errors
/// If the catalog or the log fails.
pub async fn sign_in_with_key(app: &Arc<App>, attempt: KeyAttempt) -> Result<SignedIn, ApiError> {
    let now = app.intake.now();
    let name = format!("key {}", attempt.access_key);
    let lock = app.catalog.lock(&format!("sign-in {name}")).await;
    let wait = app.sign_in_throttle.wait(&name, &attempt.source_ip, now);
    let proved = if wait.is_some() { None } else { prove(app, &attempt)? };
    let (identity, account) = match &proved {
        Some((caller, _)) => (caller.identity(), caller.account().unwrap_or(&app.settings.account_id).to_owned()),
        None => refused(app, &attempt)?,
    };
    let occasion = Occasion { at: now, event_id: app.intake.event_id(), account, region: GLOBAL_SERVICE_REGION.into() };
    let record = console_login(
        occasion,
        SignIn {
            identity,
            failure: proved.is_none().then_some("Failed authentication"),
            mfa_used: false,
            mfa_identifier: None,
            login_to: attempt.login_to,
            origin: Origin { source_ip: attempt.source_ip.clone(), user_agent: attempt.user_agent },
        },
    );
    let (account, region) = (record.recipient_account.clone(), record.region.clone());
    let event = Event { account, region, record: record.to_json().into() };
    app.intake.submit(vec![event], Bytes::new()).await.map_err(|error| log_failure(&error))?;
    drop(lock);
    match (proved, wait) {
        (Some((_, credentials)), _) => {
            app.sign_in_throttle.succeeded(&name, &attempt.source_ip);
            Ok(SignedIn::Yes(credentials))
        }
        (None, Some(wait)) => Ok(SignedIn::Wait(wait)),
        (None, None) => {
            app.sign_in_throttle.failed(&name, &attempt.source_ip, now);
            Ok(SignedIn::No)
        }
    }
}

/// Whose key it is, and the credentials of the session.
fn prove(app: &App, attempt: &KeyAttempt) -> Result<Option<(Caller, Box<TemporaryCredentials>)>, ApiError> {
    let now = app.intake.now();
    let failed = |error| catalog_failure(&error);
    let fits = |secret: &str| verify_slices_are_equal(secret.as_bytes(), attempt.secret.as_bytes()).is_ok();
    let console = Session { console: true, ..Session::issued_at(now) };
    if let Some(token) = &attempt.session_token {
        let Ok(credentials) = TemporaryCredentials::open(&app.seal, &attempt.access_key, token, now) else { return Ok(None) };
        if !fits(&credentials.secret) {
            return Ok(None);
        }
        let caller = credentials.caller(&app.catalog).map_err(failed)?;
        return Ok(caller.map(|caller| (caller, Box::new(credentials))));
    }
    if app.settings.auth_mode == AuthMode::AcceptAny {
        let account = app.settings.account_id.clone();
        let credentials = TemporaryCredentials::issue(&account, Holder::Root, console, SESSION);
        return Ok(Some((
            Caller::Root { account, access_key: attempt.access_key.clone(), session: None },
            Box::new(credentials),
        )));
    }
    let key = app.catalog.get::<AccessKey>(&attempt.access_key).map_err(failed)?;
    let proves = |key: &AccessKey| key.open_secret(&app.seal).is_ok_and(|secret| fits(&secret));
    let Some(key) = key.filter(|key| key.active && proves(key)) else { return Ok(None) };
    let caller = caller_of(&app.catalog, &key).map_err(failed)?;
    let holder = match &caller {
        Caller::Root { .. } => Holder::Root,
        Caller::User { name, user_id, .. } => Holder::User { name: name.clone(), id: user_id.clone() },
        _ => return Ok(None),
    };
    let credentials = TemporaryCredentials::issue(&key.account, holder, console, SESSION);
    Ok(Some((caller, Box::new(credentials))))
}

/// `userIdentity` of a failure, and the account that gets the record. What is not the id of a key may be a secret typed
/// into the wrong field.
fn refused(app: &App, attempt: &KeyAttempt) -> Result<(UserIdentity, String), ApiError> {
    let known = app.catalog.get::<AccessKey>(&attempt.access_key).map_err(|error| catalog_failure(&error))?;
    let account = known.as_ref().map_or(&app.settings.account_id, |key| &key.account).clone();
    let shown = if known.is_some() { attempt.access_key.as_str() } else { HIDDEN };
    let identity = json!({"type": "Unknown", "accountId": account, "accessKeyId": shown});
    Ok((UserIdentity::SignIn(identity), account))
}
