//! The shape of names, paths, and pages. Everything in a query request is text.

use super::input::Input;
use crate::recording::lower_cased;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opentrail_model::record::lower_first_name;
use opentrail_policy::{PolicyDocument, PolicyKind, PolicyText};
use opentrail_wire::ApiError;
use serde_json::Value;

/// Longest name of a user that is created.
pub(super) const MAX_USER_NAME_CHARS: usize = 64;
/// Longest name in all other places.
pub(super) const MAX_NAME_CHARS: usize = 128;
const MAX_PATH_CHARS: usize = 512;
/// What a page has unless asked otherwise, and at most.
const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

pub(crate) fn broken(value: &str, member: &str, constraint: &str) -> ApiError {
    let message =
        format!("1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}");
    ApiError::new("ValidationError", message)
}

/// A member that has to be there.
pub(crate) fn required<'a>(value: &'a Option<String>, member: &str) -> Result<&'a str, ApiError> {
    value.as_deref().ok_or_else(|| {
        let constraint = "failed to satisfy constraint: Member must not be null";
        ApiError::new("ValidationError", format!("1 validation error detected: Value null at '{member}' {constraint}"))
    })
}

/// A user's or policy's name: `[\w+=,.@-]+`.
pub(crate) fn name(value: &str, member: &str, max: usize) -> Result<(), ApiError> {
    length(value, member, 1, max)?;
    if value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)) {
        return Ok(());
    }
    Err(broken(value, member, "Member must satisfy regular expression pattern: [\\w+=,.@-]+"))
}

/// `/`, or `/…/` of printable ASCII.
pub(super) fn path(value: &str) -> Result<(), ApiError> {
    length(value, "path", 1, MAX_PATH_CHARS)?;
    if value.starts_with('/') && value.ends_with('/') && value.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(broken(value, "path", "Member must satisfy regular expression pattern: (\\u002F)|(\\u002F[\\u0021-\\u007F]+\\u002F)"))
}

/// `/` and printable ASCII.
pub(super) fn path_prefix(value: &str) -> Result<(), ApiError> {
    length(value, "pathPrefix", 1, MAX_PATH_CHARS)?;
    if value.starts_with('/') && value.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(broken(value, "pathPrefix", "Member must satisfy regular expression pattern: \\u002F[\\u0021-\\u007F]*"))
}

/// An access key's id: `\w+`.
pub(super) fn access_key_id(value: &str) -> Result<(), ApiError> {
    length(value, "accessKeyId", 16, 128)?;
    if value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(());
    }
    Err(broken(value, "accessKeyId", "Member must satisfy regular expression pattern: [\\w]+"))
}

pub(crate) fn length(value: &str, member: &str, min: usize, max: usize) -> Result<(), ApiError> {
    let length = value.chars().count();
    if length < min {
        return Err(broken(value, member, &format!("Member must have length greater than or equal to {min}")));
    }
    if length > max {
        return Err(broken(value, member, &format!("Member must have length less than or equal to {max}")));
    }
    Ok(())
}

/// A member that takes one of a few words.
///
/// # Errors
/// `ValidationError`, `SerializationException`.
pub(super) fn one_of<'a>(input: &'a Input, member: &str, words: &[&str]) -> Result<Option<&'a str>, ApiError> {
    let Some(given) = input.text(member)? else { return Ok(None) };
    if words.contains(&given) {
        return Ok(Some(given));
    }
    let constraint = format!("Member must satisfy enum value set: [{}]", words.join(", "));
    Err(broken(given, &lower_first_name(member), &constraint))
}

/// Longest document that is looked at.
const MAX_DOCUMENT_CHARS: usize = 131_072;

/// A policy document that has to be there and has to parse as this kind.
///
/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`.
pub(super) fn policy_document(input: &Input, member: &str, kind: PolicyKind) -> Result<PolicyText, ApiError> {
    let document = input.required(member)?;
    length(document, &lower_first_name(member), 1, MAX_DOCUMENT_CHARS)?;
    PolicyDocument::parse(document, kind).map_err(|problem| ApiError::new("MalformedPolicyDocument", problem.to_string()))?;
    Ok(PolicyText::from(document))
}

/// RFC 3986: everything but unreserved characters becomes `%XX`. Documents in answers come like this.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    encoded
}

/// [`page`] as `MaxItems` and `Marker` of the input ask for it.
///
/// # Errors
/// As [`page`].
pub(super) fn page_of<T>(items: Vec<T>, name: impl Fn(&T) -> &str, input: &Input) -> Result<Page<T>, ApiError> {
    page(items, name, input.text("MaxItems")?, input.text("Marker")?)
}

/// One page of what is listed.
pub(super) struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub marker: Option<String>,
}

impl<T> Page<T> {
    /// Writes the page's members into an answer.
    pub(super) fn finish(&self, output: &mut Value) {
        output["IsTruncated"] = self.marker.is_some().into();
        if let Some(marker) = &self.marker {
            output["Marker"] = marker.as_str().into();
        }
    }
}

/// Cuts a page out of `items`, which are in the order of their names. The marker holds the last name of a page.
///
/// # Errors
/// `ValidationError` if the numbers are none or the marker is not ours.
pub(super) fn page<T>(
    items: Vec<T>,
    name: impl Fn(&T) -> &str,
    max_items: Option<&str>,
    marker: Option<&str>,
) -> Result<Page<T>, ApiError> {
    let size = match max_items {
        None => DEFAULT_PAGE,
        Some(text) => match text.parse::<usize>() {
            Ok(size @ 1..=MAX_PAGE) => size,
            Ok(0) => return Err(broken(text, "maxItems", "Member must have value greater than or equal to 1")),
            Ok(_) => return Err(broken(text, "maxItems", "Member must have value less than or equal to 1000")),
            Err(_) => return Err(broken(text, "maxItems", "Member must be a number")),
        },
    };
    let after = marker.map(|text| read_marker(text).ok_or_else(|| ApiError::new("ValidationError", "Invalid Marker.")));
    let after = after.transpose()?;
    let mut items: Vec<T> =
        items.into_iter().filter(|item| after.as_deref().is_none_or(|after| name(item) > after)).take(size + 1).collect();
    let more = items.len() > size;
    items.truncate(size);
    let marker = items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(name(last)));
    Ok(Page { items, marker })
}

fn read_marker(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// Members that records have as numbers, though requests have them as text.
const NUMBERS: &[&str] = &["maxItems", "maxSessionDuration"];
/// Members that records have as booleans.
const FLAGS: &[&str] = &["setAsDefault", "onlyAttached"];

/// `requestParameters`: the input, numbers and booleans as such.
pub(super) fn recorded_input(input: &Value) -> Value {
    let mut parameters = lower_cased(input);
    for member in NUMBERS {
        let number = parameters[*member].as_str().and_then(|text| text.parse::<u32>().ok());
        if let Some(number) = number {
            parameters[*member] = number.into();
        }
    }
    for member in FLAGS {
        let flag = parameters[*member].as_str().and_then(|text| text.parse::<bool>().ok());
        if let Some(flag) = flag {
            parameters[*member] = flag.into();
        }
    }
    parameters
}
