//! A query: its commands, in order.

use crate::error::QueryFault;
use crate::expression::{AggregateCall, Expression};
use crate::lexer::{place, tokens};
use crate::parse_command::Extraction;
use crate::parser::Parser;
use std::str::FromStr;

/// Longest query, in characters.
pub const MAX_QUERY_CHARS: usize = 10_000;
/// Most rows of a query that does not say.
const DEFAULT_LIMIT: usize = 10_000;

/// A query, understood.
#[derive(Debug, Clone)]
pub struct Query {
    pub(crate) commands: Vec<Command>,
}

#[derive(Debug, Clone)]
pub enum Command {
    Fields(Vec<Item>),
    Display(Vec<Item>),
    Filter(Expression),
    Parse {
        from: Expression,
        extraction: Extraction,
    },
    Stats {
        aggregates: Vec<AggregateCall>,
        items: Vec<Item>,
        by: Vec<Item>,
    },
    /// Each with whether it descends.
    Sort(Vec<(Item, bool)>),
    Dedup(Vec<Item>),
    Limit(usize),
}

/// An expression and what its column is called.
#[derive(Debug, Clone)]
pub struct Item {
    pub expression: Expression,
    /// As it is written, which is also the column's name unless it has another.
    pub text: String,
    pub name: String,
}

impl FromStr for Query {
    type Err = QueryFault;

    fn from_str(text: &str) -> Result<Self, QueryFault> {
        let length = text.chars().count();
        if length > MAX_QUERY_CHARS {
            let message = format!("a query has at most {MAX_QUERY_CHARS} characters");
            return Err(QueryFault { message, start: 0, end: length });
        }
        let tokens = tokens(text)?;
        if tokens.is_empty() {
            return Err(place(text, 0, text.len(), "the query is empty"));
        }
        Ok(Self { commands: Parser::new(text, &tokens).commands()? })
    }
}

impl Query {
    /// Most rows it gives, if it says so itself.
    pub fn limit(&self) -> Option<usize> {
        self.commands.iter().rev().find_map(|command| match command {
            Command::Limit(limit) => Some(*limit),
            _ => None,
        })
    }

    /// The number of rows that are enough, given what the caller wants.
    pub(crate) fn rows_wanted(&self, limit: Option<usize>) -> usize {
        limit.unwrap_or_else(|| self.limit().unwrap_or(DEFAULT_LIMIT))
    }

    /// Whether rows come in groups.
    pub(crate) fn has_stats(&self) -> bool {
        self.commands.iter().any(|command| matches!(command, Command::Stats { .. }))
    }
}
