//! Listings of kinds that nobody can make here: certificates, SSH keys, SAML providers. Audits and Terraform ask for them,
//! and the truth is that there are none.

use super::holders;
use super::input::Input;
use crate::app::App;
use crate::call::Call;
use crate::credentials::User;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde_json::json;
use std::sync::Arc;

/// # Errors
/// None.
pub async fn server_certificates(_: &Arc<App>, _: &Call, _: Input) -> Result<Reply, ApiError> {
    Ok(Reply::output(json!({"ServerCertificateMetadataList": [], "IsTruncated": false})))
}

/// # Errors
/// None.
pub async fn saml_providers(_: &Arc<App>, _: &Call, _: Input) -> Result<Reply, ApiError> {
    Ok(Reply::output(json!({"SAMLProviderList": []})))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn signing_certificates(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    of_user(app, call, &input)?;
    Ok(Reply::output(json!({"Certificates": [], "IsTruncated": false})))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn ssh_public_keys(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    of_user(app, call, &input)?;
    Ok(Reply::output(json!({"SSHPublicKeys": [], "IsTruncated": false})))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn service_specific_credentials(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    of_user(app, call, &input)?;
    Ok(Reply::output(json!({"ServiceSpecificCredentials": []})))
}

fn of_user(app: &App, call: &Call, input: &Input) -> Result<(), ApiError> {
    match input.text("UserName")? {
        Some(name) => holders::named::<User>(app, call, name).map(|_| ()),
        None => Ok(()),
    }
}
