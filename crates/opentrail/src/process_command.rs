//! `opentrail process`: the events of log files, as they are announced or lie there, to a program or to standard output.

mod printer;
mod program;
mod status;

use crate::StopSignals;
use anyhow::{Context, bail};
use clap::Args;
use opentrail_processing::integrity::VerifiedByDigest;
use opentrail_processing::{
    Directory, Handler, Journal, Listing, Parking, ParkingDirectory, ParkingQueue, Processor, S3Store, Settings, SourceFilter,
    SqsQueue, Stop, Store, Summary, Until, stop,
};
use opentrail_query::Query;
use opentrail_query::matching::{Matcher, Scratch};
use opentrail_verify::KeySet;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// Hand the events of log files to a program, one JSON object a line, as files are announced. The guide:
/// docs/processing.md.
///
/// Examples: opentrail process --queue https://sqs.us-east-1.amazonaws.com/123456789012/trail --exec ./load.sh --park ./parked
///
///           opentrail process --directory ./copy-of-bucket --once --filter 'user:root event:ConsoleLogin'
#[derive(Args)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["queue", "directory", "s3"])))]
pub struct ProcessArgs {
    /// The URL of a queue of SQS that hears of log files, from CloudTrail's topic or from S3's notifications.
    #[arg(long, value_name = "URL")]
    queue: Option<String>,
    /// A directory of log files.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// A bucket, or what is below a prefix of it: s3://bucket/prefix.
    #[arg(long, value_name = "URL")]
    s3: Option<String>,
    /// Run this shell command for every file. It gets the file's events on standard input and accepts them with exit
    /// status 0; 65 parks the file, anything else brings it again. Without a command, events go to standard output.
    #[arg(long, value_name = "CMD")]
    exec: Option<String>,
    /// Only events that match this query, as in `opentrail search` (docs/search.md).
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Where goes what cannot be processed, with the reason: a directory, or the URL of a queue.
    #[arg(long, value_name = "DIR|URL")]
    park: Option<String>,
    /// Files worked on at the same time. [default: 1 with --exec, else 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: Option<u16>,
    /// End when the queue gives nothing more, or when every file that is there is done.
    #[arg(long)]
    once: bool,
    /// Keep in this file which files of a directory or bucket are done, so that the next run goes on there.
    #[arg(long, value_name = "FILE", conflicts_with = "queue")]
    journal: Option<PathBuf>,
    /// How often a directory or bucket is looked at for new files.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration, conflicts_with = "queue")]
    interval: Duration,
    /// Only files that a digest signed with one of these keys vouches for; others wait for their digest for three hours,
    /// and are then parked. What `opentrail keys export` or `aws cloudtrail list-public-keys` prints. May be repeated.
    #[arg(long, value_name = "FILE")]
    public_keys: Vec<PathBuf>,
    /// How long a message is kept from other receivers; it is extended while its files are worked on.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    visibility: Duration,
    /// Attempts before a file is parked. Faults of networks and services do not count.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    /// Leave out events whose eventID was among the last N.
    #[arg(long, value_name = "N", default_value_t = 0)]
    dedupe: usize,
    /// Only files of this account, by their names. May be repeated.
    #[arg(long, value_name = "ID")]
    account: Vec<String>,
    /// Only files of this region, by their names. May be repeated.
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// Only files delivered from this time on: 2026-11-21T10:00:00Z, or a day.
    #[arg(long, value_name = "TIME", value_parser = crate::search_command::parse_from)]
    from: Option<OffsetDateTime>,
    /// Only files delivered up to this time; of a day, to its end.
    #[arg(long, value_name = "TIME", value_parser = crate::search_command::parse_to)]
    to: Option<OffsetDateTime>,
    /// Insights files as well.
    #[arg(long)]
    insights: bool,
    /// Files of any name, not only those named as CloudTrail names log files.
    #[arg(long)]
    any_name: bool,
    /// Tell of every file, and of every request that is tried again.
    #[arg(long)]
    verbose: bool,
}

