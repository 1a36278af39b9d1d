//! CreateAccount, DescribeCreateAccountStatus, ListCreateAccountStatus, ListAccounts, DescribeAccount,
//! RemoveAccountFromOrganization, LeaveOrganization.

use super::input::{NamedAccount, Paged, invalid};
use super::lifecycle::Nothing;
use super::members;
use super::organization::{AccountRequest, Membership, Organization, is_email, new_account_id, shown};
use super::tags::{self, Tags};
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::{Account, unique_id};
use crate::dates::epoch;
use crate::iam::Role;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_eventlog::Event;
use opentrail_model::service_event::{Occasion, service_event_of};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most accounts of an organization; AWS has ten until one asks for more.
const MAX_ACCOUNTS: usize = 1000;
/// The role through which the management account reaches a new account.
const ACCESS_ROLE: &str = "OrganizationAccountAccessRole";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAccountRequest {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    account_name: Option<String>,
    #[serde(default)]
    role_name: Option<String>,
    #[serde(default)]
    iam_user_access_to_billing: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
}

/// The account is there when this answers, so its state is never `IN_PROGRESS`.
///
/// # Errors
/// `InvalidInputException`, `AccessDeniedException`, `AWSOrganizationsNotInUseException`.
pub async fn create_account(app: &Arc<App>, call: &Call, input: CreateAccountRequest) -> Result<Reply, ApiError> {
    let name = input.account_name.filter(|name| (1..=50).contains(&name.chars().count()));
    let name = name.filter(|name| name.chars().all(|c| (' '..='~').contains(&c)));
    let name = name.ok_or_else(|| invalid("You provided an account name that is not valid."))?;
    let email = input.email.filter(|email| is_email(email));
    let email = email.ok_or_else(|| invalid("You provided an email address that is not valid."))?;
    let role_name = input.role_name.unwrap_or_else(|| ACCESS_ROLE.into());
    crate::iam::validation::name(&role_name, "roleName", 64).map_err(|error| invalid(&error.message))?;
    if !matches!(input.iam_user_access_to_billing.as_deref(), None | Some("ALLOW" | "DENY")) {
        return Err(invalid("You provided an invalid value for IamUserAccessToBilling."));
    }
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    let everyone = app.catalog.all::<Account>("").map_err(|error| catalog_failure(&error))?;
    let members = members::accounts_of(app, &organization.id)?.len();
    let outcome = if everyone.iter().any(|other| other.email.eq_ignore_ascii_case(&email)) {
        Err("EMAIL_ALREADY_EXISTS".to_owned())
    } else if members >= MAX_ACCOUNTS {
        Err("ACCOUNT_LIMIT_EXCEEDED".to_owned())
    } else {
        Ok(free_id(&everyone))
    };
    let request = AccountRequest {
        id: AccountRequest::new_id(),
        organization: organization.id.clone(),
        name: name.clone(),
        email: email.clone(),
        requested: call.now,
        outcome,
    };
    let mut changes = Changes::new();
    if let Ok(id) = &request.outcome {
        let account = Account { name, email, ..Account::begin(id, call.now) };
        let membership = Membership {
            organization: organization.id.clone(),
            parent: organization.root_id.clone(),
            joined: call.now,
            created_here: true,
        };
        members::join(app, &organization, account, membership, &mut changes)?;
        tags::begin(&organization, id, input.tags, &mut changes)?;
        changes.put(&access_role(id, &role_name, &organization, call));
    }
    changes.put(&request);
    let status = status(&request);
    let result = Occasion {
        at: call.now,
        event_id: app.intake.event_id(),
        account: call.account.clone(),
        region: opentrail_model::regions::GLOBAL_SERVICE_REGION.into(),
    };
    let recorded = opentrail_model::record::lower_first(status.clone());
    let record =
        service_event_of("organizations.amazonaws.com", result, "CreateAccountResult", json!({"createAccountStatus": recorded}));
    let event =
        Event { account: record.recipient_account.clone(), region: record.region.clone(), record: record.to_json().into() };
    Ok(Reply { changes, lock: Some(lock), more_events: vec![event], ..Reply::output(json!({"CreateAccountStatus": status})) })
}

/// An id that no account has.
pub(crate) fn free_id(accounts: &[Account]) -> String {
    loop {
        let id = new_account_id();
        if !accounts.iter().any(|account| account.id == id) {
            return id;
        }
    }
}

/// What lets the management account into a new account.
fn access_role(account: &str, name: &str, organization: &Organization, call: &Call) -> Role {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{}:root", organization.management)}}]});
    Role {
        account: account.into(),
        name: name.into(),
        path: "/".into(),
        id: unique_id("AROA"),
        created: call.now,
        trust: trust.to_string().into(),
        description: None,
        max_session_seconds: crate::iam::DEFAULT_SESSION_SECONDS,
        policies: BTreeMap::new(),
        attached: BTreeSet::from([ADMINISTRATOR.to_owned()]),
        boundary: None,
        tags: BTreeMap::new(),
    }
}

