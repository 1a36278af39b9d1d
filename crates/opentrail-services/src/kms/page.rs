//! Lists in pages: `Limit`, `Marker`, `NextMarker`, `Truncated`.

use super::keys::constraint;
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PageRequest {
    #[serde(default)]
    limit: Option<i64>,
    #[serde(default)]
    marker: Option<String>,
}

impl PageRequest {
    /// The answer with one page of `items`, each with the name it is sorted by.
    ///
    /// # Errors
    /// `ValidationException` for a limit outside 1 to `most`, `InvalidMarkerException` for a marker of nobody's.
    pub fn answer(
        &self,
        member: &'static str,
        usual: usize,
        most: usize,
        mut items: Vec<(String, Value)>,
    ) -> Result<Value, ApiError> {
        let limit = match self.limit {
            None => usual,
            Some(limit) => usize::try_from(limit)
                .ok()
                .filter(|limit| (1..=most).contains(limit))
                .ok_or_else(|| constraint("limit", &format!("have value between 1 and {most}")))?,
        };
        items.sort_by(|one, other| one.0.cmp(&other.0));
        if let Some(marker) = &self.marker {
            let last = hex::decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let last = last.ok_or_else(|| ApiError::new("InvalidMarkerException", "Could not deserialize marker"))?;
            items.retain(|(name, _)| *name > last);
        }
        let truncated = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| truncated).map(|(name, _)| hex::encode(name));
        let values: Vec<Value> = items.into_iter().map(|(_, value)| value).collect();
        let mut output = json!({member: values, "Truncated": truncated});
        if let Some(next) = next {
            output["NextMarker"] = next.into();
        }
        Ok(output)
    }
}
