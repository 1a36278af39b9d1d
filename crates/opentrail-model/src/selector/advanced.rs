//! Advanced event selectors.

use super::{MAX_ADVANCED_VALUES, SelectorProblem};
use crate::facts::EventFacts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// All field selectors must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AdvancedEventSelector {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub field_selectors: Vec<AdvancedFieldSelector>,
}

/// One field: any positive value must hit (if there are any), no negative one may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AdvancedFieldSelector {
    pub field: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starts_with: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ends_with: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_equals: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_starts_with: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_ends_with: Vec<String>,
}

impl AdvancedEventSelector {
    pub(super) fn matches(&self, event: &EventFacts<'_>) -> bool {
        !self.field_selectors.is_empty() && self.field_selectors.iter().all(|field| field.matches(event))
    }

    fn field(&self, name: &str) -> Option<&AdvancedFieldSelector> {
        self.field_selectors.iter().find(|f| f.field == name)
    }
}

/// The values an event has for a selectable field; `None` for a field no selector knows.
fn field_values<'e>(event: &'e EventFacts<'_>, field: &str) -> Option<Vec<&'e str>> {
    let one = |value: Option<&'e str>| Some(value.into_iter().collect());
    match field {
        "eventCategory" => one(Some(event.category())),
        "readOnly" => one(event.read_only.map(|value| if value { "true" } else { "false" })),
        "eventSource" => one(event.event_source.as_deref()),
        "eventName" => one(event.event_name.as_deref()),
        "eventType" => one(event.event_type.as_deref()),
        "errorCode" => one(event.error_code.as_deref()),
        "vpcEndpointId" => one(event.vpc_endpoint_id.as_deref()),
        "userIdentity.arn" => one(event.user_arn.as_deref()),
        "sessionCredentialFromConsole" => one(Some(if event.session_from_console { "true" } else { "false" })),
        "resources.type" => Some(event.resources.iter().filter_map(|r| r.kind.as_deref()).collect()),
        "resources.ARN" => Some(event.resources.iter().filter_map(|r| r.arn.as_deref()).collect()),
        _ => None,
    }
}

impl AdvancedFieldSelector {
    fn matches(&self, event: &EventFacts<'_>) -> bool {
        let values = field_values(event, &self.field).unwrap_or_default();
        let hits = |equals: &[String], starts: &[String], ends: &[String]| {
            values.iter().any(|value| {
                equals.iter().any(|e| e == value)
                    || starts.iter().any(|s| value.starts_with(s.as_str()))
                    || ends.iter().any(|e| value.ends_with(e.as_str()))
            })
        };
        let has_positive = !(self.equals.is_empty() && self.starts_with.is_empty() && self.ends_with.is_empty());
        (!has_positive || hits(&self.equals, &self.starts_with, &self.ends_with))
            && !hits(&self.not_equals, &self.not_starts_with, &self.not_ends_with)
    }

    fn operators(&self) -> [(&'static str, &[String]); 6] {
        [
            ("Equals", &self.equals),
            ("StartsWith", &self.starts_with),
            ("EndsWith", &self.ends_with),
            ("NotEquals", &self.not_equals),
            ("NotStartsWith", &self.not_starts_with),
            ("NotEndsWith", &self.not_ends_with),
        ]
    }

    fn uses_only(&self, allowed: &[&str]) -> bool {
        self.operators().iter().all(|(name, values)| values.is_empty() || allowed.contains(name))
    }
}

const ANY: &[&str] = &["Equals", "StartsWith", "EndsWith", "NotEquals", "NotStartsWith", "NotEndsWith"];

/// The operators a field allows in a category; `None` where the field is not allowed at all.
fn allowed_operators(category: &str, field: &str) -> Option<&'static [&'static str]> {
    Some(match (category, field) {
        (_, "eventCategory") | ("Management" | "Data", "readOnly") => &["Equals"],
        ("Management", "eventSource") => &["NotEquals"],
        ("Management", "sessionCredentialFromConsole") | ("Data", "sessionCredentialFromConsole") => &["Equals", "NotEquals"],
        ("Management", "eventName" | "eventType" | "userIdentity.arn") => ANY,
        ("Data", "resources.type") | ("NetworkActivity", "eventSource" | "errorCode") => &["Equals"],
        ("Data", "eventName" | "resources.ARN" | "eventSource" | "eventType" | "userIdentity.arn") => ANY,
        ("NetworkActivity", "eventName" | "vpcEndpointId" | "userIdentity.arn") => ANY,
        _ => return None,
    })
}