fn status(request: &AccountRequest) -> Value {
    let mut status = json!({
        "Id": request.id,
        "AccountName": request.name,
        "RequestedTimestamp": epoch(request.requested),
        "CompletedTimestamp": epoch(request.requested),
    });
    match &request.outcome {
        Ok(account) => {
            status["State"] = "SUCCEEDED".into();
            status["AccountId"] = account.as_str().into();
        }
        Err(reason) => {
            status["State"] = "FAILED".into();
            status["FailureReason"] = reason.as_str().into();
        }
    }
    status
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedRequest {
    #[serde(default)]
    create_account_request_id: Option<String>,
}

/// # Errors
/// `CreateAccountStatusNotFoundException`.
pub async fn describe_create_account_status(app: &Arc<App>, call: &Call, input: NamedRequest) -> Result<Reply, ApiError> {
    let organization = members::overseen(app, call)?;
    let id = input.create_account_request_id.unwrap_or_default();
    let request =
        app.catalog.get::<AccountRequest>(&format!("{}/{id}", organization.id)).map_err(|error| catalog_failure(&error))?;
    match request {
        Some(request) => Ok(Reply::output(json!({"CreateAccountStatus": status(&request)}))),
        None => {
            let message = "You specified create account request that doesn't exist.";
            Err(ApiError::new("CreateAccountStatusNotFoundException", message))
        }
    }
}

/// # Errors
/// `InvalidInputException`.
pub async fn list_create_account_status(app: &Arc<App>, call: &Call, input: Paged) -> Result<Reply, ApiError> {
    input.check()?;
    let organization = members::overseen(app, call)?;
    let requests =
        app.catalog.list::<AccountRequest>(&format!("{}/", organization.id)).map_err(|error| catalog_failure(&error))?;
    let wanted =
        |status: &Value| input.states.as_ref().is_none_or(|states| states.iter().any(|state| status["State"] == state.as_str()));
    let statuses: Vec<Value> = requests.iter().map(status).filter(wanted).collect();
    Ok(Reply::output(json!({"CreateAccountStatuses": statuses})))
}

/// # Errors
/// `AccessDeniedException` to members that neither manage the organization nor administer a service for it.
pub async fn list_accounts(app: &Arc<App>, call: &Call, input: Paged) -> Result<Reply, ApiError> {
    input.check()?;
    let organization = members::overseen(app, call)?;
    let accounts = members::accounts_of(app, &organization.id)?;
    let accounts: Vec<Value> = accounts.iter().map(|account| described(&organization, account)).collect();
    Ok(Reply::output(json!({"Accounts": accounts})))
}

/// # Errors
/// `AccountNotFoundException`, `InvalidInputException`.
pub async fn describe_account(app: &Arc<App>, call: &Call, input: NamedAccount) -> Result<Reply, ApiError> {
    let id = input.id()?;
    let organization = members::overseen(app, call)?;
    let account = members::member(app, &organization, id)?;
    Ok(Reply::output(json!({"Account": described(&organization, &account)})))
}

/// An account in an answer.
pub(super) fn described(organization: &Organization, account: &Account) -> Value {
    let (name, email) = shown(account);
    let membership = account.membership.as_ref();
    json!({
        "Id": account.id,
        "Arn": organization.account_arn(&account.id),
        "Email": email,
        "Name": name,
        "Status": "ACTIVE",
        "State": "ACTIVE",
        "JoinedMethod": if membership.is_some_and(|membership| membership.created_here) { "CREATED" } else { "INVITED" },
        "JoinedTimestamp": membership.map(|membership| epoch(membership.joined)),
    })
}

/// # Errors
/// `AccountNotFoundException`, `MasterCannotLeaveOrganizationException`.
pub async fn remove_account(app: &Arc<App>, call: &Call, input: NamedAccount) -> Result<Reply, ApiError> {
    let id = input.id()?;
    let lock = members::lock(app, &call.account).await;
    let organization = members::managed(app, call)?;
    part(app, &organization, id, lock)
}

/// # Errors
/// `AWSOrganizationsNotInUseException`, `MasterCannotLeaveOrganizationException`.
pub async fn leave_organization(app: &Arc<App>, call: &Call, _: Nothing) -> Result<Reply, ApiError> {
    let management = members::own(app, call)?.management.clone();
    let lock = members::lock(app, &management).await;
    let organization = members::own(app, call)?;
    part(app, &organization, &call.account, lock)
}

fn part(app: &App, organization: &Organization, id: &str, lock: opentrail_catalog::NamedLock) -> Result<Reply, ApiError> {
    if id == organization.management {
        let message = "You can't remove a management account from an organization.";
        return Err(ApiError::new("MasterCannotLeaveOrganizationException", message));
    }
    let account = members::member(app, organization, id)?;
    let mut changes = Changes::new();
    members::leave(app, organization, account, &mut changes)?;
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
