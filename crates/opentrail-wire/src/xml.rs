//! A writer for the small XML answers. Whatever it is given, the result is well-formed XML 1.0.

use std::borrow::Cow;

pub(crate) struct Xml(String);

impl Xml {
    pub(crate) fn new() -> Self {
        Xml(String::with_capacity(512))
    }

    pub(crate) fn declaration(&mut self) {
        self.0.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    }

    pub(crate) fn open(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(&element_name(name));
        self.0.push('>');
    }

    pub(crate) fn open_with_namespace(&mut self, name: &str, namespace: &str) {
        self.0.push('<');
        self.0.push_str(&element_name(name));
        self.0.push_str(" xmlns=\"");
        self.escape(namespace);
        self.0.push_str("\">");
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(&element_name(name));
        self.0.push('>');
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.escape(text);
        self.close(name);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    fn escape(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // A reader would turn a bare carriage return into a line feed.
                '\r' => self.0.push_str("&#xD;"),
                '\t' | '\n' => self.0.push(character),
                // XML 1.0 has no way to write these, not even escaped.
                '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => self.0.push('\u{fffd}'),
                _ => self.0.push(character),
            }
        }
    }
}

/// A name may come from a request (`Action`, attribute names); everything that could end the tag becomes `_`.
fn element_name(name: &str) -> Cow<'_, str> {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    if starts_well && name.chars().all(allowed) {
        return Cow::Borrowed(name);
    }
    let mut safe = String::from(if starts_well { "" } else { "_" });
    safe.extend(name.chars().map(|character| if allowed(character) { character } else { '_' }));
    Cow::Owned(safe)
}
