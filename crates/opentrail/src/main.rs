//! The `opentrail` command.
//!
//! configure ▸ open ▸ bind ▸ start ▸ wait ▸ keep every promise ▸ stop

mod account_command;
mod alarms_command;
mod bench;
mod client;
mod client_tls;
mod config;
mod console;
mod demo;
mod docs_command;
mod followers;
mod front;
mod import_command;
mod keys_command;
mod metrics;
mod pieces;
mod process_command;
mod root_key;
mod seal_command;
mod search_command;
mod server;
mod services;
mod sign_in;
mod tls;
mod upload;
mod verify_command;
mod web_keys;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use config::Config;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Many small allocations per call, freed by other threads: measured at a tenth of a call's cost less than glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// AWS CloudTrail that people run themselves: record, search, deliver, prove.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(ServeArgs),
    Demo(demo::DemoArgs),
    Verify(verify_command::VerifyArgs),
    Search(search_command::SearchArgs),
    Process(process_command::ProcessArgs),
    Import(import_command::ImportArgs),
    /// Accounts of a running server.
    Account {
        #[command(subcommand)]
        command: account_command::AccountCommand,
    },
    /// Ready-made sets of alarms.
    Alarms {
        #[command(subcommand)]
        command: alarms_command::AlarmsCommand,
    },
    /// Public keys of digest signatures.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Root keys that secrets at rest are sealed under.
    Seal {
        #[command(subcommand)]
        command: seal_command::SealCommand,
    },
    Bench(bench::BenchArgs),
    /// Print a page of the documentation that is made from tables.
    Docs {
        #[command(subcommand)]
        page: docs_command::DocsCommand,
    },
}

/// Answer the APIs at one endpoint.
///
/// Example: opentrail serve --data-dir ./data --listen 127.0.0.1:4580
#[derive(Args)]
struct ServeArgs {
    /// Directory that holds everything. [default: opentrail-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address of the endpoint; port 0 takes a free one. [default: 127.0.0.1:4580]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
    /// Configuration file, see docs/configuration.md.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Account that the first start creates. [default: 123456789012]
    #[arg(long, value_name = "ID")]
    account_id: Option<String>,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Print all public keys as a file that `verify --public-keys` reads.
    ///
    /// Example: opentrail keys export --endpoint http://127.0.0.1:4580 > keys.json
    Export {
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("OPENTRAIL_LOG").unwrap_or_else(|_| {
        let default = match &cli.command {
            Command::Serve(_) => "info,s3s=off",
            _ => "error,s3s=off",
        };
        tracing_subscriber::EnvFilter::new(default)
    });
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("opentrail: cannot start: {error}");
            return ExitCode::from(2);
        }
    };
    let result = runtime.block_on(run(cli.command));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("opentrail: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Serve(args) => serve(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Verify(args) => verify_command::run(args).await,
        Command::Search(args) => search_command::run(args).await,
        Command::Process(args) => process_command::run(args).await,
        Command::Import(args) => import_command::run(args).await,
        Command::Keys { command: KeysCommand::Export { endpoint } } => {
            keys_command::export(endpoint.as_deref()).await.map(|()| 0)
        }
        Command::Seal { command } => seal_command::run(command).await.map(|()| 0),
        Command::Alarms { command } => alarms_command::run(command).await.map(|()| 0),
        Command::Account { command } => account_command::run(command).await.map(|()| 0),
        Command::Bench(args) => bench::run(args).await,
        Command::Docs { page } => {
            docs_command::run(&page);
            Ok(0)
        }
    }
}

async fn serve(args: ServeArgs) -> anyhow::Result<u8> {
    let mut config = Config::load(args.config.as_deref(), std::env::vars())?;
    if let Some(dir) = args.data_dir {
        config.data_dir = dir;
    }
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(account) = args.account_id {
        config.set_account(&account)?;
    }
    let mut signals = StopSignals::new()?;
    let running = server::start(&config).await?;
    let credentials = std::path::absolute(config.data_dir.join("credentials"))?;
    eprintln!("export AWS_SHARED_CREDENTIALS_FILE={}", credentials.display());
    eprintln!("# console: {}/console/", running.url());
    eprintln!("export AWS_ENDPOINT_URL={} AWS_DEFAULT_REGION={}", running.url(), config.regions[0]);
    println!("opentrail ready {}", running.url());
    std::io::stdout().flush().context("cannot write to standard output")?;
    signals.wait().await;
    running.shut_down().await;
    Ok(0)
}

/// SIGTERM and Ctrl-C, caught from when this is made.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// # Errors
    /// If signals cannot be received.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for either.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
