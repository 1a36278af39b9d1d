//! The input of an operation. Query requests are texts, lists and structures of texts; each operation says which
//! members it has when it reads them.

use super::validation::{self, MAX_NAME_CHARS, broken};
use opentrail_model::record::lower_first_name;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The members of a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Input(Map<String, Value>);

impl Input {
    /// A text member, if it is there.
    ///
    /// # Errors
    /// `SerializationException` if it is no text.
    pub(super) fn text(&self, member: &str) -> Result<Option<&str>, ApiError> {
        match self.0.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(member, "a text")),
        }
    }

    /// A text member that has to be there.
    ///
    /// # Errors
    /// `ValidationError`, `SerializationException`.
    pub(super) fn required(&self, member: &str) -> Result<&str, ApiError> {
        self.text(member)?.ok_or_else(|| absent(member))
    }

    /// A name that has to be there.
    ///
    /// # Errors
    /// `ValidationError`, `SerializationException`.
    pub(super) fn name(&self, member: &str) -> Result<&str, ApiError> {
        self.name_within(member, MAX_NAME_CHARS)
    }

    /// A name of at most `max` characters.
    ///
    /// # Errors
    /// As [`Self::name`].
    pub(super) fn name_within(&self, member: &str, max: usize) -> Result<&str, ApiError> {
        let name = self.required(member)?;
        validation::name(name, &lower_first_name(member), max)?;
        Ok(name)
    }

    /// A text whose length lies in this range.
    ///
    /// # Errors
    /// `ValidationError`, `SerializationException`.
    pub(super) fn bounded(&self, member: &str, chars: RangeInclusive<usize>) -> Result<Option<&str>, ApiError> {
        let text = self.text(member)?;
        if let Some(text) = text {
            validation::length(text, &lower_first_name(member), *chars.start(), *chars.end())?;
        }
        Ok(text)
    }

    /// The path of something that is made.
    ///
    /// # Errors
    /// `ValidationError`, `SerializationException`.
    pub(super) fn path(&self) -> Result<&str, ApiError> {
        let path = self.text("Path")?.unwrap_or("/");
        validation::path(path)?;
        Ok(path)
    }

    /// The beginning of the paths that are asked for.
    ///
    /// # Errors
    /// `ValidationError`, `SerializationException`.
    pub(super) fn path_prefix(&self) -> Result<&str, ApiError> {
        let prefix = self.text("PathPrefix")?.unwrap_or("/");
        validation::path_prefix(prefix)?;
        Ok(prefix)
    }

    /// The ARN of a policy that has to be there.
    ///
    /// # Errors
    /// `ValidationError`, `InvalidInput`, `SerializationException`.
    pub(super) fn policy_arn(&self, member: &str) -> Result<&str, ApiError> {
        let arn = self.required(member)?;
        validation::length(arn, &lower_first_name(member), 20, 2048)?;
        if arn.starts_with("arn:") && arn.split(':').count() >= 6 {
            return Ok(arn);
        }
        Err(ApiError::new("InvalidInput", format!("ARN {arn} is not valid.")))
    }

    /// `true` or `false`; absent is `false`.
    ///
    /// # Errors
    /// `SerializationException`.
    pub(super) fn flag(&self, member: &str) -> Result<bool, ApiError> {
        match self.0.get(member) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
            Some(_) => Err(wrong_type(member, "true or false")),
        }
    }

    /// A whole number in this range.
    ///
    /// # Errors
    /// `ValidationError`, `SerializationException`.
    pub(super) fn number(&self, member: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, ApiError> {
        let number = match self.0.get(member) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.parse::<i64>().ok(),
            Some(_) => None,
        };
        let Some(number) = number else { return Err(wrong_type(member, "a whole number")) };
        let name = lower_first_name(member);
        match u32::try_from(number) {
            Ok(fitting) if range.contains(&fitting) => Ok(Some(fitting)),
            _ if number > i64::from(*range.end()) => {
                let constraint = format!("Member must have value less than or equal to {}", range.end());
                Err(broken(&number.to_string(), &name, &constraint))
            }
            _ => {
                let constraint = format!("Member must have value greater than or equal to {}", range.start());
                Err(broken(&number.to_string(), &name, &constraint))
            }
        }
    }

    /// A list of texts; absent is empty, and so is the empty text that stands for an empty list on the wire.
    ///
    /// # Errors
    /// `SerializationException`.
    pub(super) fn texts(&self, member: &str) -> Result<Vec<&str>, ApiError> {
        let items = self.list(member)?;
        items.iter().map(|item| item.as_str().ok_or_else(|| wrong_type(member, "a list of texts"))).collect()
    }

    /// [`Self::texts`] of a list that has to be there.
    ///
    /// # Errors
    /// `ValidationError`, `SerializationException`.
    pub(super) fn required_list(&self, member: &str) -> Result<Vec<&str>, ApiError> {
        if self.has(member) { self.texts(member) } else { Err(absent(member)) }
    }

    /// A list of structures; absent is empty.
    ///
    /// # Errors
    /// `SerializationException`.
    pub(super) fn structures(&self, member: &str) -> Result<Vec<Input>, ApiError> {
        let items = self.list(member)?;
        let read = |item: &Value| item.as_object().cloned().map(Input).ok_or_else(|| wrong_type(member, "a list of structures"));
        items.iter().map(read).collect()
    }

    fn list(&self, member: &str) -> Result<&[Value], ApiError> {
        match self.0.get(member) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(Value::String(text)) if text.is_empty() => Ok(&[]),
            Some(_) => Err(wrong_type(member, "a list")),
        }
    }

    /// Whether the member was sent at all.
    pub(super) fn has(&self, member: &str) -> bool {
        self.0.get(member).is_some_and(|value| !value.is_null())
    }
}

fn absent(member: &str) -> ApiError {
    let name = lower_first_name(member);
    let constraint = "failed to satisfy constraint: Member must not be null";
    ApiError::new("ValidationError", format!("1 validation error detected: Value null at '{name}' {constraint}"))
}

fn wrong_type(member: &str, expected: &str) -> ApiError {
    ApiError::new("SerializationException", format!("The request could not be read: {member} must be {expected}"))
}
