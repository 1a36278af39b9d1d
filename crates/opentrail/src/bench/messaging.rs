//! Messages through topic and queue: publish ▸ queue ▸ receive ▸ delete, beside a queue in a bare SQLite table.

use super::calls::ServerProcess;
use crate::client::{Caller, Client};
use clap::Args;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Messages from SNS to SQS through HTTP, every step durable, against a server of its own in a process of its own.
#[derive(Args)]
pub struct MessagingArgs {
    /// Directory on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Clients that publish, and as many that receive and delete.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Bytes of a message's text.
    #[arg(long, default_value_t = 200)]
    size: usize,
}

/// Messages of a call.
const BATCH: usize = 10;

pub async fn run(args: MessagingArgs) -> anyhow::Result<()> {
    let server = ServerProcess::start(&args.dir)?;
    for (name, raw, version) in [("raw", "true", "1"), ("signed", "false", "2")] {
        measure(&server, &args, name, raw, version).await?;
    }
    drop(server);
    tokio::task::spawn_blocking(move || sqlite(&args.dir, args.seconds, args.size)).await?
}

/// What all clients of a measurement share.
struct Course {
    endpoint: String,
    caller: Caller,
    topic: String,
    queue: String,
    text: String,
    published: AtomicU64,
    deleted: AtomicU64,
    stop: AtomicBool,
    /// Publishers that are done.
    done: AtomicU64,
    publishers: u64,
}

async fn measure(server: &ServerProcess, args: &MessagingArgs, name: &str, raw: &str, version: &str) -> anyhow::Result<()> {
    let course = Arc::new(prepare(server, args, name, raw, version).await?);
    let cpu_before = server.cpu()?;
    let started = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..args.clients {
        let (one, other) = (Arc::clone(&course), Arc::clone(&course));
        clients.push(tokio::spawn(async move { publish(&one).await }));
        clients.push(tokio::spawn(async move { consume(&other).await }));
    }
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    course.stop.store(true, Ordering::Release);
    for client in clients {
        client.await??;
    }
    let elapsed = started.elapsed().as_secs_f64();
    let (published, deleted) = (course.published.load(Ordering::Acquire), course.deleted.load(Ordering::Acquire));
    anyhow::ensure!(published == deleted, "{published} messages were published and {deleted} deleted");
    let cpu = server.cpu()?.saturating_sub(cpu_before);
    println!(
        "{name}: {:.0} messages/s published, received and deleted, server CPU {:.0} us a message",
        deleted as f64 / elapsed,
        cpu.as_secs_f64() * 1e6 / deleted.max(1) as f64
    );
    Ok(())
}

async fn prepare(server: &ServerProcess, args: &MessagingArgs, name: &str, raw: &str, version: &str) -> anyhow::Result<Course> {
    let caller = server.caller()?;
    let mut client = Client::connect(&server.endpoint).await?;
    let queue_arn = format!("arn:aws:sqs:us-east-1:123456789012:{name}");
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": queue_arn}]});
    let input = json!({"QueueName": name, "Attributes": {"Policy": policy.to_string(), "VisibilityTimeout": "300"}});
    sqs(&mut client, &caller, "CreateQueue", &input).await?;
    let topic = format!("arn:aws:sns:us-east-1:123456789012:{name}");
    let version = [("Name", name), ("Attributes.entry.1.key", "SignatureVersion"), ("Attributes.entry.1.value", version)];
    sns(&mut client, &caller, "CreateTopic", &version).await?;
    let subscription = [
        ("TopicArn", topic.as_str()),
        ("Protocol", "sqs"),
        ("Endpoint", &queue_arn),
        ("Attributes.entry.1.key", "RawMessageDelivery"),
        ("Attributes.entry.1.value", raw),
    ];
    sns(&mut client, &caller, "Subscribe", &subscription).await?;
    Ok(Course {
        endpoint: server.endpoint.clone(),
        caller,
        topic,
        queue: format!("/123456789012/{name}"),
        text: "m".repeat(args.size),
        published: AtomicU64::new(0),
        deleted: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        done: AtomicU64::new(0),
        publishers: args.clients as u64,
    })
}

