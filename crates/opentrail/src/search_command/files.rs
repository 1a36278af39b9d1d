//! A query over log files, wherever they are.
//!
//! Which of these runs is decided once: records one by one as they are found, the newest records in order, counts, or a
//! histogram.

use super::SearchArgs;
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use opentrail_search::matching::Extractor;
use opentrail_search::neutral::for_terminal;
use opentrail_search::output::{Counts, Format, Histogram, Newest, RowWriter, Shape, cell, write_counts};
use opentrail_search::query::Window;
use opentrail_search::{Hit, Progress, Query, Source, Summary, limits, search};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::Duration;

const PROBLEMS_SHOWN: usize = 20;

/// Runs the search on a thread of its own.
///
/// # Errors
/// As [`super::run`].
pub fn run(args: &SearchArgs, query: &Query, sources: &[Box<dyn Source>]) -> anyhow::Result<u8> {
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let format = args.output_format();
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
pub(super) fn report(summary: &Summary) {
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

impl Run<'_> {
    fn records(&mut self) -> anyhow::Result<Summary> {
        let shape = Shape::new(self.format, &self.args.fields, self.terminal);
        let select = |hit: &Hit<'_>| (hit.time(), shape.row(hit.record));
        let headings = shape.headings();
        let limit = self.args.limit.or((self.format == Format::Table).then_some(limits::TABLE_ROWS));
        let mut writer = RowWriter::new(self.format);
        let out = &mut self.out;
        let Some(limit) = limit else {
            let mut failed = writer.begin(out, &headings).err();
            let summary = search(self.query, self.sources, &mut self.bar, &select, &mut |batch| {
                let written = batch.iter().try_for_each(|(_, row)| writer.row(out, row));
                failed = failed.take().or(written.err());
                if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            failed.map_or_else(|| writer.end(out), Err).or_else(unless_broken_pipe)?;
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
        writer.write_all(out, &headings, &rows).or_else(unless_broken_pipe)?;
        if came > rows.len() as u64 {
            eprintln!("the newest {} of {came}; --limit shows more", rows.len());
        }
        Ok(summary)
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
        write_counts(&mut self.out, self.format, self.terminal, names, counts)
    }
}

/// A reader that has seen enough is no failure; standard output is not written to again.
pub(super) fn unless_broken_pipe(error: io::Error) -> anyhow::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error).context("cannot write the result") }
}

pub(super) struct Bar(pub ProgressBar);

impl Bar {
    pub fn new() -> Self {
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
