//! Basic event selectors.

use super::{MAX_BASIC_SELECTORS, MAX_DATA_RESOURCE_VALUES, SelectorProblem};
use crate::facts::EventFacts;
use serde::{Deserialize, Serialize};

const EXCLUDABLE_SOURCES: &[&str] = &["kms.amazonaws.com", "rdsdata.amazonaws.com"];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadWriteType {
    ReadOnly,
    WriteOnly,
    #[default]
    All,
}

/// One basic selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EventSelector {
    pub read_write_type: ReadWriteType,
    pub include_management_events: bool,
    pub data_resources: Vec<DataResource>,
    pub exclude_management_event_sources: Vec<String>,
}

/// Data events of one resource type, by ARN prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DataResource {
    #[serde(rename = "Type")]
    pub kind: String,
    pub values: Vec<String>,
}

impl Default for EventSelector {
    fn default() -> Self {
        Self {
            read_write_type: ReadWriteType::All,
            include_management_events: true,
            data_resources: Vec::new(),
            exclude_management_event_sources: Vec::new(),
        }
    }
}

impl EventSelector {
    pub(super) fn matches(&self, event: &EventFacts<'_>) -> bool {
        let wanted_kind = match self.read_write_type {
            ReadWriteType::All => true,
            ReadWriteType::ReadOnly => event.read_only == Some(true),
            ReadWriteType::WriteOnly => event.read_only != Some(true),
        };
        wanted_kind
            && match event.category() {
                "Management" => {
                    let source = event.event_source.as_deref().unwrap_or_default();
                    self.include_management_events && !self.exclude_management_event_sources.iter().any(|s| s == source)
                }
                "Data" => self.data_resources.iter().any(|resource| resource.matches(event)),
                _ => false,
            }
    }
}

impl DataResource {
    fn matches(&self, event: &EventFacts<'_>) -> bool {
        event
            .resources
            .iter()
            .filter(|resource| resource.kind.as_deref() == Some(self.kind.as_str()))
            .filter_map(|resource| resource.arn.as_deref())
            .any(|arn| self.values.iter().any(|value| self.value_matches(value, arn)))
    }

    fn value_matches(&self, value: &str, arn: &str) -> bool {
        match self.kind.as_str() {
            // A whole service is a bare prefix; one function is exact.
            "AWS::Lambda::Function" if value != "arn:aws:lambda" => arn == value,
            "AWS::DynamoDB::Table" if value != "arn:aws:dynamodb" => {
                arn == value || arn.strip_prefix(value).is_some_and(|rest| rest.starts_with('/'))
            }
            _ => arn.starts_with(value),
        }
    }

    fn value_is_valid(&self, value: &str) -> bool {
        match self.kind.as_str() {
            "AWS::S3::Object" => {
                matches!(value, "arn:aws:s3" | "arn:aws:s3:::")
                    || value.strip_prefix("arn:aws:s3:::").is_some_and(|rest| rest.find('/').is_some_and(|slash| slash > 0))
            }
            "AWS::Lambda::Function" => value == "arn:aws:lambda" || value.starts_with("arn:aws:lambda:"),
            "AWS::DynamoDB::Table" => value == "arn:aws:dynamodb" || value.starts_with("arn:aws:dynamodb:"),
            _ => false,
        }
    }
}

pub(super) fn validate(selectors: &[EventSelector]) -> Result<(), SelectorProblem> {
    let problem = |text: String| Err(SelectorProblem(text));
    if selectors.is_empty() || selectors.len() > MAX_BASIC_SELECTORS {
        return problem(format!("Specify a valid number of selectors (1 to {MAX_BASIC_SELECTORS}) for your trail."));
    }
    let values: usize = selectors.iter().flat_map(|s| &s.data_resources).map(|r| r.values.len()).sum();
    if values > MAX_DATA_RESOURCE_VALUES {
        return problem(format!(
            "Specify a valid number of DataResources.Values (0 to {MAX_DATA_RESOURCE_VALUES}) for all your selectors"
        ));
    }
    for selector in selectors {
        if !selector.include_management_events && selector.data_resources.is_empty() {
            return problem("A selector must include management events or data resources.".into());
        }
        for source in &selector.exclude_management_event_sources {
            if !EXCLUDABLE_SOURCES.contains(&source.as_str()) {
                return problem(format!("Value {source} for ExcludeManagementEventSources is invalid."));
            }
        }
        if !selector.include_management_events && !selector.exclude_management_event_sources.is_empty() {
            return problem("ExcludeManagementEventSources needs IncludeManagementEvents to be true.".into());
        }
        for resource in &selector.data_resources {
            if !matches!(resource.kind.as_str(), "AWS::S3::Object" | "AWS::Lambda::Function" | "AWS::DynamoDB::Table") {
                return problem(format!("Value {} for DataResources.Type is invalid.", resource.kind));
            }
            if let Some(bad) = resource.values.iter().find(|value| !resource.value_is_valid(value)) {
                return problem(format!("Value {bad} for DataResources.Values is invalid."));
            }
        }
    }
    Ok(())
}