async fn sns(client: &mut Client, caller: &Caller, operation: &str, parameters: &[(&str, &str)]) -> anyhow::Result<()> {
    client.query(caller, "sns", "2010-03-31", operation, parameters).await?.ok().map(drop)
}

async fn sqs(client: &mut Client, caller: &Caller, operation: &str, input: &Value) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(client.json(caller, "sqs", "AmazonSQS", operation, input).await?.ok()?)?)
}

async fn publish(course: &Course) -> anyhow::Result<()> {
    let mut client = Client::connect(&course.endpoint).await?;
    let names: Vec<[String; 2]> =
        (1..=BATCH).map(|n| ["Id", "Message"].map(|part| format!("PublishBatchRequestEntries.member.{n}.{part}"))).collect();
    let ids: Vec<String> = (1..=BATCH).map(|n| n.to_string()).collect();
    let mut parameters = vec![("TopicArn", course.topic.as_str())];
    for ([id, message], n) in names.iter().zip(&ids) {
        parameters.extend([(id.as_str(), n.as_str()), (message.as_str(), course.text.as_str())]);
    }
    while !course.stop.load(Ordering::Acquire) {
        sns(&mut client, &course.caller, "PublishBatch", &parameters).await?;
        course.published.fetch_add(BATCH as u64, Ordering::AcqRel);
    }
    course.done.fetch_add(1, Ordering::AcqRel);
    Ok(())
}

async fn consume(course: &Course) -> anyhow::Result<()> {
    let mut client = Client::connect(&course.endpoint).await?;
    let ask = json!({"QueueUrl": course.queue, "MaxNumberOfMessages": BATCH, "WaitTimeSeconds": 1});
    loop {
        let last = course.done.load(Ordering::Acquire) == course.publishers;
        let got = sqs(&mut client, &course.caller, "ReceiveMessage", &ask).await?;
        let messages = got["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        if messages.is_empty() {
            if last {
                return Ok(());
            }
            continue;
        }
        let entries: Vec<Value> = messages
            .iter()
            .enumerate()
            .map(|(n, message)| json!({"Id": n.to_string(), "ReceiptHandle": message["ReceiptHandle"]}))
            .collect();
        sqs(&mut client, &course.caller, "DeleteMessageBatch", &json!({"QueueUrl": course.queue, "Entries": entries})).await?;
        course.deleted.fetch_add(messages.len() as u64, Ordering::AcqRel);
    }
}

/// The peer: a table, a transaction for each step of each batch, one process and no network.
fn sqlite(dir: &Path, seconds: u64, size: usize) -> anyhow::Result<()> {
    let path = dir.join(format!("opentrail-bench-{}.db", uuid::Uuid::new_v4()));
    let mut connection = Connection::open(&path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE queue (id INTEGER PRIMARY KEY, body TEXT NOT NULL, hidden INTEGER NOT NULL DEFAULT 0);",
    )?;
    let (text, started, mut count) = ("m".repeat(size), Instant::now(), 0_u64);
    while started.elapsed() < Duration::from_secs(seconds) {
        let send = connection.transaction()?;
        for _ in 0..BATCH {
            send.prepare_cached("INSERT INTO queue (body) VALUES (?1)")?.execute([&text])?;
        }
        send.commit()?;
        let receive = connection.transaction()?;
        let ids: Vec<i64> = receive
            .prepare_cached("SELECT id FROM queue WHERE hidden = 0 ORDER BY id LIMIT ?1")?
            .query_map([BATCH as i64], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for id in &ids {
            receive.prepare_cached("UPDATE queue SET hidden = ?2 WHERE id = ?1")?.execute(params![id, 1])?;
        }
        receive.commit()?;
        let delete = connection.transaction()?;
        for id in &ids {
            delete.prepare_cached("DELETE FROM queue WHERE id = ?1")?.execute([id])?;
        }
        delete.commit()?;
        count += ids.len() as u64;
    }
    println!(
        "a bare SQLite table, one writer, no network: {:.0} messages/s sent, received and deleted",
        count as f64 / started.elapsed().as_secs_f64()
    );
    drop(connection);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    Ok(())
}
