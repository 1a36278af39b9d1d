//! The event history over files of events, beside peers that are measured in the same run.
//!
//! ```text
//! log files ──▶ index them ▸ size ▸ searches, by values taken from the files ──▶ ours
//!           └─▶ each peer: a program that is told the same and answers the same figures ──▶ theirs ──▶ table
//! ```

mod samples;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::Args;
use opentrail_eventlog::{Entry, Event, LoggedEntry, Sink};
use opentrail_history::{History, HistoryConfig, HistorySink, Search};
use opentrail_query::matching::Prefilter;
use opentrail_query::{Field, Query};
use opentrail_search::files::{Reader, Receive};
use samples::Samples;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Index log files, and search them, beside other tools.
///
/// A peer is a command that reads a question in JSON from its standard input and writes figures to its standard output;
/// tests/bench/history_peer.py is one, for DuckDB and SQLite.
///
/// Example: opentrail bench history --amplify amplify.py --events 1000000 --dir /var/tmp --peer 'python3 tests/bench/history_peer.py duckdb'
#[derive(Args)]
pub struct HistoryArgs {
    /// Where to make files and indexes; they are removed afterwards.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Log files to index, in place of --amplify.
    #[arg(long, value_name = "DIR", conflicts_with = "amplify", required_unless_present = "amplify")]
    source: Option<PathBuf>,
    /// A program that makes log files: run with --events N --out DIR, and --accounts, --regions and --days.
    #[arg(long, value_name = "PROGRAM")]
    amplify: Option<PathBuf>,
    /// How many events it makes.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Of how many days.
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// A command to measure as well; may be given several times.
    #[arg(long, value_name = "COMMAND")]
    peer: Vec<String>,
}

/// What is measured, of us and of peers. What a peer cannot do is absent.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Figures {
    name: String,
    import_cpu_seconds: Option<f64>,
    stored_bytes: Option<u64>,
    peak_mb: Option<u64>,
    /// Wall times in milliseconds.
    lookups: Vec<f64>,
    conjunctions: Vec<f64>,
    words: Vec<f64>,
    counts: Vec<f64>,
    /// Processor time of one count, milliseconds.
    count_cpu: Option<f64>,
    /// Processor time of searching the files themselves for each of `file_searches`.
    file_search_cpu_seconds: Vec<f64>,
}

/// What a peer is told.
#[derive(Serialize)]
struct Task<'a> {
    /// Directory of `.json.gz` files.
    source: &'a Path,
    /// An empty directory to work in.
    dir: &'a Path,
    #[serde(flatten)]
    samples: &'a Samples,
}

