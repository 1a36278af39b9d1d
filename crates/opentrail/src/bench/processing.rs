//! The processing library over files of this machine, beside the floor: gunzip, and splitting the JSON into records.

use anyhow::{Context, ensure};
use clap::Args;
use flate2::read::MultiGzDecoder;
use opentrail_processing::{Directory, Listing, Processor, Settings, Stop, each_event};
use opentrail_verify::sample::Sample;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Processes files made for it, or those of a directory, and measures the floor in the same run.
///
/// Example: opentrail bench processing --files 10000 --events 100 --dir /var/tmp
#[derive(Args)]
pub struct ProcessingArgs {
    /// Process the log files that are there instead of making some.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "events"])]
    directory: Option<PathBuf>,
    /// Where to make files; they are removed afterwards.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[arg(long, default_value_t = 10_000)]
    files: u64,
    /// Events in each file.
    #[arg(long, default_value_t = 100)]
    events: u64,
    /// Files worked on at the same time.
    #[arg(long, default_value_t = 4)]
    parallel: usize,
}

/// Runs the benchmark.
///
/// # Errors
/// If files cannot be written or read.
pub async fn run(args: ProcessingArgs) -> anyhow::Result<()> {
    if let Some(directory) = &args.directory {
        return measure(directory, args.parallel).await;
    }
    let dir = args.dir.join(format!("opentrail-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    Sample { log_files: args.files, digests: 1, events: args.events }.write(&dir)?;
    let result = measure(&dir, args.parallel).await;
    std::fs::remove_dir_all(&dir)?;
    result
}

async fn measure(directory: &Path, parallel: usize) -> anyhow::Result<()> {
    let before = super::memory_mb("VmHWM")?;
    let reading = process(directory, parallel, true).await?;
    let memory = super::memory_mb("VmHWM")?;
    let passing = process(directory, parallel, false).await?;
    let directory = directory.to_owned();
    let floor = tokio::task::spawn_blocking(move || floor(&directory)).await??;
    ensure!(floor.events == reading.events, "{} events by the library, {} by the floor", reading.events, floor.events);
    println!("{} events, {:.2} GB decompressed", floor.events, floor.bytes as f64 / 1e9);
    for (what, run) in [("handler that reads four fields", &reading), ("handler that only counts", &passing)] {
        println!(
            "{what}: {:.2} s wall, {:.0} events/s; {:.2} s CPU, {:.2} times the floor",
            run.wall.as_secs_f64(),
            run.events as f64 / run.wall.as_secs_f64(),
            run.cpu.as_secs_f64(),
            run.cpu.as_secs_f64() / floor.cpu.as_secs_f64()
        );
    }
    println!("floor, gunzip and JSON split on one thread: {:.2} s CPU", floor.cpu.as_secs_f64());
    println!("memory: peak {memory} MB (before: {before} MB)");
    Ok(())
}

struct Ran {
    wall: Duration,
    cpu: Duration,
    events: u64,
    bytes: u64,
}

async fn process(directory: &Path, parallel: usize, read_fields: bool) -> anyhow::Result<Ran> {
    let (seen, length) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counting, adding) = (Arc::clone(&seen), Arc::clone(&length));
    let handler = each_event(move |event| {
        counting.fetch_add(1, Ordering::Relaxed);
        if read_fields {
            let texts = [event.event_name(), event.event_source(), event.event_id()];
            let identity = event.user_identity();
            let read = texts.iter().flatten().map(|text| text.len()).sum::<usize>() + identity.name().map_or(0, str::len);
            adding.fetch_add(read as u64, Ordering::Relaxed);
        }
        Ok(())
    });
    let (begun, cpu) = (Instant::now(), super::cpu_of("self")?);
    let listing = Listing { bucket: String::new(), prefix: String::new(), follow: None, journal: None };
    let processor = Processor::new(handler).settings(Settings { parallel, ..Settings::default() });
    let summary = processor.run_listing(Arc::new(Directory::new(directory)), listing, Stop::never()).await?;
    ensure!(summary.failed == 0, "{summary:?}");
    let (wall, cpu) = (begun.elapsed(), super::cpu_of("self")? - cpu);
    Ok(Ran { wall, cpu, events: seen.load(Ordering::Relaxed), bytes: length.load(Ordering::Relaxed) })
}

#[derive(Deserialize)]
struct LogFile<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

fn floor(directory: &Path) -> anyhow::Result<Ran> {
    let mut paths = Vec::new();
    find(directory, &mut paths)?;
    let (begun, cpu) = (Instant::now(), super::cpu_of("self")?);
    let (mut events, mut bytes, mut plain) = (0, 0, Vec::new());
    for path in &paths {
        let stored = std::fs::read(path)?;
        plain.clear();
        MultiGzDecoder::new(&stored[..]).read_to_end(&mut plain)?;
        let file: LogFile<'_> = serde_json::from_slice(&plain).with_context(|| path.display().to_string())?;
        events += std::hint::black_box(file).records.len() as u64;
        bytes += plain.len() as u64;
    }
    Ok(Ran { wall: begun.elapsed(), cpu: super::cpu_of("self")? - cpu, events, bytes })
}

fn find(directory: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, paths)?;
        } else if path.to_string_lossy().contains("_CloudTrail_") && path.extension().is_some_and(|ending| ending == "gz") {
            paths.push(path);
        }
    }
    Ok(())
}
