//! SimulateCustomPolicy and SimulatePrincipalPolicy: what would be decided, and by which policies.

use super::group::Group;
use super::holders::{self, Holder};
use super::input::Input;
use super::role::Role;
use super::users::no_such_entity;
use super::{document_in_effect, validation};
use crate::app::{App, catalog_failure};
use crate::authorisation::{account_of_arn, is_service_linked, with_tags};
use crate::call::Call;
use crate::credentials::{Account, User};
use crate::organizations::policies_over;
use crate::service::Reply;
use opentrail_policy::{
    Decision, Policies, PolicyDocument, PolicyKind, PolicyText, Principal, Reason, Request, RequestContext, decide,
};
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most pairs of action and resource that one simulation answers.
const MAX_RESULTS: usize = 10_000;
/// Most policies that are given with a request.
const MAX_POLICIES: usize = 100;

/// A policy that takes part: its id, its type as answers call it, what it says.
struct Source {
    id: String,
    kind: &'static str,
    document: Arc<PolicyDocument>,
}

/// What a simulation rests on.
struct Simulation {
    principal: Principal,
    sources: Vec<Source>,
    boundary: Option<Arc<PolicyDocument>>,
    /// Service control policies, a list for each level.
    organization: Vec<Vec<Arc<PolicyDocument>>>,
    resource_policy: Option<Arc<PolicyDocument>>,
    resource_owner: String,
    context: RequestContext,
    /// Lower case.
    given_keys: BTreeSet<String>,
}

/// # Errors
/// `ValidationError`, `InvalidInput`, `SerializationException`.
pub async fn simulate_custom_policy(_: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let principal = caller(&input)?.unwrap_or_else(|| Principal::User {
        account: call.account.clone(),
        arn: format!("arn:aws:iam::{}:user/simulated", call.account),
        name: "simulated".into(),
        user_id: "AIDASIMULATED0000000".into(),
    });
    input.required_list("PolicyInputList")?;
    simulate(call, &input, principal, Vec::new(), None, Vec::new(), RequestContext::new())
}

/// # Errors
/// `ValidationError`, `InvalidInput`, `NoSuchEntity`, `SerializationException`.
pub async fn simulate_principal_policy(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let arn = input.required("PolicySourceArn")?;
    let missing = || no_such_entity(format!("The entity with ARN {arn} cannot be found."));
    if account_of_arn(arn) != Some(&call.account) {
        return Err(missing());
    }
    let (kind, rest) = arn.splitn(6, ':').nth(5).and_then(|rest| rest.split_once('/')).ok_or_else(missing)?;
    let name = rest.rsplit('/').next().unwrap_or_default();
    let mut sources = Vec::new();
    let context = RequestContext::new().with("aws:PrincipalArn", arn).with("aws:PrincipalAccount", call.account.as_str());
    let (principal, boundary, context) = match kind {
        "user" => {
            let user = holders::named::<User>(app, call, name)?;
            collect(app, &*user, "user", &mut sources)?;
            for group in &user.groups {
                if let Some(group) = holders::find::<Group>(app, call, group)? {
                    collect(app, &*group, "group", &mut sources)?;
                }
            }
            let principal = Principal::User {
                account: user.account.clone(),
                arn: user.arn(),
                name: user.name.clone(),
                user_id: user.id.clone(),
            };
            let context = context.with("aws:username", user.name.as_str()).with("aws:userid", user.id.as_str());
            (principal, boundary(app, &*user)?, with_tags(context, "aws:PrincipalTag", &user.tags))
        }
        "group" => {
            let group = holders::named::<Group>(app, call, name)?;
            collect(app, &*group, "group", &mut sources)?;
            let principal = Principal::User {
                account: group.account.clone(),
                arn: group.arn(),
                name: group.name.clone(),
                user_id: group.id.clone(),
            };
            (principal, None, context)
        }
        "role" => {
            let role = holders::named::<Role>(app, call, name)?;
            collect(app, &*role, "role", &mut sources)?;
            let principal = Principal::AssumedRole {
                account: role.account.clone(),
                role_arn: role.arn(),
                session_arn: format!("arn:aws:sts::{}:assumed-role/{}/simulated", role.account, role.name),
                role_id: role.id.clone(),
            };
            (principal, boundary(app, &*role)?, with_tags(context, "aws:PrincipalTag", &role.tags))
        }
        _ => return Err(missing()),
    };
    let principal = caller(&input)?.unwrap_or(principal);
    let organization = if is_service_linked(arn) { Vec::new() } else { organization(app, call)? };
    simulate(call, &input, principal, sources, boundary, organization, context)
}

