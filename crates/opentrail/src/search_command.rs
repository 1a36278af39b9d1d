//! `opentrail search`: a query over log files, wherever they are.
//!
//! Which of these runs is decided once: records one by one as they are found, the newest records in order, counts, or a
//! histogram.

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use opentrail_search::matching::Extractor;
use opentrail_search::neutral::{for_terminal, json_for_terminal};
use opentrail_search::output::{Counts, Histogram, Newest, cell, chart, csv, json, table};
use opentrail_search::query::{Window, parse_period};
use opentrail_search::{Field, Hit, Progress, Query, Source, Summary, limits, open_source, search};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::Duration;
use time::OffsetDateTime;

/// Search log files with a query. The language: docs/search.md.
///
/// Example: opentrail search 'eventName:Delete* user:alice -errorCode:*' ./copy-of-bucket --from 2026-11-01
#[derive(Args)]
pub struct SearchArgs {
    /// What to look for, such as 'ip:10.0.0.0/8 error:AccessDenied "sg-0123"'. '*' finds everything.
    #[arg(allow_hyphen_values = true)]
    query: String,
    /// Files, directories or s3://bucket/prefix (endpoint and credentials from the usual AWS variables).
    sources: Vec<String>,
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
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Ndjson,
    Csv,
}

const TABLE_FIELDS: [&str; 7] = ["time", "user", "event", "source", "region", "ip", "error"];
const CSV_FIELDS: [&str; 12] = [
    "eventTime",
    "eventID",
    "eventName",
    "eventSource",
    "awsRegion",
    "recipientAccountId",
    "user",
    "userIdentity.type",
    "userIdentity.arn",
    "sourceIPAddress",
    "errorCode",
    "readOnly",
];
const PROBLEMS_SHOWN: usize = 20;

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

/// Runs the search; the exit status is 0, also when nothing is found, or 2 if nothing could be read.
///
/// # Errors
/// If it could not run at all: exit status 2.
pub async fn run(args: SearchArgs) -> anyhow::Result<u8> {
    let query = match Query::parse(&args.query) {
        Ok(query) => query.and(Query::between(args.from, args.to)),
        Err(error) => {
            eprintln!("opentrail: the query cannot be understood (docs/search.md describes the language)\n{}", error.render());
            return Ok(2);
        }
    };
    if args.sources.is_empty() {
        bail!(
            "no source is named, and a server cannot be searched yet: name files, directories or s3://bucket/prefix \
             (see docs/search.md)"
        );
    }
    let sources = args.sources.iter().map(|spec| open_source(spec)).collect::<Result<Vec<_>, _>>()?;
    tokio::task::spawn_blocking(move || run_blocking(&args, &query, &sources)).await.context("the search was interrupted")?
}

fn run_blocking(args: &SearchArgs, query: &Query, sources: &[Box<dyn Source>]) -> anyhow::Result<u8> {
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let format = args.format.unwrap_or(if terminal { Format::Table } else { Format::Ndjson });
    let mut run = Run { args, query, sources, format, terminal, out: BufWriter::new(stdout.lock()), bar: Bar::new() };
    let result = if !args.count_by.is_empty() {
        run.count()
    } else if args.histogram {
        run.histogram()
    } else {
        run.records()
    };
    let flushed = run.out.flush();
    run.bar.0.finish_and_clear();
    let summary = result?;
    match flushed {
        // Whoever read has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(0),
        other => other.context("cannot write the result")?,
    }
    if summary.files == 0 && query.window() == Window::default() {
        bail!("no log files in {}", args.sources.join(", "));
    }
    report(&summary);
    Ok(if summary.nothing_readable() { 2 } else { 0 })
}

/// Says on standard error what was searched, and what could not be read.
fn report(summary: &Summary) {
    for problem in summary.problems.iter().take(PROBLEMS_SHOWN) {
        let line = format!("{}: at byte {}: {}", problem.file, problem.offset, problem.reason);
        eprintln!("opentrail: {}", for_terminal(&line));
    }
    let more = summary.problem_count.saturating_sub(PROBLEMS_SHOWN as u64);
    if more > 0 {
        eprintln!("opentrail: and {more} more problems");
    }
    let megabytes = summary.plain_bytes.div_ceil(1_000_000);
    eprintln!("{} found in {} files ({megabytes} MB)", summary.found, summary.files);
}

struct Run<'a> {
    args: &'a SearchArgs,
    query: &'a Query,
    sources: &'a [Box<dyn Source>],
    format: Format,
    terminal: bool,
    out: BufWriter<io::StdoutLock<'a>>,
    bar: Bar,
}

