//! Indexes many events and times lookups. `OPENTRAIL_CORPUS` is the corpus file, `EVENTS` how many, `DAYS` over how many.

use anyhow::{Context, Result};
use opentrail_eventlog::{Entry, Event, LoggedEntry, Sink};
use opentrail_history::{Attribute, Cursor, History, HistoryConfig, Lookup, lookup_resources};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

const START: i64 = 1_714_521_600;
const EVENTS_PER_ENTRY: u64 = 100;
const EVENTS_PER_COMMIT: u64 = 10_000;
const LOOKUPS: usize = 400;

type Values = Vec<(Attribute, HashMap<String, u64>)>;

/// A small generator, so that runs repeat.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn corpus() -> Result<Vec<Value>> {
    let path = std::env::var("OPENTRAIL_CORPUS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus/merged/events.ndjson.gz").to_owned());
    let file = std::fs::File::open(&path).with_context(|| format!("opening the corpus {path}"))?;
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// A corpus event with an id, a time and often a user of its own.
fn vary(events: &mut [Value], n: u64, at: i64, dice: &mut Dice) -> Result<String> {
    let index = usize::try_from(dice.roll(events.len() as u64))?;
    let event = &mut events[index];
    event["eventID"] = Value::from(id(n));
    event["eventTime"] = Value::from(opentrail_model::timestamp::event_time(OffsetDateTime::from_unix_timestamp(at)?));
    if event["userIdentity"]["userName"].is_string() {
        let user = dice.roll(50).pow(2);
        event["userIdentity"]["userName"] = Value::from(format!("user-{user}"));
        event["userIdentity"]["accessKeyId"] = Value::from(format!("AKIA{user:016}"));
    }
    Ok(event.to_string())
}

fn id(n: u64) -> String {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:08x}-{:04x}-4{:03x}-8000-{n:012x}", mixed >> 32, mixed >> 16 & 0xffff, mixed & 0xfff)
}

fn count_values(values: &mut Values, record: &str) -> Result<()> {
    let event: Value = serde_json::from_str(record)?;
    let resource = lookup_resources(&event).pop();
    for (attribute, counts) in values {
        let value = match attribute {
            Attribute::EventId => event["eventID"].as_str().map(str::to_owned),
            Attribute::EventName => event["eventName"].as_str().map(str::to_owned),
            Attribute::ReadOnly => event["readOnly"].as_bool().map(|read_only| read_only.to_string()),
            Attribute::Username => event["userIdentity"]["userName"].as_str().map(str::to_owned),
            Attribute::ResourceType => resource.as_ref().map(|(kind, _)| kind.clone()),
            Attribute::ResourceName => resource.as_ref().map(|(_, name)| name.clone()),
            Attribute::EventSource => event["eventSource"].as_str().map(str::to_owned),
            Attribute::AccessKeyId => event["userIdentity"]["accessKeyId"].as_str().map(str::to_owned),
        };
        if let Some(value) = value {
            *counts.entry(value).or_default() += 1;
        }
    }
    Ok(())
}

/// Processor time of this process.
fn cpu() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("stat has a name")?.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

fn memory() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let wanted = |line: &&str| ["VmRSS", "VmHWM", "RssAnon", "RssFile", "Threads"].iter().any(|name| line.starts_with(name));
    Ok(status.lines().filter(wanted).map(|line| line.replace(['\t', ' '], "")).collect::<Vec<_>>().join("  "))
}

fn size(dir: &Path) -> Result<(u64, u64)> {
    let (mut bytes, mut segments) = (0, 0);
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let (b, s) = size(&entry.path())?;
            (bytes, segments) = (bytes + b, segments + s);
        } else {
            bytes += entry.metadata()?.len();
            segments += u64::from(entry.path().extension().is_some_and(|ending| ending == "store"));
        }
    }
    Ok((bytes, segments))
}

fn lookup(history: &History, attribute: Option<(Attribute, String)>, after: Option<Cursor>) -> Result<(Duration, usize)> {
    let question = Lookup {
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        insight: false,
        attribute,
        start: None,
        end: None,
        limit: 50,
        after,
    };
    let begun = Instant::now();
    let found = history.lookup(&question)?;
    Ok((begun.elapsed(), found.len()))
}

fn report(name: &str, mut times: Vec<Duration>, found: usize) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let max = times[times.len() - 1];
    println!("{name:<34} p50 {:>9.1?}  p99 {:>9.1?}  max {max:>9.1?}  mean found {}", at(0.5), at(0.99), found / times.len());
}