/// The service control policies over the caller's account.
fn organization(app: &App, call: &Call) -> Result<Vec<Vec<Arc<PolicyDocument>>>, ApiError> {
    let account = app.catalog.get::<Account>(&call.account).map_err(|error| catalog_failure(&error))?;
    let levels = account.map(|account| policies_over(&app.catalog, &account)).transpose();
    Ok(levels.map_err(|error| catalog_failure(&error))?.unwrap_or_default())
}

fn collect<H: Holder>(app: &App, holder: &H, kind: &'static str, sources: &mut Vec<Source>) -> Result<(), ApiError> {
    for (name, text) in holder.inline() {
        let id = format!("{kind}_{}_{name}", holder.name());
        sources.push(Source { id, kind, document: Arc::clone(text.document(PolicyKind::Identity)) });
    }
    for arn in holder.attached() {
        let kind = if arn.starts_with("arn:aws:iam::aws:") { "aws-managed" } else { "user-managed" };
        if let Some(document) = document_in_effect(&app.catalog, arn).map_err(|error| catalog_failure(&error))? {
            sources.push(Source { id: arn.rsplit('/').next().unwrap_or_default().to_owned(), kind, document });
        }
    }
    Ok(())
}

fn boundary<H: Holder>(app: &App, holder: &H) -> Result<Option<Arc<PolicyDocument>>, ApiError> {
    let Some(arn) = holder.boundary() else { return Ok(None) };
    document_in_effect(&app.catalog, arn).map_err(|error| catalog_failure(&error))
}

/// The caller that the request says to play.
fn caller(input: &Input) -> Result<Option<Principal>, ApiError> {
    let Some(arn) = input.text("CallerArn")? else { return Ok(None) };
    let invalid = || ApiError::new("InvalidInput", format!("Invalid Caller Arn: {arn}"));
    let account = account_of_arn(arn).ok_or_else(invalid)?;
    let name = arn.split_once(":user/").map(|(_, name)| name.rsplit('/').next().unwrap_or_default());
    let name = name.filter(|name| !name.is_empty()).ok_or_else(invalid)?;
    Ok(Some(Principal::User {
        account: account.to_owned(),
        arn: arn.to_owned(),
        name: name.to_owned(),
        user_id: "AIDASIMULATED0000000".into(),
    }))
}

fn simulate(
    call: &Call,
    input: &Input,
    principal: Principal,
    mut sources: Vec<Source>,
    boundary: Option<Arc<PolicyDocument>>,
    organization: Vec<Vec<Arc<PolicyDocument>>>,
    mut context: RequestContext,
) -> Result<Reply, ApiError> {
    for (at, document) in given_documents(input, "PolicyInputList", PolicyKind::Identity)?.into_iter().enumerate() {
        sources.push(Source { id: format!("PolicyInputList.{}", at + 1), kind: "IAM Policy", document });
    }
    let given_boundary = given_documents(input, "PermissionsBoundaryPolicyInputList", PolicyKind::Identity)?.pop();
    let resource_policy = match input.text("ResourcePolicy")? {
        Some(text) => Some(parsed(text, PolicyKind::Resource)?),
        None => None,
    };
    let mut given_keys = BTreeSet::new();
    for entry in input.structures("ContextEntries")? {
        let key = entry.required("ContextKeyName")?;
        context = context.with_all(key, entry.texts("ContextKeyValues")?);
        given_keys.insert(key.to_ascii_lowercase());
    }
    let owner = input.text("ResourceOwner")?.and_then(account_of_arn).unwrap_or(&call.account).to_owned();
    let simulation = Simulation {
        principal,
        sources,
        boundary: given_boundary.or(boundary),
        organization,
        resource_policy,
        resource_owner: owner,
        context,
        given_keys,
    };
    let actions = input.required_list("ActionNames")?;
    let resources = match input.texts("ResourceArns")? {
        resources if resources.is_empty() => vec!["*"],
        resources => resources,
    };
    if actions.len().saturating_mul(resources.len()) > MAX_RESULTS {
        return Err(ApiError::new("InvalidInput", format!("A simulation answers at most {MAX_RESULTS} results.")));
    }
    let mut pairs = Vec::new();
    for action in &actions {
        if !action.split_once(':').is_some_and(|(vendor, name)| !vendor.is_empty() && !name.is_empty()) {
            return Err(ApiError::new("InvalidInput", format!("Invalid Action: {action}")));
        }
        pairs.extend(resources.iter().map(|resource| (String::new(), *action, *resource)));
    }
    // Pages are cut by a key: here the number of the pair.
    for (at, pair) in pairs.iter_mut().enumerate() {
        pair.0 = format!("{at:08}");
    }
    let page = validation::page_of(pairs, |(key, ..)| key, input)?;
    let results: Vec<Value> = page.items.iter().map(|(_, action, resource)| simulation.result(action, resource)).collect();
    let mut output = json!({"EvaluationResults": results});
    page.finish(&mut output);
    Ok(Reply::output(output))
}

