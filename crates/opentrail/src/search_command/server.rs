//! A query to a server's event history.

use super::SearchArgs;
use super::files::unless_broken_pipe;
use crate::client::{Caller, Client, caller_from_environment};
use anyhow::Context;
use opentrail_search::limits;
use opentrail_search::output::{Format, Row, RowWriter, Shape, write_counts};
use serde_json::{Value, json};
use std::io::{self, BufWriter, IsTerminal, Write};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Bars of a histogram.
const BARS: usize = limits::HISTOGRAM_BARS;
/// Rows of a count when all are wanted.
const ALL_ROWS: usize = 10_000;

/// Runs the search.
///
/// # Errors
/// If the server cannot be asked, or refuses.
pub async fn run(args: &SearchArgs, query: &str, endpoint: &str) -> anyhow::Result<u8> {
    let caller = caller_from_environment()?;
    let mut client = Client::connect(endpoint).await?;
    let question = question(args, query);
    if !args.count_by.is_empty() {
        count(args, &mut client, &caller, question).await?;
    } else if args.histogram {
        histogram(args, &mut client, &caller, question).await?;
    } else {
        records(args, &mut client, &caller, question).await?;
    }
    Ok(0)
}

/// The part of an input that every search has.
pub(super) fn question(args: &SearchArgs, query: &str) -> Value {
    let mut question = json!({"Query": query});
    if let Some(from) = args.from {
        question["StartTime"] = moment(from);
    }
    if let Some(to) = args.to {
        // The server counts the last second in.
        question["EndTime"] = moment(to - time::Duration::seconds(1));
    }
    if args.all_accounts {
        question["AllAccounts"] = true.into();
    }
    question
}

fn moment(at: OffsetDateTime) -> Value {
    at.format(&Rfc3339).map_or_else(|_| at.unix_timestamp().into(), Value::from)
}

async fn records(args: &SearchArgs, client: &mut Client, caller: &Caller, mut question: Value) -> anyhow::Result<()> {
    let format = args.output_format();
    let terminal = io::stdout().is_terminal();
    let shape = Shape::new(format, &args.fields, terminal);
    let headings = shape.headings();
    let limit = args.limit.or((format == Format::Table).then_some(limits::TABLE_ROWS));
    if let Some(limit) = limit {
        // One more tells whether there are more.
        question["Limit"] = (limit + 1).into();
    }
    let mut answer = client.opentrail_stream(caller, "DownloadEvents", &question).await?;
    let mut out = BufWriter::new(io::stdout());
    let mut writer = RowWriter::new(format);
    let mut table = Vec::new();
    let mut found = 0usize;
    if format != Format::Table
        && let Err(error) = writer.begin(&mut out, &headings)
    {
        return unless_broken_pipe(error);
    }
    while let Some(record) = answer.line().await? {
        found += 1;
        if limit.is_some_and(|limit| found > limit) {
            continue;
        }
        match (shape.row(&record), format) {
            (row, Format::Table) => table.push(row),
            (row, _) => {
                if let Err(error) = writer.row(&mut out, &row) {
                    return unless_broken_pipe(error);
                }
            }
        }
    }
    finish(&mut out, &mut writer, format, &headings, &table).or_else(unless_broken_pipe)?;
    match limit {
        Some(limit) if found > limit => eprintln!("the newest {limit}; --limit shows more"),
        _ => eprintln!("{found} found"),
    }
    Ok(())
}

fn finish(out: &mut impl Write, writer: &mut RowWriter, format: Format, headings: &[String], table: &[Row]) -> io::Result<()> {
    if format == Format::Table {
        writer.write_all(out, headings, table)?;
    } else {
        writer.end(out)?;
    }
    out.flush()
}

async fn count(args: &SearchArgs, client: &mut Client, caller: &Caller, mut question: Value) -> anyhow::Result<()> {
    let format = args.output_format();
    let names: Vec<&str> = args.count_by.iter().map(|field| field.name()).collect();
    let shown = args.limit.unwrap_or(if format == Format::Table { limits::CHART_LINES } else { ALL_ROWS });
    question["Fields"] = names.clone().into();
    question["MaxResults"] = shown.clamp(1, ALL_ROWS).into();
    let answer = client.opentrail(caller, "CountBy", &question).await?.json()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows: Vec<(Vec<String>, u64)> = rows_of(&answer["Rows"])
        .map(|row| (rows_of(&row["Values"]).map(text).collect(), row["Count"].as_u64().unwrap_or(0)))
        .collect();
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    print_counts(format, &names, &rows)?;
    let more = answer["MoreRows"].as_u64().unwrap_or(0);
    if more > 0 {
        eprintln!("{} of {} values", rows.len(), rows.len() as u64 + more);
    }
    Ok(())
}

async fn histogram(args: &SearchArgs, client: &mut Client, caller: &Caller, mut question: Value) -> anyhow::Result<()> {
    question["Buckets"] = BARS.into();
    let answer = client.opentrail(caller, "Histogram", &question).await?.json()?;
    let bar = |bar: &Value| {
        let begins = OffsetDateTime::from_unix_timestamp(bar["Time"].as_i64().unwrap_or(0)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        (vec![opentrail_model::timestamp::event_time(begins)], bar["Count"].as_u64().unwrap_or(0))
    };
    let bars: Vec<(Vec<String>, u64)> = rows_of(&answer["Bars"]).map(bar).collect();
    print_counts(args.output_format(), &["time".to_owned()], &bars)
}

fn rows_of(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn print_counts(format: Format, names: &[String], counts: &[(Vec<String>, u64)]) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout());
    let terminal = io::stdout().is_terminal();
    let written = write_counts(&mut out, format, terminal, names, counts).and_then(|()| out.flush());
    written.or_else(unless_broken_pipe).context("cannot write the result")
}
