//! What the history costs: indexing log files, and searching them.
//!
//! `cargo run --release -p opentrail-history --example history -- DIR_OF_JSON_GZ DIR_OF_HISTORY [--keep] QUERY…`

use bytes::Bytes;
use flate2::read::GzDecoder;
use opentrail_eventlog::{Entry, Event, LoggedEntry, Sink};
use opentrail_history::{History, HistoryConfig, Search};
use opentrail_query::{Field, Query};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Deserialize)]
struct LogFile<'a> {
    #[serde(borrow, rename = "Records")]
    records: Vec<&'a RawValue>,
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() { files(&path, found)? } else { found.push(path) }
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, history, queries @ ..] = arguments.as_slice() else { anyhow::bail!("DIR_OF_JSON_GZ DIR_OF_HISTORY QUERY…") };
    let config = HistoryConfig { retention: time::Duration::days(36_500), ..HistoryConfig::new(history.into()) };
    let (mut sink, history) = opentrail_history::open(config)?;
    if history.count() == 0 {
        let (cpu, wall) = (cpu_seconds()?, Instant::now());
        let raw = index(Path::new(source), &mut sink)?;
        sink.flush_all()?;
        let millions = history.count() as f64 / 1e6;
        let size = du(Path::new(&arguments[1]))?;
        println!(
            "{} events: {:.2} s CPU, {:.2} s wall per million, {:.1}% of {:.0} MB raw, peak {} MB",
            history.count(),
            (cpu_seconds()? - cpu) / millions,
            wall.elapsed().as_secs_f64() / millions,
            size as f64 / raw as f64 * 100.0,
            raw as f64 / 1e6,
            peak_mb()?,
        );
    }
    for query in queries {
        ask(&history, query)?;
    }
    println!("peak {} MB", peak_mb()?);
    Ok(())
}

fn index(source: &Path, sink: &mut opentrail_history::HistorySink) -> anyhow::Result<u64> {
    let mut all = Vec::new();
    files(source, &mut all)?;
    let mut position = 1;
    let mut raw = 0;
    let mut text = Vec::new();
    for path in all {
        text.clear();
        GzDecoder::new(fs::File::open(&path)?).read_to_end(&mut text)?;
        let shared = Bytes::from(std::mem::take(&mut text));
        let file: LogFile<'_> = serde_json::from_slice(&shared)?;
        let events: Vec<Event> = file
            .records
            .iter()
            .map(|record| Event {
                account: "123456789012".into(),
                region: "us-east-1".into(),
                record: shared.slice_ref(record.get().as_bytes()),
            })
            .collect();
        raw += shared.len() as u64;
        let count = events.len() as u64;
        let entry = LoggedEntry { position, written_ms: 1_800_000_000_000, entry: Entry { events, ..Entry::default() } };
        sink.apply(&[entry])?;
        position += count;
    }
    sink.commit(position)?;
    Ok(raw)
}

/// `count:FIELD,FIELD:QUERY`, `bars:QUERY` or a query.
fn ask(history: &History, text: &str) -> anyhow::Result<()> {
    let mut times = Vec::new();
    let mut told = String::new();
    let cpu = cpu_seconds()?;
    for _ in 0..20 {
        let before = Instant::now();
        told = if let Some(rest) = text.strip_prefix("count:") {
            let (fields, query) = rest.split_once(':').unwrap_or((rest, ""));
            let fields: Vec<Field> = fields.split(',').filter_map(Field::named).collect();
            match history.count_by(&Search::newest(Query::parse(query)?, 0), &fields, 3) {
                Ok(counts) => format!("{} events, {} more rows, {:?}", counts.events, counts.more, counts.rows),
                Err(error) => error.to_string(),
            }
        } else if let Some(query) = text.strip_prefix("bars:") {
            let bars = history.histogram(&Search::newest(Query::parse(query)?, 0), 48)?;
            format!("{} events, {} bars", bars.events, bars.bars.len())
        } else {
            match history.search(&Search::newest(Query::parse(text)?, 50)) {
                Ok(page) => format!("{} found, more {}", page.events.len(), page.more),
                Err(error) => error.to_string(),
            }
        };
        times.push(before.elapsed());
    }
    let cpu = (cpu_seconds()? - cpu) / 20.0 * 1e3;
    times.sort();
    println!("{:8.2} ms median, {:8.2} ms longest, {cpu:7.2} ms CPU: {text}: {told}", ms(times[10]), ms(times[19]));
    Ok(())
}

fn ms(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn du(dir: &Path) -> anyhow::Result<u64> {
    let mut all = Vec::new();
    files(dir, &mut all)?;
    Ok(all.iter().map(|path| path.metadata().map_or(0, |meta| meta.len())).sum())
}

fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

fn peak_mb() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    Ok(line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024)
}
