//! GenerateCredentialReport and GetCredentialReport: every user, and how it signs in, as CSV.

use super::holders;
use super::input::Input;
use super::sign_in::SignIn;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::credentials::{AccessKey, Account, User};
use crate::service::Reply;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_catalog::{Changes, Entity};
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// A report younger than this is not made again.
const FRESH_FOR: Duration = Duration::hours(4);

/// The columns, in AWS's order.
const HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

/// The report of an account, as it was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CredentialReport {
    pub account: String,
    #[serde(with = "time::serde::timestamp")]
    pub generated: OffsetDateTime,
    pub content: String,
}

impl Entity for CredentialReport {
    const TABLE: &'static str = "credential_report";
    fn key(&self) -> String {
        self.account.clone()
    }
}

/// # Errors
/// If the catalog fails.
pub async fn generate(app: &Arc<App>, call: &Call, _: Input) -> Result<Reply, ApiError> {
    if let Some(report) = kept(app, call)?
        && call.now - report.generated < FRESH_FOR
    {
        return Ok(Reply::output(json!({"State": "COMPLETE"})));
    }
    let report = CredentialReport { account: call.account.clone(), generated: call.now, content: content(app, call)? };
    let mut changes = Changes::new();
    changes.put(&report);
    let output = json!({"State": "STARTED", "Description": "No report exists. Starting a new report generation task"});
    Ok(Reply { changes, ..Reply::output(output) })
}

/// # Errors
/// `ReportNotPresent`, `ReportExpired`.
pub async fn get(app: &Arc<App>, call: &Call, _: Input) -> Result<Reply, ApiError> {
    let report = kept(app, call)?.ok_or_else(|| {
        ApiError::new("ReportNotPresent", "No report is present. Use GenerateCredentialReport to make one.").with_status(410)
    })?;
    if call.now - report.generated >= FRESH_FOR {
        let message = "The report is older than four hours. Use GenerateCredentialReport to make a new one.";
        return Err(ApiError::new("ReportExpired", message).with_status(410));
    }
    Ok(Reply::output(json!({
        "Content": STANDARD.encode(&report.content),
        "ReportFormat": "text/csv",
        "GeneratedTime": opentrail_model::timestamp::event_time(report.generated),
    })))
}

fn kept(app: &App, call: &Call) -> Result<Option<Arc<CredentialReport>>, ApiError> {
    app.catalog.get::<CredentialReport>(&call.account).map_err(|error| catalog_failure(&error))
}

fn content(app: &App, call: &Call) -> Result<String, ApiError> {
    let mut keys: HashMap<Option<String>, Vec<AccessKey>> = HashMap::new();
    for key in app.catalog.list::<AccessKey>("").map_err(|error| catalog_failure(&error))? {
        if key.account == call.account {
            keys.entry(key.user.clone()).or_default().push(key);
        }
    }
    let sign_in = SignIn::of(app, call)?;
    let account = app.catalog.get::<Account>(&call.account).map_err(|error| catalog_failure(&error))?;
    let mut report = String::from(HEADER);
    let root_arn = format!("arn:aws:iam::{}:root", call.account);
    let created = account.map_or(call.now, |account| account.created);
    let root_keys = keys.remove(&None).unwrap_or_default();
    let _ = write!(report, "\n<root_account>,{root_arn},{},", moment(created));
    report.push_str(&sign_in.columns(None));
    report.push_str(&key_columns(app, &root_keys)?);
    for user in holders::all::<User>(app, call)?.iter() {
        let _ = write!(report, "\n{},{},{},", field(&user.name), field(&user.arn()), moment(user.created));
        report.push_str(&sign_in.columns(Some(&user.name)));
        report.push_str(&key_columns(app, &keys.remove(&Some(user.name.clone())).unwrap_or_default())?);
    }
    Ok(report)
}

/// The columns of two keys and two certificates, of which there are none.
fn key_columns(app: &App, keys: &[AccessKey]) -> Result<String, ApiError> {
    let mut columns = String::new();
    for at in 0..2 {
        let Some(key) = keys.get(at) else {
            columns.push_str(",false,N/A,N/A,N/A,N/A");
            continue;
        };
        let used = app.last_used.of(&app.catalog, &key.id).map_err(|error| catalog_failure(&error))?;
        let used = used.map_or_else(
            || "N/A,N/A,N/A".to_owned(),
            |used| format!("{},{},{}", moment(used.at), plain(&used.region), plain(&used.service)),
        );
        let _ = write!(columns, ",{},{},{used}", key.active, moment(key.created));
    }
    columns.push_str(",false,N/A,false,N/A");
    Ok(columns)
}

/// A region comes from a credential scope: nothing that could end a column.
fn plain(text: &str) -> String {
    text.chars().filter(|character| character.is_ascii_alphanumeric() || *character == '-').collect()
}

/// Names may hold commas; what holds one is quoted.
fn field(text: &str) -> String {
    if text.contains(',') { format!("\"{text}\"") } else { text.to_owned() }
}

/// As the report writes times.
pub(super) fn moment(at: OffsetDateTime) -> String {
    opentrail_model::timestamp::event_time(at).replace('Z', "+00:00")
}
