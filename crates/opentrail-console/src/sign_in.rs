//! The sign-in page: a user's or root's password, with MFA code and new password where they are due, or an access key.

use crate::answer::Answer;
use crate::console::{Connection, Console};
use crate::form::query_of;
use crate::guard;
use crate::problem::Problem;
use crate::routes::Shown;
use crate::session::{self, Session};
use crate::visitor::{Visitor, Wanted};
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opentrail_model::arn::is_account_id;
use opentrail_services::signin::{self, Attempt, KeyAttempt, SignedIn};
use opentrail_services::{App, Call};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// How long the second step of a sign-in may take.
const SECOND_STEP: Duration = Duration::minutes(10);
/// What a password between two steps is sealed for.
const PURPOSE: &str = "console-sign-in";
/// Longest name, key or token that is looked at, in characters.
const MAX_NAME_CHARS: usize = 128;
const MAX_TOKEN_CHARS: usize = 16_384;
const MAX_PASSWORD_CHARS: usize = 1_024;

/// Somebody who need not be signed in.
pub struct Visit {
    pub console: Arc<Console>,
    pub connection: Connection,
    pub call: Call,
    pub wanted: Wanted,
    pub session: Option<Session>,
}

/// Which of the forms is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Root,
    Key,
}

impl Kind {
    fn read(text: &str) -> Self {
        match text {
            "root" => Self::Root,
            "key" => Self::Key,
            _ => Self::User,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Root => "root",
            Self::Key => "key",
        }
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    title: &'static str,
    kind: Kind,
    to: &'a str,
    account: &'a str,
    user: &'a str,
    access_key: &'a str,
    /// What went wrong.
    error: Option<String>,
    /// The sealed password, once it was right and something else is due.
    pending: Option<String>,
    needs_code: bool,
    needs_password: bool,
}

impl SignInPage<'_> {
    fn tab(&self, kind: &str) -> String {
        format!("/console/sign-in?{}", query_of(&[("as", kind), ("to", self.to)]))
    }
}

/// Leads somebody who is not signed in to the sign-in page. Somebody who followed a link from another site may be signed in
/// all the same, as browsers keep the cookie back then: the page is asked for once more, from here.
pub fn first(head: &http::request::Parts) -> Answer {
    let to = head.uri.path_and_query().map_or("/console/", |path| path.as_str());
    if head.method == http::Method::GET && guard::came_from_elsewhere(&head.headers) {
        let mut answer = Answer::plain(200, "One moment.\n");
        if let Ok(value) = http::HeaderValue::try_from(format!("0; url={to}")) {
            answer.headers.insert("refresh", value);
        }
        return answer;
    }
    // A script asks: it shows the sign-in page by loading the page anew.
    let scripted = head.headers.get("sec-fetch-dest").is_some_and(|dest| dest == "empty");
    if scripted {
        return Answer::plain(401, "Not signed in.\n");
    }
    let to = if head.method == http::Method::GET && to != "/console/" { to } else { "" };
    Answer::redirect(format!("/console/sign-in?{}", query_of(&[("to", to)])).trim_end_matches('?'))
}

/// A page of ours to go to after signing in, or the first.
fn destination(text: &str) -> &str {
    let plain = text.starts_with("/console/") && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if plain && !text.starts_with("/console/sign-") { text } else { "/console/" }
}

pub async fn show(visit: Visit) -> Answer {
    let query = &visit.wanted.query;
    if visit.session.is_some() {
        return Answer::redirect(destination(query.text("to")));
    }
    let account = query.get("account").unwrap_or(&visit.console.app.settings.account_id);
    Answer::page(&SignInPage {
        title: "Sign in",
        kind: Kind::read(query.text("as")),
        to: query.text("to"),
        account,
        user: query.text("user"),
        access_key: "",
        error: None,
        pending: None,
        needs_code: false,
        needs_password: false,
    })
}

/// A right password that waits for what else is due.
#[derive(Serialize, Deserialize)]
struct Pending {
    account: String,
    user: Option<String>,
    password: String,
    #[serde(with = "time::serde::timestamp")]
    until: OffsetDateTime,
}

impl Pending {
    fn sealed(&self, app: &App) -> Option<String> {
        let text = serde_json::to_vec(self).ok()?;
        Some(URL_SAFE_NO_PAD.encode(app.seal.seal(PURPOSE, &[], &text).ok()?))
    }

    fn open(app: &App, text: &str, now: OffsetDateTime) -> Option<Self> {
        let text = app.seal.open(PURPOSE, &[], &URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        serde_json::from_slice::<Self>(&text).ok().filter(|pending| now < pending.until)
    }
}

pub async fn submit(visit: Visit) -> Answer {
    match visit.wanted.form.text("as") {
        "key" => by_key(visit).await,
        kind => by_password(&visit, Kind::read(kind)).await,
    }
}

fn login_to(visit: &Visit) -> String {
    let scheme = if visit.connection.secure { "https" } else { "http" };
    format!("{scheme}://{}/console/", visit.call.host.as_deref().unwrap_or("localhost"))
}

fn page<'a>(visit: &'a Visit, kind: Kind, error: Option<String>) -> SignInPage<'a> {
    let form = &visit.wanted.form;
    SignInPage {
        title: "Sign in",
        kind,
        to: form.text("to"),
        account: form.text("account"),
        user: form.text("user"),
        access_key: form.text("access_key"),
        error,
        pending: None,
        needs_code: false,
        needs_password: false,
    }
}

const WRONG: &str = "That did not work. Check what you typed.";

fn wait_words(wait: Duration) -> String {
    format!("There were too many failures. Wait {} seconds and try again.", wait.whole_seconds() + 1)
}

