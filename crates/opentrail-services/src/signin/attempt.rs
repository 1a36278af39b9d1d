//! One attempt to sign in, from what was typed to what is answered and recorded.

use super::PasswordUse;
use super::device::MfaDevice;
use super::password::{LoginProfile, MAX_PASSWORD_CHARS, PasswordHash, PasswordPolicy, RootPassword};
use crate::app::{App, catalog_failure, log_failure};
use crate::credentials::{Account, User};
use crate::session::Session;
use crate::temporary::{Holder, TemporaryCredentials};
use opentrail_catalog::{Changes, NamedLock};
use opentrail_eventlog::Event;
use opentrail_model::identity::UserIdentity;
use opentrail_model::record::{HIDDEN, Record};
use opentrail_model::regions::GLOBAL_SERVICE_REGION;
use opentrail_model::service_event::{Occasion, Origin, SignIn, check_mfa, console_login, password_updated};
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use tokio::sync::Semaphore;

/// How long a session of the console lasts.
pub(super) const SESSION: Duration = Duration::hours(12);
/// Passwords that are checked at a time, as each keeps a core busy.
static CHECKING: Semaphore = Semaphore::const_new(2);

/// What somebody typed, and from where.
#[derive(Clone)]
pub struct Attempt {
    pub account: String,
    /// `None` for the root user.
    pub user: Option<String>,
    pub password: String,
    /// The code of the MFA device.
    pub mfa: Option<String>,
    /// For when a new password has to be chosen.
    pub new_password: Option<String>,
    pub source_ip: String,
    pub user_agent: Option<String>,
    /// The page that was asked for.
    pub login_to: String,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum SignedIn {
    /// Credentials of the session.
    Yes(Box<TemporaryCredentials>),
    /// The password was right; a code has to come with it.
    CodeNeeded,
    /// The password was right; a new one has to come with it. If one came, this is what is wrong with it.
    NewPasswordNeeded(Option<String>),
    /// Wrong, whatever it was: the answer does not tell.
    No,
    /// Too many failures: not even looked at.
    Wait(Duration),
}

/// Who is meant, as far as there is such a person.
struct Person {
    user: Option<Arc<User>>,
    profile: Option<Arc<LoginProfile>>,
    hash: PasswordHash,
    /// Whether there is a password at all.
    exists: bool,
    device: Option<MfaDevice>,
}

/// Signs somebody in, or not. Every outcome is recorded before it is told.
///
/// # Errors
/// If the catalog or the log fails.
pub async fn sign_in(app: &Arc<App>, attempt: Attempt) -> Result<SignedIn, ApiError> {
    let now = app.intake.now();
    let name = format!("{}/{}", attempt.account, attempt.user.as_deref().unwrap_or("(root)"));
    let lock = app.catalog.lock(&format!("sign-in {name}")).await;
    let person = person(app, &attempt)?;
    if let Some(wait) = app.sign_in_throttle.wait(&name, &attempt.source_ip, now) {
        record(app, &attempt, &person, now, Some(failure(&person)), Changes::new(), Vec::new(), lock).await?;
        return Ok(SignedIn::Wait(wait));
    }
    let verified = verified(person.hash.clone(), &attempt.password).await;
    let right = person.exists && verified && !is_barred(app, &person, now)?;
    if !right {
        app.sign_in_throttle.failed(&name, &attempt.source_ip, now);
        record(app, &attempt, &person, now, Some(failure(&person)), Changes::new(), Vec::new(), lock).await?;
        return Ok(SignedIn::No);
    }
    let mut changes = Changes::new();
    let mut more = Vec::new();
    match (&person.device, attempt.mfa.as_deref()) {
        (None, _) => {}
        (Some(_), None) => {
            let event = check_mfa(occasion(app, &attempt, now), failed_identity(&attempt, &person), origin(&attempt));
            submit(app, vec![event], Changes::new(), lock).await?;
            return Ok(SignedIn::CodeNeeded);
        }
        (Some(device), Some(code)) => match device.accept(&app.seal, code, now) {
            Some(used) => {
                changes.put(&used);
            }
            None => {
                app.sign_in_throttle.failed(&name, &attempt.source_ip, now);
                record(app, &attempt, &person, now, Some(failure(&person)), Changes::new(), Vec::new(), lock).await?;
                return Ok(SignedIn::No);
            }
        },
    }
    let due = match person.profile.as_deref() {
        Some(profile) if profile.reset_required || has_expired(app, profile, now)? => Some(profile),
        _ => None,
    };
    if let Some(profile) = due {
        match renewed(app, &attempt, profile, now).await? {
            Ok(profile) => {
                changes.put(&profile);
                more.push(password_updated(occasion(app, &attempt, now), identity(&attempt, &person), origin(&attempt)));
            }
            // Nothing is used up, so that the same code serves with the new password.
            Err(problem) => return Ok(SignedIn::NewPasswordNeeded(problem)),
        }
    }
    app.sign_in_throttle.succeeded(&name, &attempt.source_ip);
    let session = Session { console: true, mfa: person.device.as_ref().map(|_| now), ..Session::issued_at(now) };
    let holder = match &person.user {
        None => Holder::Root,
        Some(user) => Holder::User { name: user.name.clone(), id: user.id.clone() },
    };
    changes.put(&PasswordUse { account: attempt.account.clone(), user: attempt.user.clone(), at: now });
    record(app, &attempt, &person, now, None, changes, more, lock).await?;
    Ok(SignedIn::Yes(Box::new(TemporaryCredentials::issue(&attempt.account, holder, session, SESSION))))
}

fn person(app: &App, attempt: &Attempt) -> Result<Person, ApiError> {
    let failed = |error| catalog_failure(&error);
    let account = &attempt.account;
    let nobody = Person { user: None, profile: None, hash: PasswordHash::nobodys(), exists: false, device: None };
    let Some(name) = &attempt.user else {
        let root = app.catalog.get::<RootPassword>(account).map_err(failed)?;
        let device = device_of(app, account, None)?;
        return Ok(match root {
            Some(root) => Person { hash: root.hash.clone(), exists: true, device, ..nobody },
            None => nobody,
        });
    };
    let Some(user) = app.catalog.get::<User>(&format!("{account}/{name}")).map_err(failed)? else { return Ok(nobody) };
    let profile = app.catalog.get::<LoginProfile>(&LoginProfile::key_of(account, name)).map_err(failed)?;
    let device = device_of(app, account, Some(name))?;
    let hash = profile.as_ref().map_or_else(PasswordHash::nobodys, |profile| profile.hash.clone());
    Ok(Person { user: Some(user), exists: profile.is_some(), hash, profile, device })
}

/// The device of a user, or of root.
pub(crate) fn device_of(app: &App, account: &str, user: Option<&str>) -> Result<Option<MfaDevice>, ApiError> {
    let prefix = format!("arn:aws:iam::{account}:mfa/");
    let devices = app.catalog.all::<MfaDevice>(&prefix).map_err(|error| catalog_failure(&error))?;
    Ok(devices.iter().find(|device| device.is_of(user)).cloned())
}

/// Checks a password where that may take its time, a few at once.
pub(crate) async fn verified(hash: PasswordHash, password: &str) -> bool {
    if password.chars().count() > MAX_PASSWORD_CHARS {
        return false;
    }
    let password = password.to_owned();
    let _permit = CHECKING.acquire().await.expect("the semaphore is never closed");
    tokio::task::spawn_blocking(move || hash.verifies(&password)).await.unwrap_or(false)
}

/// Hashes a password likewise.
///
/// # Errors
/// If the process is going down.
pub(crate) async fn hashed(password: &str) -> Result<PasswordHash, ApiError> {
    let password = password.to_owned();
    let _permit = CHECKING.acquire().await.expect("the semaphore is never closed");
    tokio::task::spawn_blocking(move || PasswordHash::of(&password))
        .await
        .map_err(|_| ApiError::new("InternalFailure", "An internal error occurred.").with_status(500))
}

/// Whether the password is too old.
fn has_expired(app: &App, profile: &LoginProfile, now: OffsetDateTime) -> Result<bool, ApiError> {
    let policy = app.catalog.get::<PasswordPolicy>(&profile.account).map_err(|error| catalog_failure(&error))?;
    Ok(policy.is_some_and(|policy| policy.has_expired(profile.changed, now)))
}

/// Whether the password is too old and only somebody else may set another.
fn is_barred(app: &App, person: &Person, now: OffsetDateTime) -> Result<bool, ApiError> {
    let Some(profile) = &person.profile else { return Ok(false) };
    let policy = app.catalog.get::<PasswordPolicy>(&profile.account).map_err(|error| catalog_failure(&error))?;
    Ok(policy.is_some_and(|policy| policy.hard_expiry) && has_expired(app, profile, now)?)
}

/// The profile with the new password, or what is wrong with that.
async fn renewed(
    app: &App,
    attempt: &Attempt,
    profile: &LoginProfile,
    now: OffsetDateTime,
) -> Result<Result<LoginProfile, Option<String>>, ApiError> {
    let Some(new) = &attempt.new_password else { return Ok(Err(None)) };
    match acceptable(app, &profile.account, Some(profile), new).await? {
        Some(problem) => Ok(Err(Some(problem))),
        None => {
            let remember = super::remembered(app, &profile.account)?;
            let changed = profile.clone().changed_to(hashed(new).await?, now, remember);
            Ok(Ok(LoginProfile { reset_required: false, ..changed }))
        }
    }
}

/// What is wrong with a new password, in AWS's words; `None` if nothing is.
///
/// # Errors
/// If the catalog fails.
pub(crate) async fn acceptable(
    app: &App,
    account: &str,
    profile: Option<&LoginProfile>,
    password: &str,
) -> Result<Option<String>, ApiError> {
    if password.is_empty() || password.chars().count() > MAX_PASSWORD_CHARS {
        return Ok(Some(format!("Password should have between 1 and {MAX_PASSWORD_CHARS} characters")));
    }
    let policy = app.catalog.get::<PasswordPolicy>(account).map_err(|error| catalog_failure(&error))?;
    let problem = match &policy {
        Some(policy) => policy.problem(password),
        None => PasswordPolicy::problem_by_default(password),
    };
    if problem.is_some() {
        return Ok(problem);
    }
    let back = policy.and_then(|policy| policy.reuse_prevention).unwrap_or(0);
    if let Some(profile) = profile.filter(|_| back > 0) {
        let former = profile.former.iter().take(usize::try_from(back).unwrap_or(0));
        for hash in std::iter::once(&profile.hash).chain(former) {
            if verified(hash.clone(), password).await {
                return Ok(Some("Password has been used before and must not be used again".to_owned()));
            }
        }
    }
    Ok(None)
}

fn failure(person: &Person) -> &'static str {
    if person.user.is_none() && !person.exists { "No username found in supplied account" } else { "Failed authentication" }
}

