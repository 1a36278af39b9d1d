//! Files of this machine through the library, beside the floor in the same run: gunzip, and splitting the JSON into records.
//!
//! cargo run --release -p opentrail-processing --features integrity --example bench_processing -- 10000 100
//!
//! Makes that many files of that many events; or, given a directory, takes the log files that are there.

use flate2::read::MultiGzDecoder;
use opentrail_processing::{Directory, Listing, Processor, Settings, Stop, each_event};
use opentrail_verify::sample::Sample;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    if let ([files, events], 2) = (&numbers[..], arguments.len()) {
        let directory = PathBuf::from(format!("bench-processing-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        Sample { log_files: *files, digests: 1, events: *events }.write(&directory)?;
        let result = measure(&directory).await;
        fs::remove_dir_all(&directory)?;
        return result;
    }
    measure(Path::new(arguments.first().ok_or("give a number of files and of events in each, or a directory")?)).await
}

async fn measure(directory: &Path) -> Result<()> {
    let before = peak_mb()?;
    let reading = process(directory, true).await?;
    let memory = peak_mb()?;
    let passing = process(directory, false).await?;
    let floor = floor(directory)?;
    if floor.events != reading.events {
        return Err(format!("{} events by the library, {} by the floor", reading.events, floor.events).into());
    }
    println!("{} files, {} events, {:.2} GB decompressed", floor.files, floor.events, floor.bytes as f64 / 1e9);
    for (what, run) in [("handler that reads four fields", &reading), ("handler that only counts", &passing)] {
        let (wall, cpu) = (run.wall.as_secs_f64(), run.cpu.as_secs_f64());
        let (rate, ratio) = (run.events as f64 / wall, cpu / floor.cpu.as_secs_f64());
        println!("{what}: {wall:.2} s wall, {rate:.0} events/s; {cpu:.2} s CPU, {ratio:.2} times the floor");
    }
    println!("floor, gunzip and JSON split on one thread: {:.2} s CPU", floor.cpu.as_secs_f64());
    println!("memory: peak {memory} MB (before: {before} MB)");
    Ok(())
}

struct Ran {
    wall: Duration,
    cpu: Duration,
    files: u64,
    events: u64,
    bytes: u64,
}

async fn process(directory: &Path, read_fields: bool) -> Result<Ran> {
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
    let (begun, cpu) = (Instant::now(), cpu_time()?);
    let listing = Listing { bucket: String::new(), prefix: String::new(), follow: None, journal: None };
    let processor = Processor::new(handler).settings(Settings { parallel: 4, ..Settings::default() });
    let summary = processor.run_listing(Arc::new(Directory::new(directory)), listing, Stop::never()).await?;
    let (wall, cpu) = (begun.elapsed(), cpu_time()? - cpu);
    let (events, bytes) = (seen.load(Ordering::Relaxed), length.load(Ordering::Relaxed));
    if summary.failed > 0 {
        Err(format!("{summary:?}").into())
    } else {
        Ok(Ran { wall, cpu, files: summary.files, events, bytes })
    }
}

#[derive(Deserialize)]
struct LogFile<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

fn floor(directory: &Path) -> Result<Ran> {
    let mut paths = Vec::new();
    find(directory, &mut paths)?;
    let (begun, cpu) = (Instant::now(), cpu_time()?);
    let (mut events, mut bytes, mut plain) = (0, 0, Vec::new());
    for path in &paths {
        let stored = fs::read(path)?;
        plain.clear();
        MultiGzDecoder::new(&stored[..]).read_to_end(&mut plain)?;
        let file: LogFile<'_> = serde_json::from_slice(&plain)?;
        events += std::hint::black_box(file).records.len() as u64;
        bytes += plain.len() as u64;
    }
    Ok(Ran { wall: begun.elapsed(), cpu: cpu_time()? - cpu, files: paths.len() as u64, events, bytes })
}

fn find(directory: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, paths)?;
        } else if path.to_string_lossy().contains("_CloudTrail_") && path.extension().is_some_and(|ending| ending == "gz") {
            paths.push(path);
        }
    }
    Ok(())
}

/// Processor time of this process so far.
fn cpu_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).ok_or("no processor time");
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

fn peak_mb() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no peak")?;
    Ok(line.split_whitespace().nth(1).ok_or("no value")?.parse::<u64>()? / 1024)
}
