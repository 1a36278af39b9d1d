//! What a target is given of an event: all of it, a part, something fixed, or a text made of parts.
//!
//! Source: EventBridge user guide, "Input transformation".

use crate::event::MAX_EVENT_BYTES;
use crate::path::{JsonPath, PathFault};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// Most paths of a transformer.
pub const MAX_INPUT_PATHS: usize = 100;
/// Longest template and longest fixed input, in characters.
pub const MAX_INPUT_CHARS: usize = 8192;

/// What of a matched event a target gets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    #[default]
    Whole,
    /// JSON that has nothing to do with the event.
    Constant(String),
    Path(String),
    Transformer {
        #[serde(default)]
        paths: BTreeMap<String, String>,
        template: String,
    },
}

/// Why an input cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputFault {
    #[error("JSON syntax error in input")]
    NotJson,
    #[error("InputPath or InputPathsMap has an invalid path: {0}")]
    Path(String),
    #[error("contains invalid placeholder {0}.")]
    Placeholder(String),
}

/// An [`Input`], understood.
#[derive(Debug, Clone)]
pub enum CompiledInput {
    Whole,
    Constant(String),
    Path(JsonPath),
    Transformer { paths: HashMap<String, JsonPath>, template: Template },
}

/// A template cut at its placeholders.
#[derive(Debug, Clone)]
pub struct Template {
    pieces: Vec<Piece>,
    form: Form,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    /// A placeholder, and whether it stands between quotes.
    Variable {
        name: String,
        quoted: bool,
    },
}

/// What a template makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An object, an array or a string in quotes.
    Json,
    Text,
}

/// What placeholders can name besides paths.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub rule_arn: &'a str,
    pub rule_name: &'a str,
    /// When the event came in, as the times of events are written.
    pub ingestion_time: &'a str,
}

const PREDEFINED: &[&str] = &[
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
];

impl Input {
    /// Understands it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(&self) -> Result<CompiledInput, InputFault> {
        let path = |text: &str| text.parse::<JsonPath>().map_err(|PathFault| InputFault::Path(text.to_owned()));
        match self {
            Self::Whole => Ok(CompiledInput::Whole),
            Self::Constant(text) => match serde_json::from_str::<Value>(text) {
                Ok(_) => Ok(CompiledInput::Constant(text.clone())),
                Err(_) => Err(InputFault::NotJson),
            },
            Self::Path(text) => path(text).map(CompiledInput::Path),
            Self::Transformer { paths, template } => {
                let paths: HashMap<_, _> =
                    paths.iter().map(|(name, text)| Ok((name.clone(), path(text)?))).collect::<Result<_, _>>()?;
                let template = Template::parse(template, |name| paths.contains_key(name) || PREDEFINED.contains(&name))?;
                Ok(CompiledInput::Transformer { paths, template })
            }
        }
    }
}

impl CompiledInput {
    /// What the target gets of this event.
    pub fn render(&self, event: &Value, facts: &Facts<'_>) -> String {
        match self {
            Self::Whole => event.to_string(),
            Self::Constant(text) => text.clone(),
            Self::Path(path) => path.find(event).unwrap_or(&Value::Null).to_string(),
            Self::Transformer { paths, template } => {
                let value = |name: &str| match paths.get(name) {
                    Some(path) => path.find(event).cloned(),
                    None => predefined(name, event, facts),
                };
                template.fill(value)
            }
        }
    }
}

fn predefined(name: &str, event: &Value, facts: &Facts<'_>) -> Option<Value> {
    match name {
        "aws.events.rule-arn" => Some(json!(facts.rule_arn)),
        "aws.events.rule-name" => Some(json!(facts.rule_name)),
        "aws.events.event.ingestion-time" => Some(json!(facts.ingestion_time)),
        "aws.events.event.json" => Some(event.clone()),
        "aws.events.event" => {
            let mut event = event.clone();
            event.as_object_mut()?.shift_remove("detail");
            Some(event)
        }
        _ => None,
    }
}

impl Template {
    fn parse(text: &str, is_known: impl Fn(&str) -> bool) -> Result<Self, InputFault> {
        let form = if text.trim_start().starts_with(['{', '[', '"']) { Form::Json } else { Form::Text };
        let mut pieces = Vec::new();
        let (mut plain, mut quoted, mut escaped) = (String::new(), false, false);
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if let Some(name) = placeholder(rest) {
                if !is_known(name) {
                    return Err(InputFault::Placeholder(name.to_owned()));
                }
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(Piece::Variable { name: name.to_owned(), quoted });
                rest = &rest[name.len() + 2..];
                escaped = false;
                continue;
            }
            quoted ^= character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            plain.push(character);
            rest = &rest[character.len_utf8()..];
        }
        pieces.push(Piece::Text(plain));
        Ok(Self { pieces, form })
    }

    fn fill(&self, value: impl Fn(&str) -> Option<Value>) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            if out.len() > MAX_EVENT_BYTES {
                // Too much already, and not delivered.
                return out;
            }
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable { name, quoted } => match (self.form, value(name)) {
                    (Form::Json, Some(value)) if !*quoted => out.push_str(&value.to_string()),
                    (Form::Json, None) if !*quoted => out.push_str("\"\""),
                    (Form::Json, Some(value)) => out.push_str(&escaped(&bare(value))),
                    (Form::Text, Some(value)) => out.push_str(&bare(value)),
                    (_, None) => {}
                },
            }
        }
        // Objects lose the template's blanks, as they do at AWS.
        match (self.form, serde_json::from_str::<Value>(&out)) {
            (Form::Json, Ok(value)) => value.to_string(),
            _ => out,
        }
    }
}