fn main() -> Result<()> {
    let (events, days) = (setting("EVENTS", 1_000_000), setting("DAYS", 30));
    let mut corpus = corpus()?;
    let dir = tempfile::tempdir()?;
    let (mut sink, history) = opentrail_history::open(HistoryConfig::new(dir.path().to_owned()))?;
    let mut dice = Dice(7);
    let mut values: Values = [
        Attribute::EventId,
        Attribute::EventName,
        Attribute::ReadOnly,
        Attribute::Username,
        Attribute::ResourceType,
        Attribute::ResourceName,
        Attribute::EventSource,
        Attribute::AccessKeyId,
    ]
    .map(|attribute| (attribute, HashMap::new()))
    .into();

    let (mut busy, mut busy_cpu, mut raw, mut slowest) = (Duration::ZERO, Duration::ZERO, 0, Duration::ZERO);
    let mut position = 1;
    while position <= events {
        let mut entries = Vec::new();
        for _ in 0..EVENTS_PER_COMMIT / EVENTS_PER_ENTRY {
            let at = START + i64::try_from(position * days * 86_400 / (events + 1))?;
            let mut entry = Entry::default();
            for n in 0..EVENTS_PER_ENTRY {
                let late = i64::try_from(dice.roll(600))?;
                let record = vary(&mut corpus, position + n, at - late, &mut dice)?;
                raw += record.len();
                // Ids of one in a thousand are enough to look up.
                if (position + n).is_multiple_of(1_000) {
                    count_values(&mut values, &record)?;
                }
                entry.events.push(Event { account: "111122223333".into(), region: "us-east-1".into(), record: record.into() });
            }
            entries.push(LoggedEntry { position, written_ms: u64::try_from(at)? * 1000, entry });
            position += EVENTS_PER_ENTRY;
        }
        let (begun, begun_cpu) = (Instant::now(), cpu()?);
        for entry in entries {
            sink.apply(&[entry])?;
        }
        sink.commit(position)?;
        slowest = slowest.max(begun.elapsed());
        busy += begun.elapsed();
        busy_cpu += cpu()? - begun_cpu;
        lookup(&history, None, None)?;
    }
    let indexed = history.count();
    println!("{indexed} events over {days} days in {busy:.1?}: {:.0} events/s", indexed as f64 / busy.as_secs_f64());
    println!(
        "cpu {busy_cpu:.1?}: {:.0} events/s on one core; slowest commit interval {slowest:.1?}",
        indexed as f64 / busy_cpu.as_secs_f64()
    );
    println!("writing:  {}", memory()?);
    drop(sink);
    let (bytes, segments) = size(dir.path())?;
    println!("raw {} MB, index {} MB ({:.2}), {segments} segments", raw >> 20, bytes >> 20, bytes as f64 / raw as f64);
    lookup(&history, Some((Attribute::EventId, "absent".to_owned())), None)?;
    println!("reading:  {}", memory()?);

    time_lookups(&history, values, &mut dice)?;
    println!("finally:  {}", memory()?);
    Ok(())
}

fn time_lookups(history: &History, values: Values, dice: &mut Dice) -> Result<()> {
    for (attribute, counts) in values {
        let Some(frequent) = counts.iter().max_by_key(|(_, count)| **count).map(|(value, _)| value.clone()) else { continue };
        let all: Vec<String> = counts.into_keys().collect();
        let mut run = |name: &str, pick: &mut dyn FnMut(&mut Dice) -> String, after: bool| -> Result<()> {
            let (mut times, mut found) = (Vec::new(), 0);
            for _ in 0..LOOKUPS {
                let time = START + i64::try_from(dice.roll(setting("DAYS", 30) * 86_400))?;
                let after = after.then_some(Cursor { time, position: 0 });
                let (took, count) = lookup(history, Some((attribute, pick(dice))), after)?;
                times.push(took);
                found += count;
            }
            report(&format!("{attribute:?} {name}"), times, found);
            Ok(())
        };
        run("any", &mut |dice| all[dice.roll(all.len() as u64) as usize].clone(), false)?;
        run("most frequent", &mut |_| frequent.clone(), false)?;
        run("most frequent, deep page", &mut |_| frequent.clone(), true)?;
        run("absent", &mut |dice| format!("{}0", all[dice.roll(all.len() as u64) as usize]), false)?;
    }
    Ok(())
}
