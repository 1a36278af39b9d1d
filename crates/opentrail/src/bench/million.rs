//! A server with many events on disk: recording rate, lookups through the API, memory, and the time of a start.

use crate::client::{Caller, Client};
use crate::config::Config;
use crate::server::{self, Running};
use anyhow::Context;
use clap::Args;
use opentrail_eventlog::Event;
use opentrail_model::facts::EventFacts;
use opentrail_model::timestamp::event_time;
use serde_json::{Value, json};
use std::io::BufRead;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Events made from real ones, recorded, looked up by each attribute, and a restart.
#[derive(Args)]
pub struct MillionArgs {
    /// Directory on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Real events, one JSON object a line; repeated with new ids and times.
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    #[arg(long, default_value_t = 1_000_000)]
    count: u64,
    /// Lookups per attribute.
    #[arg(long, default_value_t = 300)]
    lookups: usize,
}

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";
const ATTRIBUTES: [&str; 7] = ["EventId", "EventName", "ReadOnly", "Username", "ResourceName", "EventSource", "AccessKeyId"];

pub async fn run(args: MillionArgs) -> anyhow::Result<()> {
    let dir = args.dir.join(format!("opentrail-bench-{}", uuid::Uuid::new_v4()));
    let result = measure(&args, &dir).await;
    std::fs::remove_dir_all(&dir)?;
    result
}

async fn measure(args: &MillionArgs, dir: &Path) -> anyhow::Result<()> {
    let config = Config {
        data_dir: dir.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        lookup_rate: None,
        ..Config::default()
    };
    let running = server::start(&config).await?;
    let templates = templates(&args.events)?;
    let started = Instant::now();
    let samples = record(args, &running, &templates).await?;
    let recorded = started.elapsed();
    while running.server.app.history.end() < running.server.app.intake.log().end() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!(
        "{} events recorded in {:.1} s, searchable after {:.1} s, {} MB resident, peak {} MB",
        args.count,
        recorded.as_secs_f64(),
        started.elapsed().as_secs_f64(),
        super::memory_mb("VmRSS")?,
        super::memory_mb("VmHWM")?
    );
    look_up(args, &running, &samples).await?;
    println!("after the lookups: {} MB resident", super::memory_mb("VmRSS")?);
    running.shut_down().await;
    let started = Instant::now();
    let running = server::start(&config).await?;
    println!("start with these events on disk: {:.2} s", started.elapsed().as_secs_f64());
    running.shut_down().await;
    Ok(())
}

fn templates(path: &Path) -> anyhow::Result<Vec<Value>> {
    let file = std::io::BufReader::new(std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?);
    file.lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// Records the events over the last 24 hours; returns some records to take lookup values from.
async fn record(args: &MillionArgs, running: &Running, templates: &[Value]) -> anyhow::Result<Vec<Vec<u8>>> {
    let intake = &running.server.app.intake;
    let now = OffsetDateTime::now_utc();
    let mut samples = Vec::new();
    let mut batch = Vec::with_capacity(500);
    for n in 0..args.count {
        let mut event = templates[usize::try_from(n)? % templates.len()].clone();
        let age = time::Duration::seconds(i64::try_from((args.count - n) * 86_400 / args.count)?);
        event["eventID"] = intake.event_id().into();
        event["eventTime"] = event_time(now - age).into();
        event["awsRegion"] = REGION.into();
        event["recipientAccountId"] = ACCOUNT.into();
        let record = serde_json::to_vec(&event)?;
        if n.is_multiple_of(args.count.div_ceil(2000)) {
            samples.push(record.clone());
        }
        batch.push(Event { account: ACCOUNT.into(), region: REGION.into(), record: record.into() });
        if batch.len() == 500 || n + 1 == args.count {
            intake.submit(std::mem::take(&mut batch), bytes::Bytes::new()).await?;
        }
    }
    Ok(samples)
}

async fn look_up(args: &MillionArgs, running: &Running, samples: &[Vec<u8>]) -> anyhow::Result<()> {
    let caller = Caller {
        access_key: running.root_key.id.clone(),
        secret: running.root_key.open_secret(&running.server.app.seal)?.to_string(),
        session_token: None,
        region: REGION.into(),
        user_agent: "opentrail-bench".into(),
    };
    let mut client = Client::connect(&format!("http://{}", running.address)).await?;
    for attribute in ATTRIBUTES {
        let values: Vec<String> = samples.iter().filter_map(|record| value_of(attribute, record)).collect();
        let mut latencies = Vec::new();
        for n in 0..args.lookups {
            let Some(value) = values.get((n * 7919) % values.len().max(1)) else { continue };
            let query = json!({"LookupAttributes": [{"AttributeKey": attribute, "AttributeValue": value}]});
            let before = Instant::now();
            let found = client.cloudtrail(&caller, "LookupEvents", &query).await?.json()?;
            latencies.push(before.elapsed());
            anyhow::ensure!(
                found["Events"].as_array().is_some_and(|events| !events.is_empty()),
                "{attribute}={value} finds nothing"
            );
        }
        super::print_latencies(attribute, &mut latencies);
    }
    Ok(())
}

fn value_of(attribute: &str, record: &[u8]) -> Option<String> {
    let facts = EventFacts::read(record).ok()?;
    let text = match attribute {
        "EventId" => facts.event_id.as_deref(),
        "EventName" => facts.event_name.as_deref(),
        "ReadOnly" => facts.read_only.map(|read_only| if read_only { "true" } else { "false" }),
        "Username" => facts.username(),
        "ResourceName" => {
            facts.resources.first().filter(|resource| resource.kind.is_some()).and_then(|resource| resource.arn.as_deref())
        }
        "EventSource" => facts.event_source.as_deref(),
        _ => facts.access_key_id.as_deref(),
    };
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}
