//! A target as it is given and shown.

use crate::faults::{constraint, invalid};
use opentrail_rules::{HttpParameters, Input, MAX_INPUT_CHARS, MAX_INPUT_PATHS, Target, TargetKind};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const MAX_ARN_CHARS: usize = 1600;
/// Members of targets that are of kinds which are not here.
const UNSUPPORTED: &[&str] = &[
    "AppSyncParameters",
    "BatchParameters",
    "EcsParameters",
    "KinesisParameters",
    "RedshiftDataParameters",
    "RunCommandParameters",
    "SageMakerPipelineParameters",
    "SqsParameters",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GivenTarget {
    id: Option<String>,
    arn: Option<String>,
    role_arn: Option<String>,
    input: Option<String>,
    input_path: Option<String>,
    input_transformer: Option<GivenTransformer>,
    http_parameters: Option<GivenHttp>,
    dead_letter_config: Option<DeadLetterConfig>,
    retry_policy: Option<RetryPolicy>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenTransformer {
    #[serde(default)]
    input_paths_map: BTreeMap<String, String>,
    #[serde(default)]
    input_template: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenHttp {
    #[serde(default)]
    path_parameter_values: Vec<String>,
    #[serde(default)]
    header_parameters: BTreeMap<String, String>,
    #[serde(default)]
    query_string_parameters: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterConfig {
    arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RetryPolicy {
    maximum_retry_attempts: Option<i64>,
    maximum_event_age_in_seconds: Option<i64>,
}

fn within(value: Option<i64>, member: &str, least: u32, most: u32) -> Result<Option<u32>, ApiError> {
    let Some(value) = value else { return Ok(None) };
    match u32::try_from(value).ok().filter(|value| (least..=most).contains(value)) {
        Some(value) => Ok(Some(value)),
        None => Err(constraint(&value.to_string(), member, &format!("have value between {least} and {most}"))),
    }
}

impl GivenTarget {
    /// The target, if it is one that OpenTrail can deliver to.
    ///
    /// # Errors
    /// `ValidationException`.
    pub fn read(self) -> Result<(Target, TargetKind), ApiError> {
        let id = self.id.clone().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
            return Err(constraint(&id, "targets.id", "satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"));
        }
        let arn = self.arn.clone().unwrap_or_default();
        let is_arn = arn.len() <= MAX_ARN_CHARS && arn.starts_with("arn:") && arn.split(':').count() >= 6;
        if !is_arn {
            return Err(invalid(format!("Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")));
        }
        let kind = TargetKind::of(&arn).ok_or_else(|| {
            let kinds = "queues, topics, log groups, event buses and API destinations";
            invalid(format!("Parameter {arn} is not valid. Reason: OpenTrail delivers to {kinds}."))
        })?;
        if let Some(member) = UNSUPPORTED.iter().find(|member| self.others.get(**member).is_some_and(|given| !given.is_null())) {
            return Err(invalid(format!("{member} of target {id} is not supported by OpenTrail.")));
        }
        if self.http_parameters.is_some() && kind != TargetKind::ApiDestination {
            return Err(invalid(format!("HttpParameters are not supported for target {id}.")));
        }
        let retry = self.retry_policy.as_ref();
        let max_retries = within(retry.and_then(|retry| retry.maximum_retry_attempts), "maximumRetryAttempts", 0, 185)?;
        let max_age_s =
            within(retry.and_then(|retry| retry.maximum_event_age_in_seconds), "maximumEventAgeInSeconds", 60, 86_400)?;
        let dead_letter_arn = self.dead_letter_config.as_ref().and_then(|config| config.arn.clone());
        if let Some(arn) = dead_letter_arn.as_ref().filter(|arn| TargetKind::of(arn) != Some(TargetKind::Queue)) {
            return Err(invalid(format!("Invalid DeadLetterConfig. {arn} is not the ARN of an SQS queue.")));
        }
        let http = self.http_parameters.as_ref().map(|given| HttpParameters {
            path: given.path_parameter_values.clone(),
            headers: given.header_parameters.clone(),
            query: given.query_string_parameters.clone(),
        });
        let role_arn = self.role_arn.clone();
        let input = self.input(&id, kind)?;
        Ok((Target { id, arn, role_arn, input, http, dead_letter_arn, max_retries, max_age_s }, kind))
    }

    fn input(self, id: &str, kind: TargetKind) -> Result<Input, ApiError> {
        let input = match (self.input, self.input_path, self.input_transformer) {
            (None, None, None) => Input::Whole,
            (Some(text), None, None) => Input::Constant(text),
            (None, Some(path), None) if path == "$" => Input::Whole,
            (None, Some(path), None) => Input::Path(path),
            (None, None, Some(given)) => Input::Transformer { paths: given.input_paths_map, template: given.input_template },
            _ => {
                let message = format!("Only one of Input, InputPath, or InputTransformer must be provided for target {id}.");
                return Err(invalid(message));
            }
        };
        match &input {
            Input::Transformer { template, .. } if template.is_empty() => {
                return Err(invalid(format!("InputTemplate of target {id} must not be empty.")));
            }
            Input::Transformer { paths, .. } if paths.len() > MAX_INPUT_PATHS => {
                return Err(invalid(format!("InputPathsMap of target {id} has more than {MAX_INPUT_PATHS} paths.")));
            }
            Input::Transformer { template: text, .. } | Input::Constant(text) if text.chars().count() > MAX_INPUT_CHARS => {
                return Err(invalid(format!("The input of target {id} is longer than {MAX_INPUT_CHARS} characters.")));
            }
            _ if kind == TargetKind::Bus && input != Input::Whole => {
                return Err(invalid(format!("Event buses get events whole: target {id} cannot have an input.")));
            }
            _ => {}
        }
        match input.compile() {
            Ok(_) => Ok(input),
            Err(fault @ opentrail_rules::InputFault::Placeholder(_)) => {
                Err(invalid(format!("InputTemplate for target {id} {fault}")))
            }
            Err(fault) => Err(invalid(format!("Invalid input for target {id} : {fault}."))),
        }
    }
}

/// How a target is shown.
pub fn shown(target: &Target) -> Value {
    let mut shown = json!({"Id": target.id, "Arn": target.arn});
    if let Some(role) = &target.role_arn {
        shown["RoleArn"] = role.as_str().into();
    }
    match &target.input {
        Input::Whole => {}
        Input::Constant(text) => shown["Input"] = text.as_str().into(),
        Input::Path(path) => shown["InputPath"] = path.as_str().into(),
        Input::Transformer { paths, template } => {
            shown["InputTransformer"] = json!({"InputTemplate": template});
            if !paths.is_empty() {
                shown["InputTransformer"]["InputPathsMap"] = json!(paths);
            }
        }
    }
    if let Some(http) = &target.http {
        shown["HttpParameters"] = json!({
            "PathParameterValues": http.path,
            "HeaderParameters": http.headers,
            "QueryStringParameters": http.query,
        });
    }
    if let Some(arn) = &target.dead_letter_arn {
        shown["DeadLetterConfig"] = json!({"Arn": arn});
    }
    for (member, value) in [("MaximumRetryAttempts", target.max_retries), ("MaximumEventAgeInSeconds", target.max_age_s)] {
        if let Some(value) = value {
            shown["RetryPolicy"][member] = value.into();
        }
    }
    shown
}
