//! Invitations: how an account that exists joins an organization.

use super::input::{Paged, account_id, invalid};
use super::members;
use super::organization::{Handshake, Membership, Organization};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::Account;
use crate::dates::epoch;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use time::Duration;

/// How long an invitation is good.
const LASTS: Duration = Duration::days(15);
/// Most invitations that are open at a time.
const MAX_OPEN: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InviteRequest {
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    notes: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    id: Option<String>,
    #[serde(rename = "Type")]
    kind: Option<String>,
}

/// # Errors
/// `InvalidInputException`, `DuplicateHandshakeException`, `HandshakeConstraintViolationException`,
/// `AccessDeniedException`.
pub async fn invite(app: &Arc<App>, call: &Call, input: InviteRequest) -> Result<Reply, ApiError> {
    let target = input.target.ok_or_else(|| invalid("You must specify a target."))?;
    let id = match target.kind.as_deref() {
        Some("ACCOUNT") => account_id(target.id.as_deref())?,
        _ => return Err(invalid("You specified an invalid target type; invite accounts by their id.")),
    };
    if input.notes.as_ref().is_some_and(|notes| notes.chars().count() > 1024) {
        return Err(invalid("The notes are too long."));
    }
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    let account = app
        .catalog
        .get::<Account>(id)
        .map_err(|error| catalog_failure(&error))?
        .ok_or_else(|| ApiError::new("AccountNotFoundException", "You specified an account that doesn't exist."))?;
    if account.membership.is_some() {
        return Err(violation("The invited account is already a member of an organization."));
    }
    let mut open = all(app)?;
    open.retain(|handshake| handshake.organization == organization.id && handshake.state_at(call.now) == "OPEN");
    if open.iter().any(|handshake| handshake.account == id) {
        let message = "A handshake with the same account and type already exists.";
        return Err(ApiError::new("DuplicateHandshakeException", message));
    }
    if open.len() >= MAX_OPEN {
        return Err(violation("You have too many open invitations."));
    }
    let handshake = Handshake {
        id: Handshake::new_id(),
        organization: organization.id.clone(),
        management: organization.management.clone(),
        account: id.to_owned(),
        state: "OPEN".into(),
        requested: call.now,
        expires: call.now + LASTS,
        notes: input.notes,
    };
    let mut changes = Changes::new();
    changes.put(&handshake);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({"Handshake": described(&handshake, call)})) })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedHandshake {
    #[serde(default)]
    handshake_id: Option<String>,
}

/// # Errors
/// As [`concluded`]; `HandshakeConstraintViolationException` if the account is in an organization by now.
pub async fn accept(app: &Arc<App>, call: &Call, input: NamedHandshake) -> Result<Reply, ApiError> {
    let found = find(app, &input)?;
    let lock = members::lock(app, &found.management).await;
    let handshake = concluded(find(app, &input)?, call, Side::Account, "ACCEPTED")?;
    let organization = app.catalog.get::<Organization>(&handshake.organization).map_err(|error| catalog_failure(&error))?;
    let organization = organization.ok_or_else(no_handshake)?;
    let account = app.catalog.get::<Account>(&call.account).map_err(|error| catalog_failure(&error))?;
    let account = account.map(|account| Account::clone(&account)).ok_or_else(no_handshake)?;
    if account.membership.is_some() {
        return Err(violation("The account is already a member of an organization."));
    }
    let membership = Membership {
        organization: organization.id.clone(),
        parent: organization.root_id.clone(),
        joined: call.now,
        created_here: false,
    };
    let mut changes = Changes::new();
    members::join(app, &organization, account, membership, &mut changes)?;
    changes.put(&handshake);
    Ok(Reply {
        changes,
        lock: Some(lock),
        owner_account: Some(organization.management.clone()),
        ..Reply::output(json!({"Handshake": described(&handshake, call)}))
    })
}

/// # Errors
/// As [`concluded`].
pub async fn decline(app: &Arc<App>, call: &Call, input: NamedHandshake) -> Result<Reply, ApiError> {
    conclude(app, call, &input, Side::Account, "DECLINED").await
}

/// # Errors
/// As [`concluded`].
pub async fn cancel(app: &Arc<App>, call: &Call, input: NamedHandshake) -> Result<Reply, ApiError> {
    conclude(app, call, &input, Side::Organization, "CANCELED").await
}

