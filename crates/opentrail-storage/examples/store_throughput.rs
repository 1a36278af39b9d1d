//! What encryption costs: one large object written and read, with and without, in turn.
//!
//! cargo run --release -p opentrail-storage --example store_throughput -- DIR MEGABYTES ROUNDS

use futures::StreamExt;
use opentrail_catalog::Catalog;
use opentrail_eventlog::{EventLog, Intake, LogConfig, SystemClock};
use opentrail_seal::Seal;
use opentrail_storage::{BlobKey, Bucket, ChecksumAlgorithm, EmbeddedStore, Object, Staged};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

/// As a body arrives from a socket.
const PIECE_BYTES: usize = 64 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, megabytes, rounds] = &arguments[..] else { return Err("arguments: DIR MEGABYTES ROUNDS".into()) };
    let dir = Path::new(dir).join(format!("opentrail-throughput-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let result = measure(&dir, megabytes.parse()?, rounds.parse()?).await;
    std::fs::remove_dir_all(&dir)?;
    result
}

async fn measure(dir: &Path, megabytes: usize, rounds: usize) -> Result<(), Failure> {
    let (catalog, applier) = Catalog::open(&dir.join("catalog.db"))?;
    let (log, _) = EventLog::open(&dir.join("log"), &LogConfig::default(), Box::new(applier))?;
    let intake = Intake::new(log, Arc::new(SystemClock));
    let store = EmbeddedStore::open(dir, catalog, Arc::new(Seal::ephemeral()))?;
    let mut staged = Staged::default();
    staged.changes.put(&Bucket::new("bench", "123456789012", "us-east-1", 0));
    intake.submit(Vec::new(), staged.changes.encode()).await?;
    println!("{megabytes} MB, megabytes a second of processor time (of wall time)\n");
    println!("| round | write, plain | write, encrypted | loss | read, plain | read, encrypted | loss |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for round in 1..=rounds {
        let plain = one(&store, &intake, &BlobKey::Unencrypted, megabytes).await?;
        let encrypted = one(&store, &intake, &BlobKey::OfStore, megabytes).await?;
        let loss = |index: usize| 100.0 * (1.0 - plain[index].0.as_secs_f64() / encrypted[index].0.as_secs_f64());
        let rate = |(cpu, wall): (Duration, Duration)| {
            format!("{:.0} ({:.0})", megabytes as f64 / cpu.as_secs_f64(), megabytes as f64 / wall.as_secs_f64())
        };
        println!(
            "| {round} | {} | {} | {:.0} % | {} | {} | {:.0} % |",
            rate(plain[0]),
            rate(encrypted[0]),
            loss(0),
            rate(plain[1]),
            rate(encrypted[1]),
            loss(1)
        );
    }
    Ok(())
}

/// Processor and wall time of writing and of reading.
async fn one(
    store: &EmbeddedStore,
    intake: &Intake,
    key: &BlobKey,
    megabytes: usize,
) -> Result<[(Duration, Duration); 2], Failure> {
    let piece = vec![7; PIECE_BYTES];
    let began = (cpu()?, Instant::now());
    let mut writer = store.write_blob(&[ChecksumAlgorithm::Crc64nvme], key).await?;
    for _ in 0..megabytes * 1_000_000 / PIECE_BYTES {
        writer.write(&piece).await?;
    }
    let blob = writer.finish().await?;
    let written = (cpu()? - began.0, began.1.elapsed());
    let lock = store.lock_object("bench", "object").await;
    let mut object = Object {
        bucket: "bench".into(),
        key: "object".into(),
        blobs: vec![blob.reference()],
        size: blob.size,
        etag: blob.etag(),
        ..Object::default()
    };
    let staged = store.stage_put(&lock, &mut object, "ObjectCreated:Put")?;
    intake.submit(Vec::new(), staged.changes.encode()).await?;
    store.discard(&staged.dropped);
    let began = (cpu()?, Instant::now());
    let open = store.open_version("bench", "object", None)?.ok_or("the object is gone")?;
    let mut bytes = open.read(0..blob.size).await?;
    while let Some(chunk) = bytes.next().await {
        std::hint::black_box(chunk?);
    }
    Ok([written, (cpu()? - began.0, began.1.elapsed())])
}

/// Processor time of this process so far.
fn cpu() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).ok_or("no processor time");
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}
