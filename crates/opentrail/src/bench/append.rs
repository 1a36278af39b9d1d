//! Durable appends: the intake beside a bare group-committing file append on the same disk.

use clap::Args;
use opentrail_eventlog::{Applier, ApplyError, Event, EventLog, Intake, LogConfig, Position, SystemClock};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Events of 1.3 KB from many clients, each waiting until its own is synced.
#[derive(Args)]
pub struct IntakeArgs {
    /// Directory on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Length of one run; each is repeated in turn with its peer.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

const RECORD_BYTES: usize = 1300;
const BATCH: usize = 100;

struct NoState(Position);

impl Applier for NoState {
    fn applied(&self) -> Position {
        self.0
    }
    fn apply(&mut self, _: &[bytes::Bytes], end: Position) -> Result<(), ApplyError> {
        self.0 = end;
        Ok(())
    }
}

pub fn run(args: &IntakeArgs) -> anyhow::Result<()> {
    println!("{} clients, {RECORD_BYTES}-byte events, fdatasync before each answer, {} s a run", args.clients, args.seconds);
    let mut ratios = Vec::new();
    for round in 1..=args.rounds {
        let bare = bare_append(args)?;
        let ours = intake(args, 1)?;
        let batched = intake(args, BATCH)?;
        ratios.push(ours / bare);
        println!(
            "round {round}: bare append {bare:>9.0}/s   intake {ours:>9.0}/s   ratio {:.2}   intake in batches of {BATCH} {batched:>9.0}/s",
            ours / bare
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio intake / bare append: {:.2}", ratios[ratios.len() / 2]);
    Ok(())
}

fn scratch(dir: &Path) -> anyhow::Result<PathBuf> {
    let path = dir.join(format!("opentrail-bench-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

/// Runs `call` on many threads for the time given; returns calls a second.
fn hammer(args: &IntakeArgs, call: impl Fn() + Sync) -> f64 {
    let started = Instant::now();
    let until = started + Duration::from_secs(args.seconds);
    let total: u64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..args.clients)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = 0;
                    while Instant::now() < until {
                        call();
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(0)).sum()
    });
    total as f64 / started.elapsed().as_secs_f64()
}

fn intake(args: &IntakeArgs, batch: usize) -> anyhow::Result<f64> {
    let dir = scratch(&args.dir)?;
    let (log, _) = EventLog::open(&dir, &LogConfig::default(), Box::new(NoState(0)))?;
    let intake = Intake::new(log.clone(), Arc::new(SystemClock));
    let record = bytes::Bytes::from(vec![b'x'; RECORD_BYTES]);
    let event = Event { account: "123456789012".into(), region: "us-east-1".into(), record };
    let rate = hammer(args, || {
        if let Err(error) = intake.submit_blocking(vec![event.clone(); batch], bytes::Bytes::new()) {
            eprintln!("refused: {error}");
        }
    });
    drop(intake);
    log.close();
    // A spare segment may still be on its way.
    while std::fs::remove_dir_all(&dir).is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(rate * batch as f64)
}

/// The peer: callers put their bytes into a shared buffer; whoever finds no writer active writes and syncs for all.
struct BareLog {
    state: Mutex<BareState>,
    wake: Condvar,
}

struct BareState {
    file: Option<File>,
    buffer: Vec<u8>,
    filled: u64,
    durable: u64,
}

impl BareLog {
    fn append(&self, record: &[u8]) {
        let mut state = self.state.lock().expect("no holder panics");
        state.buffer.extend_from_slice(record);
        state.filled += 1;
        let mine = state.filled;
        while state.durable < mine {
            match state.file.take() {
                None => state = self.wake.wait(state).expect("no holder panics"),
                Some(mut file) => {
                    let group = std::mem::take(&mut state.buffer);
                    let upto = state.filled;
                    drop(state);
                    if let Err(error) = file.write_all(&group).and_then(|()| file.sync_data()) {
                        eprintln!("bare append failed: {error}");
                    }
                    state = self.state.lock().expect("no holder panics");
                    state.file = Some(file);
                    state.durable = upto;
                    self.wake.notify_all();
                }
            }
        }
    }
}

fn bare_append(args: &IntakeArgs) -> anyhow::Result<f64> {
    let dir = scratch(&args.dir)?;
    let file = OpenOptions::new().create(true).append(true).open(dir.join("bare.log"))?;
    let log = BareLog {
        state: Mutex::new(BareState { file: Some(file), buffer: Vec::new(), filled: 0, durable: 0 }),
        wake: Condvar::new(),
    };
    let record = vec![b'x'; RECORD_BYTES];
    let rate = hammer(args, || log.append(&record));
    std::fs::remove_dir_all(&dir)?;
    Ok(rate)
}
