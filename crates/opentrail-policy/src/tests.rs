//! Shared by the test modules: callers, requests, and the one `check` that all decisions go through.

mod bucket_policy;
mod conditions;
mod decisions;
mod documents;
mod identity;
mod patterns;
mod properties;
mod resource_policies;

use crate::{
    Decision::{self, Allowed, Denied},
    Policies, PolicyDocument, PolicyKind, PolicySource, Principal, Reason, Request, RequestContext, decide,
};

/// The account of every caller of these tests.
const HOME: &str = "111122223333";
/// Another account.
const AWAY: &str = "444455556666";

const DENY_IDENTITY: Decision = Denied(Reason::ExplicitDeny(PolicySource::Identity));
const DENY_RESOURCE: Decision = Denied(Reason::ExplicitDeny(PolicySource::Resource));
const NO_IDENTITY: Decision = Denied(Reason::NoIdentityAllow);
const NO_RESOURCE: Decision = Denied(Reason::NoResourceAllow);
const NO_SESSION: Decision = Denied(Reason::NoSessionAllow);
const NO_BOUNDARY: Decision = Denied(Reason::NoBoundaryAllow);

/// The texts of the policies that apply; each is a list of statements without the elements around it.
#[derive(Clone, Copy, Default)]
struct Texts<'a> {
    identity: Option<&'a str>,
    resource: Option<&'a str>,
    trust: Option<&'a str>,
    session: Option<&'a str>,
    boundary: Option<&'a str>,
}

/// A request in test form.
#[derive(Clone, Copy)]
struct Ask<'a> {
    principal: &'a Principal,
    action: &'a str,
    resource: &'a str,
    owner: &'a str,
    context: &'a [(&'a str, &'a [&'a str])],
}

/// Decides a request under policies and compares with what is expected.
#[track_caller]
fn check(texts: Texts<'_>, ask: Ask<'_>, expect: Decision) {
    let parse = |statements: &str, kind| {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        PolicyDocument::parse(&text, kind).unwrap_or_else(|error| panic!("{error} ({error:?}) in {text}"))
    };
    let identity = texts.identity.map(|text| parse(text, PolicyKind::Identity));
    let resource = texts.resource.map(|text| parse(text, PolicyKind::Resource));
    let trust = texts.trust.map(|text| parse(text, PolicyKind::Trust));
    let session = texts.session.map(|text| parse(text, PolicyKind::Identity));
    let session = session.as_ref();
    let boundary = texts.boundary.map(|text| parse(text, PolicyKind::Identity));
    let policies = Policies {
        identity: &identity.iter().collect::<Vec<_>>(),
        resource: resource.as_ref().or(trust.as_ref()),
        session: session.as_ref().map(std::slice::from_ref),
        boundary: boundary.as_ref(),
        organization: &[],
        grants: None,
    };
    let context =
        ask.context.iter().fold(RequestContext::new(), |context, (key, values)| context.with_all(key, values.iter().copied()));
    let request = Request {
        principal: ask.principal,
        action: ask.action,
        resource: ask.resource,
        resource_account: ask.owner,
        context: &context,
    };
    assert_eq!(decide(&request, &policies), expect, "{:?} {} {}", ask.principal, ask.action, ask.resource);
}

fn user(name: &str) -> Principal {
    Principal::User {
        account: HOME.to_owned(),
        arn: format!("arn:aws:iam::{HOME}:user/{name}"),
        name: name.to_owned(),
        user_id: "AIDAEXAMPLEEXAMPLE12".to_owned(),
    }
}

fn role_session() -> Principal {
    Principal::AssumedRole {
        account: HOME.to_owned(),
        role_arn: format!("arn:aws:iam::{HOME}:role/auditor"),
        session_arn: format!("arn:aws:sts::{HOME}:assumed-role/auditor/alice"),
        role_id: "AROAEXAMPLEEXAMPLE12".to_owned(),
    }
}

fn federated() -> Principal {
    Principal::FederatedUser { account: HOME.to_owned(), arn: format!("arn:aws:sts::{HOME}:federated-user/guest") }
}

fn root() -> Principal {
    Principal::Account { account: HOME.to_owned() }
}

fn cloudtrail() -> Principal {
    Principal::Service("cloudtrail.amazonaws.com".to_owned())
}

/// A request to read an object in a bucket of the caller's account, without context.
fn get_object(principal: &Principal) -> Ask<'_> {
    Ask { principal, action: "s3:GetObject", resource: "arn:aws:s3:::logs/a/b", owner: HOME, context: &[] }
}
