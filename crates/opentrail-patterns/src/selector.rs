//! `$.a.b[0].*`: places in a JSON message.

use crate::cursor::Cursor;
use crate::error::PatternError;

/// A place, or several with a wildcard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    pub(crate) steps: Vec<Step>,
}

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    Key(String),
    Index(u32),
    /// Any member of an object, any element of an array.
    Any,
}

impl Selector {
    /// Reads a whole text as a selector.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut cursor = Cursor::new(text);
        let selector = Self::read(&mut cursor)?;
        if cursor.is_at_end() { Ok(selector) } else { Err(PatternError::Term(text.to_owned())) }
    }

    /// How many wildcards it has.
    pub fn wildcards(&self) -> usize {
        self.steps.iter().filter(|step| **step == Step::Any).count()
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        let start = cursor.clone();
        if !cursor.take("$.") {
            return Err(start.error());
        }
        let mut steps = vec![Self::member(cursor, &start)?];
        loop {
            if cursor.take(".") {
                steps.push(Self::member(cursor, &start)?);
            } else if cursor.peek() == Some('[') {
                steps.push(Self::bracket(cursor, &start)?);
            } else {
                break;
            }
        }
        let selector = Self { steps };
        if selector.wildcards() > 1 { Err(start.error()) } else { Ok(selector) }
    }

    /// What stands after a dot: a name, `*`, or `['a name']`.
    fn member(cursor: &mut Cursor<'_>, start: &Cursor<'_>) -> Result<Step, PatternError> {
        if cursor.peek() == Some('[') {
            return Self::bracket(cursor, start);
        }
        if cursor.take("*") {
            return Ok(Step::Any);
        }
        match cursor.take_while(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            "" => Err(start.error()),
            name => Ok(Step::Key(name.to_owned())),
        }
    }

    fn bracket(cursor: &mut Cursor<'_>, start: &Cursor<'_>) -> Result<Step, PatternError> {
        let step = if cursor.take("[*") {
            Step::Any
        } else if cursor.take("['") {
            let name = cursor.take_while(|c| c != '\'');
            if name.is_empty() || !cursor.take("'") {
                return Err(start.error());
            }
            Step::Key(name.to_owned())
        } else {
            cursor.take("[");
            let digits = cursor.take_while(|c| c.is_ascii_digit());
            Step::Index(digits.parse().map_err(|_| start.error())?)
        };
        if cursor.take("]") { Ok(step) } else { Err(start.error()) }
    }
}
