//! `opentrail bench`: what things cost, beside a peer in the same run.

mod append;
mod calls;
mod delivery;

use clap::{Args, Subcommand};

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
    Calls(calls::CallsArgs),
    Delivery(delivery::DeliveryArgs),
}

/// Runs one benchmark.
///
/// # Errors
/// If it cannot run.
pub async fn run(args: BenchArgs) -> anyhow::Result<u8> {
    match args.command {
        BenchCommand::Intake(args) => tokio::task::spawn_blocking(move || append::run(&args)).await??,
        BenchCommand::Calls(args) => calls::run(args).await?,
        BenchCommand::Delivery(args) => delivery::run(args).await?,
    }
    Ok(0)
}
