//! Log events and metrics through HTTP: PutLogEvents, what metric filters make of them, PutMetricData, and how long it takes
//! from a log event to the alarm's message.

use super::calls::ServerProcess;
use super::print_latencies;
use crate::client::{Caller, Client};
use anyhow::Context;
use clap::Args;
use opentrail_patterns::cis::CONTROLS;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Log events and metrics against a server of its own in a process of its own, every call durable.
#[derive(Args)]
pub struct WatchArgs {
    /// Directory on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Clients that put at the same time, each into a stream of its own.
    #[arg(long, default_value_t = 4)]
    clients: usize,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Events of a PutLogEvents.
    #[arg(long, default_value_t = 2000)]
    batch: usize,
    /// How often the way from a log event to a message is timed; each takes up to ten seconds.
    #[arg(long, default_value_t = 3)]
    alarms: usize,
}

/// Metrics of a PutMetricData.
const METRICS: usize = 500;
/// How long what was put may take to be counted.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server and whoever asks it.
struct Course {
    endpoint: String,
    caller: Caller,
    done: AtomicU64,
}

pub async fn run(args: WatchArgs) -> anyhow::Result<()> {
    let server = ServerProcess::start(&args.dir)?;
    let course = Arc::new(Course { endpoint: server.endpoint.clone(), caller: server.caller()?, done: AtomicU64::new(0) });
    put_log_events(&server, &course, &args, "plain", 0).await?;
    put_log_events(&server, &course, &args, "cis", CONTROLS.len()).await?;
    put_metric_data(&server, &course, &args).await?;
    notify(&course, args.alarms).await
}

impl Course {
    async fn client(&self) -> anyhow::Result<Client> {
        Client::connect(&self.endpoint).await
    }

