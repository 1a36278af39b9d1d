//! The columns of the table: those that are offered, and any field by its name.

use crate::record::Record;
use opentrail_query::Field;

/// Columns that are offered: name in addresses, heading, whether they are shown unless others are chosen.
pub const OFFERED: &[(&str, &str, bool)] = &[
    ("event", "Event", true),
    ("service", "Service", true),
    ("who", "Who", true),
    ("resources", "Resources", true),
    ("region", "Region", true),
    ("ip", "Source address", true),
    ("error", "Error", true),
    ("identity", "Identity type", false),
    ("key", "Access key", false),
    ("userAgent", "User agent", false),
    ("readOnly", "Read only", false),
    ("account", "Account", false),
    ("eventType", "Event type", false),
    ("eventCategory", "Category", false),
    ("requestID", "Request ID", false),
    ("eventID", "Event ID", false),
];

/// One column that is shown.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub heading: String,
    /// The field, for columns that are not one of ours.
    field: Option<Field>,
}

/// The columns with these names; the usual ones if there are none. Names that mean nothing are left out.
pub fn chosen(names: &[String]) -> Vec<Column> {
    let usual = OFFERED.iter().filter(|(.., shown)| *shown).map(|(name, ..)| (*name).to_owned());
    let names = if names.is_empty() { usual.collect() } else { names.to_vec() };
    let mut columns: Vec<Column> = Vec::new();
    for name in names {
        let heading = OFFERED.iter().find(|(offered, ..)| *offered == name).map(|(_, heading, _)| (*heading).to_owned());
        let field = Field::named(field_of(&name));
        let known = heading.is_some() || field.is_some();
        if known && !columns.iter().any(|column| column.name == name) {
            columns.push(Column { heading: heading.unwrap_or_else(|| name.clone()), field, name });
        }
    }
    columns
}

/// The field that a column of ours shows; for downloads, too.
pub fn field_of(name: &str) -> &str {
    match name {
        "service" => "eventSource",
        "who" => "user",
        "resources" => "resources",
        "identity" => "userIdentity.type",
        "account" => "recipientAccountId",
        "error" => "errorCode",
        "event" => "eventName",
        "region" => "awsRegion",
        "ip" => "sourceIPAddress",
        "key" => "userIdentity.accessKeyId",
        other => other,
    }
}

/// One cell of the table.
#[derive(Debug, Clone)]
pub struct Cell {
    pub column: String,
    pub text: String,
    /// Stays on one line.
    pub is_short: bool,
}

impl Column {
    pub fn cell(&self, record: &Record) -> Cell {
        let text = match self.name.as_str() {
            "event" => record.name(),
            "service" => record.service(),
            "who" => record.who(),
            "resources" => {
                let names: Vec<String> =
                    record.named_resources().into_iter().map(|resource| tail(&resource.name).to_owned()).collect();
                crate::record::shortened(&names.join(", "), 80)
            }
            "error" => record.error().unwrap_or_default(),
            _ => self.field.as_ref().map(|field| record.cell(field)).unwrap_or_default(),
        };
        let short = matches!(self.name.as_str(), "event" | "service" | "region" | "ip" | "readOnly" | "account" | "identity");
        Cell { column: self.name.clone(), is_short: short && text.len() <= 40, text }
    }
}

/// What an ARN names.
fn tail(arn: &str) -> &str {
    if arn.starts_with("arn:") { arn.splitn(6, ':').nth(5).filter(|tail| !tail.is_empty()).unwrap_or(arn) } else { arn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_ours_or_fields() {
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            chosen(&names).into_iter().map(|column| column.heading).collect::<Vec<_>>()
        };
        assert_eq!(named(&[]).len(), 7);
        assert_eq!(named(&["who", "requestParameters.bucketName", "no such", "who"]), ["Who", "requestParameters.bucketName"]);
        assert!(OFFERED.iter().all(|(name, ..)| Field::named(field_of(name)).is_some()));
        assert_eq!(tail("arn:aws:s3:::bucket/key:x"), "bucket/key:x");
    }
}
