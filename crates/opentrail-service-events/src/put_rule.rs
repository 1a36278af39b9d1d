//! PutRule.

use crate::faults::{bounded, constraint, invalid, too_many};
use crate::names::{self, get};
use crate::roles;
use crate::tags::{self, Tag};
use opentrail_catalog::{Changes, Entity};
use opentrail_patterns::event::EventPattern;
use opentrail_rules::{Rule, RuleState};
use opentrail_services::{App, Call, Reply, catalog_failure};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

const MAX_DESCRIPTION_CHARS: usize = 512;
/// Most rules of a bus.
const MAX_RULES: usize = 2000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutRuleRequest {
    name: Option<String>,
    schedule_expression: Option<String>,
    event_pattern: Option<String>,
    state: Option<String>,
    description: Option<String>,
    role_arn: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    event_bus_name: Option<String>,
}

/// The pattern, if it is one.
///
/// # Errors
/// `InvalidEventPatternException`.
pub fn pattern(text: &str) -> Result<EventPattern, ApiError> {
    text.parse::<EventPattern>().map_err(|error| ApiError::new("InvalidEventPatternException", error.to_string()))
}

fn state(given: Option<&str>) -> Result<RuleState, ApiError> {
    let name = given.unwrap_or("ENABLED");
    RuleState::parse(name).ok_or_else(|| {
        let all = "[ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]";
        constraint(name, "state", &format!("satisfy enum value set: {all}"))
    })
}

/// # Errors
/// `ValidationException`, `InvalidEventPatternException`, `ResourceNotFoundException`, `LimitExceededException`,
/// `AccessDeniedException`.
pub async fn put_rule(app: &Arc<App>, call: &Call, input: PutRuleRequest) -> Result<Reply, ApiError> {
    let name = names::name(input.name.as_deref(), "name")?;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if given(&input.schedule_expression).is_some() {
        return Err(invalid("Parameter ScheduleExpression is not supported by OpenTrail yet."));
    }
    let Some(pattern_text) = given(&input.event_pattern) else {
        return Err(invalid("Parameter(s) EventPattern or ScheduleExpression must be specified."));
    };
    pattern(&pattern_text)?;
    let state = state(input.state.as_deref())?;
    let description = bounded(input.description.clone(), "description", MAX_DESCRIPTION_CHARS)?;
    let lock = names::lock(app, call).await;
    let bus = names::bus(app, call, names::bus_name(call, input.event_bus_name.as_deref())?)?.name;
    let key = Rule::key_of(&call.account, &call.region, &bus, name);
    let known = get::<Rule>(app, &key)?;
    if known.is_none() {
        let prefix = Rule::key_of(&call.account, &call.region, &bus, "");
        let keys = app.catalog.keys::<Rule>(&prefix, MAX_RULES).map_err(|error| catalog_failure(&error))?;
        if keys.len() >= MAX_RULES {
            return Err(too_many(format!("The requested resource exceeds the maximum number allowed: {MAX_RULES}")));
        }
    }
    let mut rule = Rule {
        account: call.account.clone(),
        region: call.region.clone(),
        bus,
        name: name.to_owned(),
        pattern: pattern_text,
        state,
        description,
        role_arn: given(&input.role_arn),
        // What is left out of a new setting is cleared, tags and targets apart.
        tags: known.as_ref().map(|known| known.tags.clone()).unwrap_or_default(),
        created_by: known.as_ref().map_or_else(|| call.account.clone(), |known| known.created_by.clone()),
        since: match &known {
            Some(known) if known.state != RuleState::Disabled => known.since,
            _ => app.intake.log().end(),
        },
        targets: known.as_ref().map(|known| known.targets.clone()).unwrap_or_default(),
    };
    if known.is_none() {
        tags::add(&mut rule.tags, input.tags)?;
    }
    if let Some(role) = &rule.role_arn {
        roles::check(app, call, role, &rule.arn(), None)?;
    }
    let mut changes = Changes::new();
    changes.put(&rule);
    debug_assert_eq!(rule.key(), key);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({"RuleArn": rule.arn()})) })
}
