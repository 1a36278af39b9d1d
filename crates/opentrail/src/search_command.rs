//! `opentrail search`: a query, or the question who is behind an event, to a server or to log files wherever they are.
//!
//! ```text
//! query ─▶ files.rs      log files: records one by one, the newest in order, counts, a histogram
//!       └▶ server.rs     the same of a server's history; follow.rs: what arrives from now on
//! --who ─▶ who.rs        either
//! ```

mod files;
mod follow;
mod server;
mod who;

use crate::keys_command::endpoint_or_environment;
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use opentrail_search::query::parse_period;
use opentrail_search::{Field, Query, open_source, output};
use std::io::{self, IsTerminal};
use time::OffsetDateTime;

/// Search a server's event history, or log files, with a query. The language: docs/search.md.
///
/// Without a source the server at --endpoint or AWS_ENDPOINT_URL is searched.
///
/// Example: opentrail search 'eventName:Delete* user:alice -errorCode:*' --from 2026-11-01
/// Example: opentrail search 'ip:10.0.0.0/8 "sg-0123"' ./copy-of-bucket
/// Example: opentrail search --who 1c5d0a3e-0f5b-4e0a-9d67-2f4b1a1c9e55
#[derive(Args)]
pub struct SearchArgs {
    /// What to look for, such as 'ip:10.0.0.0/8 error:AccessDenied "sg-0123"'. '*' finds everything.
    #[arg(allow_hyphen_values = true, required_unless_present = "who")]
    query: Option<String>,
    /// Files, directories or s3://bucket/prefix (endpoint and credentials from the usual AWS variables).
    sources: Vec<String>,
    /// The server to search when there is no source. [default: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL", conflicts_with = "sources")]
    endpoint: Option<String>,
    /// Only events from this time on: 2026-11-21T10:00:00Z, or a day, month or hour of one.
    #[arg(long, value_name = "TIME", value_parser = parse_from)]
    from: Option<OffsetDateTime>,
    /// Only events up to this time; of a day, to its end.
    #[arg(long, value_name = "TIME", value_parser = parse_to)]
    to: Option<OffsetDateTime>,
    /// [default: table on a terminal, else ndjson]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Show these fields: names as in queries, with commas between.
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',', value_parser = parse_field)]
    fields: Vec<Field>,
    /// Count events by the value of a field, or by those of several.
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',', value_parser = parse_field, conflicts_with_all = ["histogram", "fields"])]
    count_by: Vec<Field>,
    /// Count events by time.
    #[arg(long, conflicts_with_all = ["fields", "limit"])]
    histogram: bool,
    /// Only the newest N, newest first; of counts, the N largest. [default: 1000 in a table, else everything]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Show what arrives at the server from now on, until interrupted; with --limit, the newest N first.
    #[arg(long, conflicts_with_all = ["sources", "histogram", "count_by", "to", "who"])]
    follow: bool,
    /// Walk back from this event to the person or workload behind its credentials, and forward to what they did.
    #[arg(long, value_name = "EVENT_ID", conflicts_with_all = ["histogram", "count_by", "fields", "limit"])]
    who: Option<String>,
    /// Search the history of all accounts; only the default account's may.
    #[arg(long, conflicts_with = "sources")]
    all_accounts: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Ndjson,
    Csv,
}

impl From<Format> for output::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Table => Self::Table,
            Format::Json => Self::Json,
            Format::Ndjson => Self::Ndjson,
            Format::Csv => Self::Csv,
        }
    }
}

impl SearchArgs {
    fn output_format(&self) -> output::Format {
        let default = if io::stdout().is_terminal() { Format::Table } else { Format::Ndjson };
        self.format.unwrap_or(default).into()
    }
}

pub(crate) fn parse_from(text: &str) -> Result<OffsetDateTime, String> {
    period(text).map(|(start, _)| start)
}

pub(crate) fn parse_to(text: &str) -> Result<OffsetDateTime, String> {
    period(text).map(|(_, end)| end)
}

fn period(text: &str) -> Result<(OffsetDateTime, OffsetDateTime), String> {
    parse_period(text).ok_or_else(|| "expected a time such as 2026-11-21T10:00:00Z or a date".to_owned())
}

fn parse_field(name: &str) -> Result<Field, String> {
    Field::named(name).ok_or_else(|| format!("not a field of records; .{name} names it all the same"))
}

/// Runs the search; the exit status is 0, also when nothing is found, or 2 if nothing could be read. Of `--who` it is 1
/// if the chain breaks.
///
/// # Errors
/// If it could not run at all: exit status 2.
pub async fn run(mut args: SearchArgs) -> anyhow::Result<u8> {
    if let Some(event_id) = args.who.clone() {
        // There is no query then, so that what stands in its place is a source.
        let sources: Vec<String> = args.query.take().into_iter().chain(std::mem::take(&mut args.sources)).collect();
        if !sources.is_empty() {
            return who::in_files(&args, &event_id, &sources).await;
        }
        return who::at_server(&args, &event_id, &endpoint(&args)?).await;
    }
    let text = args.query.clone().context("there is no query")?;
    let query = match Query::parse(&text) {
        Ok(query) => query,
        Err(error) => {
            eprintln!("opentrail: the query cannot be understood (docs/search.md describes the language)\n{}", error.render());
            return Ok(2);
        }
    };
    if !args.sources.is_empty() {
        let query = query.and(Query::between(args.from, args.to));
        let sources = args.sources.iter().map(|spec| open_source(spec)).collect::<Result<Vec<_>, _>>()?;
        let searching = tokio::task::spawn_blocking(move || files::run(&args, &query, &sources));
        return searching.await.context("the search was interrupted")?;
    }
    let endpoint = endpoint(&args)?;
    if args.follow { follow::run(&args, &text, &endpoint).await } else { server::run(&args, &text, &endpoint).await }
}

fn endpoint(args: &SearchArgs) -> anyhow::Result<String> {
    match endpoint_or_environment(args.endpoint.as_deref()) {
        Ok(endpoint) => Ok(endpoint),
        Err(_) => bail!(
            "nothing to search: name files, directories or s3://bucket/prefix, or a server with --endpoint URL or \
             AWS_ENDPOINT_URL (see docs/search.md)"
        ),
    }
}
