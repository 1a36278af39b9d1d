//! JSON as people read it: nested parts fold by `<details>`, so that it works without script; copying needs script.

use crate::inert::push_inert;
use askama::Template;
use serde_json::Value;

/// Above this a record is shown as plain text: folding would make the page too large.
const MAX_FOLDED_BYTES: usize = 24 * 1024;
/// Above this only the beginning is shown.
const MAX_SHOWN_BYTES: usize = 160 * 1024;
/// Deeper parts are shown as plain text.
const MAX_DEPTH: usize = 40;

/// A JSON document in a page. `copy` and `link` are offered by the template.
#[derive(Debug, Clone, Template)]
#[template(path = "json.html")]
pub struct JsonView {
    /// Escaped already.
    folded: Option<String>,
    plain: String,
    pub cut: bool,
    /// Where this can be linked to, if it can.
    pub link: Option<String>,
}

impl JsonView {
    /// Of a text that is JSON; of any other text, the text.
    pub fn of_text(text: &str, link: Option<String>) -> Self {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Self::of(&value, link),
            Err(_) => Self::plain(text.to_owned(), link),
        }
    }

    pub fn of(value: &Value, link: Option<String>) -> Self {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        if shown_end(&text) < text.len() || text.len() > MAX_FOLDED_BYTES {
            return Self::plain(text, link);
        }
        let mut folded = String::with_capacity(text.len() * 3);
        fold(&mut folded, value, 0);
        Self { folded: Some(folded), plain: text, cut: false, link }
    }

    fn plain(mut text: String, link: Option<String>) -> Self {
        let fits = shown_end(&text);
        let cut = fits < text.len();
        text.truncate(fits);
        Self { folded: None, plain: text, cut, link }
    }
}

/// How far a text reaches until what is put into the page for it would be too large.
fn shown_end(text: &str) -> usize {
    let mut written = 0;
    let end = text.char_indices().find(|(_, c)| {
        written += if matches!(c, '<' | '>' | '&' | '"' | '\'') { 5 } else { c.len_utf8() };
        written > MAX_SHOWN_BYTES
    });
    end.map_or(text.len(), |(at, _)| at)
}

fn fold(page: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if !members.is_empty() && depth < MAX_DEPTH => {
            page.push_str("<ul>");
            for (name, value) in members {
                page.push_str("<li>");
                member(page, Some(name), value, depth);
                page.push_str("</li>");
            }
            page.push_str("</ul>");
        }
        Value::Array(elements) if !elements.is_empty() && depth < MAX_DEPTH => {
            page.push_str("<ul>");
            for value in elements {
                page.push_str("<li>");
                member(page, None, value, depth);
                page.push_str("</li>");
            }
            page.push_str("</ul>");
        }
        _ => leaf(page, value),
    }
}

fn member(page: &mut String, name: Option<&str>, value: &Value, depth: usize) {
    let parts = match value {
        Value::Object(members) => members.len(),
        Value::Array(elements) => elements.len(),
        _ => 0,
    };
    if parts == 0 || depth >= MAX_DEPTH {
        key(page, name);
        leaf(page, value);
        return;
    }
    page.push_str("<details open><summary>");
    key(page, name);
    page.push_str("<span class=\"jn\">");
    page.push_str(&if value.is_array() { format!("[{parts}]") } else { format!("{{{parts}}}") });
    page.push_str("</span></summary>");
    fold(page, value, depth + 1);
    page.push_str("</details>");
}

fn key(page: &mut String, name: Option<&str>) {
    if let Some(name) = name {
        page.push_str("<span class=\"jk\">");
        push_inert(page, name);
        page.push_str("</span> ");
    }
}

fn leaf(page: &mut String, value: &Value) {
    let class = match value {
        Value::String(_) => "js",
        Value::Number(_) | Value::Bool(_) | Value::Null => "jv",
        Value::Array(_) | Value::Object(_) => "jn",
    };
    page.push_str("<span class=\"");
    page.push_str(class);
    page.push_str("\">");
    push_inert(page, &value.to_string());
    page.push_str("</span>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_fold_and_stay_inert() {
        let view = JsonView::of(&json!({"a<b>": ["</span><script>", 1, null], "empty": {}}), None);
        let folded = view.folded.clone().expect("small");
        assert!(folded.contains("a&#60;b&#62;") && folded.contains("[3]") && !folded.contains("<script"), "{folded}");
        assert_eq!(folded.matches("<details").count(), folded.matches("</details>").count());
        let page = view.render().expect("rendered");
        assert!(!page.contains("<script"), "{page}");
    }

    #[test]
    fn large_and_broken_documents_are_text() {
        let large = JsonView::of(&json!({"x": "é".repeat(200_000)}), None);
        assert!(large.folded.is_none() && large.cut && large.plain.len() <= MAX_SHOWN_BYTES);
        let markup = JsonView::of(&json!({"x": "<".repeat(200_000)}), None);
        assert!(markup.cut && markup.render().expect("rendered").len() < MAX_SHOWN_BYTES + 2_000);
        let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
        assert!(JsonView::of(&deep, None).folded.expect("small").len() < 20_000);
        assert_eq!(JsonView::of_text("not json <", None).plain, "not json <");
    }
}