/// # Errors
/// `HandshakeNotFoundException`.
pub async fn describe(app: &Arc<App>, call: &Call, input: NamedHandshake) -> Result<Reply, ApiError> {
    let handshake = find(app, &input)?;
    if handshake.account != call.account && handshake.management != call.account {
        return Err(no_handshake());
    }
    Ok(Reply::output(json!({"Handshake": described(&handshake, call)})))
}

/// # Errors
/// `InvalidInputException`.
pub async fn list_for_account(app: &Arc<App>, call: &Call, input: Paged) -> Result<Reply, ApiError> {
    input.check()?;
    listed(app, call, |handshake| handshake.account == call.account)
}

/// # Errors
/// `InvalidInputException`, `AccessDeniedException`.
pub async fn list_for_organization(app: &Arc<App>, call: &Call, input: Paged) -> Result<Reply, ApiError> {
    input.check()?;
    let organization = members::overseen(app, call)?;
    listed(app, call, |handshake| handshake.organization == organization.id)
}

fn listed(app: &App, call: &Call, wanted: impl Fn(&Handshake) -> bool) -> Result<Reply, ApiError> {
    let handshakes: Vec<Value> =
        all(app)?.iter().filter(|handshake| wanted(handshake)).map(|handshake| described(handshake, call)).collect();
    Ok(Reply::output(json!({"Handshakes": handshakes})))
}

fn all(app: &App) -> Result<Vec<Handshake>, ApiError> {
    app.catalog.list::<Handshake>("").map_err(|error| catalog_failure(&error))
}

fn find(app: &App, input: &NamedHandshake) -> Result<Handshake, ApiError> {
    let id = input.handshake_id.as_deref().unwrap_or_default();
    let found = app.catalog.get::<Handshake>(id).map_err(|error| catalog_failure(&error))?;
    found.map(|handshake| Handshake::clone(&handshake)).ok_or_else(no_handshake)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Account,
    Organization,
}

async fn conclude(app: &App, call: &Call, input: &NamedHandshake, side: Side, state: &str) -> Result<Reply, ApiError> {
    let management = find(app, input)?.management;
    let lock = members::lock(app, &management).await;
    let handshake = concluded(find(app, input)?, call, side, state)?;
    let mut changes = Changes::new();
    changes.put(&handshake);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({"Handshake": described(&handshake, call)})) })
}

/// The handshake in its final state.
///
/// # Errors
/// `HandshakeNotFoundException` to the wrong side, `HandshakeAlreadyInStateException`,
/// `InvalidHandshakeTransitionException`.
fn concluded(handshake: Handshake, call: &Call, side: Side, state: &str) -> Result<Handshake, ApiError> {
    let whose = if side == Side::Account { &handshake.account } else { &handshake.management };
    if *whose != call.account {
        return Err(no_handshake());
    }
    match handshake.state_at(call.now) {
        "OPEN" => Ok(Handshake { state: state.to_owned(), ..handshake }),
        same if same == state => {
            Err(ApiError::new("HandshakeAlreadyInStateException", "The specified handshake is already in the requested state."))
        }
        _ => Err(ApiError::new(
            "InvalidHandshakeTransitionException",
            "You can't perform the operation on the handshake in its current state.",
        )),
    }
}

fn described(handshake: &Handshake, call: &Call) -> Value {
    let Handshake { id, management, organization, account, .. } = handshake;
    json!({
        "Id": id,
        "Arn": format!("arn:aws:organizations::{management}:handshake/{organization}/invite/{id}"),
        "Parties": [{"Id": &organization[2..], "Type": "ORGANIZATION"}, {"Id": account, "Type": "ACCOUNT"}],
        "State": handshake.state_at(call.now),
        "RequestedTimestamp": epoch(handshake.requested),
        "ExpirationTimestamp": epoch(handshake.expires),
        "Action": "INVITE",
        "Resources": [
            {"Type": "ORGANIZATION", "Value": organization, "Resources": [{"Type": "MASTER_ACCOUNT", "Value": management}]},
            {"Type": "ACCOUNT", "Value": account},
        ],
    })
}

fn violation(message: &str) -> ApiError {
    ApiError::new("HandshakeConstraintViolationException", message)
}

fn no_handshake() -> ApiError {
    ApiError::new("HandshakeNotFoundException", "You specified a handshake that doesn't exist.")
}
