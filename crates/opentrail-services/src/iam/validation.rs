//! The shape of names, paths, and pages. Everything in a query request is text.

use crate::recording::lower_cased;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// `requestParameters` of a listing: `maxItems` is a number there.
pub(super) fn recorded_page(input: &Value) -> Value {
    let mut parameters = lower_cased(input);
    if let Some(items) = parameters.get_mut("maxItems")
        && let Some(number) = items.as_str().and_then(|text| text.parse::<u32>().ok())
    {
        *items = number.into();
    }
    parameters
}
