//! CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant.

use super::access;
use super::data_keys::dry_run;
use super::keys::{self, constraint, required, validation};
use super::page::PageRequest;
use crate::app::{App, catalog_failure};
use crate::authorisation::account_of_arn;
use crate::call::Call;
use crate::dates::epoch_ms;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_kms::{Constraint, EncryptionContext, GRANT_OPERATIONS, Grant, Key, KeyRef, KmsError, granting};
use opentrail_policy::PolicyDocument;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most grants of a key. AWS has 50,000.
const MAX_GRANTS: usize = 5_000;
const MAX_NAME_CHARS: usize = 256;
const MAX_PRINCIPAL_CHARS: usize = 256;
/// Most pairs in a constraint's encryption context.
const MAX_PAIRS: usize = 8;
/// Most tokens with one call.
const MAX_TOKENS: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateGrantRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    grantee_principal: Option<String>,
    #[serde(default)]
    retiring_principal: Option<String>,
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default)]
    constraints: Option<Constraints>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    grant_tokens: Vec<String>,
    #[serde(default)]
    dry_run: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Constraints {
    #[serde(default)]
    encryption_context_subset: Option<EncryptionContext>,
    #[serde(default)]
    encryption_context_equals: Option<EncryptionContext>,
    #[serde(default)]
    source_arn: Option<Value>,
}

impl Constraints {
    fn read(self) -> Result<Option<Constraint>, ApiError> {
        if self.source_arn.is_some() {
            return Err(ApiError::new("UnsupportedOperationException", "SourceArn is not supported by OpenTrail yet."));
        }
        let constraint = match (self.encryption_context_subset, self.encryption_context_equals) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(validation("A grant has one constraint: EncryptionContextSubset or EncryptionContextEquals."));
            }
            (Some(subset), None) => Constraint::Subset(subset),
            (None, Some(equals)) => Constraint::Equals(equals),
        };
        let (Constraint::Subset(context) | Constraint::Equals(context)) = &constraint;
        context.clone().check().map_err(keys::fault)?;
        if context.0.is_empty() || context.0.len() > MAX_PAIRS {
            return Err(validation(format!("The encryption context of a constraint has 1 to {MAX_PAIRS} pairs.")));
        }
        Ok(Some(constraint))
    }
}

/// The ARN of somebody: an account's root, a user, a role, a session or a federated user.
fn principal(member: &str, arn: &str) -> Result<String, ApiError> {
    let kinds = ["root", "user/", "role/", "assumed-role/", "federated-user/"];
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().unwrap_or_default();
    let name = parts.nth(2).unwrap_or_default();
    let fits = arn.starts_with("arn:aws:")
        && matches!(service, "iam" | "sts")
        && arn.len() <= MAX_PRINCIPAL_CHARS
        && arn.bytes().all(|byte| byte.is_ascii_graphic() && !b"*?\"\\$".contains(&byte))
        && account_of_arn(arn).is_some()
        && kinds.iter().any(|kind| name == *kind || (kind.ends_with('/') && name.starts_with(kind) && name.len() > kind.len()));
    // What a policy cannot name could never be asked about.
    if fits && granting([arn].into_iter(), "kms:Decrypt").is_some() {
        Ok(arn.to_owned())
    } else {
        Err(ApiError::new("InvalidArnException", format!("ARN is not valid for {member}: {arn}")))
    }
}

fn operations(given: &[String]) -> Result<BTreeSet<String>, ApiError> {
    if given.is_empty() {
        return Err(constraint("operations", "have length greater than or equal to 1"));
    }
    match given.iter().find(|operation| !GRANT_OPERATIONS.contains(&operation.as_str())) {
        None => Ok(given.iter().cloned().collect()),
        Some(_) => Err(constraint("operations", &format!("satisfy enum value set: [{}]", GRANT_OPERATIONS.join(", ")))),
    }
}

fn requested(call: &Call, key: &Key, input: CreateGrantRequest) -> Result<Grant, ApiError> {
    let grantee = principal("granteePrincipal", required("granteePrincipal", input.grantee_principal.as_deref())?)?;
    let retiring = input.retiring_principal.as_deref().map(|arn| principal("retiringPrincipal", arn)).transpose()?;
    let fits = |name: &String| {
        (1..=MAX_NAME_CHARS).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_-".contains(&b))
    };
    if input.name.as_ref().is_some_and(|name| !fits(name)) {
        return Err(constraint("name", "satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"));
    }
    Ok(Grant {
        account: key.account.clone(),
        region: key.region.clone(),
        key_id: key.id.clone(),
        id: hex::encode(rand::random::<[u8; 32]>()),
        name: input.name,
        grantee,
        retiring,
        issuer: call.account.clone(),
        created_ms: keys::now_ms(call),
        operations: operations(&input.operations)?,
        constraint: input.constraints.map(Constraints::read).transpose()?.flatten(),
    })
}