async fn by_password(visit: &Visit, kind: Kind) -> Answer {
    let (app, form) = (&visit.console.app, &visit.wanted.form);
    let fits = |text: &&str, most: usize| text.chars().count() <= most;
    let again = |error: &str| Answer::page_with(401, &page(visit, kind, Some(error.to_owned())));
    let pending = match form.get("pending") {
        Some(text) => match Pending::open(app, text, visit.call.now) {
            Some(pending) => pending,
            None => return again("That took too long. Begin anew."),
        },
        None => {
            let user = form.get("user").filter(|name| fits(name, MAX_NAME_CHARS));
            let password = form.raw("password").filter(|text| !text.is_empty() && fits(text, MAX_PASSWORD_CHARS));
            let account = form.text("account").replace('-', "");
            let (Some(password), true) = (password, is_account_id(&account)) else {
                return again("An account ID has twelve digits, and a password is needed.");
            };
            if kind == Kind::User && user.is_none() {
                return again("Which user? The root user signs in by the other form.");
            }
            Pending {
                account,
                user: user.filter(|_| kind == Kind::User).map(str::to_owned),
                password: password.to_owned(),
                until: visit.call.now + SECOND_STEP,
            }
        }
    };
    let attempt = Attempt {
        account: pending.account.clone(),
        user: pending.user.clone(),
        password: pending.password.clone(),
        mfa: form.get("code").map(|code| code.chars().filter(char::is_ascii_digit).take(12).collect()),
        new_password: form.raw("new_password").filter(|text| !text.is_empty()).map(str::to_owned),
        source_ip: visit.connection.source_ip.clone(),
        user_agent: visit.call.user_agent.clone(),
        login_to: login_to(visit),
    };
    let had_code = attempt.mfa.is_some();
    let outcome = match signin::sign_in(app, attempt).await {
        Ok(outcome) => outcome,
        Err(error) => return Problem::from(error).plain(),
    };
    let second = |needs_code: bool, needs_password: bool, error: Option<String>| {
        let (account, user) = (pending.account.as_str(), pending.user.as_deref().unwrap_or_default());
        let sealed = pending.sealed(app);
        let page = SignInPage { account, user, pending: sealed, needs_code, needs_password, ..page(visit, kind, error) };
        Answer::page(&page)
    };
    match outcome {
        SignedIn::Yes(credentials) => signed_in(visit, *credentials, None),
        SignedIn::CodeNeeded => second(true, false, None),
        SignedIn::NewPasswordNeeded(problem) => second(had_code, true, problem),
        SignedIn::No if form.get("pending").is_some() && had_code => {
            second(true, form.raw("new_password").is_some(), Some("The code was not right, or it was used already.".into()))
        }
        SignedIn::No => again(WRONG),
        SignedIn::Wait(wait) => again(&wait_words(wait)),
    }
}

async fn by_key(visit: Visit) -> Answer {
    let form = &visit.wanted.form;
    let fits = |text: &&str| text.chars().count() <= MAX_TOKEN_CHARS;
    let again = |error: &str| Answer::page_with(401, &page(&visit, Kind::Key, Some(error.to_owned())));
    let (Some(access_key), Some(secret)) =
        (form.get("access_key").filter(|key| key.chars().count() <= MAX_NAME_CHARS), form.get("secret").filter(fits))
    else {
        return again("An access key ID and its secret are needed.");
    };
    let token = form.get("token").filter(fits);
    let attempt = KeyAttempt {
        access_key: access_key.to_owned(),
        secret: secret.to_owned(),
        session_token: token.map(str::to_owned),
        source_ip: visit.connection.source_ip.clone(),
        user_agent: visit.call.user_agent.clone(),
        login_to: login_to(&visit),
    };
    let key = token.is_none().then(|| access_key.to_owned());
    match signin::sign_in_with_key(&visit.console.app, attempt).await {
        Ok(SignedIn::Yes(credentials)) => signed_in(&visit, *credentials, key),
        Ok(SignedIn::Wait(wait)) => again(&wait_words(wait)),
        Ok(_) => again(WRONG),
        Err(error) => Problem::from(error).plain(),
    }
}

fn signed_in(visit: &Visit, credentials: opentrail_services::TemporaryCredentials, key: Option<String>) -> Answer {
    match session::begin(&visit.console.app, credentials, key, visit.connection.secure) {
        Ok(cookie) => Answer::redirect(destination(visit.wanted.form.text("to"))).with_cookie(&cookie),
        Err(error) => Answer::page_with(400, &page(visit, Kind::Key, Some(error.message))),
    }
}

pub async fn sign_out(visitor: Visitor) -> Shown {
    for session in std::iter::once(&visitor.session).chain(&visitor.wanted.former) {
        session::end(visitor.app(), session).await?;
    }
    let answer = Answer::redirect("/console/sign-in");
    Ok(session::removals(visitor.connection.secure).iter().fold(answer, |answer, cookie| answer.with_cookie(cookie)))
}

#[cfg(test)]
mod tests {
    use super::destination;

    #[test]
    fn only_our_own_pages_are_gone_to() {
        for (text, expect) in [
            ("/console/history?q=a%20b", "/console/history?q=a%20b"),
            ("", "/console/"),
            ("//evil.example/", "/console/"),
            ("/console/\\evil", "/console/"),
            ("/console/\r\nset-cookie: a=b", "/console/"),
            ("https://evil.example/console/", "/console/"),
            ("/console/sign-out", "/console/"),
        ] {
            assert_eq!(destination(text), expect);
        }
    }
}