/// A record as it will be shown.
enum Row {
    Cells(Vec<String>),
    Line(String),
}

impl Run<'_> {
    fn records(&mut self) -> anyhow::Result<Summary> {
        let fields = self.fields();
        let extractor = Extractor::new(fields);
        let (format, terminal) = (self.format, self.terminal);
        let select = |hit: &Hit<'_>| (hit.time(), row(&extractor, format, terminal, hit.record));
        let headings: Vec<String> = extractor.fields().iter().map(|field| field.name().to_owned()).collect();
        let limit = self.args.limit.or((self.format == Format::Table).then_some(limits::TABLE_ROWS));
        let mut writer = Writer { out: &mut self.out, format: self.format, rows: 0 };
        let Some(limit) = limit else {
            let mut failed = writer.begin(&headings).err();
            let summary = search(self.query, self.sources, &mut self.bar, &select, &mut |batch| {
                let written = batch.iter().try_for_each(|(_, row)| writer.row(row));
                failed = failed.take().or(written.err());
                if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            failed.map_or(writer.end(), Err).or_else(unless_broken_pipe)?;
            return Ok(summary);
        };
        let mut newest = Newest::new(limit);
        let summary = search(self.query, self.sources, &mut self.bar, &select, &mut |batch| {
            batch.into_iter().for_each(|(time, row)| newest.push(time, row));
            ControlFlow::Continue(())
        })?;
        self.bar.0.finish_and_clear();
        let came = newest.came();
        let rows = newest.into_sorted();
        write_rows(&mut writer, &headings, &rows).or_else(unless_broken_pipe)?;
        if came > rows.len() as u64 {
            eprintln!("the newest {} of {came}; --limit shows more", rows.len());
        }
        Ok(summary)
    }

    /// The columns; none for whole records.
    fn fields(&self) -> Vec<Field> {
        let named = |names: &[&str]| names.iter().filter_map(|name| Field::named(name)).collect();
        match self.format {
            _ if !self.args.fields.is_empty() => self.args.fields.clone(),
            Format::Table => named(&TABLE_FIELDS),
            Format::Csv => named(&CSV_FIELDS),
            Format::Json | Format::Ndjson => Vec::new(),
        }
    }

    fn count(&mut self) -> anyhow::Result<Summary> {
        let extractor = Extractor::new(self.args.count_by.clone());
        let single = extractor.fields().len() == 1;
        let select = |hit: &Hit<'_>| {
            let values = extractor.values(hit.record, limits::CELL_VALUES);
            match values.as_slice() {
                // An event with several values counts for each.
                [several] if single && several.len() > 1 => {
                    let mut texts: Vec<Vec<String>> = several.iter().map(|value| vec![value.text.clone()]).collect();
                    texts.sort_unstable();
                    texts.dedup();
                    texts
                }
                all => vec![all.iter().map(|values| cell(values)).collect()],
            }
        };
        let mut counts = Counts::default();
        let summary = search(self.query, self.sources, &mut self.bar, &select, &mut |batch| {
            batch.into_iter().flatten().for_each(|values| counts.add(values));
            ControlFlow::Continue(())
        })?;
        self.bar.0.finish_and_clear();
        let others = counts.others();
        let mut sorted = counts.into_sorted();
        let all = sorted.len();
        let shown = self.args.limit.or((self.format == Format::Table).then_some(limits::CHART_LINES)).unwrap_or(all);
        sorted.truncate(shown);
        let names: Vec<String> = extractor.fields().iter().map(|field| field.name().to_owned()).collect();
        self.counted(&names, &sorted).or_else(unless_broken_pipe)?;
        if shown < all || others > 0 {
            let left_out = if others > 0 { format!(", and {others} events of values not kept apart") } else { String::new() };
            eprintln!("{} of {all} values{left_out}", sorted.len());
        }
        Ok(summary)
    }

    fn histogram(&mut self) -> anyhow::Result<Summary> {
        let mut histogram = Histogram::default();
        let select = |hit: &Hit<'_>| hit.time();
        let summary = search(self.query, self.sources, &mut self.bar, &select, &mut |batch| {
            batch.into_iter().for_each(|time| histogram.add(time));
            ControlFlow::Continue(())
        })?;
        self.bar.0.finish_and_clear();
        let bars: Vec<(Vec<String>, u64)> =
            histogram.labelled_bars().into_iter().map(|(time, count)| (vec![time], count)).collect();
        self.counted(&["time".to_owned()], &bars).or_else(unless_broken_pipe)?;
        if histogram.without_time() > 0 {
            eprintln!("{} events without a readable time", histogram.without_time());
        }
        Ok(summary)
    }

    /// Counts in the format asked for.
    fn counted(&mut self, names: &[String], counts: &[(Vec<String>, u64)]) -> io::Result<()> {
        if self.format == Format::Table {
            let label = |values: &[String]| {
                let shown = values.iter().map(|value| if value.is_empty() { "(none)" } else { value });
                shown.collect::<Vec<_>>().join("  ")
            };
            let lines: Vec<(String, u64)> = counts.iter().map(|(values, count)| (label(values), *count)).collect();
            return chart::write(&mut self.out, &lines);
        }
        let headings: Vec<String> = names.iter().cloned().chain(["count".to_owned()]).collect();
        let terminal = self.terminal;
        let mut writer = Writer { out: &mut self.out, format: self.format, rows: 0 };
        let rows: Vec<Row> =
            counts.iter().map(|(values, count)| count_row(writer.format, terminal, names, values, *count)).collect();
        write_rows(&mut writer, &headings, &rows)
    }
}