fn occasion(app: &App, attempt: &Attempt, at: OffsetDateTime) -> Occasion {
    let account = attempt.account.clone();
    Occasion { at, event_id: app.intake.event_id(), account, region: GLOBAL_SERVICE_REGION.into() }
}

fn origin(attempt: &Attempt) -> Origin {
    Origin { source_ip: attempt.source_ip.clone(), user_agent: attempt.user_agent.clone() }
}

/// `userIdentity` of a sign-in that succeeded.
fn identity(attempt: &Attempt, person: &Person) -> UserIdentity {
    let account = &attempt.account;
    UserIdentity::SignIn(match &person.user {
        None => json!({"type": "Root", "principalId": account, "arn": format!("arn:aws:iam::{account}:root"),
            "accountId": account, "accessKeyId": ""}),
        Some(user) => json!({"type": "IAMUser", "principalId": user.id, "arn": user.arn(), "accountId": account,
            "userName": user.name}),
    })
}

/// `userIdentity` of one that failed: no ARN, and no name where it may have been a password typed into the wrong field.
fn failed_identity(attempt: &Attempt, person: &Person) -> UserIdentity {
    let account = &attempt.account;
    UserIdentity::SignIn(match (&attempt.user, &person.user) {
        (None, _) => json!({"type": "Root", "principalId": account, "accountId": account, "accessKeyId": ""}),
        (Some(_), Some(user)) => json!({"type": "IAMUser", "principalId": user.id, "accountId": account, "accessKeyId": "",
            "userName": user.name}),
        (Some(_), None) => json!({"type": "IAMUser", "accountId": account, "accessKeyId": "", "userName": HIDDEN}),
    })
}

