//! Page tokens: `f/<56 digits>/s`, `b/<56 digits>/s`.

use crate::event::EventId;
use crate::reader::Direction;
use std::fmt;
use std::str::FromStr;

/// A place in a stream and the way to go from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub direction: Direction,
    pub at: EventId,
}

/// A text that is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The specified nextToken is invalid.")]
pub struct BadToken;

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = if self.direction == Direction::Forward { 'f' } else { 'b' };
        write!(f, "{letter}/{}/s", self.at)
    }
}

impl FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let text = text.strip_suffix("/s").unwrap_or(text);
        let (letter, digits) = text.split_once('/').ok_or(BadToken)?;
        let direction = match letter {
            "f" => Direction::Forward,
            "b" => Direction::Backward,
            _ => return Err(BadToken),
        };
        digits.parse().map(|at| Self { direction, at }).map_err(|()| BadToken)
    }
}