/// Runs until everything is done or a signal comes; the exit status is 0, or 1 if something failed or was parked.
///
/// # Errors
/// If it could not run at all: exit status 2.
pub async fn run(args: ProcessArgs) -> anyhow::Result<u8> {
    let query = match args.filter.as_deref().map(Query::parse).transpose() {
        Ok(query) => query,
        Err(error) => {
            eprintln!("opentrail: the query cannot be understood (docs/search.md describes the language)\n{}", error.render());
            return Ok(2);
        }
    };
    let mut signals = StopSignals::new()?;
    let (stopper, stop) = stop();
    let stopping = stopper.clone();
    let listening = tokio::spawn(async move {
        signals.wait().await;
        eprintln!("opentrail: finishing what is being worked on; a second signal ends at once");
        stopping.stop();
        signals.wait().await;
        std::process::exit(1);
    });
    let status = Arc::new(status::Status::new(args.verbose));
    let summary = match &args.exec {
        Some(command) => process(&args, program::Program::new(command), query, &status, stop).await,
        None => process(&args, printer::Printer::new(stopper), query, &status, stop).await,
    };
    listening.abort();
    status.finish();
    let summary = summary?;
    eprintln!("{}", status::sentence(&summary));
    Ok(u8::from(summary.failed + summary.message_failures + summary.parked > 0))
}

async fn process<H: Handler>(
    args: &ProcessArgs,
    handler: H,
    query: Option<Query>,
    status: &Arc<status::Status>,
    stop: Stop,
) -> anyhow::Result<Summary> {
    let mut processor = Processor::new(handler)
        .settings(settings(args))
        .source_filter(source_filter(args))
        .progress(Arc::clone(status) as Arc<dyn opentrail_processing::Progress>);
    if let Some(query) = query {
        processor = processor.event_filter(event_filter(&query));
    }
    if !args.public_keys.is_empty() {
        let mut keys = KeySet::default();
        for path in &args.public_keys {
            keys.extend(KeySet::from_file(path)?);
        }
        processor = processor.admission(Arc::new(VerifiedByDigest::new(keys)));
    }
    if let Some(park) = &args.park {
        processor = processor.parking(parking(park)?);
    }
    if let Some(url) = &args.queue {
        let queue = Arc::new(SqsQueue::from_environment(url)?);
        let store = Arc::new(S3Store::from_environment()?);
        let until = if args.once { Until::Drained } else { Until::Stopped };
        return Ok(processor.run_queue(queue, store, until, stop).await?);
    }
    let (store, bucket, prefix): (Arc<dyn Store>, _, _) = match (&args.directory, &args.s3) {
        (Some(directory), _) if directory.is_dir() => (Arc::new(Directory::new(directory)), "", ""),
        (Some(directory), _) => bail!("{} is not a directory", directory.display()),
        (None, url) => {
            let (bucket, prefix) = bucket_and_prefix(url.as_deref().unwrap_or_default())?;
            (Arc::new(S3Store::from_environment()?), bucket, prefix)
        }
    };
    let journal = args.journal.as_deref().map(Journal::open).transpose()?;
    let follow = (!args.once).then_some(args.interval);
    let listing = Listing { bucket: bucket.to_owned(), prefix: prefix.to_owned(), follow, journal };
    Ok(processor.run_listing(store, listing, stop).await?)
}

fn settings(args: &ProcessArgs) -> Settings {
    let parallel = args.parallel.unwrap_or(if args.exec.is_some() { 1 } else { 4 });
    Settings {
        parallel: usize::from(parallel),
        visibility: args.visibility,
        attempts: args.attempts,
        dedupe: args.dedupe,
        ..Settings::default()
    }
}

fn source_filter(args: &ProcessArgs) -> SourceFilter {
    SourceFilter {
        prefix: String::new(),
        accounts: args.account.clone(),
        regions: args.region.clone(),
        from: args.from,
        to: args.to,
        insights: args.insights,
        foreign: args.any_name,
    }
}

/// An event that cannot be judged is handed over: better one too many than one lost.
fn event_filter(query: &Query) -> impl Fn(&opentrail_processing::Event<'_>) -> bool + Send + Sync + 'static {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    let matcher = Matcher::new(query);
    move |event| SCRATCH.with_borrow_mut(|scratch| matcher.matches(event.raw().as_bytes(), scratch).unwrap_or(true))
}

fn parking(place: &str) -> anyhow::Result<Arc<dyn Parking>> {
    if place.starts_with("http://") || place.starts_with("https://") {
        return Ok(Arc::new(ParkingQueue(Arc::new(SqsQueue::from_environment(place)?))));
    }
    let directory = ParkingDirectory::open(Path::new(place)).with_context(|| format!("cannot make {place}"))?;
    Ok(Arc::new(directory))
}

fn bucket_and_prefix(url: &str) -> anyhow::Result<(&str, &str)> {
    let rest = url.strip_prefix("s3://").with_context(|| format!("{url} is not of the form s3://bucket/prefix"))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        bail!("{url} names no bucket");
    }
    Ok((bucket, prefix))
}
