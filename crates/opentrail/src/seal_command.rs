//! `opentrail seal rotate`: a new root key.

use crate::config::Config;
use crate::{root_key, server};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum SealCommand {
    Rotate(RotateArgs),
}

/// Add a root key that seals from the next start on; what is sealed already stays readable. The server must be stopped.
///
/// Example: opentrail seal rotate --data-dir ./data
#[derive(Args)]
pub struct RotateArgs {
    /// Directory of the server. [default: opentrail-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file of the server.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// # Errors
/// If the directory is in use or its root keys cannot be opened.
pub async fn run(command: SealCommand) -> anyhow::Result<()> {
    let SealCommand::Rotate(args) = command;
    let mut config = Config::load(args.config.as_deref(), std::env::vars())?;
    if let Some(dir) = args.data_dir {
        config.data_dir = dir;
    }
    config.seal.validate()?;
    let _lock = server::open_data_dir(&config.data_dir)?;
    let opentrail_seal::RotatedTo(id) = root_key::rotate(&config).await?;
    println!("new root key {id}; back up {}", config.data_dir.join("keys").display());
    Ok(())
}
