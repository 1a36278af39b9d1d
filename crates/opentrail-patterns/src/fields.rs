//! Space-delimited patterns: fields of a line.

use crate::cursor::Cursor;
use crate::error::PatternError;
use crate::expression::{Expression, Test};
use crate::parser;
use std::collections::HashSet;

/// `[a, b = 1, ..., z]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fields {
    /// Fields counted from the start of the line.
    leading: Vec<Field>,
    /// Fields counted from its end, if the pattern has an ellipsis.
    trailing: Option<Vec<Field>>,
}

/// One field of a pattern.
#[derive(Debug, Clone, Default, PartialEq)]
struct Field {
    name: Option<String>,
    condition: Option<Expression<String>>,
}

impl Fields {
    /// # Errors
    /// If the text is not such a pattern, or a name or the ellipsis occurs twice.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut cursor = Cursor::new(text);
        let whole = cursor.clone();
        if !cursor.take("[") {
            return Err(whole.error());
        }
        let (mut leading, mut trailing) = (Vec::new(), None::<Vec<Field>>);
        let mut names = HashSet::new();
        cursor.skip_blanks();
        if !cursor.take("]") {
            loop {
                cursor.skip_blanks();
                if cursor.take("...") {
                    if trailing.replace(Vec::new()).is_some() {
                        return Err(PatternError::DuplicateField("...".into()));
                    }
                } else {
                    let first = leading.is_empty() && trailing.is_none();
                    let field = Self::field(&mut cursor)
                        .map_err(|error| if first || cursor.is_at_end() { whole.error() } else { error })?;
                    if let Some(name) = field.name.clone()
                        && !names.insert(name.clone())
                    {
                        return Err(PatternError::DuplicateField(name));
                    }
                    trailing.as_mut().unwrap_or(&mut leading).push(field);
                }
                cursor.skip_blanks();
                if cursor.take("]") {
                    break;
                }
                if !cursor.take(",") {
                    return Err(if cursor.is_at_end() { whole.error() } else { cursor.error() });
                }
            }
        }
        cursor.skip_blanks();
        if cursor.is_at_end() { Ok(Self { leading, trailing }) } else { Err(cursor.error()) }
    }

    fn field(cursor: &mut Cursor<'_>) -> Result<Field, PatternError> {
        if matches!(cursor.peek(), Some(',' | ']')) {
            return Ok(Field::default());
        }
        let mut ahead = cursor.clone();
        let parenthesised = ahead.peek() == Some('(');
        if !parenthesised {
            let name = field_name(&mut ahead)?;
            ahead.skip_blanks();
            if matches!(ahead.peek(), Some(',' | ']')) {
                *cursor = ahead;
                return Ok(Field { name: Some(name), condition: None });
            }
        }
        let condition = parser::expression(cursor, field_name, false)?;
        let mut named = HashSet::new();
        condition.each(&mut |name, _| {
            named.insert(name.clone());
        });
        let mut named = named.into_iter();
        match (named.next(), named.next()) {
            (Some(name), None) => Ok(Field { name: Some(name), condition: Some(condition) }),
            (_, other) => Err(PatternError::Term(other.unwrap_or_default())),
        }
    }

    /// Every condition of the pattern.
    pub fn tests(&self, visit: &mut impl FnMut(&Test)) {
        for field in self.leading.iter().chain(self.trailing.iter().flatten()) {
            if let Some(condition) = &field.condition {
                condition.each(&mut |_, test| visit(test));
            }
        }
    }

    /// The values of all fields if the line matches, with their names: the pattern's, or `$1`, `$2`… by place.
    pub fn extract<'m>(&self, line: &Line<'m>) -> Option<Vec<(String, &'m str)>> {
        let count = self.leading.len() + self.trailing.as_ref().map_or(0, Vec::len);
        if line.fields.len() < count.max(1) {
            return None;
        }
        let swallowed = match &self.trailing {
            None if count > 0 && line.fields.len() > count => Some(line.text[line.fields[count - 1].start..].trim_end()),
            _ => None,
        };
        let used = if swallowed.is_some() { count } else { line.fields.len() };
        let tail_start = used - self.trailing.as_ref().map_or(0, Vec::len);
        let mut values = Vec::with_capacity(used);
        for (place, found) in line.fields[..used].iter().enumerate() {
            let field = match &self.trailing {
                Some(trailing) if place >= tail_start => trailing.get(place - tail_start),
                _ => self.leading.get(place),
            };
            let value = swallowed.filter(|_| place + 1 == used).unwrap_or(found.value);
            if let Some(condition) = field.and_then(|field| field.condition.as_ref())
                && !condition.holds(&mut |_, test| passes(test, value))
            {
                return None;
            }
            let name = field.and_then(|field| field.name.clone()).unwrap_or_else(|| (place + 1).to_string());
            values.push((format!("${name}"), value));
        }
        Some(values)
    }

    /// Whether a reference such as `$bytes` or `$7` can name a field.
    pub fn names(&self, reference: &str) -> bool {
        reference.parse::<u32>().is_ok_and(|place| place > 0)
            || self.leading.iter().chain(self.trailing.iter().flatten()).any(|field| field.name.as_deref() == Some(reference))
    }
}

fn field_name(cursor: &mut Cursor<'_>) -> Result<String, PatternError> {
    let start = cursor.clone();
    match cursor.take_while(|c| c.is_alphanumeric() || c == '_' || c == '-') {
        "" => Err(start.error()),
        name if name.starts_with('-') => Err(start.error()),
        name => Ok(name.to_owned()),
    }
}

fn passes(test: &Test, value: &str) -> bool {
    match test {
        Test::Equal(literal) => literal.equals_field(value),
        Test::NotEqual(literal) => !literal.equals_field(value),
        Test::IsNull | Test::Is(_) | Test::NotExists => false,
        ordering => crate::literal::number(value).is_some_and(|value| ordering.orders(value)),
    }
}

/// A message cut into fields: runs of anything but blanks and tabs, or `"…"` and `[…]` as a whole.
#[derive(Debug)]
pub struct Line<'m> {
    text: &'m str,
    fields: Vec<Piece<'m>>,
}

#[derive(Debug)]
struct Piece<'m> {
    /// Where it starts in the message, delimiter included.
    start: usize,
    value: &'m str,
}

impl<'m> Line<'m> {
    pub fn new(text: &'m str) -> Self {
        let is_blank = |c: char| c == ' ' || c == '\t';
        let mut fields = Vec::new();
        let mut at = 0;
        while let Some(skipped) = text[at..].find(|c| !is_blank(c)) {
            at += skipped;
            let rest = &text[at..];
            let closing = match rest.as_bytes()[0] {
                b'"' => Some('"'),
                b'[' => Some(']'),
                _ => None,
            };
            let delimited = closing.and_then(|closing| {
                let end = 1 + rest[1..].find(closing)?;
                rest[end + 1..].chars().next().is_none_or(|c| is_blank(c) || c == '\n' || c == '\r').then_some(end)
            });
            match delimited {
                Some(end) => {
                    fields.push(Piece { start: at, value: &rest[1..end] });
                    at += end + 1;
                }
                None => {
                    let end = rest.find(is_blank).unwrap_or(rest.len());
                    fields.push(Piece { start: at, value: &rest[..end] });
                    at += end;
                }
            }
        }
        Self { text, fields }
    }
}