/// A record as the format shows it: cells, or a line of JSON.
fn row(extractor: &Extractor, format: Format, terminal: bool, record: &[u8]) -> Row {
    if matches!(format, Format::Table | Format::Csv) {
        let values = extractor.values(record, limits::CELL_VALUES);
        // Rows are kept until all are known; what is not shown is not kept.
        let text = |values: &Vec<_>| if format == Format::Table { table::shown(&cell(values)) } else { cell(values) };
        return Row::Cells(values.iter().map(text).collect());
    }
    let line = if extractor.fields().is_empty() {
        String::from_utf8_lossy(&json::compact(record)).into_owned()
    } else {
        json::object_of(extractor.fields(), &extractor.values(record, limits::CELL_VALUES))
    };
    Row::Line(if terminal { json_for_terminal(&line).into_owned() } else { line })
}

fn count_row(format: Format, terminal: bool, names: &[String], values: &[String], count: u64) -> Row {
    if format == Format::Csv {
        return Row::Cells(values.iter().cloned().chain([count.to_string()]).collect());
    }
    let mut object = serde_json::Map::new();
    for (name, value) in names.iter().zip(values) {
        let value = if value.is_empty() { serde_json::Value::Null } else { value.as_str().into() };
        object.insert(name.clone(), value);
    }
    object.insert("count".into(), count.into());
    let line = serde_json::Value::from(object).to_string();
    Row::Line(if terminal { json_for_terminal(&line).into_owned() } else { line })
}

/// A reader that has seen enough is no failure; standard output is not written to again.
fn unless_broken_pipe(error: io::Error) -> anyhow::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error).context("cannot write the result") }
}

fn write_rows(writer: &mut Writer<'_>, headings: &[String], rows: &[Row]) -> io::Result<()> {
    if writer.format == Format::Table {
        let cells = |row: &Row| match row {
            Row::Cells(cells) => cells.clone(),
            Row::Line(line) => vec![line.clone()],
        };
        return table::write(writer.out, headings, &rows.iter().map(cells).collect::<Vec<_>>());
    }
    writer.begin(headings)?;
    rows.iter().try_for_each(|row| writer.row(row))?;
    writer.end()
}

/// Writes rows as they come, in the formats that allow it.
struct Writer<'a> {
    out: &'a mut dyn Write,
    format: Format,
    rows: u64,
}

impl Writer<'_> {
    fn begin(&mut self, headings: &[String]) -> io::Result<()> {
        match self.format {
            Format::Csv => csv::write_row(self.out, headings.iter().map(String::as_str)),
            Format::Json => self.out.write_all(b"["),
            Format::Table | Format::Ndjson => Ok(()),
        }
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        self.rows += 1;
        match row {
            Row::Cells(cells) => csv::write_row(self.out, cells.iter().map(String::as_str)),
            Row::Line(line) => {
                let before = match self.format {
                    Format::Json if self.rows == 1 => "\n",
                    Format::Json => ",\n",
                    _ => "",
                };
                let after = if self.format == Format::Json { "" } else { "\n" };
                write!(self.out, "{before}{line}{after}")
            }
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if self.format == Format::Json { self.out.write_all(b"\n]\n") } else { Ok(()) }
    }
}

struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files {per_sec} {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        // On a terminal the result may be streaming to the same screen.
        if std::io::stderr().is_terminal() && !std::io::stdout().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(200));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self(bar)
    }
}

impl Progress for Bar {
    fn listed(&mut self, files: usize) {
        self.0.set_length(files as u64);
    }

    fn read(&mut self, files: usize) {
        self.0.inc(files as u64);
    }
}
