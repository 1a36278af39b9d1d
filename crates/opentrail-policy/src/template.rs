//! Policy variables: text such as `home/${aws:username}/*` that is completed from the request.

use std::borrow::Cow;

use crate::{context::RequestContext, error::PolicyError, pattern::Pattern};

/// A resource or condition value that may hold policy variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    source: String,
    segments: Vec<Segment>,
    /// The pattern of a text without variables, made once.
    fixed: Option<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Text of the policy; `*` and `?` in it are wildcards where wildcards are allowed.
    Written(String),
    /// `${*}`, `${?}` or `${$}`: the character itself.
    Escaped(&'static str),
    /// `${key}` or `${key, 'default'}`.
    Variable { key: String, default: Option<String> },
}

impl Template {
    /// Reads text in which `${...}` is a variable.
    pub(crate) fn with_variables(source: &str) -> Result<Self, PolicyError> {
        let mut segments = Vec::new();
        let mut rest = source;
        while let Some((written, opened)) = rest.split_once("${") {
            let (segment, after) = read_variable(opened).ok_or_else(|| PolicyError::syntax(source))?;
            segments.push(Segment::Written(written.to_owned()));
            segments.push(segment);
            rest = after;
        }
        segments.push(Segment::Written(rest.to_owned()));
        let fixed = (segments.len() == 1).then(|| Pattern::parse(source));
        Ok(Self { source: source.to_owned(), segments, fixed })
    }

    /// Takes text as it is; policies of version 2008-10-17 have no variables.
    pub(crate) fn without_variables(source: &str) -> Self {
        let segments = vec![Segment::Written(source.to_owned())];
        Self { source: source.to_owned(), segments, fixed: Some(Pattern::parse(source)) }
    }

    /// The text as written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The written text outside variables, with each variable replaced by a single `$`.
    pub(crate) fn outline(&self) -> String {
        let outline = |segment: &Segment| match segment {
            Segment::Written(text) => text.clone(),
            Segment::Escaped(_) | Segment::Variable { .. } => "$".to_owned(),
        };
        self.segments.iter().map(outline).collect()
    }

    /// Completes the text for comparison without wildcards; `None` if a variable has no value.
    pub(crate) fn text(&self, context: &RequestContext) -> Option<String> {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Written(text) => Some(text.as_str()),
                other => other.value(context),
            })
            .collect()
    }

    /// Completes the text for comparison with wildcards; `None` if a variable has no value. A wildcard in the value of
    /// a variable stands for itself, so a caller cannot widen a policy by choosing its name or tags.
    pub(crate) fn pattern(&self, context: &RequestContext) -> Option<Cow<'_, Pattern>> {
        if let Some(fixed) = &self.fixed {
            return Some(Cow::Borrowed(fixed));
        }
        let mut pattern = Pattern::default();
        for segment in &self.segments {
            match segment {
                Segment::Written(text) => pattern.push_pattern(text),
                other => pattern.push_literal(other.value(context)?),
            }
        }
        Some(Cow::Owned(pattern))
    }
}

impl Segment {
    /// The value of a variable. A key with several values cannot stand in a text and counts as having none.
    fn value<'a>(&'a self, context: &'a RequestContext) -> Option<&'a str> {
        match self {
            Self::Written(text) => Some(text),
            Self::Escaped(character) => Some(character),
            Self::Variable { key, default } => match context.values(key) {
                [] => default.as_deref(),
                [single] => Some(single),
                _ => None,
            },
        }
    }
}

/// Reads what follows `${` up to and including `}`. Returns the segment and the text after it.
fn read_variable(opened: &str) -> Option<(Segment, &str)> {
    for escaped in ["*", "?", "$"] {
        let closed = opened.strip_prefix(escaped).and_then(|rest| rest.strip_prefix('}'));
        if let Some(after) = closed {
            return Some((Segment::Escaped(escaped), after));
        }
    }
    let end = opened.find([',', '}'])?;
    let key = opened[..end].trim();
    if key.is_empty() || key.contains(['$', '{', '\'', '*', '?']) {
        return None;
    }
    let (default, after) = match opened[end..].strip_prefix(',') {
        None => (None, &opened[end + 1..]),
        Some(quoted) => {
            let (default, after) = quoted.trim_start().strip_prefix('\'')?.split_once('\'')?;
            (Some(default.to_owned()), after.trim_start().strip_prefix('}')?)
        }
    };
    Some((Segment::Variable { key: key.to_owned(), default }, after))
}