impl Simulation {
    fn result(&self, action: &str, resource: &str) -> Value {
        let request = Request {
            principal: &self.principal,
            action,
            resource,
            resource_account: &self.resource_owner,
            context: &self.context,
        };
        let identity: Vec<&PolicyDocument> = self.sources.iter().map(|source| source.document.as_ref()).collect();
        let levels: Vec<Vec<&PolicyDocument>> =
            self.organization.iter().map(|level| level.iter().map(Arc::as_ref).collect()).collect();
        let levels: Vec<&[&PolicyDocument]> = levels.iter().map(Vec::as_slice).collect();
        let policies = Policies {
            identity: &identity,
            organization: &levels,
            resource: self.resource_policy.as_deref(),
            boundary: self.boundary.as_deref(),
            ..Policies::default()
        };
        let decision = match decide(&request, &policies) {
            Decision::Allowed => "allowed",
            Decision::Denied(Reason::ExplicitDeny(_)) => "explicitDeny",
            Decision::Denied(_) => "implicitDeny",
        };
        let resource_policy = self.resource_policy.iter().map(|document| ("ResourcePolicy", "resource", document));
        let identity = self.sources.iter().map(|source| (source.id.as_str(), source.kind, &source.document));
        let sources: Vec<(&str, &str, &Arc<PolicyDocument>)> = identity.chain(resource_policy).collect();
        let speaks = |document: &PolicyDocument| match document.says(&request) {
            Some(allows) => allows == (decision == "allowed"),
            None => false,
        };
        let matched: Vec<Value> = sources
            .iter()
            .filter(|(.., document)| speaks(document))
            .map(|(id, kind, _)| json!({"SourcePolicyId": id, "SourcePolicyType": kind}))
            .collect();
        let keys = sources.iter().flat_map(|(.., document)| document.condition_keys());
        let missing: BTreeSet<&str> = keys
            .filter(|key| !self.given_keys.contains(&key.to_ascii_lowercase()) && self.context.values(key).is_empty())
            .collect();
        let mut told = json!({
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": decision,
            "MatchedStatements": matched,
            "MissingContextValues": missing,
        });
        if let Some(boundary) = &self.boundary {
            let allowed = boundary.says(&request) == Some(true);
            told["PermissionsBoundaryDecisionDetail"] = json!({"AllowedByPermissionsBoundary": allowed});
        }
        if !self.organization.is_empty() {
            let level_allows = |level: &Vec<Arc<PolicyDocument>>| {
                let mut said = level.iter().map(|document| document.says(&request));
                said.any(|says| says == Some(true)) && level.iter().all(|document| document.says(&request) != Some(false))
            };
            let allowed = self.organization.iter().all(level_allows);
            told["OrganizationsDecisionDetail"] = json!({"AllowedByOrganizations": allowed});
        }
        told
    }
}

fn given_documents(input: &Input, member: &str, kind: PolicyKind) -> Result<Vec<Arc<PolicyDocument>>, ApiError> {
    let texts = input.texts(member)?;
    if texts.len() > MAX_POLICIES {
        return Err(ApiError::new("InvalidInput", format!("{member} holds at most {MAX_POLICIES} policies.")));
    }
    texts.into_iter().map(|text| parsed(text, kind)).collect()
}

fn parsed(text: &str, kind: PolicyKind) -> Result<Arc<PolicyDocument>, ApiError> {
    PolicyDocument::parse(text, kind)
        .map_err(|problem| ApiError::new("InvalidInput", format!("Invalid Policy Document: {problem}")))?;
    Ok(Arc::clone(PolicyText::from(text).document(kind)))
}

/// What SimulatePrincipalPolicy is asked about.
pub(super) fn resource(_: &App, _: &Call, input: &Value) -> String {
    input["PolicySourceArn"].as_str().unwrap_or("*").to_owned()
}