/// Who may make grants only because of a grant may make none that is wider.
fn check_delegated(app: &App, call: &Call, key: &Key, grant: &Grant) -> Result<(), ApiError> {
    match access::permit_without_grants(&app.catalog, call, key, "kms:CreateGrant") {
        Ok(()) => return Ok(()),
        Err(KmsError::AccessDenied(_)) => {}
        Err(error) => return Err(keys::fault(error)),
    }
    let grants = Grant::of_key(&app.catalog, key).map_err(|error| catalog_failure(&error))?;
    for parent in grants.iter().filter(|parent| parent.operations.contains("CreateGrant") && grant.is_within(parent)) {
        let policy = granting([parent.grantee.as_str()].into_iter(), "kms:CreateGrant");
        if access::permit_granted(&app.catalog, call, key, "kms:CreateGrant", policy.as_ref()).is_ok() {
            return Ok(());
        }
    }
    let message = "The grant that allows you to create grants does not allow all of these operations under these constraints.";
    Err(keys::fault(KmsError::AccessDenied(message.into())))
}

/// The same grant again, with its name, is the one that is there.
///
/// # Errors
/// `ValidationException`, `InvalidArnException`, `AccessDeniedException`, `LimitExceededException`, and what keeps the
/// key from being used.
pub async fn create_grant(app: &Arc<App>, call: &Call, input: CreateGrantRequest) -> Result<Reply, ApiError> {
    let (key, lock) = keys::changeable(app, call, input.key_id.as_deref()).await?;
    key.usable().map_err(keys::fault)?;
    check_tokens(app, &input.grant_tokens)?;
    let wants_dry_run = input.dry_run;
    let grant = requested(call, &key, input)?;
    check_delegated(app, call, &key, &grant)?;
    let grants = Grant::of_key(&app.catalog, &key).map_err(|error| catalog_failure(&error))?;
    let same = grants.iter().find(|other| other.name.is_some() && other.is_same(&grant));
    if same.is_none() && grants.len() >= MAX_GRANTS {
        return Err(ApiError::new("LimitExceededException", format!("A key has at most {MAX_GRANTS} grants.")));
    }
    dry_run(wants_dry_run)?;
    let mut changes = Changes::new();
    let grant = match same {
        Some(same) => same,
        None => {
            changes.put(&grant);
            &grant
        }
    };
    Ok(Reply {
        changes,
        lock: Some(lock),
        resources: vec![keys::resource(&key)],
        response_elements: Some(json!({"grantId": grant.id, "keyId": key.arn()})),
        ..Reply::output(json!({"GrantId": grant.id, "GrantToken": grant.token()}))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGrantsRequest {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    grant_id: Option<String>,
    #[serde(default)]
    grantee_principal: Option<String>,
    #[serde(default)]
    retiring_principal: Option<String>,
    #[serde(flatten)]
    page: PageRequest,
}

/// # Errors
/// `ValidationException`, `InvalidMarkerException`, and what [`keys::find`] has.
pub async fn list_grants(app: &Arc<App>, call: &Call, input: ListGrantsRequest) -> Result<Reply, ApiError> {
    let key = keys::find(app, call, input.key_id.as_deref())?;
    let grants = Grant::of_key(&app.catalog, &key).map_err(|error| catalog_failure(&error))?;
    let wanted = |grant: &&Grant| {
        input.grant_id.as_ref().is_none_or(|id| *id == grant.id)
            && input.grantee_principal.as_ref().is_none_or(|grantee| *grantee == grant.grantee)
    };
    let items = grants.iter().filter(wanted).map(|grant| (grant.id.clone(), described(grant))).collect();
    Ok(keys::about(&key, input.page.answer("Grants", 50, 100, items)?))
}

/// # Errors
/// `ValidationException`, `InvalidArnException`, `InvalidMarkerException`.
pub async fn list_retirable_grants(app: &Arc<App>, call: &Call, input: ListGrantsRequest) -> Result<Reply, ApiError> {
    let given = required("retiringPrincipal", input.retiring_principal.as_deref())?;
    let retiring = principal("retiringPrincipal", given)?;
    if account_of_arn(&retiring) != Some(&call.account) {
        return Err(keys::fault(KmsError::AccessDenied("The retiring principal is of another account.".into())));
    }
    let grants = app.catalog.all::<Grant>("").map_err(|error| catalog_failure(&error))?;
    let wanted = |grant: &&Grant| grant.region == call.region && grant.retiring.as_ref() == Some(&retiring);
    let items = grants.iter().filter(wanted).map(|grant| (grant.id.clone(), described(grant))).collect();
    Ok(Reply::output(input.page.answer("Grants", 50, 100, items)?))
}

fn described(grant: &Grant) -> Value {
    let mut shown = json!({
        "KeyId": opentrail_kms::key_arn(&grant.region, &grant.account, &grant.key_id),
        "GrantId": grant.id,
        "Name": grant.name.clone().unwrap_or_default(),
        "CreationDate": epoch_ms(grant.created_ms),
        "GranteePrincipal": grant.grantee,
        "IssuingAccount": format!("arn:aws:iam::{}:root", grant.issuer),
        "Operations": grant.operations,
    });
    if let Some(retiring) = &grant.retiring {
        shown["RetiringPrincipal"] = retiring.as_str().into();
    }
    match &grant.constraint {
        Some(Constraint::Subset(context)) => shown["Constraints"] = json!({"EncryptionContextSubset": context}),
        Some(Constraint::Equals(context)) => shown["Constraints"] = json!({"EncryptionContextEquals": context}),
        None => {}
    }
    shown
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamedGrant {
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    grant_id: Option<String>,
    #[serde(default)]
    grant_token: Option<String>,
    #[serde(default)]
    dry_run: Option<bool>,
}

/// # Errors
/// `NotFoundException`, and what [`keys::changeable`] has.
pub async fn revoke_grant(app: &Arc<App>, call: &Call, input: NamedGrant) -> Result<Reply, ApiError> {
    end(app, call, input.key_id.as_deref(), input.grant_id.as_deref(), input.dry_run).await
}

/// # Errors
/// As [`revoke_grant`], and `InvalidGrantTokenException`.
pub async fn retire_grant(app: &Arc<App>, call: &Call, input: NamedGrant) -> Result<Reply, ApiError> {
    let Some(token) = &input.grant_token else { return revoke_grant(app, call, input).await };
    if input.key_id.is_some() || input.grant_id.is_some() {
        return Err(validation("A grant is named by its token, or by KeyId and GrantId."));
    }
    let key = by_token(app, token)?;
    let arn = opentrail_kms::key_arn(&key.region, &key.account, &key.key_id);
    end(app, call, Some(&arn), Some(&key.id), input.dry_run).await
}

async fn end(
    app: &App,
    call: &Call,
    key: Option<&str>,
    grant: Option<&str>,
    wants_dry_run: Option<bool>,
) -> Result<Reply, ApiError> {
    let (key, lock) = keys::changeable(app, call, key).await?;
    let id = required("grantId", grant)?;
    let grants = Grant::of_key(&app.catalog, &key).map_err(|error| catalog_failure(&error))?;
    let grant = grants.iter().find(|grant| grant.id == id);
    let grant = grant.ok_or_else(|| keys::fault(KmsError::NotFound(format!("Grant ID {id} not found"))))?;
    dry_run(wants_dry_run)?;
    let mut changes = Changes::new();
    changes.delete::<Grant>(&opentrail_catalog::Entity::key(grant));
    Ok(Reply { changes, lock: Some(lock), resources: vec![keys::resource(&key)], ..Reply::default() })
}

fn by_token(app: &App, token: &str) -> Result<Arc<Grant>, ApiError> {
    let invalid = || ApiError::new("InvalidGrantTokenException", "The grant token is not valid.");
    let key = Grant::key_of_token(token).ok_or_else(invalid)?;
    app.catalog.get::<Grant>(&key).map_err(|error| catalog_failure(&error))?.ok_or_else(invalid)
}

/// The key of the grant that RetireGrant is about.
pub(super) fn key_of_retired(app: &App, call: &Call, input: &Value) -> Result<Arc<Key>, KmsError> {
    let token = input["GrantToken"].as_str();
    let name = match token.and_then(Grant::key_of_token) {
        Some(key) => {
            let mut parts = key.split('/');
            let mut part = || parts.next().unwrap_or_default().to_owned();
            let (account, region, id) = (part(), part(), part());
            opentrail_kms::key_arn(&region, &account, &id)
        }
        None => input["KeyId"].as_str().unwrap_or_default().to_owned(),
    };
    app.kms.find(&KeyRef::parse(&name, &call.account, &call.region)?)
}

/// Who may retire a grant beside those whom the key's policy lets: its retiring principal, its grantee if the grant says
/// so, and the account that made it.
pub(super) fn retirers(app: &App, call: &Call, input: &Value) -> Option<PolicyDocument> {
    let key = key_of_retired(app, call, input).ok()?;
    let id = match input["GrantToken"].as_str().and_then(Grant::key_of_token) {
        Some(token) => token.rsplit('/').next().unwrap_or_default().to_owned(),
        None => input["GrantId"].as_str().unwrap_or_default().to_owned(),
    };
    let grants = Grant::of_key(&app.catalog, &key).ok()?;
    let grant = grants.iter().find(|grant| grant.id == id)?;
    let issuer = format!("arn:aws:iam::{}:root", grant.issuer);
    let grantee = grant.operations.contains("RetireGrant").then_some(grant.grantee.as_str());
    granting([Some(issuer.as_str()), grant.retiring.as_deref(), grantee].into_iter().flatten(), "kms:RetireGrant")
}

/// Grants are in force as soon as they are made, so that a token changes nothing; it has to be one, though.
///
/// # Errors
/// `InvalidGrantTokenException`, `ValidationException`.
pub(super) fn check_tokens(app: &App, tokens: &[String]) -> Result<(), ApiError> {
    if tokens.len() > MAX_TOKENS {
        return Err(constraint("grantTokens", &format!("have length less than or equal to {MAX_TOKENS}")));
    }
    tokens.iter().try_for_each(|token| by_token(app, token).map(drop))
}
