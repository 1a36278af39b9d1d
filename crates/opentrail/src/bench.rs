//! `opentrail bench`: what things cost, beside a peer in the same run.

mod append;
mod authorise;
mod calls;
mod delivery;
mod history;
mod import;
mod messaging;
mod million;
mod verify;
mod watch;

use anyhow::Context;
use clap::{Args, Subcommand};
use std::time::Duration;

/// Measure this build on this machine.
///
/// Example: opentrail bench intake --dir /var/tmp
#[derive(Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Subcommand)]
enum BenchCommand {
    Intake(append::IntakeArgs),
    Authorise(authorise::AuthoriseArgs),
    Calls(calls::CallsArgs),
    Delivery(delivery::DeliveryArgs),
    History(history::HistoryArgs),
    Import(import::ImportBenchArgs),
    Verify(verify::VerifyArgs),
    Messaging(messaging::MessagingArgs),
    Million(million::MillionArgs),
    Watch(watch::WatchArgs),
}

/// Runs one benchmark.
///
/// # Errors
/// If it cannot run.
pub async fn run(args: BenchArgs) -> anyhow::Result<u8> {
    match args.command {
        BenchCommand::Intake(args) => tokio::task::spawn_blocking(move || append::run(&args)).await??,
        BenchCommand::Authorise(args) => authorise::run(args).await?,
        BenchCommand::Calls(args) => calls::run(args).await?,
        BenchCommand::Delivery(args) => delivery::run(args).await?,
        BenchCommand::History(args) => history::run(args).await?,
        BenchCommand::Import(args) => import::run(args).await?,
        BenchCommand::Verify(args) => verify::run(args).await?,
        BenchCommand::Messaging(args) => messaging::run(args).await?,
        BenchCommand::Million(args) => million::run(args).await?,
        BenchCommand::Watch(args) => watch::run(args).await?,
    }
    Ok(0)
}

/// Prints p50, p99 and the slowest of some latencies.
fn print_latencies(name: &str, latencies: &mut [Duration]) {
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = ((latencies.len().max(1) - 1) as f64 * share) as usize;
        latencies.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    println!("{name}: {} calls, p50 {:.2} ms, p99 {:.2} ms, slowest {:.2} ms", latencies.len(), at(0.5), at(0.99), at(1.0));
}

/// A memory figure of this process, such as `VmRSS` or `VmHWM`, in MB.
fn memory_mb(figure: &str) -> anyhow::Result<u64> {
    memory_mb_of("self", figure)
}

/// A memory figure of a process, in MB.
fn memory_mb_of(process: &str, figure: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with(figure)).context("no such figure")?;
    Ok(line.split_whitespace().nth(1).context("no value")?.parse::<u64>()? / 1024)
}

/// Processor time of a process so far.
fn cpu_of(process: &str) -> anyhow::Result<Duration> {
    processor_time(process, [11, 12])
}

/// Processor time of this process's children that have ended.
fn cpu_of_children() -> anyhow::Result<Duration> {
    processor_time("self", [13, 14])
}

fn processor_time(process: &str, fields_of_stat: [usize; 2]) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("no fields")?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).context("no processor time");
    let [user, system] = fields_of_stat;
    Ok(Duration::from_millis((ticks(user)? + ticks(system)?) * 10))
}