pub(super) fn validate(selectors: &[AdvancedEventSelector]) -> Result<(), SelectorProblem> {
    let problem = |text: String| Err(SelectorProblem(text));
    if selectors.is_empty() {
        return problem("Specify at least one advanced event selector.".into());
    }
    let values: usize = selectors.iter().flat_map(|s| &s.field_selectors).flat_map(|f| f.operators()).map(|(_, v)| v.len()).sum();
    if values > MAX_ADVANCED_VALUES {
        return problem(format!(
            "The advanced event selectors of a trail may have at most {MAX_ADVANCED_VALUES} values in total."
        ));
    }
    selectors.iter().try_for_each(validate_one)
}

fn validate_one(selector: &AdvancedEventSelector) -> Result<(), SelectorProblem> {
    let problem = |text: String| Err(SelectorProblem(text));
    if selector.name.as_ref().is_some_and(|name| name.chars().count() > 1000) {
        return problem("The name of an advanced event selector may have at most 1000 characters.".into());
    }
    let Some([category]) = selector.field("eventCategory").map(|f| f.equals.as_slice()) else {
        return problem("Each advanced event selector needs the field eventCategory with Equals and exactly one value.".into());
    };
    if !matches!(category.as_str(), "Management" | "Data" | "NetworkActivity" | "ActivityAuditLog") {
        return problem(format!("Value {category} for eventCategory is invalid."));
    }
    let mut seen = BTreeSet::new();
    for field in &selector.field_selectors {
        if !seen.insert(field.field.as_str()) {
            return problem(format!("The field {} may occur only once in a selector.", field.field));
        }
        let Some(allowed) = allowed_operators(category, &field.field) else {
            return problem(format!("The field {} is not valid for eventCategory {category}.", field.field));
        };
        if field.operators().iter().all(|(_, values)| values.is_empty()) {
            return problem(format!("The field {} needs at least one operator with a value.", field.field));
        }
        if !field.uses_only(allowed) {
            return problem(format!("The field {} allows only the operators {}.", field.field, allowed.join(", ")));
        }
        if field.operators().iter().flat_map(|(_, values)| values.iter()).any(|v| v.is_empty() || v.chars().count() > 2048) {
            return problem(format!("The values of field {} must have 1 to 2048 characters.", field.field));
        }
        validate_values(category, field)?;
    }
    let required = match category.as_str() {
        "Data" => Some("resources.type"),
        "NetworkActivity" => Some("eventSource"),
        _ => None,
    };
    match required {
        Some(name) if selector.field(name).is_none_or(|f| f.equals.len() != 1) => {
            problem(format!("A selector for eventCategory {category} needs the field {name} with exactly one value."))
        }
        _ => Ok(()),
    }
}

fn validate_values(category: &str, field: &AdvancedFieldSelector) -> Result<(), SelectorProblem> {
    let allowed: &[&str] = match (category, field.field.as_str()) {
        (_, "readOnly" | "sessionCredentialFromConsole") => &["true", "false"],
        ("Management", "eventSource") => &["kms.amazonaws.com", "rdsdata.amazonaws.com"],
        ("NetworkActivity", "errorCode") => &["VpceAccessDenied"],
        _ => return Ok(()),
    };
    match field.operators().iter().flat_map(|(_, values)| values.iter()).find(|v| !allowed.contains(&v.as_str())) {
        Some(bad) => Err(SelectorProblem(format!("Value {bad} for field {} is invalid.", field.field))),
        None => Ok(()),
    }
}
