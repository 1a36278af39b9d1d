//! Completion of a query while it is typed: names of fields, and values from the index.

use super::question::quoted;
use crate::answer::Answer;
use crate::routes::Shown;
use crate::visitor::Visitor;
use opentrail_query::Field;
use serde_json::{Value, json};

/// Answers that are offered.
const MAX_OFFERED: usize = 12;
/// Longest query that is completed, in bytes.
const MAX_QUERY_BYTES: usize = 10 << 10;

/// What stands before the cursor, as far as it is being typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed<'a> {
    /// A field's name, or a word.
    Name(&'a str),
    /// A field's value; the quote it began with is left out.
    Value { field: &'a str, prefix: &'a str },
}

pub async fn show(visitor: Visitor) -> Shown {
    let form = &visitor.wanted.query;
    let text = form.raw("q").unwrap_or_default();
    let text = &text[..text.floor_char_boundary(MAX_QUERY_BYTES)];
    let all = form.is_ticked("all-accounts");
    let (start, typed) = typed(text);
    let offered = match typed {
        Typed::Name(prefix) => names(&visitor, prefix, all).await,
        Typed::Value { field, prefix } => values(&visitor, field, prefix, all).await,
    };
    // Characters, as scripts count them.
    let start = text[..start].encode_utf16().count();
    Ok(Answer::json(&json!({"Start": start, "Offered": offered})))
}

/// The piece at the end of a text, and where it begins.
fn typed(text: &str) -> (usize, Typed<'_>) {
    let mut start = 0;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            c if c.is_whitespace() || c == '(' || c == ')' => start = at + c.len_utf8(),
            _ => {}
        }
    }
    let piece = &text[start..];
    let (start, piece) = piece.strip_prefix('-').map_or((start, piece), |rest| (start + 1, rest));
    match piece.split_once(':') {
        Some((field, value)) if Field::named(field).is_some() => {
            let at = start + field.len() + 1;
            (at, Typed::Value { field, prefix: value.trim_start_matches('"') })
        }
        _ => (start, Typed::Name(piece)),
    }
}

async fn names(visitor: &Visitor, prefix: &str, all: bool) -> Vec<Value> {
    let begins = |name: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let mut names: Vec<String> = Field::names().filter(|name| begins(name)).map(str::to_owned).collect();
    if prefix.len() > 2 || prefix.contains('.') {
        let input = json!({"Prefix": prefix, "MaxResults": MAX_OFFERED, "AllAccounts": all});
        let found = visitor.run("opentrail", "Complete", input).await.unwrap_or_default();
        for name in found["Fields"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.to_owned());
            }
        }
    }
    names.truncate(MAX_OFFERED);
    names.into_iter().map(|name| json!({"Text": format!("{name}:"), "Shown": name, "More": true})).collect()
}

async fn values(visitor: &Visitor, field: &str, prefix: &str, all: bool) -> Vec<Value> {
    let input = json!({"Field": field, "Prefix": prefix, "MaxResults": MAX_OFFERED, "AllAccounts": all});
    let found = visitor.run("opentrail", "Complete", input).await.unwrap_or_default();
    let values = found["Values"].as_array().into_iter().flatten();
    values
        .filter_map(|value| {
            let text = value["Value"].as_str()?;
            Some(json!({"Text": format!("{} ", quoted(text)), "Shown": crate::record::shortened(text, 120), "Count": value["Count"]}))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_at_the_end_is_completed() {
        let value = |field, prefix| Typed::Value { field, prefix };
        for (text, expect) in [
            ("", (0, Typed::Name(""))),
            ("eve", (0, Typed::Name("eve"))),
            ("a event:Del", (8, value("event", "Del"))),
            ("(user:al", (6, value("user", "al"))),
            ("-error:\"Access De", (7, value("error", "Access De"))),
            ("a:\"b c\" use", (8, Typed::Name("use"))),
            ("\"a:b", (0, Typed::Name("\"a:b"))),
            ("äö user:ä", (10, value("user", "ä"))),
            ("no:where", (0, Typed::Name("no:where"))),
        ] {
            assert_eq!(typed(text), expect, "{text}");
        }
    }
}
