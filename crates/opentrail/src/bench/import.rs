//! Importing files into a server: rate, processor time of both sides, memory, space.

use crate::config::Config;
use crate::server;
use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Files imported by `opentrail import` into a fresh server, until all of it can be searched.
#[derive(Args)]
pub struct ImportBenchArgs {
    /// Directory on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Log files to import.
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    /// Files that are uploaded at the same time.
    #[arg(long, default_value_t = 4)]
    jobs: u8,
}

pub async fn run(args: ImportBenchArgs) -> anyhow::Result<()> {
    let dir = args.dir.join(format!("opentrail-bench-{}", uuid::Uuid::new_v4()));
    let result = measure(&args, &dir).await;
    std::fs::remove_dir_all(&dir)?;
    result
}

async fn measure(args: &ImportBenchArgs, dir: &Path) -> anyhow::Result<()> {
    let config = Config {
        data_dir: dir.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        history_retention: Duration::from_secs(20 * 365 * 86_400),
        ..Config::default()
    };
    let running = server::start(&config).await?;
    let endpoint = format!("http://{}", running.address);
    let (before, started) = (super::cpu_of("self")?, Instant::now());
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["import", "--format", "json", "--jobs", &args.jobs.to_string(), "--endpoint", &endpoint, "--again"])
        .arg("--state")
        .arg(dir.join("import-state.txt"))
        .arg(&args.source)
        .env("AWS_SHARED_CREDENTIALS_FILE", dir.join("credentials"))
        .stderr(Stdio::inherit());
    let done = tokio::task::spawn_blocking(move || command.output()).await?.context("cannot run the import")?;
    let accepted_in = started.elapsed();
    let report: Value = serde_json::from_slice(&done.stdout).context("reading the import's report")?;
    while running.server.app.history.end() < running.server.app.intake.log().end() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let searchable_in = started.elapsed();
    let server_cpu = super::cpu_of("self")? - before;
    let client_cpu = super::cpu_of_children()?;
    let accepted = report["accepted"].as_u64().unwrap_or(0);
    ensure!(accepted > 0, "nothing was accepted: {report}");
    let rate = |time: Duration| accepted as f64 / time.as_secs_f64();
    let per_million = |time: Duration| time.as_secs_f64() * 1e6 / accepted as f64;
    println!("{accepted} events of {} files ({} duplicates)", report["files"]["loaded"], report["duplicates"]);
    println!("durable after {:.1} s: {:.0} events/s", accepted_in.as_secs_f64(), rate(accepted_in));
    println!("searchable after {:.1} s: {:.0} events/s", searchable_in.as_secs_f64(), rate(searchable_in));
    println!(
        "processor time per million events: server {:.1} s, client {:.1} s",
        per_million(server_cpu),
        per_million(client_cpu)
    );
    println!("server's memory: peak {} MB", super::memory_mb("VmHWM")?);
    running.shut_down().await;
    println!("history on disk: {:.0} bytes an event", bytes_below(&dir.join("history"))? as f64 / accepted as f64);
    Ok(())
}

pub(super) fn bytes_below(dir: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
