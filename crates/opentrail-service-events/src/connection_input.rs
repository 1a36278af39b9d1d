//! What a connection is given: how it proves itself, and what each call carries.

use crate::faults::{invalid, required};
use opentrail_rules::{Authorization, ConnectionParameter, Secrets};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest text of a parameter, and most parameters of a kind.
const MAX_TEXT_CHARS: usize = 512;
const MAX_PARAMETERS: usize = 100;

// No `Debug`: these hold secrets.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AuthParameters {
    basic_auth_parameters: Option<Basic>,
    api_key_auth_parameters: Option<ApiKey>,
    o_auth_parameters: Option<Value>,
    invocation_http_parameters: Option<Invocation>,
    connectivity_parameters: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Basic {
    username: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiKey {
    api_key_name: Option<String>,
    api_key_value: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Invocation {
    #[serde(default)]
    header_parameters: Vec<Parameter>,
    #[serde(default)]
    query_string_parameters: Vec<Parameter>,
    #[serde(default)]
    body_parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    is_value_secret: bool,
}

fn text(given: Option<String>, member: &str) -> Result<String, ApiError> {
    let text = required(given.as_deref(), member)?;
    if text.is_empty() || text.chars().count() > MAX_TEXT_CHARS || text.contains(['\r', '\n']) {
        return Err(invalid(format!("{member} must have between 1 and {MAX_TEXT_CHARS} characters, none of them a line break.")));
    }
    Ok(text.to_owned())
}

impl AuthParameters {
    /// What the connection keeps.
    ///
    /// # Errors
    /// `ValidationException`.
    pub fn read(self, kind: &str) -> Result<Secrets, ApiError> {
        if self.o_auth_parameters.is_some() || kind == "OAUTH_CLIENT_CREDENTIALS" {
            return Err(invalid("Connections with OAuth are not supported by OpenTrail yet."));
        }
        if self.connectivity_parameters.is_some() {
            return Err(invalid("ConnectivityParameters are not supported by OpenTrail."));
        }
        let authorization = match (kind, self.basic_auth_parameters, self.api_key_auth_parameters) {
            ("BASIC", Some(basic), None) => {
                Authorization::Basic { username: text(basic.username, "username")?, password: text(basic.password, "password")? }
            }
            ("API_KEY", None, Some(key)) => Authorization::ApiKey {
                name: text(key.api_key_name, "apiKeyName")?,
                value: text(key.api_key_value, "apiKeyValue")?,
            },
            ("BASIC" | "API_KEY", ..) => {
                return Err(invalid(format!("AuthParameters must have the members that belong to {kind}, and no others.")));
            }
            _ => return Err(invalid("AuthorizationType must be BASIC or API_KEY.")),
        };
        let given = self.invocation_http_parameters.unwrap_or_default();
        Ok(Secrets {
            authorization,
            headers: parameters(given.header_parameters)?,
            query: parameters(given.query_string_parameters)?,
            body: parameters(given.body_parameters)?,
        })
    }
}

fn parameters(given: Vec<Parameter>) -> Result<Vec<ConnectionParameter>, ApiError> {
    if given.len() > MAX_PARAMETERS {
        return Err(invalid(format!("There are more than {MAX_PARAMETERS} parameters of a kind.")));
    }
    given
        .into_iter()
        .map(|one| {
            Ok(ConnectionParameter {
                key: text(Some(one.key), "key")?,
                value: text(Some(one.value), "value")?,
                is_secret: one.is_value_secret,
            })
        })
        .collect()
}

/// The type of a connection as the API names it.
pub fn kind(secrets: &Secrets) -> &'static str {
    match secrets.authorization {
        Authorization::Basic { .. } => "BASIC",
        Authorization::ApiKey { .. } => "API_KEY",
    }
}

/// What anybody may see of it.
pub fn shown(secrets: &Secrets) -> Value {
    let mut shown = match &secrets.authorization {
        Authorization::Basic { username, .. } => json!({"BasicAuthParameters": {"Username": username}}),
        Authorization::ApiKey { name, .. } => json!({"ApiKeyAuthParameters": {"ApiKeyName": name}}),
    };
    for (member, list) in
        [("HeaderParameters", &secrets.headers), ("QueryStringParameters", &secrets.query), ("BodyParameters", &secrets.body)]
    {
        if !list.is_empty() {
            shown["InvocationHttpParameters"][member] = list.iter().map(parameter).collect();
        }
    }
    shown
}

fn parameter(one: &ConnectionParameter) -> Value {
    let mut shown = json!({"Key": one.key, "IsValueSecret": one.is_secret});
    if !one.is_secret {
        shown["Value"] = one.value.as_str().into();
    }
    shown
}
