//! Calls through HTTP with SigV4: rate, latency, and processor time of the server process.

use crate::client::{Caller, Client};
use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Signed calls against a server of its own, in a process of its own.
#[derive(Args)]
pub struct CallsArgs {
    /// Directory on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[arg(long, default_value_t = 16)]
    clients: usize,
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

pub(super) struct ServerProcess {
    child: Child,
    pub endpoint: String,
    dir: PathBuf,
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl ServerProcess {
    pub fn start(dir: &std::path::Path) -> anyhow::Result<Self> {
        let dir = dir.join(format!("opentrail-bench-{}", uuid::Uuid::new_v4()));
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&dir)
            .env("OPENTRAIL_LOG", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let endpoint = line.trim().strip_prefix("opentrail ready ").context("the server did not start")?.to_owned();
        Ok(Self { child, endpoint, dir })
    }

    pub fn caller(&self) -> anyhow::Result<Caller> {
        let text = std::fs::read_to_string(self.dir.join("credentials"))?;
        let value =
            |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim_start_matches([' ', '=']).to_owned());
        Ok(Caller {
            access_key: value("aws_access_key_id").context("no key")?,
            secret: value("aws_secret_access_key").context("no secret")?,
            session_token: None,
            region: "us-east-1".into(),
            user_agent: "opentrail-bench".into(),
        })
    }

    pub fn cpu(&self) -> anyhow::Result<Duration> {
        super::cpu_of(&self.child.id().to_string())
    }

    fn resident_mb(&self) -> anyhow::Result<u64> {
        super::memory_mb_of(&self.child.id().to_string(), "VmRSS")
    }
}

pub async fn run(args: CallsArgs) -> anyhow::Result<()> {
    let server = ServerProcess::start(&args.dir)?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("idle server: {} MB resident", server.resident_mb()?);
    measure(&server, &args, "GetCallerIdentity", 1, Kind::Sts).await?;
    measure(&server, &args, "DescribeTrails", 1, Kind::DescribeTrails).await?;
    measure(
        &server,
        &CallsArgs { clients: 1, dir: args.dir.clone(), ..args },
        "DescribeTrails, one client",
        1,
        Kind::DescribeTrails,
    )
    .await?;
    measure(&server, &args, "PutAuditEvents, 100 events", 100, Kind::Audit).await?;
    println!("after the run: {} MB resident", server.resident_mb()?);
    Ok(())
}

#[derive(Clone, Copy)]
enum Kind {
    Sts,
    DescribeTrails,
    Audit,
}

async fn measure(server: &ServerProcess, args: &CallsArgs, name: &str, events: u64, kind: Kind) -> anyhow::Result<()> {
    let caller = server.caller()?;
    let cpu_before = server.cpu()?;
    let started = Instant::now();
    let until = started + Duration::from_secs(args.seconds);
    let mut workers = Vec::new();
    for _ in 0..args.clients {
        let (caller, endpoint) = (caller.clone(), server.endpoint.clone());
        workers.push(tokio::spawn(async move {
            let mut client = Client::connect(&endpoint).await?;
            let mut latencies = Vec::new();
            while Instant::now() < until {
                let before = Instant::now();
                one_call(&mut client, &caller, kind).await?;
                latencies.push(before.elapsed());
            }
            anyhow::Ok(latencies)
        }));
    }
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await??);
    }
    let elapsed = started.elapsed().as_secs_f64();
    let cpu = server.cpu()?.saturating_sub(cpu_before);
    latencies.sort_unstable();
    let calls = latencies.len().max(1);
    let at = |share: f64| latencies.get(((calls - 1) as f64 * share) as usize).copied().unwrap_or_default().as_secs_f64() * 1e3;
    println!(
        "{name}: {:.0} calls/s, {:.0} events/s, p50 {:.2} ms, p99 {:.2} ms, server CPU {:.1} us a call",
        calls as f64 / elapsed,
        calls as f64 * events as f64 / elapsed,
        at(0.5),
        at(0.99),
        cpu.as_secs_f64() * 1e6 / calls as f64
    );
    Ok(())
}

async fn one_call(client: &mut Client, caller: &Caller, kind: Kind) -> anyhow::Result<()> {
    match kind {
        Kind::Sts => drop(client.query(caller, "sts", "2011-06-15", "GetCallerIdentity", &[]).await?.ok()?.clone()),
        Kind::DescribeTrails => drop(client.cloudtrail(caller, "DescribeTrails", &json!({})).await?.ok()?.clone()),
        Kind::Audit => {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let target = "/PutAuditEvents?channelArn=arn%3Aaws%3Acloudtrail%3Aus-east-1%3A123456789012%3Achannel%2F00000000-0000-4000-8000-000000000000";
            let answer = client.send(caller, "cloudtrail-data", "POST", target, headers, audit_body()).await?;
            let body = answer.json()?;
            anyhow::ensure!(body["failed"].as_array().is_some_and(Vec::is_empty), "refused: {body}");
        }
    }
    Ok(())
}

fn audit_body() -> Bytes {
    use std::sync::OnceLock;
    static BODY: OnceLock<Bytes> = OnceLock::new();
    BODY.get_or_init(|| {
        let events: Vec<_> = (0..100)
            .map(|n| {
                let data = json!({"version": "1.0", "userIdentity": {"type": "User", "principalId": format!("user-{n}"), "details": {}},
                    "userAgent": "bench", "eventSource": "app.example.com", "eventName": "Login", "eventTime": "2026-11-21T10:00:00Z",
                    "UID": format!("uid-{n}"), "requestParameters": {"padding": "p".repeat(900)}, "sourceIPAddress": "10.0.0.1",
                    "recipientAccountId": "123456789012"});
                json!({"id": format!("e{n}"), "eventData": data.to_string()})
            })
            .collect();
        Bytes::from(json!({"auditEvents": events}).to_string())
    })
    .clone()
}