    async fn logs(&self, client: &mut Client, operation: &str, input: &Value) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(client.json(&self.caller, "logs", "Logs_20140328", operation, input).await?.ok()?)?)
    }

    async fn cloudwatch(&self, client: &mut Client, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let target = "GraniteServiceVersion20100801";
        Ok(serde_json::from_slice(client.json(&self.caller, "monitoring", target, operation, input).await?.ok()?)?)
    }

    /// The sum of a metric's values in the last hour.
    async fn sum(&self, client: &mut Client, namespace: &str, name: &str) -> anyhow::Result<f64> {
        let now = seconds();
        let input = json!({"Namespace": namespace, "MetricName": name, "Statistics": ["Sum"], "Period": 60,
            "StartTime": now - 3600, "EndTime": now + 60});
        let answer = self.cloudwatch(client, "GetMetricStatistics", &input).await?;
        let points = answer["Datapoints"].as_array().context("no datapoints")?;
        Ok(points.iter().filter_map(|point| point["Sum"].as_f64()).sum())
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A record as trails deliver them; one in ten matches a filter.
fn message(number: usize) -> String {
    let name = if number.is_multiple_of(10) { "StopLogging" } else { "DescribeInstances" };
    json!({
        "eventVersion": "1.11", "eventName": name, "eventSource": "cloudtrail.amazonaws.com", "awsRegion": "us-east-1",
        "eventTime": "2026-11-21T10:00:00Z", "sourceIPAddress": "192.0.2.1", "userAgent": "aws-cli/2.15", "eventID": number,
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/alice", "accountId": "123456789012"},
        "requestParameters": {"name": "trail"}, "responseElements": null, "readOnly": false, "recipientAccountId": "123456789012",
    })
    .to_string()
}

/// Puts events into a group with so many filters, and waits until the filters have seen them all.
async fn put_log_events(
    server: &ServerProcess,
    course: &Arc<Course>,
    args: &WatchArgs,
    group: &str,
    filters: usize,
) -> anyhow::Result<()> {
    let mut client = course.client().await?;
    course.logs(&mut client, "CreateLogGroup", &json!({"logGroupName": group})).await?;
    for (number, control) in CONTROLS.iter().take(filters).enumerate() {
        let transformation = json!({"metricName": format!("cis{number}"), "metricNamespace": group, "metricValue": "1"});
        let filter = json!({"logGroupName": group, "filterName": format!("f{number}"), "filterPattern": control.pattern,
            "metricTransformations": [transformation]});
        course.logs(&mut client, "PutMetricFilter", &filter).await?;
    }
    if filters > 0 {
        let all = json!({"logGroupName": group, "filterName": "all", "filterPattern": "",
            "metricTransformations": [{"metricName": "all", "metricNamespace": group, "metricValue": "1"}]});
        course.logs(&mut client, "PutMetricFilter", &all).await?;
    }
    course.done.store(0, Ordering::Release);
    let (started, cpu_before) = (Instant::now(), server.cpu()?);
    let mut tasks = Vec::new();
    for number in 0..args.clients {
        let (course, group, size) = (Arc::clone(course), group.to_owned(), args.batch);
        let until = started + Duration::from_secs(args.seconds);
        tasks.push(tokio::spawn(async move { put_events(&course, &group, number, size, until).await }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let (put, elapsed) = (course.done.load(Ordering::Acquire), started.elapsed().as_secs_f64());
    if filters > 0 {
        counted(course, &mut client, group, put).await?;
    }
    let (all, cpu) = (started.elapsed().as_secs_f64(), server.cpu()?.saturating_sub(cpu_before));
    println!(
        "PutLogEvents, {filters} filters: {:.0} events/s durable, {:.0} events/s through the filters, server CPU {:.1} us an event",
        put as f64 / elapsed,
        put as f64 / all,
        cpu.as_secs_f64() * 1e6 / put.max(1) as f64
    );
    print_latencies("  calls", &mut latencies);
    Ok(())
}

async fn put_events(course: &Course, group: &str, number: usize, size: usize, until: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut client = course.client().await?;
    let stream = format!("s{number}");
    course.logs(&mut client, "CreateLogStream", &json!({"logGroupName": group, "logStreamName": stream})).await?;
    let messages: Vec<String> = (0..size).map(message).collect();
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let at = seconds() * 1000;
        let events: Vec<Value> = messages.iter().map(|message| json!({"timestamp": at, "message": message})).collect();
        let input = json!({"logGroupName": group, "logStreamName": stream, "logEvents": events});
        let begun = Instant::now();
        course.logs(&mut client, "PutLogEvents", &input).await?;
        latencies.push(begun.elapsed());
        course.done.fetch_add(size as u64, Ordering::AcqRel);
    }
    Ok(latencies)
}

/// Waits until the filter on everything has counted all events; none may be counted twice.
async fn counted(course: &Course, client: &mut Client, namespace: &str, put: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let found = course.sum(client, namespace, "all").await? as u64;
        anyhow::ensure!(found <= put, "{found} events were counted of {put}");
        if found == put {
            return Ok(());
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "only {found} events of {put} were counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn put_metric_data(server: &ServerProcess, course: &Arc<Course>, args: &WatchArgs) -> anyhow::Result<()> {
    course.done.store(0, Ordering::Release);
    let (started, cpu_before) = (Instant::now(), server.cpu()?);
    let mut tasks = Vec::new();
    for number in 0..args.clients {
        let course = Arc::clone(course);
        let until = started + Duration::from_secs(args.seconds);
        tasks.push(tokio::spawn(async move {
            let mut client = course.client().await?;
            let datum = |n: usize| {
                json!({"MetricName": format!("m{}", n % 100), "Value": n, "Unit": "Count",
                "Dimensions": [{"Name": "Host", "Value": format!("h{number}")}]})
            };
            let input = json!({"Namespace": "Bench", "MetricData": (0..METRICS).map(datum).collect::<Vec<_>>()});
            let mut latencies = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                course.cloudwatch(&mut client, "PutMetricData", &input).await?;
                latencies.push(begun.elapsed());
                course.done.fetch_add(METRICS as u64, Ordering::AcqRel);
            }
            anyhow::Ok(latencies)
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let (put, elapsed) = (course.done.load(Ordering::Acquire), started.elapsed().as_secs_f64());
    let cpu = server.cpu()?.saturating_sub(cpu_before);
    println!(
        "PutMetricData: {:.0} values/s durable, {METRICS} a call, server CPU {:.1} us a value",
        put as f64 / elapsed,
        cpu.as_secs_f64() * 1e6 / put.max(1) as f64
    );
    print_latencies("  calls", &mut latencies);
    Ok(())
}

/// From PutLogEvents to the message in a queue, beyond the end of the period that the event is in.
async fn notify(course: &Course, times: usize) -> anyhow::Result<()> {
    let mut client = course.client().await?;
    let (queue, topic) = ("arn:aws:sqs:us-east-1:123456789012:bench", "arn:aws:sns:us-east-1:123456789012:bench");
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": queue}]});
    let input = json!({"QueueName": "bench", "Attributes": {"Policy": policy.to_string()}});
    client.json(&course.caller, "sqs", "AmazonSQS", "CreateQueue", &input).await?.ok()?;
    client.query(&course.caller, "sns", "2010-03-31", "CreateTopic", &[("Name", "bench")]).await?.ok()?;
    let subscription = [("TopicArn", topic), ("Protocol", "sqs"), ("Endpoint", queue)];
    client.query(&course.caller, "sns", "2010-03-31", "Subscribe", &subscription).await?.ok()?;
    course.logs(&mut client, "CreateLogGroup", &json!({"logGroupName": "alarmed"})).await?;
    course.logs(&mut client, "CreateLogStream", &json!({"logGroupName": "alarmed", "logStreamName": "s"})).await?;
    let mut latencies = Vec::new();
    for number in 0..times {
        let word = format!("word{number}");
        let filter = json!({"logGroupName": "alarmed", "filterName": word, "filterPattern": word,
            "metricTransformations": [{"metricName": word, "metricNamespace": "alarmed", "metricValue": "1"}]});
        course.logs(&mut client, "PutMetricFilter", &filter).await?;
        let alarm = json!({"AlarmName": word, "Namespace": "alarmed", "MetricName": word, "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "AlarmActions": [topic]});
        course.cloudwatch(&mut client, "PutMetricAlarm", &alarm).await?;
        // An event of a minute that is over: what remains is the way from the call to the message.
        let at = (seconds() - 60) * 1000;
        let input = json!({"logGroupName": "alarmed", "logStreamName": "s", "logEvents": [{"timestamp": at, "message": word}]});
        let begun = Instant::now();
        course.logs(&mut client, "PutLogEvents", &input).await?;
        loop {
            let ask = json!({"QueueUrl": "/123456789012/bench", "WaitTimeSeconds": 10, "MaxNumberOfMessages": 1});
            let got = client.json(&course.caller, "sqs", "AmazonSQS", "ReceiveMessage", &ask).await?;
            let got: Value = serde_json::from_slice(got.ok()?)?;
            if let Some(handle) = got["Messages"][0]["ReceiptHandle"].as_str() {
                latencies.push(begun.elapsed());
                let done = json!({"QueueUrl": "/123456789012/bench", "ReceiptHandle": handle});
                client.json(&course.caller, "sqs", "AmazonSQS", "DeleteMessage", &done).await?.ok()?;
                break;
            }
            anyhow::ensure!(begun.elapsed() < PATIENCE, "no message came");
        }
    }
    print_latencies("from a log event to the alarm's message", &mut latencies);
    Ok(())
}
