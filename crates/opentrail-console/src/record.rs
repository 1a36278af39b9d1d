//! A CloudTrail record as pages read it: who, what, on what, and how it ended.

use opentrail_query::Field;
use opentrail_query::matching::Extractor;
use serde_json::Value;

/// Longest text of one cell, in characters.
const CELL_CHARS: usize = 160;
/// Values of one field that are looked at for a cell.
const CELL_VALUES: usize = 8;

/// One record, parsed.
#[derive(Debug, Clone)]
pub struct Record {
    pub text: String,
    value: Value,
}

impl Record {
    pub fn read(text: &str) -> Self {
        Self { text: text.to_owned(), value: serde_json::from_str(text).unwrap_or_default() }
    }

    /// The text at a pointer such as `/userIdentity/arn`; numbers and truth values as text.
    pub fn at(&self, pointer: &str) -> Option<String> {
        match self.value.pointer(pointer)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn member(&self, name: &str) -> String {
        self.at(&format!("/{name}")).unwrap_or_default()
    }

    pub fn id(&self) -> String {
        self.member("eventID")
    }

    pub fn name(&self) -> String {
        self.member("eventName")
    }

    /// `cloudtrail` of `cloudtrail.amazonaws.com`.
    pub fn service(&self) -> String {
        self.member("eventSource").trim_end_matches(".amazonaws.com").to_owned()
    }

    pub fn time(&self) -> String {
        self.member("eventTime")
    }

    /// The error code, or a message where there is no code.
    pub fn error(&self) -> Option<String> {
        self.at("/errorCode").or_else(|| self.at("/errorMessage")).map(|text| shortened(&text, CELL_CHARS))
    }

    pub fn access_key(&self) -> Option<String> {
        self.at("/userIdentity/accessKeyId").filter(|key| !key.is_empty())
    }

    /// A person's name for a table: the user, the role with its session, the service.
    pub fn who(&self) -> String {
        let at = |pointer: &str| self.at(&format!("/userIdentity{pointer}")).filter(|text| !text.is_empty());
        let after_colon = at("/principalId").and_then(|id| id.split_once(':').map(|(_, name)| name.to_owned()));
        let role = at("/sessionContext/sessionIssuer/userName");
        let name = match at("/type").as_deref() {
            Some("Root") => Some("root".to_owned()),
            Some("AssumedRole") => match (role, after_colon) {
                (Some(role), Some(session)) => Some(format!("{role}/{session}")),
                (_, session) => session.or_else(|| at("/arn")),
            },
            Some("AWSService") => at("/invokedBy"),
            _ => at("/userName").or(after_colon).or_else(|| at("/arn")).or_else(|| at("/invokedBy")).or_else(|| at("/accountId")),
        };
        shortened(&name.unwrap_or_else(|| at("/type").unwrap_or_default()), CELL_CHARS)
    }

    /// What it was done to: ARNs and names in `resources`.
    pub fn resources(&self) -> Vec<Resource> {
        let listed = self.value.get("resources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |value: &Value, names: &[&str]| names.iter().find_map(|name| value.get(name)?.as_str()).map(str::to_owned);
        listed
            .iter()
            .filter_map(|value| {
                let name = text(value, &["ARN", "arn", "resourceName", "ARNPrefix"])?;
                Some(Resource { name, kind: text(value, &["type", "resourceType"]).unwrap_or_default() })
            })
            .collect()
    }

    /// The resources, or what the parameters say most likely names one.
    pub fn named_resources(&self) -> Vec<Resource> {
        let listed = self.resources();
        if !listed.is_empty() {
            return listed;
        }
        let Some(parameters) = self.value.get("requestParameters").and_then(Value::as_object) else { return Vec::new() };
        let names = parameters.iter().filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            ["name", "arn", "id"].iter().any(|end| name.ends_with(end)) && !name.ends_with("token") && !name.contains("client")
        });
        let named = names.filter_map(|(_, value)| Some(Resource { name: value.as_str()?.to_owned(), kind: String::new() }));
        named.filter(|resource| !resource.name.is_empty()).take(4).collect()
    }

    /// The values of a field, in one line.
    pub fn cell(&self, field: &Field) -> String {
        let values = Extractor::new(vec![field.clone()]).values(self.text.as_bytes(), CELL_VALUES);
        let texts = values.into_iter().flatten().map(|value| match serde_json::from_str::<Value>(&value.json) {
            Ok(Value::String(text)) => text,
            Ok(Value::Null) => String::new(),
            _ => value.json.to_string(),
        });
        shortened(&texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", "), CELL_CHARS)
    }
}

/// A resource that a record names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub name: String,
    pub kind: String,
}

/// The beginning of a text, with `…` where something was left out.
pub fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(record: &str, who: &str, error: Option<&str>) {
        let record = Record::read(record);
        assert_eq!((record.who().as_str(), record.error().as_deref()), (who, error), "{}", record.text);
    }

    #[test]
    fn records_are_told_in_a_line() {
        check(r#"{"userIdentity": {"type": "Root", "arn": "arn:aws:iam::1:root"}, "errorCode": "X"}"#, "root", Some("X"));
        check(r#"{"userIdentity": {"type": "IAMUser", "userName": "alice"}, "errorMessage": "no"}"#, "alice", Some("no"));
        let role = r#"{"userIdentity": {"type": "AssumedRole", "principalId": "AROA:s",
            "sessionContext": {"sessionIssuer": {"userName": "deploy"}}}}"#;
        check(role, "deploy/s", None);
        check(r#"{"userIdentity": {"type": "AWSService", "invokedBy": "x.amazonaws.com"}}"#, "x.amazonaws.com", None);
        check("not json", "", None);
        check(r#"{"userIdentity": "odd", "resources": 5, "requestParameters": [1]}"#, "", None);
    }

    #[test]
    fn resources_and_cells_are_found() {
        let record =
            Record::read(r#"{"resources": [{"ARN": "arn:a", "type": "T"}, 7], "requestParameters": {"bucketName": "b"}}"#);
        assert_eq!(record.named_resources(), [Resource { name: "arn:a".into(), kind: "T".into() }]);
        let record = Record::read(r#"{"requestParameters": {"bucketName": "b", "n": 1, "clientToken": "t"}, "readOnly": false}"#);
        assert_eq!(record.named_resources(), [Resource { name: "b".into(), kind: String::new() }]);
        assert_eq!(record.cell(&Field::named("requestParameters.bucketName").expect("a field")), "b");
        assert_eq!(record.cell(&Field::named("readOnly").expect("a field")), "false");
        assert_eq!(shortened("äöü", 2), "äö…");
    }
}
