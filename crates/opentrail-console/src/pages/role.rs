//! Using a role, of this account or another, and going back.

use crate::answer::Answer;
use crate::frame::Frame;
use crate::problem::Refusal;
use crate::routes::Shown;
use crate::session;
use crate::visitor::Visitor;
use askama::Template;
use opentrail_model::arn::is_account_id;
use opentrail_services::TemporaryCredentials;
use opentrail_wire::ApiError;
use serde_json::json;

/// Longest name of a session.
const MAX_NAME_CHARS: usize = 64;

#[derive(Template)]
#[template(path = "role.html")]
struct Page<'a> {
    frame: Frame<'a>,
    account: String,
    role: String,
    error: String,
    refusal: Option<Refusal>,
}

pub async fn show(visitor: Visitor) -> Shown {
    let query = &visitor.wanted.query;
    let account = query.get("account").unwrap_or(visitor.account()).to_owned();
    let role = query.text("role").to_owned();
    let frame = Frame::new(&visitor, "Switch role", "");
    Ok(Answer::page(&Page { frame, account, role, error: String::new(), refusal: None }))
}

/// Assumes the role as the person who is signed in.
pub async fn switch(visitor: Visitor) -> Shown {
    let form = &visitor.wanted.form;
    let (account, role) = (form.text("account").replace('-', ""), form.text("role").trim_start_matches('/').to_owned());
    let again = |status: u16, error: &str, refusal: Option<Refusal>| {
        let frame = Frame::new(&visitor, "Switch role", "");
        let page = Page { frame, account: account.clone(), role: role.clone(), error: error.to_owned(), refusal };
        Ok(Answer::page_with(status, &page))
    };
    if !is_account_id(&account) || role.is_empty() {
        return again(400, "An account ID has twelve digits, and the role needs a name.", None);
    }
    let input = json!({
        "RoleArn": format!("arn:aws:iam::{account}:role/{role}"),
        "RoleSessionName": session_name(&visitor.arn()),
    });
    let made = match visitor.run("sts", "AssumeRole", input).await {
        Ok(made) => made,
        Err(error) => return again(if error.is_server() { error.status } else { 403 }, "", Some(error.into())),
    };
    let text = |name: &str| made["Credentials"][name].as_str().unwrap_or_default();
    let opened = TemporaryCredentials::open(&visitor.app().seal, text("AccessKeyId"), text("SessionToken"), visitor.now());
    let credentials = opened.map_err(|_| ApiError::new("InternalFailure", "The session could not be read.").with_status(500))?;
    let secure = visitor.connection.secure;
    let cookie = session::begin(visitor.app(), credentials, None, secure)?;
    let answer = Answer::redirect(&visitor.link("")).with_cookie(&cookie);
    // From one role to the next, the way back still leads to the person.
    Ok(if visitor.wanted.former.is_some() { answer } else { answer.with_cookie(&session::keep(&visitor.wanted.cookie, secure)) })
}

/// Ends the role's session; the one before counts again.
pub async fn back(visitor: Visitor) -> Shown {
    if visitor.wanted.former.is_some() {
        session::end(visitor.app(), &visitor.session).await?;
    }
    Ok(Answer::redirect(&visitor.link("")))
}

/// The person's name, as far as names of sessions allow.
fn session_name(arn: &str) -> String {
    let name = arn.rsplit(['/', ':']).next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).take(MAX_NAME_CHARS).collect();
    if name.len() < 2 { format!("console-{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::session_name;

    #[test]
    fn sessions_are_named_after_the_person() {
        assert_eq!(session_name("arn:aws:iam::123456789012:user/team/alice"), "alice");
        assert_eq!(session_name("arn:aws:iam::123456789012:root"), "root");
        assert_eq!(session_name("arn:aws:iam::123456789012:user/\u{e4} b"), "--b");
        assert_eq!(session_name("x/y"), "console-y");
    }
}
