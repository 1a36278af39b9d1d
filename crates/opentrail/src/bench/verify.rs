//! Verification of a chain made for it: processor time beside the floor, which is gunzip and SHA-256 of the same files.

use anyhow::{Context, ensure};
use clap::Args;
use opentrail_verify::sample::{Made, Sample};
use opentrail_verify::{Options, Silent, log_content::LogReader, open_source, source::LocalFile};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Makes a chain, verifies it, and measures the floor in the same run.
///
/// Example: opentrail bench verify --log-files 10000 --events 100 --dir /var/tmp
#[derive(Args)]
pub struct VerifyArgs {
    /// Where to make the chain; it is removed afterwards.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[arg(long, default_value_t = 10_000)]
    log_files: u64,
    /// One an hour.
    #[arg(long, default_value_t = 720)]
    digests: u64,
    /// Events in each log file.
    #[arg(long, default_value_t = 100)]
    events: u64,
    /// Leave the chain and its keys there, for other tools to be measured on.
    #[arg(long)]
    keep: bool,
    /// Do not look at records.
    #[arg(long)]
    skip_records: bool,
}

/// Runs the benchmark.
///
/// # Errors
/// If the directory cannot be written, or the chain is not found valid.
pub async fn run(args: VerifyArgs) -> anyhow::Result<()> {
    ensure!(args.digests > 0, "a chain has at least one digest");
    let dir = args.dir.join(format!("opentrail-bench-{}", std::process::id()));
    let result = measure(&args, &dir).await;
    if args.keep {
        println!("kept in {}", dir.display());
    } else {
        std::fs::remove_dir_all(&dir)?;
    }
    result
}

async fn measure(args: &VerifyArgs, dir: &Path) -> anyhow::Result<()> {
    let VerifyArgs { log_files, digests, events, .. } = *args;
    let bucket = dir.join("bucket");
    std::fs::create_dir_all(&bucket)?;
    let Made { keys, keys_json, log_files: paths, raw_bytes, stored_bytes } =
        Sample { log_files, digests, events }.write(&bucket)?;
    std::fs::write(dir.join("keys.json"), keys_json)?;
    let raw = raw_bytes as f64 / 1e9;
    println!(
        "{log_files} log files of {events} events, {digests} digests: {raw:.3} GB raw, {:.3} GB stored",
        stored_bytes as f64 / 1e9
    );
    let options = Options { keys: Some(keys), records: !args.skip_records, ..Options::default() };
    let memory_before = peak_mb()?;
    let (started, before) = (Instant::now(), cpu()?);
    let source = open_source(bucket.to_str().context("the directory's name is not UTF-8")?)?;
    let report = opentrail_verify::verify(&[source], &options, &Silent).await?;
    let (wall, used) = (started.elapsed(), cpu()? - before);
    ensure!(report.exit_code() == 0, "{}", report.to_text());
    let memory = peak_mb()?;
    let (floor, reading) = floor(&paths)?;
    let per_file = |time: Duration| time.as_secs_f64() * 1e6 / log_files.max(1) as f64;
    println!("verify: {:.2} s wall, {:.2} s CPU, {:.0} us CPU per file", wall.as_secs_f64(), used.as_secs_f64(), per_file(used));
    println!(
        "floor:  {:.2} s CPU gunzip and SHA-256, {:.2} s with reading the files",
        floor.as_secs_f64(),
        (floor + reading).as_secs_f64()
    );
    println!(
        "ratio:  {:.2} to the floor, {:.2} to the floor with reading",
        used.as_secs_f64() / floor.as_secs_f64(),
        used.as_secs_f64() / (floor + reading).as_secs_f64()
    );
    println!("memory: peak {memory} MB (before: {memory_before} MB)");
    Ok(())
}

/// Processor time of decompressing and hashing the files on one thread, and of reading them. Processor time alone, because
/// other programs may be running; so each is measured over all files.
fn floor(paths: &[PathBuf]) -> anyhow::Result<(Duration, Duration)> {
    let mut reader = LogReader::default();
    let begun = cpu()?;
    for path in paths {
        std::hint::black_box(std::fs::read(path)?);
    }
    let read = cpu()?;
    for path in paths {
        let stored = std::fs::read(path)?;
        let size = stored.len() as u64;
        let file = LocalFile { reader: Box::new(std::io::Cursor::new(stored)), size };
        ensure!(reader.read(file, None)?.is_ok(), "{} cannot be read", path.display());
    }
    let reading = read - begun;
    Ok(((cpu()? - read).saturating_sub(reading), reading))
}

fn cpu() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("stat")?.split_whitespace().collect();
    Ok(Duration::from_millis((fields[11].parse::<u64>()? + fields[12].parse::<u64>()?) * 10))
}

fn peak_mb() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).context("VmHWM")?;
    Ok(line.split_whitespace().nth(1).context("VmHWM")?.parse::<u64>()? / 1024)
}
