//! PutQueryDefinition, DescribeQueryDefinitions, DeleteQueryDefinition: queries that are kept for later.

use super::super::faults::{constraint, limit_exceeded, missing};
use super::super::groups;
use crate::app::{App, catalog_failure};
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_insights::MAX_QUERY_CHARS;
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Most definitions of an account in a region.
const MAX_DEFINITIONS: usize = 1000;
const MAX_NAME_CHARS: usize = 255;
const MAX_GROUPS: usize = 50;

/// A query that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryDefinition {
    pub account: String,
    pub region: String,
    pub id: String,
    pub name: String,
    pub query: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Milliseconds since 1970.
    pub modified: i64,
}

impl QueryDefinition {
    fn key_of(account: &str, region: &str, id: &str) -> String {
        format!("{account}:{region}:{id}")
    }
}

impl Entity for QueryDefinition {
    const TABLE: &'static str = "log_query_definition";
    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.id)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutRequest {
    name: Option<String>,
    query_definition_id: Option<String>,
    #[serde(default)]
    log_group_names: Vec<String>,
    query_string: Option<String>,
    query_language: Option<String>,
    /// Makes a call that is repeated the same call.
    client_token: Option<String>,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`, `LimitExceededException`.
pub async fn put_query_definition(app: &Arc<App>, call: &Call, input: PutRequest) -> Result<Reply, ApiError> {
    let name = input.name.ok_or_else(|| missing("name"))?;
    let query = input.query_string.ok_or_else(|| missing("queryString"))?;
    let between = |text: &str, member: &str, most: usize| match text.chars().count() {
        length if (1..=most).contains(&length) => Ok(()),
        _ => Err(constraint(text, member, &format!("have length between 1 and {most}"))),
    };
    between(&name, "name", MAX_NAME_CHARS)?;
    between(&query, "queryString", MAX_QUERY_CHARS)?;
    if let Some(language) = input.query_language.filter(|language| language != "CWLI") {
        return Err(constraint(&language, "queryLanguage", "satisfy enum value set: [CWLI]"));
    }
    if input.log_group_names.len() > MAX_GROUPS {
        let given = format!("[{} groups]", input.log_group_names.len());
        return Err(constraint(&given, "logGroupNames", &format!("have length less than or equal to {MAX_GROUPS}")));
    }
    let lock = groups::lock(app, call).await;
    let known = |id: &str| {
        let key = QueryDefinition::key_of(&call.account, &call.region, id);
        app.catalog.get::<QueryDefinition>(&key).map_err(|error| catalog_failure(&error))
    };
    let id = match (input.query_definition_id, input.client_token) {
        (Some(id), _) => known(&id)?.ok_or_else(no_definition)?.id.clone(),
        // The same token gives the same definition.
        (None, Some(token)) => token.chars().filter(char::is_ascii_alphanumeric).take(64).collect(),
        (None, None) => app.intake.event_id(),
    };
    let prefix = QueryDefinition::key_of(&call.account, &call.region, "");
    let keys = app.catalog.keys::<QueryDefinition>(&prefix, MAX_DEFINITIONS).map_err(|error| catalog_failure(&error))?;
    if keys.len() >= MAX_DEFINITIONS && known(&id)?.is_none() {
        return Err(limit_exceeded());
    }
    let definition = QueryDefinition {
        account: call.account.clone(),
        region: call.region.clone(),
        id,
        name,
        query,
        groups: input.log_group_names,
        modified: groups::now_ms(call),
    };
    let mut changes = Changes::new();
    changes.put(&definition);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({"queryDefinitionId": definition.id})) })
}

fn no_definition() -> ApiError {
    ApiError::new("ResourceNotFoundException", "The specified query definition does not exist.")
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeRequest {
    query_definition_name_prefix: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// # Errors
/// `InvalidParameterException`.
pub async fn describe_query_definitions(app: &Arc<App>, call: &Call, input: DescribeRequest) -> Result<Reply, ApiError> {
    let most = groups::limit(input.max_results, 1000)?;
    let prefix = QueryDefinition::key_of(&call.account, &call.region, "");
    let mut all: Vec<QueryDefinition> = app.catalog.list(&prefix).map_err(|error| catalog_failure(&error))?;
    all.retain(|one| input.query_definition_name_prefix.as_ref().is_none_or(|prefix| one.name.starts_with(prefix)));
    let sorted = |one: &QueryDefinition| format!("{}\0{}", one.name, one.id);
    all.sort_by_key(sorted);
    let (page, next) = groups::page(all.into_iter(), input.next_token.as_deref(), most, sorted);
    let shown = |one: QueryDefinition| {
        let mut shown = json!({
            "queryLanguage": "CWLI",
            "queryDefinitionId": one.id,
            "name": one.name,
            "queryString": one.query,
            "lastModified": one.modified,
        });
        if !one.groups.is_empty() {
            shown["logGroupNames"] = json!(one.groups);
        }
        shown
    };
    let mut output = json!({"queryDefinitions": page.into_iter().map(shown).collect::<Vec<Value>>()});
    if let Some(next) = next {
        output["nextToken"] = next.into();
    }
    Ok(Reply::output(output))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteRequest {
    query_definition_id: Option<String>,
}

/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`.
pub async fn delete_query_definition(app: &Arc<App>, call: &Call, input: DeleteRequest) -> Result<Reply, ApiError> {
    let id = input.query_definition_id.ok_or_else(|| missing("queryDefinitionId"))?;
    let lock = groups::lock(app, call).await;
    let key = QueryDefinition::key_of(&call.account, &call.region, &id);
    app.catalog.get::<QueryDefinition>(&key).map_err(|error| catalog_failure(&error))?.ok_or_else(no_definition)?;
    let mut changes = Changes::new();
    changes.delete::<QueryDefinition>(&key);
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(json!({"success": true})) })
}
