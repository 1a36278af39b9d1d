//! Services of several protocols: the names and shapes their members have in the query protocol and in JSON.
//!
//! SQS and CloudWatch speak both; operations read and write the JSON form, and a table of [`FlatMember`]s translates.

use serde_json::{Map, Value};

/// One member whose query form is not its JSON form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlatMember {
    /// Its name in JSON.
    pub json: &'static str,
    /// Its name in a form or XML answer; `{action}` stands for the operation's name.
    pub query: &'static str,
    pub shape: FlatShape,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlatShape {
    /// `Name.1`, `Name.2`: a list.
    List,
    /// A list in answers; a member of that query name in a request is another one.
    AnswerList,
    /// `Name.1.<key>` with `Name.1.<value>`: a map.
    Map { key: &'static str, value: &'static str },
    /// Text in the form, a whole number in JSON.
    Number,
    /// Epoch seconds in JSON, ISO 8601 in XML, tagged in CBOR; or a list of such. Requests may give either form.
    Timestamp,
    /// An object in JSON, `<entry>` elements with `<key>` and `<value>` in XML.
    Entries,
}

/// A form's nested value, see [`crate::Form::to_value`], with its members named and shaped as in JSON.
pub fn from_flattened(value: Value, action: &str, members: &[FlatMember]) -> Value {
    match value {
        Value::Object(object) => Value::Object(object.into_iter().fold(Map::new(), |mut out, (name, value)| {
            let spelt = |member: &&FlatMember| member.query.replace("{action}", action) == name;
            let flat = members.iter().filter(|member| member.shape != FlatShape::AnswerList).find(spelt);
            let (name, value) = match flat {
                Some(flat) => (flat.json.to_owned(), reshape(value, flat.shape, action, members)),
                None => (name, from_flattened(value, action, members)),
            };
            out.insert(name, value);
            out
        })),
        Value::Array(items) => items.into_iter().map(|item| from_flattened(item, action, members)).collect(),
        other => other,
    }
}

fn reshape(value: Value, shape: FlatShape, action: &str, members: &[FlatMember]) -> Value {
    let inner = |value: Value| from_flattened(value, action, members);
    match (shape, value) {
        (FlatShape::Number, Value::String(text)) => text.parse::<i64>().map_or(Value::String(text), Value::from),
        (FlatShape::List, Value::Array(items)) => items.into_iter().map(inner).collect(),
        // An empty list is sent as `Name=`.
        (FlatShape::List, Value::String(text)) if text.is_empty() => Value::Array(Vec::new()),
        (FlatShape::List, single) => Value::Array(vec![inner(single)]),
        (FlatShape::Map { .. }, Value::String(text)) if text.is_empty() => Value::Object(Map::new()),
        (FlatShape::Map { key, value }, Value::Array(items)) => {
            let entries = items.into_iter().filter_map(|mut item| {
                let name = item.get(key)?.as_str()?.to_owned();
                Some((name, inner(item.get_mut(value).map_or(Value::String(String::new()), Value::take))))
            });
            Value::Object(entries.collect())
        }
        (_, other) => inner(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Form, encode_flattened};
    use serde_json::json;

    const MEMBERS: &[FlatMember] = &[
        FlatMember { json: "Attributes", query: "Attribute", shape: FlatShape::Map { key: "Name", value: "Value" } },
        FlatMember { json: "Names", query: "Name", shape: FlatShape::List },
        FlatMember { json: "Entries", query: "{action}Entry", shape: FlatShape::List },
        FlatMember { json: "Delay", query: "Delay", shape: FlatShape::Number },
        FlatMember { json: "At", query: "At", shape: FlatShape::Timestamp },
        FlatMember { json: "Statistics", query: "Statistics", shape: FlatShape::Entries },
    ];

    #[test]
    fn forms_become_the_json_form() {
        let check = |form: &str, expect: Value| {
            assert_eq!(from_flattened(Form::parse(form).expect("a form").to_value(), "Send", MEMBERS), expect, "{form}");
        };
        check("Attribute.1.Name=a&Attribute.1.Value=b&Delay=5", json!({"Attributes": {"a": "b"}, "Delay": 5}));
        check(
            "SendEntry.1.Id=x&SendEntry.1.Delay=7&SendEntry.1.Attribute.1.Name=n&SendEntry.1.Attribute.1.Value.S=v",
            json!({"Entries": [{"Attributes": {"n": {"S": "v"}}, "Delay": 7, "Id": "x"}]}),
        );
        check("Name.2=b&Name.1=a", json!({"Names": ["a", "b"]}));
        check("Name=a", json!({"Names": ["a"]}));
        check("Name=&Attribute=", json!({"Names": [], "Attributes": {}}));
        check("Delay=soon&Attribute.1.Value=b", json!({"Delay": "soon", "Attributes": {}}));
    }

    #[test]
    fn answers_are_flat() {
        let output = json!({"Entries": [{"Id": "x", "Attributes": {"a": "b"}}], "Names": [], "Delay": 3});
        let xml = String::from_utf8(encode_flattened("Send", "ns", &output, "id", MEMBERS)).expect("text");
        let expect = "<SendResult><SendEntry><Id>x</Id><Attribute><Name>a</Name><Value>b</Value></Attribute></SendEntry><Delay>3</Delay></SendResult>";
        assert!(xml.contains(expect), "{xml}");
    }

    #[test]
    fn timestamps_and_entries_are_written_as_xml_has_them() {
        let output = json!({"At": [1_363_896_240, 1_363_896_240.25], "Statistics": {"p99": 1.5}});
        let xml = String::from_utf8(encode_flattened("Send", "ns", &output, "id", MEMBERS)).expect("text");
        let expect = "<SendResult><At><member>2013-03-21T20:04:00Z</member><member>2013-03-21T20:04:00.250Z</member></At>\
            <Statistics><entry><key>p99</key><value>1.5</value></entry></Statistics></SendResult>";
        assert!(xml.contains(expect), "{xml}");
    }
}
