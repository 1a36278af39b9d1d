//! `opentrail import`: existing log files, wherever they are, into a server's event history.
//!
//! ```text
//! list ▸ leave out what an earlier run finished ▸ upload, several at once, until the server has it ▸ note ▸ report
//! ```
//!
//! The server takes nothing twice, so that a run that was interrupted is simply started again; the notes only spare it
//! the files that were finished.

mod finished;
mod report;
mod uploader;

use crate::client::{Client, caller_from_environment};
use crate::keys_command::endpoint_or_environment;
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use finished::Finished;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use opentrail_search::query::Window;
use opentrail_search::{Source, open_source};
use report::Report;
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::sync::mpsc;
use uploader::{Uploaded, Uploader};

/// Load existing CloudTrail log files into a server's event history.
///
/// Run it again after an interruption: what the server has is not loaded twice, finished files are not read again.
/// Exit status: 0 all loaded, 1 something could not be read or is older than the server keeps, 2 could not run.
///
/// Example: opentrail import ./copy-of-bucket s3://trail-bucket/AWSLogs --endpoint http://127.0.0.1:4580
#[derive(Args)]
pub struct ImportArgs {
    /// Files, directories or s3://bucket/prefix. Buckets are read with the usual AWS variables.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<String>,
    /// The server. [default: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Files that are uploaded at the same time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    jobs: u8,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Where finished files are noted. [default: a file per server in ~/.local/state/opentrail]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Send files again that an earlier run finished.
    #[arg(long)]
    again: bool,
    /// How long to wait for a server that does not answer.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    patience: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// A file to load.
struct File {
    source: usize,
    location: String,
    /// What it is called, as people write it.
    name: String,
    /// What it is noted as once it is finished.
    note: Option<finished::Note>,
}

/// What uploaders work on together.
struct Work {
    sources: Vec<Box<dyn Source>>,
    files: Vec<File>,
    next: AtomicUsize,
}

/// Runs the import.
///
/// # Errors
/// If it could not run at all, or not to its end: exit status 2.
pub async fn run(args: ImportArgs) -> anyhow::Result<u8> {
    let endpoint = endpoint_or_environment(args.endpoint.as_deref())?;
    let caller = caller_from_environment()?;
    let server = Client::connect(&endpoint).await?.opentrail(&caller, "DescribeHistory", &json!({})).await;
    let server = server?.json().context("asking the server for its history")?;
    let identity = format!("{} {} {}", server["AccountId"], server["Created"], caller.region);
    let mut finished = Finished::open(args.state.clone(), &identity);

    let sources = args.sources.iter().map(|spec| open_source(spec)).collect::<Result<Vec<_>, _>>()?;
    let mut report = Report::default();
    let listing = tokio::task::spawn_blocking(move || list(sources, &identity));
    let (mut work, listed) = listing.await.context("listing was interrupted")??;
    report.take_listed(listed, work.files.len());
    if work.files.is_empty() && report.unparsed_count() == 0 {
        bail!("no log files in {}", args.sources.join(", "));
    }
    if !args.again {
        work.files.retain(|file| !file.note.as_ref().is_some_and(|note| finished.has(note)));
    }
    report.skipped = report.listed - work.files.len();

    let bar = bar(work.files.len());
    let work = Arc::new(work);
    let (news, mut uploaded) = mpsc::channel(usize::from(args.jobs) * 2);
    for _ in 0..args.jobs {
        let uploader = Uploader::new(Arc::clone(&work), &endpoint, caller.clone(), args.patience);
        tokio::spawn(uploader.run(news.clone()));
    }
    drop(news);
    let mut failed = None;
    while let Some(next) = uploaded.recv().await {
        match next {
            Ok(Uploaded { file, answer }) => {
                let file = &work.files[file];
                if report.take(&file.name, answer)
                    && let Some(note) = &file.note
                {
                    finished.add(note);
                }
                bar.inc(1);
                bar.set_message(format!("{} events", report.accepted));
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    bar.finish_and_clear();
    match args.format {
        Format::Text => report.print_text(),
        Format::Json => println!("{}", serde_json::to_string_pretty(&report.to_json(failed.is_none()))?),
    }
    match failed {
        Some(error) => Err(error.context("the import is not complete; run it again to go on")),
        None => Ok(report.exit_status()),
    }
}

/// Every file of every source, and what could not be listed.
fn list(sources: Vec<Box<dyn Source>>, identity: &str) -> anyhow::Result<(Work, Vec<(String, String)>)> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for (source, from) in sources.iter().enumerate() {
        let mut problem = |name: String, error| problems.push((name, format!("{:#}", anyhow::Error::from(error))));
        for location in from.list(&Window::default(), &mut problem)? {
            let name = from.display(&location);
            let note = from.version(&location).map(|version| finished::note(&[identity, &name, &version]));
            files.push(File { source, location, name, note });
        }
    }
    Ok((Work { sources, files, next: AtomicUsize::new(0) }, problems))
}

fn bar(files: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files {msg} {per_sec} {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if std::io::stderr().is_terminal() {
        bar.enable_steady_tick(Duration::from_millis(200));
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}