/// Runs the benchmark.
///
/// # Errors
/// If files cannot be made or read, or a peer fails.
pub async fn run(args: HistoryArgs) -> anyhow::Result<()> {
    let dir = args.dir.join(format!("opentrail-bench-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&dir)?;
    let result = {
        let dir = dir.clone();
        tokio::task::spawn_blocking(move || measure(&args, &dir)).await?
    };
    std::fs::remove_dir_all(&dir)?;
    result
}

fn measure(args: &HistoryArgs, dir: &Path) -> anyhow::Result<()> {
    let source = match (&args.source, &args.amplify) {
        (Some(source), _) => source.clone(),
        (None, Some(program)) => make_files(args, program, &dir.join("files"))?,
        (None, None) => bail!("nothing to index"),
    };
    let config = HistoryConfig { retention: time::Duration::days(36_500), ..HistoryConfig::new(dir.join("history")) };
    let (mut sink, history) = opentrail_history::open(config)?;
    let before = super::cpu_of("self")?;
    let mut loading =
        Loading { sink: &mut sink, samples: Samples::default(), position: 1, raw: 0, batch: Vec::new(), failed: None };
    loading.files(&source)?;
    let (samples, raw, events) = (loading.samples, loading.raw, loading.position - 1);
    sink.flush_all()?;
    ensure!(events > 0, "there are no events in {}", source.display());
    let mut ours = Figures {
        name: "OpenTrail".to_owned(),
        import_cpu_seconds: Some((super::cpu_of("self")? - before).as_secs_f64()),
        stored_bytes: Some(super::import::bytes_below(&dir.join("history"))?),
        peak_mb: Some(super::memory_mb("VmHWM")?),
        ..Figures::default()
    };
    search(&history, &samples, &mut ours)?;
    for query in &samples.file_searches {
        ours.file_search_cpu_seconds.push(search_files(&source, query)?);
    }
    drop((sink, history));
    println!("{events} events, {:.0} MB raw", raw as f64 / 1e6);
    let mut all = vec![ours];
    for (number, command) in args.peer.iter().enumerate() {
        let dir = dir.join(format!("peer-{number}"));
        std::fs::create_dir(&dir)?;
        match ask_peer(command, &Task { source: &source, dir: &dir, samples: &samples }) {
            Ok(figures) => all.push(figures),
            Err(error) => println!("{command}: not measured: {error:#}"),
        }
        std::fs::remove_dir_all(&dir)?;
    }
    print_table(&all, events, raw);
    Ok(())
}

fn make_files(args: &HistoryArgs, program: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    let number = |number: u64| number.to_string();
    let made = Command::new("python3")
        .arg(program)
        .args([
            "--events",
            &number(args.events),
            "--accounts",
            "3",
            "--regions",
            "4",
            "--days",
            &number(args.days.into()),
            "--out",
        ])
        .arg(out)
        .stdout(Stdio::null())
        .status()
        .context("cannot run python3")?;
    ensure!(made.success(), "{} failed", program.display());
    Ok(out.to_owned())
}

/// Events on their way into the history.
struct Loading<'a> {
    sink: &'a mut HistorySink,
    samples: Samples,
    position: u64,
    raw: u64,
    batch: Vec<Event>,
    failed: Option<anyhow::Error>,
}

impl Loading<'_> {
    fn files(&mut self, source: &Path) -> anyhow::Result<()> {
        let mut reader = Reader::default();
        let all = Prefilter::new(&Query::all());
        for path in files_below(source)? {
            let mut file = std::fs::File::open(&path)?;
            self.raw += reader.read(&mut file, &path.to_string_lossy(), &all, self).plain;
            self.flush()?;
            self.failed.take().map_or(Ok(()), Err)?;
        }
        Ok(self.sink.commit(self.position)?)
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let events = std::mem::take(&mut self.batch);
        let count = events.len() as u64;
        let entry =
            LoggedEntry { position: self.position, written_ms: 1_800_000_000_000, entry: Entry { events, ..Entry::default() } };
        self.position += count;
        Ok(self.sink.apply(&[entry])?)
    }
}

impl Receive for Loading<'_> {
    fn record(&mut self, record: &[u8], _: u64) {
        let number = self.position + self.batch.len() as u64;
        self.samples.offer(number, record);
        let record = Bytes::copy_from_slice(record);
        self.batch.push(Event { account: "123456789012".to_owned(), region: "us-east-1".to_owned(), record });
    }

    fn problem(&mut self, offset: u64, reason: &str) {
        self.failed.get_or_insert_with(|| anyhow::anyhow!("at byte {offset}: {reason}"));
    }

    fn stopped(&self) -> bool {
        self.failed.is_some()
    }
}

