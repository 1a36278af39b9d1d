//! GetUserPolicy: the document comes percent-encoded.

use super::users::{self, no_such_entity};
use super::validation::{self, MAX_NAME_CHARS};
use crate::app::App;
use crate::call::Call;
use crate::credentials::User;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// The input of GetUserPolicy and DeleteUserPolicy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedPolicy {
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    policy_name: Option<String>,
}

impl NamedPolicy {
    /// The user and the name of a policy that it has.
    ///
    /// # Errors
    /// `ValidationError`, `NoSuchEntity`.
    pub(super) fn find(&self, app: &App, call: &Call) -> Result<(Arc<User>, &str), ApiError> {
        let name = validation::required(&self.user_name, "userName")?;
        let policy = validation::required(&self.policy_name, "policyName")?;
        validation::name(policy, "policyName", MAX_NAME_CHARS)?;
        let user = users::named(app, call, name)?;
        if !user.policies.contains_key(policy) {
            return Err(no_such_entity(format!("The user policy with name {policy} cannot be found.")));
        }
        Ok((user, policy))
    }
}

/// # Errors
/// The faults of [`NamedPolicy::find`].
pub async fn get_user_policy(app: &Arc<App>, call: &Call, input: NamedPolicy) -> Result<Reply, ApiError> {
    let (user, policy) = input.find(app, call)?;
    Ok(Reply::output(json!({
        "UserName": user.name,
        "PolicyName": policy,
        "PolicyDocument": user.policies.get(policy).map(|document| percent_encoded(document)),
    })))
}

/// RFC 3986: everything but unreserved characters becomes `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    encoded
}