#[expect(clippy::too_many_arguments, reason = "the whole outcome, in one place")]
async fn record(
    app: &App,
    attempt: &Attempt,
    person: &Person,
    now: OffsetDateTime,
    failure: Option<&'static str>,
    changes: Changes,
    more: Vec<Record>,
    lock: NamedLock,
) -> Result<(), ApiError> {
    let failure = if attempt.user.is_none() { failure.map(|_| "Failed authentication") } else { failure };
    let used = attempt.mfa.as_ref().and(person.device.as_ref());
    let sign_in = SignIn {
        identity: if failure.is_some() { failed_identity(attempt, person) } else { identity(attempt, person) },
        failure,
        mfa_used: used.is_some(),
        mfa_identifier: used.filter(|_| failure.is_none()).map(|device| device.serial.clone()),
        login_to: attempt.login_to.clone(),
        origin: origin(attempt),
    };
    let mut records = vec![console_login(occasion(app, attempt, now), sign_in)];
    records.extend(more);
    submit(app, records, changes, lock).await
}

/// Records an outcome with its changes. Attempts on accounts that are not here are recorded in the first account.
async fn submit(app: &App, records: Vec<Record>, changes: Changes, _lock: NamedLock) -> Result<(), ApiError> {
    let mut events = Vec::new();
    for mut record in records {
        if app.catalog.get::<Account>(&record.recipient_account).map_err(|error| catalog_failure(&error))?.is_none() {
            record.recipient_account.clone_from(&app.settings.account_id);
        }
        let (account, region) = (record.recipient_account.clone(), record.region.clone());
        events.push(Event { account, region, record: record.to_json().into() });
    }
    app.intake.submit(events, changes.encode()).await.map(|_| ()).map_err(|error| log_failure(&error))
}

/// For the HTTP answer: what a browser or script is told.
pub fn told(app: &App, outcome: SignedIn) -> Result<(u16, Value), ApiError> {
    Ok(match outcome {
        SignedIn::Yes(credentials) => {
            let token = credentials
                .token(&app.seal)
                .map_err(|_| ApiError::new("InternalFailure", "An internal error occurred.").with_status(500))?;
            (
                200,
                json!({
                    "AccessKeyId": credentials.access_key,
                    "SecretAccessKey": credentials.secret,
                    "SessionToken": token,
                    "Expiration": opentrail_model::timestamp::event_time(credentials.expires),
                }),
            )
        }
        SignedIn::CodeNeeded => (401, json!({"Reason": "MfaCodeNeeded"})),
        SignedIn::NewPasswordNeeded(problem) => (401, json!({"Reason": "NewPasswordNeeded", "Message": problem})),
        SignedIn::No => (401, json!({"Reason": "AuthenticationFailed"})),
        SignedIn::Wait(wait) => (429, json!({"Reason": "TooManyFailures", "RetryAfterSeconds": wait.whole_seconds() + 1})),
    })
}
