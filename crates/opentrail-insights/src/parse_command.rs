//! The command `parse`: parts of a text by a glob or a regular expression.

use crate::row::Row;
use crate::value::Value;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::Arc;

/// Largest compiled expression, in bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;
/// Most parts of one `parse`.
const MAX_PARTS: usize = 32;

/// What `parse` looks for.
#[derive(Debug, Clone)]
pub struct Extraction {
    kind: Kind,
    names: Vec<Arc<str>>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// What stands between the stars; one more than there are names.
    Glob(Vec<String>),
    /// Each name is a group's.
    Regular(Regex),
}

/// A regular expression, bounded.
pub fn regular(pattern: &str) -> Result<Regex, String> {
    let build = |unicode| RegexBuilder::new(pattern).size_limit(MAX_REGEX_BYTES).unicode(unicode).build();
    // What is not to be had for all letters, such as `(?i)`, is for those of ASCII.
    build(true)
        .or_else(|_| build(false))
        .map_err(|error| format!("the regular expression is not valid: {}", error.to_string().replace('\n', " ")))
}

impl Extraction {
    pub fn glob(glob: &str, names: Vec<String>) -> Result<Self, String> {
        let pieces: Vec<String> = glob.split('*').map(str::to_owned).collect();
        let stars = pieces.len() - 1;
        if stars != names.len() {
            return Err(format!("the text has {stars} wildcards and there are {} names", names.len()));
        }
        if stars > MAX_PARTS {
            return Err(format!("parse takes at most {MAX_PARTS} parts"));
        }
        if pieces[1..pieces.len() - 1].iter().any(String::is_empty) {
            return Err("between two wildcards there must be something".into());
        }
        Ok(Self { kind: Kind::Glob(pieces), names: names.into_iter().map(Arc::from).collect() })
    }

    pub fn regular(pattern: &str) -> Result<Self, String> {
        let regex = regular(pattern)?;
        let names: Vec<Arc<str>> = regex.capture_names().flatten().map(Arc::from).collect();
        match names.len() {
            0 => Err("the regular expression needs named groups, such as (?<name>.*)".into()),
            length if length > MAX_PARTS => Err(format!("parse takes at most {MAX_PARTS} parts")),
            _ => Ok(Self { kind: Kind::Regular(regex), names }),
        }
    }

    /// Puts the parts of a text into the row; missing if the text does not match.
    pub fn apply(&self, text: &str, row: &mut Row) {
        let lossy = |part: regex::bytes::Match<'_>| String::from_utf8_lossy(part.as_bytes()).into_owned();
        let parts: Option<Vec<Option<String>>> = match &self.kind {
            Kind::Glob(pieces) => {
                between(text, pieces).map(|parts| parts.into_iter().map(|part| Some(part.to_owned())).collect())
            }
            Kind::Regular(regex) => regex
                .captures(text.as_bytes())
                .map(|captures| self.names.iter().map(|name| captures.name(name).map(lossy)).collect()),
        };
        for (place, name) in self.names.iter().enumerate() {
            let part = parts.as_ref().and_then(|parts| parts[place].clone());
            row.set(Arc::clone(name), part.map_or(Value::Missing, Value::Text));
        }
    }
}

/// What stands for the stars between pieces. The first piece may stand anywhere, a last star takes the rest.
fn between<'t>(text: &'t str, pieces: &[String]) -> Option<Vec<&'t str>> {
    let (first, others) = pieces.split_first()?;
    let mut rest = &text[text.find(first.as_str())? + first.len()..];
    let mut parts = Vec::with_capacity(others.len());
    for (place, piece) in others.iter().enumerate() {
        let is_last = place + 1 == others.len();
        let end = if piece.is_empty() && is_last { rest.len() } else { rest.find(piece.as_str())? };
        parts.push(&rest[..end]);
        rest = &rest[end + piece.len()..];
    }
    Some(parts)
}
