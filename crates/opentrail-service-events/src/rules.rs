//! DescribeRule, ListRules, ListRuleNamesByTarget, DeleteRule, EnableRule, DisableRule.

use crate::faults::{invalid, required};
use crate::names::{self, Page, get};
use opentrail_catalog::Changes;
use opentrail_rules::{Rule, RuleState};
use opentrail_services::{App, Call, Reply};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RuleRequest {
    name: Option<String>,
    event_bus_name: Option<String>,
}

/// How a rule is shown in lists.
fn shown(rule: &Rule) -> Value {
    let mut shown = json!({
        "Name": rule.name,
        "Arn": rule.arn(),
        "EventPattern": rule.pattern,
        "State": rule.state.name(),
        "EventBusName": rule.bus,
    });
    for (member, value) in [("Description", &rule.description), ("RoleArn", &rule.role_arn)] {
        if let Some(value) = value {
            shown[member] = value.as_str().into();
        }
    }
    shown
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn describe_rule(app: &Arc<App>, call: &Call, input: RuleRequest) -> Result<Reply, ApiError> {
    let rule = names::rule(app, call, input.name.as_deref(), "name", input.event_bus_name.as_deref())?;
    let mut output = shown(&rule);
    output["CreatedBy"] = rule.created_by.as_str().into();
    Ok(Reply::output(output))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRequest {
    name_prefix: Option<String>,
    target_arn: Option<String>,
    event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

fn listed(
    app: &App,
    call: &Call,
    input: ListRequest,
    fits: impl Fn(&Rule) -> bool,
) -> Result<(Vec<Rule>, Option<String>), ApiError> {
    let bus = names::bus(app, call, names::bus_name(call, input.event_bus_name.as_deref())?)?.name;
    let prefix = Rule::key_of(&call.account, &call.region, &bus, "");
    Page::of(input.next_token, input.limit)?.read(app, &prefix, fits)
}

fn page(member: &str, items: Vec<Value>, next: Option<String>) -> Reply {
    let mut output = json!({member: items});
    if let Some(next) = next {
        output["NextToken"] = next.into();
    }
    Reply::output(output)
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn list_rules(app: &Arc<App>, call: &Call, input: ListRequest) -> Result<Reply, ApiError> {
    let prefix = input.name_prefix.clone().unwrap_or_default();
    let (rules, next) = listed(app, call, input, |rule| rule.name.starts_with(&prefix))?;
    Ok(page("Rules", rules.iter().map(shown).collect(), next))
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn list_rule_names_by_target(app: &Arc<App>, call: &Call, input: ListRequest) -> Result<Reply, ApiError> {
    let arn = required(input.target_arn.as_deref(), "targetArn")?.to_owned();
    let (rules, next) = listed(app, call, input, |rule| rule.targets.iter().any(|target| target.arn == arn))?;
    Ok(page("RuleNames", rules.into_iter().map(|rule| rule.name.into()).collect(), next))
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn delete_rule(app: &Arc<App>, call: &Call, input: RuleRequest) -> Result<Reply, ApiError> {
    let name = names::name(input.name.as_deref(), "name")?;
    let lock = names::lock(app, call).await;
    let bus = names::bus(app, call, names::bus_name(call, input.event_bus_name.as_deref())?)?.name;
    let key = Rule::key_of(&call.account, &call.region, &bus, name);
    if get::<Rule>(app, &key)?.is_some_and(|rule| !rule.targets.is_empty()) {
        return Err(invalid("Rule can't be deleted since it has targets."));
    }
    let mut changes = Changes::new();
    changes.delete::<Rule>(&key);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn enable_rule(app: &Arc<App>, call: &Call, input: RuleRequest) -> Result<Reply, ApiError> {
    switch(app, call, input, RuleState::Enabled).await
}

/// # Errors
/// `ValidationException`, `ResourceNotFoundException`.
pub async fn disable_rule(app: &Arc<App>, call: &Call, input: RuleRequest) -> Result<Reply, ApiError> {
    switch(app, call, input, RuleState::Disabled).await
}

async fn switch(app: &App, call: &Call, input: RuleRequest, state: RuleState) -> Result<Reply, ApiError> {
    let lock = names::lock(app, call).await;
    let rule = names::rule(app, call, input.name.as_deref(), "name", input.event_bus_name.as_deref())?;
    let mut changes = Changes::new();
    let since = if rule.state == RuleState::Disabled { app.intake.log().end() } else { rule.since };
    changes.put(&Rule { state, since, ..(*rule).clone() });
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({})) })
}
