//! `opentrail verify`: log files and digests, anywhere.

use crate::keys_command;
use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use opentrail_verify::{Checked, KeySet, Options, Progress, open_source};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Check log files against their digests, and digests against their signatures and each other.
///
/// Example: opentrail verify ./copy-of-bucket --public-keys keys.json
#[derive(Args)]
pub struct VerifyArgs {
    /// Files, directories or s3://bucket/prefix (endpoint and credentials from the usual AWS variables).
    #[arg(required = true)]
    sources: Vec<String>,
    /// Public keys: what `opentrail keys export` or `aws cloudtrail list-public-keys` prints. May be repeated.
    #[arg(long, value_name = "FILE", conflicts_with = "endpoint")]
    public_keys: Vec<PathBuf>,
    /// Ask this server for the public keys.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Only what was delivered from this time on (2026-11-21T10:00:00Z).
    #[arg(long, value_parser = parse_time)]
    from: Option<OffsetDateTime>,
    /// Only what was delivered up to this time.
    #[arg(long, value_parser = parse_time)]
    to: Option<OffsetDateTime>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Times without logging are no finding.
    #[arg(long)]
    accept_gap: bool,
    /// A line per file, in the wording of the AWS CLI.
    #[arg(long)]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| "expected a time such as 2026-11-21T10:00:00Z or a date".to_owned())
}

/// Runs the verification; the exit status is 0 or 1.
///
/// # Errors
/// If it could not run at all: exit status 2.
pub async fn run(args: VerifyArgs) -> anyhow::Result<u8> {
    let keys = keys(&args).await?;
    let sources = args.sources.iter().map(|spec| open_source(spec)).collect::<Result<Vec<_>, _>>()?;
    let options = Options { keys, from: args.from, to: args.to, accept_gap: args.accept_gap, ..Options::default() };
    let progress = Bar::new(args.verbose);
    let report = opentrail_verify::verify(&sources, &options, &progress).await?;
    progress.bar.finish_and_clear();
    match args.format {
        Format::Text => print!("{}", report.to_text()),
        Format::Json => println!("{}", report.to_json()),
    }
    Ok(report.exit_code())
}

async fn keys(args: &VerifyArgs) -> anyhow::Result<Option<KeySet>> {
    if let Some(endpoint) = &args.endpoint {
        let document = keys_command::fetch(endpoint).await.context("cannot get public keys")?;
        return Ok(Some(KeySet::from_json(document.to_string().as_bytes())?));
    }
    let mut all: Option<KeySet> = None;
    for path in &args.public_keys {
        let read = KeySet::from_file(path)?;
        match &mut all {
            Some(keys) => keys.extend(read),
            None => all = Some(read),
        }
    }
    Ok(all)
}

struct Bar {
    bar: ProgressBar,
    verbose: bool,
}

impl Bar {
    fn new(verbose: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files {per_sec} {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        if std::io::stderr().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(200));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, verbose }
    }
}

impl Progress for Bar {
    fn listed(&self, digests: usize, log_files: usize) {
        self.bar.set_length((digests + log_files) as u64);
    }

    fn checked(&self, checked: &Checked<'_>) {
        self.bar.inc(1);
        if self.verbose {
            self.bar.suspend(|| println!("{}", checked.line()));
        }
    }
}
