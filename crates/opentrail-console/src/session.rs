//! The session of a person: sealed in a cookie, looked up live at every request.
//!
//! The cookie holds the temporary credentials that signing in gave out, under the root key of the data directory, so a
//! session survives restarts and costs no storage. The user or role behind it is read anew at every request: one that is
//! deleted, or a key that is deactivated, ends its sessions at once. Signing out is noted in the catalog until the session
//! would have expired, so that a copied cookie is worth nothing afterwards.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use opentrail_catalog::{Changes, Entity};
use opentrail_services::{AccessKey, App, Caller, TemporaryCredentials};
use opentrail_wire::ApiError;
use rand::Rng;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Name of the cookie.
const COOKIE: &str = "opentrail-session";
/// Holds the session to go back to, while a role is used.
const FORMER_COOKIE: &str = "opentrail-former";
/// How long a browser keeps that one, in seconds; the session itself knows when it ends.
const FORMER_SECONDS: i64 = 12 * 3_600;
/// What is sealed, so that nothing sealed for another purpose passes for a session.
const PURPOSE: &str = "console-session";
/// Browsers keep about four kilobytes of a cookie.
const MAX_COOKIE_CHARS: usize = 4_000;

/// What the cookie says.
#[derive(Clone, Serialize, Deserialize)]
pub struct Sealed {
    /// Tells sessions apart.
    id: String,
    /// What forms of this session carry.
    form_token: String,
    pub credentials: TemporaryCredentials,
    /// The long-term key that was signed in with; it has to stay active.
    key: Option<String>,
}

/// A session, and who it is now.
#[derive(Clone)]
pub struct Session {
    pub sealed: Sealed,
    pub caller: Caller,
}

/// A session that was signed out and has not expired yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignedOut {
    id: String,
    #[serde(with = "time::serde::timestamp")]
    expires: OffsetDateTime,
}

impl Entity for SignedOut {
    const TABLE: &'static str = "console_signed_out";
    fn key(&self) -> String {
        self.id.clone()
    }
}

impl Session {
    /// The token that forms of this session carry.
    pub fn form_token(&self) -> &str {
        &self.sealed.form_token
    }

    pub fn has_form_token(&self, given: &str) -> bool {
        verify_slices_are_equal(given.as_bytes(), self.sealed.form_token.as_bytes()).is_ok()
    }
}

/// A random text that nobody guesses.
fn random_token() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}

/// The `Set-Cookie` of a new session.
///
/// # Errors
/// If the session has more to say than a cookie can hold.
pub fn begin(app: &App, credentials: TemporaryCredentials, key: Option<String>, secure: bool) -> Result<String, ApiError> {
    let lasts = (credentials.expires - app.intake.now()).whole_seconds().max(0);
    let sealed = Sealed { id: random_token(), form_token: random_token(), credentials, key };
    let text = serde_json::to_vec(&sealed).expect("strings and numbers always serialise");
    let too_large = || ApiError::new("SessionTooLarge", "The policies and tags of this session are too large for a cookie.");
    let value = URL_SAFE_NO_PAD.encode(app.seal.seal(PURPOSE, &[], &text).map_err(|_| too_large())?);
    if value.len() > MAX_COOKIE_CHARS {
        return Err(too_large());
    }
    Ok(set_cookie(COOKIE, &value, lasts, secure))
}

/// The `Set-Cookie`s that remove all of ours.
pub fn removals(secure: bool) -> [String; 2] {
    [set_cookie(COOKIE, "", 0, secure), set_cookie(FORMER_COOKIE, "", 0, secure)]
}

/// The `Set-Cookie` that keeps a session to come back to.
pub fn keep(former: &str, secure: bool) -> String {
    set_cookie(FORMER_COOKIE, former, FORMER_SECONDS, secure)
}

fn set_cookie(name: &str, value: &str, seconds: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/console/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// The sessions that a request carries.
#[derive(Default)]
pub struct Carried {
    pub session: Option<Session>,
    /// The one to go back to, while a role is used.
    pub former: Option<Session>,
    /// The cookie of the present session.
    pub cookie: String,
}

/// The sessions that a request's cookies stand for and that still count. A role's that has ended leads back to the one
/// before.
///
/// # Errors
/// If the catalog fails.
pub fn carried(app: &App, headers: &HeaderMap, now: OffsetDateTime) -> Result<Carried, ApiError> {
    let cookies = || headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let value_of = |wanted: &str| {
        let mut pairs = cookies().flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
    };
    let session_of = |value: Option<&str>| value.map_or(Ok(None), |value| of_value(app, value, now));
    let (present, before) = (value_of(COOKIE), value_of(FORMER_COOKIE));
    let session = session_of(present)?;
    let former = session_of(before)?;
    if session.is_none() && former.is_some() {
        return Ok(Carried { session: former, former: None, cookie: before.unwrap_or_default().to_owned() });
    }
    Ok(Carried { session, former, cookie: present.unwrap_or_default().to_owned() })
}

fn of_value(app: &App, value: &str, now: OffsetDateTime) -> Result<Option<Session>, ApiError> {
    let Some(sealed) = opened(app, value) else { return Ok(None) };
    if now >= sealed.credentials.expires {
        return Ok(None);
    }
    let failed = |error| opentrail_services::catalog_failure(&error);
    if app.catalog.get::<SignedOut>(&sealed.id).map_err(failed)?.is_some() {
        return Ok(None);
    }
    if let Some(key) = &sealed.key
        && !app.catalog.get::<AccessKey>(key).map_err(failed)?.is_some_and(|key| key.active)
    {
        return Ok(None);
    }
    let caller = sealed.credentials.caller(&app.catalog).map_err(failed)?;
    Ok(caller.map(|caller| Session { sealed, caller }))
}

fn opened(app: &App, value: &str) -> Option<Sealed> {
    if value.len() > MAX_COOKIE_CHARS {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
    let text = app.seal.open(PURPOSE, &[], &sealed).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Ends a session for good.
///
/// # Errors
/// If it could not be noted.
pub async fn end(app: &App, session: &Session) -> Result<(), ApiError> {
    let now = app.intake.now();
    let _lock = app.catalog.lock("console sign-outs").await;
    let mut changes = Changes::new();
    let noted = app.catalog.list::<SignedOut>("").map_err(|error| opentrail_services::catalog_failure(&error))?;
    for over in noted.iter().filter(|noted| noted.expires <= now) {
        changes.delete::<SignedOut>(&over.id);
    }
    changes.put(&SignedOut { id: session.sealed.id.clone(), expires: session.sealed.credentials.expires });
    app.intake.submit(Vec::new(), changes.encode()).await.map(|_| ()).map_err(|error| opentrail_services::log_failure(&error))
}