fn files_below(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

fn search(history: &History, samples: &Samples, figures: &mut Figures) -> anyhow::Result<()> {
    let page = |query: String| -> anyhow::Result<f64> {
        let started = Instant::now();
        history.search(&Search::newest(Query::parse(&query)?, 50))?;
        Ok(millis(started.elapsed()))
    };
    let term = |(field, value): &(String, String)| format!("{field}:\"{value}\"");
    for lookup in &samples.lookups {
        figures.lookups.push(page(term(lookup))?);
    }
    for [left, right] in &samples.conjunctions {
        figures.conjunctions.push(page(format!("{} {}", term(left), term(right)))?);
    }
    for word in &samples.words {
        figures.words.push(page(format!("\"{word}\""))?);
    }
    let fields: Vec<Field> = samples.count_by.iter().filter_map(|name| Field::named(name)).collect();
    let before = super::cpu_of("self")?;
    for _ in 0..samples::COUNTS {
        let started = Instant::now();
        history.count_by(&Search::newest(Query::all(), 0), &fields, 100)?;
        figures.counts.push(millis(started.elapsed()));
    }
    figures.count_cpu = Some(millis(super::cpu_of("self")? - before) / f64::from(samples::COUNTS));
    Ok(())
}

/// Processor time of `opentrail search` over the files.
fn search_files(source: &Path, query: &str) -> anyhow::Result<f64> {
    let before = super::cpu_of_children()?;
    let searched = Command::new(std::env::current_exe()?)
        .args(["search", query, "--format", "ndjson"])
        .arg(source)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .status()?;
    ensure!(searched.success(), "searching files for {query} failed");
    Ok((super::cpu_of_children()? - before).as_secs_f64())
}

fn ask_peer(command: &str, task: &Task<'_>) -> anyhow::Result<Figures> {
    let mut peer =
        Command::new("sh").args(["-c", command]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let mut input = peer.stdin.take().context("no input")?;
    input.write_all(&serde_json::to_vec(task)?)?;
    drop(input);
    let done = peer.wait_with_output()?;
    ensure!(done.status.success(), "it ended with {}", done.status);
    serde_json::from_slice(&done.stdout).context("reading its figures")
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The value below which a share of some lie.
fn quantile(times: &[f64], share: f64) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_unstable_by(f64::total_cmp);
    times.get((times.len().saturating_sub(1) as f64 * share) as usize).copied()
}

/// One line a figure, one column a tool; behind those of peers, how many times ours they are.
fn print_table(all: &[Figures], events: u64, raw: u64) {
    let millions = events as f64 / 1e6;
    let file_search =
        |number: usize| move |figures: &Figures| figures.file_search_cpu_seconds.get(number).map(|seconds| seconds / millions);
    type Figure<'a> = Box<dyn Fn(&Figures) -> Option<f64> + 'a>;
    let lines: Vec<(&str, Figure<'_>)> = vec![
        ("import, s CPU a million", Box::new(|f| Some(f.import_cpu_seconds? / millions))),
        ("stored, % of raw", Box::new(|f| Some(f.stored_bytes? as f64 / raw as f64 * 100.0))),
        ("memory at the peak, MB", Box::new(|f| Some(f.peak_mb? as f64))),
        ("attribute, p50 ms", Box::new(|f| quantile(&f.lookups, 0.5))),
        ("attribute, p99 ms", Box::new(|f| quantile(&f.lookups, 0.99))),
        ("two terms, p50 ms", Box::new(|f| quantile(&f.conjunctions, 0.5))),
        ("two terms, p99 ms", Box::new(|f| quantile(&f.conjunctions, 0.99))),
        ("free word, p50 ms", Box::new(|f| quantile(&f.words, 0.5))),
        ("free word, p99 ms", Box::new(|f| quantile(&f.words, 0.99))),
        ("count by two fields, p50 ms", Box::new(|f| quantile(&f.counts, 0.5))),
        ("count by two fields, ms CPU", Box::new(|f| f.count_cpu)),
        ("files, an id, s CPU a million", Box::new(file_search(0))),
        ("files, a word, s CPU a million", Box::new(file_search(1))),
        ("files, a user's day, s CPU a million", Box::new(file_search(2))),
    ];
    let heading: Vec<String> = all.iter().map(|figures| format!("{:>22}", figures.name)).collect();
    println!("{:38}{}", "", heading.concat());
    for (name, figure) in lines {
        let own = all.first().and_then(&figure);
        let cells = all.iter().enumerate().map(|(number, figures)| match (figure(figures), own) {
            (None, _) => format!("{:>22}", "-"),
            (Some(value), Some(own)) if number > 0 && own > 0.0 => format!("{value:>13.2} {:>7}", format!("{:.1}x", value / own)),
            (Some(value), _) => format!("{value:>22.2}"),
        });
        println!("{name:38}{}", cells.collect::<String>());
    }
}
