//! CreateConnection, UpdateConnection, DescribeConnection, ListConnections, DeleteConnection.

use crate::connection_input::{AuthParameters, kind, shown};
use crate::faults::{bounded, exists, invalid, too_many};
use crate::names::{self, Page, get, now_ms, seconds};
use opentrail_catalog::Changes;
use opentrail_rules::{Connection, SecretsFault};
use opentrail_services::{App, Call, Reply, catalog_failure, lower_cased};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

const MAX_DESCRIPTION_CHARS: usize = 512;
/// Most connections of an account in a region.
const MAX_CONNECTIONS: usize = 3000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConnectionRequest {
    name: Option<String>,
    description: Option<String>,
    authorization_type: Option<String>,
    auth_parameters: Option<AuthParameters>,
    kms_key_identifier: Option<String>,
    invocation_connectivity_parameters: Option<Value>,
}

impl ConnectionRequest {
    fn refuse_unsupported(&self) -> Result<(), ApiError> {
        if self.kms_key_identifier.as_ref().is_some_and(|key| !key.is_empty()) {
            return Err(invalid("KmsKeyIdentifier is not supported by OpenTrail: secrets are sealed under the root key."));
        }
        match self.invocation_connectivity_parameters {
            Some(_) => Err(invalid("InvocationConnectivityParameters are not supported by OpenTrail.")),
            None => Ok(()),
        }
    }
}

/// What is recorded: nothing of how a connection proves itself.
pub fn recorded(input: &Value) -> Value {
    let mut input = input.clone();
    if let Some(parameters) = input.get_mut("AuthParameters") {
        *parameters = json!("HIDDEN_DUE_TO_SECURITY_REASONS");
    }
    lower_cased(&input)
}

fn sealing(error: &SecretsFault) -> ApiError {
    tracing::error!(error = error as &dyn std::error::Error, "the secrets of a connection are out of reach");
    ApiError::new("InternalException", "An internal error occurred.").with_status(500)
}

fn stamped(connection: &Connection) -> Value {
    json!({
        "ConnectionArn": connection.arn(),
        "ConnectionState": "AUTHORIZED",
        "CreationTime": seconds(connection.created_ms),
        "LastModifiedTime": seconds(connection.modified_ms),
    })
}

/// # Errors
/// `ValidationException`, `ResourceAlreadyExistsException`, `LimitExceededException`.
pub async fn create_connection(app: &Arc<App>, call: &Call, input: ConnectionRequest) -> Result<Reply, ApiError> {
    input.refuse_unsupported()?;
    let name = names::name(input.name.as_deref(), "name")?;
    let Some(parameters) = input.auth_parameters else { return Err(invalid("AuthParameters are required.")) };
    let secrets = parameters.read(input.authorization_type.as_deref().unwrap_or_default())?;
    let description = bounded(input.description, "description", MAX_DESCRIPTION_CHARS)?;
    let lock = names::lock(app, call).await;
    if get::<Connection>(app, &Connection::key_of(&call.account, &call.region, name))?.is_some() {
        return Err(exists(format!("Connection {name} already exists.")));
    }
    let prefix = Connection::key_of(&call.account, &call.region, "");
    let keys = app.catalog.keys::<Connection>(&prefix, MAX_CONNECTIONS).map_err(|error| catalog_failure(&error))?;
    if keys.len() >= MAX_CONNECTIONS {
        return Err(too_many(format!("There are {MAX_CONNECTIONS} connections already.")));
    }
    let place = (call.account.as_str(), call.region.as_str(), name);
    let connection = Connection::new(place, app.intake.event_id(), description, now_ms(call), &app.seal, &secrets)
        .map_err(|error| sealing(&error))?;
    let mut changes = Changes::new();
    changes.put(&connection);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(stamped(&connection)) })
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn update_connection(app: &Arc<App>, call: &Call, input: ConnectionRequest) -> Result<Reply, ApiError> {
    input.refuse_unsupported()?;
    let lock = names::lock(app, call).await;
    let mut connection = (*names::connection(app, call, input.name.as_deref())?).clone();
    let before = connection.secrets(&app.seal).map_err(|error| sealing(&error))?;
    match (input.auth_parameters, input.authorization_type.as_deref()) {
        (Some(parameters), wanted) => {
            let secrets = parameters.read(wanted.unwrap_or(kind(&before)))?;
            connection.seal(&app.seal, &secrets).map_err(|error| sealing(&error))?;
        }
        (None, Some(wanted)) if wanted != kind(&before) => {
            return Err(invalid("AuthParameters are required for another AuthorizationType."));
        }
        (None, _) => {}
    }
    if input.description.is_some() {
        connection.description = bounded(input.description, "description", MAX_DESCRIPTION_CHARS)?;
    }
    connection.modified_ms = now_ms(call);
    let mut changes = Changes::new();
    changes.put(&connection);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(stamped(&connection)) })
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn describe_connection(app: &Arc<App>, call: &Call, input: ConnectionRequest) -> Result<Reply, ApiError> {
    let connection = names::connection(app, call, input.name.as_deref())?;
    let secrets = connection.secrets(&app.seal).map_err(|error| sealing(&error))?;
    let mut output = stamped(&connection);
    output["Name"] = connection.name.as_str().into();
    output["AuthorizationType"] = kind(&secrets).into();
    output["AuthParameters"] = shown(&secrets);
    output["LastAuthorizedTime"] = seconds(connection.modified_ms);
    if let Some(description) = &connection.description {
        output["Description"] = description.as_str().into();
    }
    Ok(Reply::output(output))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRequest {
    name_prefix: Option<String>,
    connection_state: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// # Errors
/// `ValidationException`.
pub async fn list_connections(app: &Arc<App>, call: &Call, input: ListRequest) -> Result<Reply, ApiError> {
    let wanted = input.name_prefix.unwrap_or_default();
    let state = input.connection_state.is_none_or(|state| state == "AUTHORIZED");
    let prefix = Connection::key_of(&call.account, &call.region, "");
    let (found, next) = Page::of(input.next_token, input.limit)?
        .read::<Connection>(app, &prefix, |connection| state && connection.name.starts_with(&wanted))?;
    let mut list = Vec::new();
    for connection in &found {
        let secrets = connection.secrets(&app.seal).map_err(|error| sealing(&error))?;
        let mut one = stamped(connection);
        one["Name"] = connection.name.as_str().into();
        one["AuthorizationType"] = kind(&secrets).into();
        list.push(one);
    }
    let mut output = json!({"Connections": list});
    if let Some(next) = next {
        output["NextToken"] = next.into();
    }
    Ok(Reply::output(output))
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn delete_connection(app: &Arc<App>, call: &Call, input: ConnectionRequest) -> Result<Reply, ApiError> {
    let lock = names::lock(app, call).await;
    let connection = names::connection(app, call, input.name.as_deref())?;
    let mut changes = Changes::new();
    changes.delete::<Connection>(&Connection::key_of(&call.account, &call.region, &connection.name));
    let mut output = stamped(&connection);
    output["ConnectionState"] = "DELETING".into();
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(output) })
}