/// The name of the placeholder that a text begins with.
fn placeholder(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// Text without its quotes; anything else as JSON.
fn bare(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'_> =
        Facts { rule_arn: "arn:aws:events:r:1:rule/x", rule_name: "x", ingestion_time: "2026-11-21T10:00:00Z" };

    fn check(input: Input, expect: &str) {
        let event = json!({"source": "s", "time": "t", "detail": {"a": {"b": [1, "two"]}, "text": "say \"hi\"", "n": 5}});
        let compiled = input.compile().unwrap_or_else(|fault| panic!("{input:?}: {fault}"));
        assert_eq!(compiled.render(&event, &FACTS), expect, "{input:?}");
    }

    fn transformer(template: &str) -> Input {
        let paths = [("a", "$.detail.a"), ("text", "$.detail.text"), ("n", "$.detail.n"), ("none", "$.detail.none")];
        let paths = paths.into_iter().map(|(name, path)| (name.to_owned(), path.to_owned())).collect();
        Input::Transformer { paths, template: template.to_owned() }
    }

    #[test]
    fn parts_of_events() {
        check(Input::Path("$.detail.a".into()), r#"{"b":[1,"two"]}"#);
        check(Input::Path("$.detail.a.b[1]".into()), r#""two""#);
        check(Input::Path("$['detail'].n".into()), "5");
        check(Input::Path("$.nothing".into()), "null");
        check(Input::Constant("{\"k\": 1}".into()), "{\"k\": 1}");
    }

    #[test]
    fn templates() {
        check(transformer("\"Event <n>: <text>\""), r#""Event 5: say \"hi\"""#);
        check(transformer("\"nothing: <none>\""), r#""nothing: ""#);
        check(transformer("<n> of <text> < 7"), "5 of say \"hi\" < 7");
        check(
            transformer("{\"a\": <a>, \"t\": <text>, \"in\": \"n is <n>\", \"x\": <none>}"),
            r#"{"a":{"b":[1,"two"]},"t":"say \"hi\"","in":"n is 5","x":""}"#,
        );
        check(transformer("{\"rule\": <aws.events.rule-name>}"), r#"{"rule":"x"}"#);
        check(transformer("{\"e\": <aws.events.event>}"), r#"{"e":{"source":"s","time":"t"}}"#);
        check(transformer("\"<a> and <aws.events.event.ingestion-time>\""), r#""{\"b\":[1,\"two\"]} and 2026-11-21T10:00:00Z""#);
    }

    #[test]
    fn refusals() {
        let fault = |input: Input| input.compile().expect_err("a fault");
        assert_eq!(fault(Input::Constant("{".into())), InputFault::NotJson);
        assert_eq!(fault(transformer("<who>")), InputFault::Placeholder("who".into()));
        for path in ["", "detail", "$.", "$..a", "$.a[", "$.a[x]", "$.*", "$.a[*]", "$['a"] {
            assert_eq!(fault(Input::Path(path.into())), InputFault::Path(path.into()));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_template_is_refused_or_filled(template in ".{0,60}", path in ".{0,20}", text in ".{0,20}") {
            let input = Input::Transformer { paths: BTreeMap::from([("v".into(), "$.detail".into())]), template };
            let event = json!({"detail": text});
            if let Ok(compiled) = input.compile() {
                compiled.render(&event, &FACTS);
            }
            if let Ok(compiled) = Input::Path(path).compile() {
                compiled.render(&event, &FACTS);
            }
        }

        #[test]
        fn objects_stay_objects_whatever_they_are_filled_with(text in ".{0,40}") {
            let template = "{\"a\": <v>, \"b\": \"x <v> y\"}".to_owned();
            let input = Input::Transformer { paths: BTreeMap::from([("v".into(), "$.detail".into())]), template };
            let made = input.compile().expect("a template").render(&json!({"detail": text}), &FACTS);
            let made: Value = serde_json::from_str(&made).expect("JSON");
            assert_eq!(made, json!({"a": text, "b": format!("x {text} y")}));
        }
    }
}
