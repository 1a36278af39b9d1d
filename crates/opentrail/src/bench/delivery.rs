//! Delivery and digests of a backlog: raw megabytes a second of processor time, and memory.

use anyhow::Context;
use clap::Args;
use opentrail_catalog::{Catalog, Changes};
use opentrail_delivery::{Delivery, DeliveryConfig, DeliveryState, NoAnnouncer, SigningKeys};
use opentrail_eventlog::{Event, EventLog, Intake, LogConfig, SystemClock};
use opentrail_model::trail::Trail;
use opentrail_storage::{BucketFault, LogBuckets, LogObject, TrailBinding};
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Fills a log with events and delivers it to a bucket that only counts.
#[derive(Args)]
pub struct DeliveryArgs {
    /// Directory on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Real events, one JSON object a line; repeated as often as needed.
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    #[arg(long, default_value_t = 400)]
    megabytes: u64,
}

struct CountingBuckets(AtomicU64);

#[async_trait::async_trait]
impl LogBuckets for CountingBuckets {
    fn takes_keys(&self) -> bool {
        false
    }

    async fn check(&self, _: &TrailBinding) -> Result<(), BucketFault> {
        Ok(())
    }
    async fn put(&self, _: &TrailBinding, object: LogObject) -> Result<(), BucketFault> {
        self.0.fetch_add(object.body.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

pub async fn run(args: DeliveryArgs) -> anyhow::Result<()> {
    let dir = args.dir.join(format!("opentrail-bench-{}", uuid::Uuid::new_v4()));
    let result = measure(&args, &dir).await;
    std::fs::remove_dir_all(&dir)?;
    result
}

async fn measure(args: &DeliveryArgs, dir: &std::path::Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir)?;
    let file = std::io::BufReader::new(
        std::fs::File::open(&args.events).with_context(|| format!("cannot open {}", args.events.display()))?,
    );
    let records: Vec<bytes::Bytes> = file.lines().map(|line| line.map(bytes::Bytes::from)).collect::<Result<_, _>>()?;
    let (catalog, applier) = Catalog::open(&dir.join("catalog.db"))?;
    let (log, _) = EventLog::open(&dir.join("log"), &LogConfig { sync: false, ..LogConfig::default() }, Box::new(applier))?;
    let intake = Intake::new(log.clone(), Arc::new(SystemClock));
    let trail: Trail = serde_json::from_value(serde_json::json!({
        "name": "bench", "account": "123456789012", "home_region": "us-east-1", "incarnation": "1", "bucket": "b", "key_prefix": null,
        "sns_topic": null, "include_global_service_events": true, "multi_region": true, "log_file_validation": true, "log_group_arn": null,
        "log_group_role_arn": null, "kms_key_id": null, "organization": false, "recursive_logging": true,
        "selectors": {"Basic": [{"ReadWriteType": "All", "IncludeManagementEvents": true}]}, "insight_selectors": [], "tags": {},
        "logging": true, "started": null, "stopped": null, "created": 0}))?;
    let mut changes = Changes::new();
    changes.put(&DeliveryState::begin(&trail, log.end())).put(&trail);
    intake.submit(Vec::new(), changes.encode()).await?;
    let mut raw = 0;
    let mut batch = Vec::new();
    for record in records.iter().cycle() {
        raw += record.len() as u64;
        batch.push(Event { account: trail.account.clone(), region: "us-east-1".into(), record: record.clone() });
        if batch.len() == 500 || raw >= args.megabytes * 1_000_000 {
            intake.submit(std::mem::take(&mut batch), bytes::Bytes::new()).await?;
        }
        if raw >= args.megabytes * 1_000_000 {
            break;
        }
    }
    let memory_before = super::memory_mb("VmHWM")?;
    let keys = SigningKeys::new(
        &dir.join("keys"),
        catalog.clone(),
        intake.clone(),
        std::sync::Arc::new(opentrail_seal::Seal::ephemeral()),
    );
    let buckets = Arc::new(CountingBuckets(AtomicU64::new(0)));
    let config =
        DeliveryConfig { interval: Duration::from_secs(3600), max_bytes: 50_000_000, digest_interval: Duration::from_secs(3600) };
    let (started, cpu) = (Instant::now(), super::cpu_of("self")?);
    let port: Arc<dyn LogBuckets> = Arc::clone(&buckets) as Arc<dyn LogBuckets>;
    let delivery = Delivery::start(catalog, intake, port, Arc::new(NoAnnouncer), keys, vec!["us-east-1".into()], config)?;
    anyhow::ensure!(delivery.flush(Duration::from_secs(600)).await, "not everything was delivered");
    let used = (super::cpu_of("self")? - cpu).as_secs_f64();
    let stats = delivery.stats();
    println!(
        "{} events, {:.0} MB raw in {} files: {:.2} s, {:.2} s CPU, {:.0} MB/s of CPU, ratio gzip {:.1}, peak memory +{} MB",
        stats.records,
        stats.raw_bytes as f64 / 1e6,
        stats.files,
        started.elapsed().as_secs_f64(),
        used,
        stats.raw_bytes as f64 / 1e6 / used,
        stats.raw_bytes as f64 / buckets.0.load(Ordering::Relaxed) as f64,
        super::memory_mb("VmHWM")?.saturating_sub(memory_before)
    );
    delivery.stop().await;
    drop(log);
    Ok(())
}
