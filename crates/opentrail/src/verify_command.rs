//! `opentrail verify`: log files and digests, anywhere.

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use opentrail_verify::{Checked, HeadFile, KeyService, KeySet, Mapping, Options, Progress, Report, open_source, read_small};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Check log files against their digests, and digests against their signatures and each other.
///
/// Examples: opentrail verify ./copy-of-bucket --public-keys keys.json
///
///           opentrail verify s3://audit-logs --endpoint aws --from 2026-11-01
#[derive(Args)]
pub struct VerifyArgs {
    /// Files, directories, tar or zip archives, or s3://bucket/prefix (endpoint and credentials from the usual AWS
    /// variables).
    #[arg(required = true)]
    sources: Vec<String>,
    /// Public keys: what `opentrail keys export` or `aws cloudtrail list-public-keys` prints. May be repeated.
    #[arg(long, value_name = "FILE", conflicts_with = "endpoint")]
    public_keys: Vec<PathBuf>,
    /// Ask this server for the public keys; `aws` asks AWS itself.
    #[arg(long, value_name = "URL|aws")]
    endpoint: Option<String>,
    /// Only what was delivered from this time on (2026-11-21T10:00:00Z).
    #[arg(long, value_parser = parse_time)]
    from: Option<OffsetDateTime>,
    /// Only what was delivered up to this time. Chains are expected to reach it.
    #[arg(long, value_parser = parse_time)]
    to: Option<OffsetDateTime>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Times without logging are no finding.
    #[arg(long)]
    accept_gap: bool,
    /// Files lie under other prefixes than the digests say: `a=b` or `s3://old/a=s3://new/b`. May be repeated.
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_mapping)]
    map: Vec<String>,
    /// Heads recorded earlier with --write-head: a chain that ends before its head was cut off. May be repeated.
    #[arg(long, value_name = "FILE|URL")]
    expect_head: Vec<String>,
    /// Record the newest digest of each chain, to be kept elsewhere. Only written if nothing is invalid.
    #[arg(long, value_name = "FILE")]
    write_head: Option<PathBuf>,
    /// Requests to a store at the same time.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    in_flight: u16,
    /// Do not look at records, only at files.
    #[arg(long)]
    skip_records: bool,
    /// A line per file, in the wording of the AWS CLI.
    #[arg(long)]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Junit,
    Sarif,
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| "expected a time such as 2026-11-21T10:00:00Z or a date".to_owned())
}

fn parse_mapping(text: &str) -> Result<String, String> {
    Mapping::default().add(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

/// Runs the verification; the exit status is 0 or 1.
///
/// # Errors
/// If it could not run at all: exit status 2.
pub async fn run(args: VerifyArgs) -> anyhow::Result<u8> {
    let options = options(&args).await?;
    let specs = args.sources.clone();
    let progress = Bar::new(args.verbose, args.format);
    let report = tokio::task::spawn_blocking(move || check(&specs, &options, &progress)).await??;
    let text = match args.format {
        Format::Text => report.to_text(),
        Format::Json => report.to_json() + "\n",
        Format::Junit => report.to_junit(),
        Format::Sarif => report.to_sarif() + "\n",
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever read this has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.context("cannot write to standard output")?,
    }
    if let Some(path) = &args.write_head {
        write_head(path, &report)?;
    }
    Ok(report.exit_code())
}

/// Runs on a runtime of one thread: passing answers between threads would cost more than the small files they are. Large
/// files are decompressed on other threads anyway.
fn check(specs: &[String], options: &Options, progress: &Bar) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sources = specs.iter().map(|spec| open_source(spec)).collect::<Result<Vec<_>, _>>()?;
    let report = runtime.block_on(opentrail_verify::verify(&sources, options, progress))?;
    progress.bar.finish_and_clear();
    Ok(report)
}

async fn options(args: &VerifyArgs) -> anyhow::Result<Options> {
    let mut mapping = Mapping::default();
    for rule in &args.map {
        mapping.add(rule)?;
    }
    let mut expect_heads = Vec::new();
    for spec in &args.expect_head {
        let json = read_small(spec).await.with_context(|| format!("cannot read the head file {spec}"))?;
        expect_heads.extend(HeadFile::from_json(spec, &json)?.heads);
    }
    let key_service = args.endpoint.as_ref().map(|endpoint| match endpoint.as_str() {
        "aws" => KeyService::Aws,
        url => KeyService::Endpoint(url.to_owned()),
    });
    Ok(Options {
        keys: keys(&args.public_keys)?,
        key_service,
        from: args.from,
        to: args.to,
        now: Some(OffsetDateTime::now_utc()),
        concurrency: args.in_flight.into(),
        accept_gap: args.accept_gap,
        mapping,
        expect_heads,
        records: !args.skip_records,
    })
}

fn keys(paths: &[PathBuf]) -> anyhow::Result<Option<KeySet>> {
    let mut all: Option<KeySet> = None;
    for path in paths {
        let read = KeySet::from_file(path)?;
        match &mut all {
            Some(keys) => keys.extend(read),
            None => all = Some(read),
        }
    }
    Ok(all)
}

/// Records the heads, in a file that is complete or not there.
fn write_head(path: &Path, report: &Report) -> anyhow::Result<()> {
    if report.verdict == opentrail_verify::Verdict::Invalid {
        eprintln!("opentrail: {} is not written, because something is invalid", path.display());
        return Ok(());
    }
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, report.heads().to_json() + "\n")
        .and_then(|()| std::fs::rename(&temporary, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

struct Bar {
    bar: ProgressBar,
    /// Lines go to standard output with the text report, and beside every other one.
    lines: Option<Format>,
}

impl Bar {
    fn new(verbose: bool, format: Format) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files {per_sec} {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        if std::io::stderr().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(200));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, lines: verbose.then_some(format) }
    }
}

impl Progress for Bar {
    fn listed(&self, digests: usize, log_files: usize) {
        self.bar.set_length((digests + log_files) as u64);
    }

    fn checked(&self, checked: &Checked<'_>) {
        self.bar.inc(1);
        match self.lines {
            Some(Format::Text) => self.bar.suspend(|| println!("{}", checked.line())),
            Some(_) => self.bar.suspend(|| eprintln!("{}", checked.line())),
            None => {}
        }
    }
}
