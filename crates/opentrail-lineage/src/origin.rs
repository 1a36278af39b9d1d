//! Who or what a chain can begin with.

use crate::event::{Event, Identity};
use crate::lineage::{Origin, OriginKind};

fn origin(kind: OriginKind, name: String) -> Origin {
    Origin { kind, name, notes: Vec::new(), key_created_by: None }
}

fn noted(kind: OriginKind, name: String, notes: impl IntoIterator<Item = String>) -> Origin {
    Origin { notes: notes.into_iter().collect(), ..origin(kind, name) }
}

/// An origin that the event itself proves: nobody gave out its credentials in an event.
pub(crate) fn at_once(event: &Event) -> Option<Origin> {
    let identity = &event.identity;
    match identity.kind.as_str() {
        "Root" if !identity.is_temporary() => Some(origin(OriginKind::Root, identity.name())),
        "IAMUser" if !identity.is_temporary() => Some(origin(OriginKind::User, identity.name())),
        "SAMLUser" | "WebIdentityUser" => Some(federated(identity)),
        "IdentityCenterUser" => {
            let user = identity.on_behalf_of.clone().or_else(|| identity.user_name.clone());
            Some(noted(
                OriginKind::Federated,
                user.unwrap_or_else(|| identity.name()),
                ["a user of the identity center".to_owned()],
            ))
        }
        "AWSService" => Some(service(event)),
        "" if identity.invoked_by.is_some() => Some(service(event)),
        _ => None,
    }
}

fn federated(identity: &Identity) -> Origin {
    let name = identity.user_name.clone().unwrap_or_else(|| identity.name());
    let vouched = identity.provider.as_ref().map(|provider| format!("vouched for by {provider}"));
    noted(OriginKind::Federated, name, vouched)
}

/// A service that opened a session did so for a workload, whose name is the session's.
fn service(event: &Event) -> Origin {
    let by = event.identity.invoked_by.clone().unwrap_or_else(|| event.identity.name());
    match (&event.issued_key, &event.asked_session_name) {
        (Some(_), Some(session)) => {
            let note = format!("{by} gave it a role's credentials; the name is the session's, chosen by the service");
            noted(OriginKind::Workload, session.clone(), [note])
        }
        _ => origin(OriginKind::Service, by),
    }
}

/// A user's own session, the beginning of which is not here.
pub(crate) fn session_of_user(event: &Event) -> Origin {
    let identity = &event.identity;
    let kind = if identity.kind == "Root" { OriginKind::Root } else { OriginKind::User };
    let how = if identity.from_console { "signed in to the console" } else { "a session of the user's own" };
    noted(kind, identity.name(), [format!("{how}; how it began is not here")])
}

/// An origin that the session's context proves though the event that opened it is not here.
pub(crate) fn from_session(event: &Event) -> Option<Origin> {
    let identity = &event.identity;
    if let Some(thing) = &identity.issued_to {
        return Some(noted(OriginKind::Workload, thing.clone(), ["AWS gave it the credentials".to_owned()]));
    }
    if identity.instance {
        let session = session_name(identity).unwrap_or_else(|| identity.name());
        return Some(noted(
            OriginKind::Workload,
            session,
            ["an instance, which got the credentials from its metadata".to_owned()],
        ));
    }
    // A federated user is opened by the user that its session names.
    match (identity.kind.as_str(), identity.issuer_kind.as_deref(), &identity.issuer_arn) {
        ("FederatedUser", Some(kind), Some(issuer)) => {
            let kind = if kind == "Root" { OriginKind::Root } else { OriginKind::User };
            Some(noted(kind, issuer.clone(), ["named by the session; the event that opened it is not here".to_owned()]))
        }
        _ => None,
    }
}

pub(crate) fn other_account(event: &Event) -> Origin {
    let identity = &event.identity;
    let name = identity.principal_id.clone().map_or_else(
        || identity.name(),
        |principal| match &identity.account {
            Some(account) => format!("{principal} of account {account}"),
            None => principal,
        },
    );
    origin(OriginKind::OtherAccount, name)
}

pub(crate) fn unknown(event: &Event) -> Origin {
    origin(OriginKind::Unknown, event.identity.name())
}

/// What a session tells of its origin without proving it.
pub(crate) fn told(event: &Event) -> Vec<String> {
    let identity = &event.identity;
    let mut told = Vec::new();
    let mut tell = |what: &str, value: Option<String>| told.extend(value.map(|value| format!("{what} {value}")));
    tell("source identity", identity.source_identity.clone());
    tell("session name", session_name(identity));
    tell("role", identity.issuer_arn.clone().filter(|_| identity.kind == "AssumedRole"));
    tell("identity provider", identity.provider.clone());
    let sign_on = identity.issuer_arn.as_ref().is_some_and(|arn| arn.contains("/AWSReservedSSO_"));
    tell("a role of single sign-on: the session name is the user's", sign_on.then(String::new));
    tell("signed in to the console", identity.from_console.then(String::new));
    for line in &mut told {
        line.truncate(line.trim_end().len());
    }
    told
}

/// What follows the colon of `AROA…:session`.
fn session_name(identity: &Identity) -> Option<String> {
    identity.principal_id.as_deref()?.split_once(':').map(|(_, session)| session.to_owned())
}
