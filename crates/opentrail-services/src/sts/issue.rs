//! Handing out a session: what is answered, and what is recorded of it.

use crate::app::App;
use crate::dates::recorded;
use crate::temporary::TemporaryCredentials;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::{Value, json};

/// What is told, and what goes into `responseElements`, which lacks secrets and has times in words.
pub(super) struct Answer {
    pub told: Value,
    pub recorded: Value,
}

/// `Credentials`, with the session sealed into its token.
///
/// # Errors
/// If it cannot be sealed.
pub(super) fn credentials(app: &App, session: &TemporaryCredentials) -> Result<Answer, ApiError> {
    let token = session.token(&app.seal).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a session could not be sealed");
        ApiError::new("InternalFailure", "An internal error occurred.").with_status(500)
    })?;
    Ok(Answer {
        recorded: json!({
            "accessKeyId": session.access_key,
            "sessionToken": token,
            "expiration": recorded(session.expires),
        }),
        told: json!({
            "AccessKeyId": session.access_key,
            "SecretAccessKey": session.secret,
            "SessionToken": token,
            "Expiration": event_time(session.expires),
        }),
    })
}
