//! Running a query: each command is a stage that hands rows on, or keeps them until all have come.

use crate::error::ExecutionFault;
use crate::evaluate::Scope;
use crate::expression::Expression;
use crate::group::Grouping;
use crate::order::{MAX_BYTES, Sorter};
use crate::parse_command::Extraction;
use crate::query::{Command, Item, Query};
use crate::row::{LogRecord, Row};
use std::collections::HashSet;
use std::sync::Arc;

/// Most different rows that `dedup` tells apart.
const MAX_SEEN: usize = 500_000;

/// A query at work.
pub struct Execution<'q> {
    stages: Vec<Stage<'q>>,
    /// The first stage that does not look at one row by itself.
    plain: usize,
    columns: Vec<String>,
    /// Seconds since 1970.
    now: i64,
    matched: u64,
    out: Vec<Row>,
    out_bytes: usize,
}

enum Stage<'q> {
    /// Columns that have to be worked out, and their names.
    Fields(Vec<(Arc<str>, &'q Item)>),
    Filter(&'q Expression),
    Parse(&'q Expression, &'q Extraction),
    Dedup(&'q [Item], HashSet<Vec<String>>),
    Limit(usize),
    Stats(Grouping<'q>),
    Sort(Sorter<'q>),
}

/// What a query found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// Of each row the fields that are there, in order; `@ptr` comes last, where rows are log events.
    pub rows: Vec<Vec<(String, String)>>,
    /// How many log events passed the filters.
    pub matched: u64,
}

impl<'q> Execution<'q> {
    /// Begins. `limit` is the most rows that the caller wants, `now` is in seconds since 1970.
    pub fn new(query: &'q Query, limit: Option<usize>, now: i64) -> Self {
        let wanted = query.rows_wanted(limit);
        let commands = &query.commands;
        let mut stages: Vec<Stage<'q>> = commands
            .iter()
            .enumerate()
            .map(|(place, command)| Stage::of(command, wanted_after(&commands[place + 1..], wanted)))
            .collect();
        stages.push(Stage::Limit(wanted));
        let plain = |stage: &Stage<'_>| !matches!(stage, Stage::Fields(_) | Stage::Filter(_) | Stage::Parse(..));
        let plain = stages.iter().position(plain).unwrap_or(stages.len());
        Self { stages, plain, columns: columns(query), now, matched: 0, out: Vec::new(), out_bytes: 0 }
    }

    /// Takes a log event; they come newest first. `false` once no more are needed.
    ///
    /// # Errors
    /// If the query needs more memory than it may.
    pub fn push(&mut self, record: LogRecord<'_>) -> Result<bool, ExecutionFault> {
        self.feed(0, Row::of(record))?;
        Ok(!self.is_full())
    }

    /// Whether a limit is reached that no earlier stage can change any more.
    fn is_full(&self) -> bool {
        let collects = |stage: &&Stage<'_>| matches!(stage, Stage::Stats(_) | Stage::Sort(_));
        self.stages.iter().take_while(|stage| !collects(stage)).any(|stage| matches!(stage, Stage::Limit(0)))
    }

    fn feed(&mut self, from: usize, mut row: Row) -> Result<(), ExecutionFault> {
        for place in from..self.stages.len() {
            if place == self.plain && from == 0 {
                self.matched += 1;
            }
            let scope = Scope { row: &row, now: self.now, aggregates: &[] };
            match &mut self.stages[place] {
                Stage::Fields(items) => {
                    let values: Vec<_> = items.iter().map(|(name, item)| (Arc::clone(name), scope.item(item))).collect();
                    values.into_iter().for_each(|(name, value)| row.set(name, value));
                }
                Stage::Filter(condition) => {
                    if !scope.holds(condition) {
                        return Ok(());
                    }
                }
                Stage::Parse(from, extraction) => {
                    let text = scope.value(from);
                    extraction.apply(&text.shown(), &mut row);
                }
                Stage::Dedup(items, seen) => {
                    let key = items.iter().map(|item| scope.item(item).shown().into_owned()).collect();
                    if !seen.insert(key) {
                        return Ok(());
                    }
                    if seen.len() > MAX_SEEN {
                        return Err(ExecutionFault::TooManyGroups(MAX_SEEN));
                    }
                }
                Stage::Limit(0) => return Ok(()),
                Stage::Limit(left) => *left -= 1,
                Stage::Stats(grouping) => return grouping.add(&row, self.now),
                Stage::Sort(sorter) => return sorter.add(row, self.now),
            }
        }
        self.out_bytes += row.bytes();
        if self.out_bytes > MAX_BYTES {
            return Err(ExecutionFault::TooLarge(MAX_BYTES));
        }
        self.out.push(row);
        Ok(())
    }

    /// All log events have come.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(mut self) -> Result<Results, ExecutionFault> {
        for place in 0..self.stages.len() {
            let rows = match &mut self.stages[place] {
                Stage::Stats(grouping) => grouping.rows(self.now),
                Stage::Sort(sorter) => sorter.rows(),
                _ => continue,
            };
            for row in rows {
                self.feed(place + 1, row)?;
            }
        }
        let rows = self.out.iter().map(|row| self.shown(row)).collect();
        Ok(Results { rows, matched: self.matched })
    }

    fn shown(&self, row: &Row) -> Vec<(String, String)> {
        let fields = self.columns.iter().map(|name| (name, row.get(name)));
        let mut fields: Vec<(String, String)> = fields
            .filter(|(_, value)| !value.is_missing())
            .map(|(name, value)| (name.clone(), value.shown().into_owned()))
            .collect();
        if let Some(event) = row.event() {
            fields.push(("@ptr".into(), event.pointer.clone()));
        }
        fields
    }
}

impl<'q> Stage<'q> {
    fn of(command: &'q Command, wanted: usize) -> Self {
        match command {
            Command::Fields(items) | Command::Display(items) => {
                let worked_out = |item: &&Item| !matches!(&item.expression, Expression::Field(name) if *name == item.name);
                Self::Fields(items.iter().filter(worked_out).map(|item| (Arc::from(item.name.as_str()), item)).collect())
            }
            Command::Filter(condition) => Self::Filter(condition),
            Command::Parse { from, extraction } => Self::Parse(from, extraction),
            Command::Stats { aggregates, items, by } => Self::Stats(Grouping::new(aggregates, items, by)),
            Command::Sort(keys) => Self::Sort(Sorter::new(keys, wanted)),
            Command::Dedup(items) => Self::Dedup(items, HashSet::new()),
            Command::Limit(limit) => Self::Limit(*limit),
        }
    }
}

/// How many rows in order these commands can make use of.
fn wanted_after(commands: &[Command], wanted: usize) -> usize {
    for command in commands {
        match command {
            Command::Fields(_) | Command::Display(_) | Command::Parse { .. } => {}
            Command::Limit(limit) => return wanted.min(*limit),
            Command::Filter(_) | Command::Stats { .. } | Command::Sort(_) | Command::Dedup(_) => return usize::MAX,
        }
    }
    wanted
}

/// Names of the columns that are shown.
fn columns(query: &Query) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for command in &query.commands {
        let (items, resets): (Vec<&Item>, bool) = match command {
            Command::Fields(items) => (items.iter().collect(), false),
            Command::Display(items) => (items.iter().collect(), true),
            Command::Stats { items, by, .. } => (by.iter().chain(items).collect(), true),
            _ => continue,
        };
        if resets {
            columns.clear();
        }
        for item in items {
            if !columns.contains(&item.name) {
                columns.push(item.name.clone());
            }
        }
    }
    if columns.is_empty() && !query.has_stats() {
        columns.extend(["@timestamp".to_owned(), "@message".to_owned()]);
    }
    columns
}
