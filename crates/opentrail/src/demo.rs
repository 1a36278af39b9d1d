//! `opentrail demo`: everything once, live, on a fresh directory, through the public API.

use crate::StopSignals;
use crate::client::{Caller, Client};
use crate::config::Config;
use crate::server::{self, Running};
use anyhow::Context;
use clap::Args;
use opentrail_verify::{KeySet, Options, Silent};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const BUCKET: &str = "audit-logs";
const DATA_BUCKET: &str = "customer-data";
const TRAIL: &str = "all-regions";
const REGIONS: [&str; 4] = ["us-east-1", "eu-west-1", "eu-central-1", "ap-southeast-2"];
/// How long activity is made and shown before the proof.
const SHOW: Duration = Duration::from_secs(14);

/// Serve on a fresh directory with short intervals, make activity, show what is recorded and proved, and stay up.
///
/// Example: opentrail demo
#[derive(Args)]
pub struct DemoArgs {
    /// Address of the endpoint; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4580")]
    listen: SocketAddr,
    /// Where to put the fresh directory. [default: the system's temporary directory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Stop after the proof instead of staying up. Exit status 1 if the proof failed.
    #[arg(long)]
    once: bool,
}

/// Runs the demo until Ctrl-C.
///
/// # Errors
/// If a step fails.
pub async fn run(args: DemoArgs) -> anyhow::Result<u8> {
    let data_dir = match args.data_dir {
        Some(dir) => dir,
        None => std::env::temp_dir().join(format!("opentrail-demo-{}", uuid::Uuid::new_v4())),
    };
    if data_dir.exists() {
        anyhow::bail!("{} exists; the demo wants a fresh directory", data_dir.display());
    }
    let config = Config {
        data_dir,
        listen: args.listen,
        regions: REGIONS.iter().map(|&name| name.to_owned()).collect(),
        delivery_interval: Duration::from_secs(2),
        digest_interval: Duration::from_secs(5),
        lookup_rate: None,
        ..Config::default()
    };
    title("Starting a server on a fresh directory");
    let mut signals = StopSignals::new()?;
    let running = server::start(&config).await?;
    let proved = tokio::select! {
        proved = show(&config, &running, args.once) => proved?,
        () = signals.wait() => true
    };
    running.shut_down().await;
    println!("Stopped. The demo's data is in {}", config.data_dir.display());
    Ok(u8::from(!proved))
}

async fn show(config: &Config, running: &Running, once: bool) -> anyhow::Result<bool> {
    let endpoint = format!("http://{}", running.address);
    println!("  endpoint {endpoint}, data in {}", config.data_dir.display());
    let root = Caller {
        access_key: running.root_key.id.clone(),
        secret: running.root_key.open_secret(&running.server.app.seal)?.to_string(),
        session_token: None,
        region: REGIONS[0].into(),
        user_agent: "opentrail-demo".into(),
    };
    let mut client = Client::connect(&endpoint).await?;
    set_up_trail(&mut client, &root).await?;
    let users = set_up_users(&mut client, &root).await?;
    title("Activity: four regions, four identities, some calls denied");
    let started = Instant::now();
    let mut round: usize = 0;
    while started.elapsed() < SHOW {
        act(&mut client, &root, &users, round).await?;
        round += 1;
        progress(running, round);
        sleep(Duration::from_millis(120)).await;
    }
    println!();
    let digests = running.server.delivery_stats().digests;
    println!("  waiting for the digests of the last log files");
    while running.server.delivery_stats().digests < digests + 2 * REGIONS.len() as u64 && started.elapsed() < 2 * SHOW {
        sleep(Duration::from_millis(100)).await;
    }
    look_up(&mut client, &root).await?;
    let proved = prove(running, &mut client, &root).await?;
    if !once {
        try_by_hand(config, &endpoint)?;
        std::future::pending::<()>().await;
    }
    Ok(proved)
}

fn title(text: &str) {
    println!("\n== {text}");
}

/// One line that changes on a terminal, a line every two seconds elsewhere.
fn progress(running: &Running, round: usize) {
    let terminal = std::io::stdout().is_terminal();
    if !terminal && !round.is_multiple_of(16) {
        return;
    }
    let (before, after) = if terminal { ("\r", "") } else { ("", "\n") };
    let log = running.server.app.intake.log().stats();
    let delivery = running.server.delivery_stats();
    print!(
        "{before}  recorded {:>5} events   delivered {:>3} log files with {:>5} events   signed {:>3} digests {after}",
        log.events, delivery.files, delivery.records, delivery.digests
    );
    let _ = std::io::stdout().flush();
}

async fn set_up_trail(client: &mut Client, root: &Caller) -> anyhow::Result<()> {
    title("A bucket with CloudTrail's policy, and a trail for all regions");
    client.s3(root, "PUT", &format!("/{BUCKET}"), "").await?.ok()?;
    client.s3(root, "PUT", &format!("/{DATA_BUCKET}"), "").await?.ok()?;
    let identity = client.query(root, "sts", "2011-06-15", "GetCallerIdentity", &[]).await?;
    let identity = String::from_utf8_lossy(identity.ok()?).into_owned();
    let account = between(&identity, "<Account>", "</Account>").context("GetCallerIdentity names no account")?;
    let arn = format!("arn:aws:cloudtrail:{}:{account}:trail/{TRAIL}", root.region);
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "AWSCloudTrailAclCheck20150319", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
         "Action": "s3:GetBucketAcl", "Resource": format!("arn:aws:s3:::{BUCKET}"),
         "Condition": {"StringEquals": {"aws:SourceArn": arn}}},
        {"Sid": "AWSCloudTrailWrite20150319", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
         "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{BUCKET}/AWSLogs/{account}/*"),
         "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceArn": arn}}}]});
    client.s3(root, "PUT", &format!("/{BUCKET}?policy"), policy.to_string()).await?.ok()?;
    let trail = json!({"Name": TRAIL, "S3BucketName": BUCKET, "IsMultiRegionTrail": true, "EnableLogFileValidation": true});
    let made = client.cloudtrail(root, "CreateTrail", &trail).await?.json()?;
    println!("  {}", made["TrailARN"].as_str().unwrap_or_default());
    let selectors = json!({"TrailName": TRAIL, "AdvancedEventSelectors": [
        {"Name": "Management", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
        {"Name": "Customer data", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
            {"Field": "resources.ARN", "StartsWith": [format!("arn:aws:s3:::{DATA_BUCKET}/")]}]}]});
    client.cloudtrail(root, "PutEventSelectors", &selectors).await?.ok()?;
    client.cloudtrail(root, "StartLogging", &json!({"Name": TRAIL})).await?.ok()?;
    Ok(())
}

struct Users {
    alice: Caller,
    bob: Caller,
    stranger: Caller,
}

async fn set_up_users(client: &mut Client, root: &Caller) -> anyhow::Result<Users> {
    let admin = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let reader = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["cloudtrail:Get*", "cloudtrail:Describe*", "cloudtrail:LookupEvents"], "Resource": "*"}]});
    let alice = make_user(client, root, "alice", &admin, "aws-cli/1.46.2 md/Botocore#1.44.5").await?;
    let bob = make_user(client, root, "bob", &reader, "Boto3/1.44.5 md/Botocore#1.44.5").await?;
    let stranger = Caller { access_key: "AKIAQQQQQQQQQQQQQQQQ".into(), user_agent: "curl/8.5.0".into(), ..root.clone() };
    Ok(Users { alice, bob, stranger })
}

async fn make_user(client: &mut Client, root: &Caller, name: &str, policy: &Value, agent: &str) -> anyhow::Result<Caller> {
    const VERSION: &str = "2010-05-08";
    client.query(root, "iam", VERSION, "CreateUser", &[("UserName", name)]).await?.ok()?;
    let document = policy.to_string();
    let parameters = [("UserName", name), ("PolicyName", "demo"), ("PolicyDocument", document.as_str())];
    client.query(root, "iam", VERSION, "PutUserPolicy", &parameters).await?.ok()?;
    let key = client.query(root, "iam", VERSION, "CreateAccessKey", &[("UserName", name)]).await?;
    let key = String::from_utf8_lossy(key.ok()?).into_owned();
    Ok(Caller {
        access_key: between(&key, "<AccessKeyId>", "</AccessKeyId>").context("no access key id")?,
        secret: between(&key, "<SecretAccessKey>", "</SecretAccessKey>").context("no secret")?,
        session_token: None,
        region: root.region.clone(),
        user_agent: agent.into(),
    })
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let start = text.find(before)? + before.len();
    let end = start + text[start..].find(after)?;
    Some(text[start..end].to_owned())
}

/// One round of what people do. Errors of the calls themselves are part of the show.
async fn act(client: &mut Client, root: &Caller, users: &Users, round: usize) -> anyhow::Result<()> {
    let here = |who: &Caller| Caller { region: REGIONS[round % REGIONS.len()].into(), ..who.clone() };
    let (alice, bob, root) = (here(&users.alice), here(&users.bob), here(root));
    let object = format!("/{DATA_BUCKET}/invoices/{:04}.json", round % 40);
    client.s3(&alice, "PUT", &object, format!("{{\"invoice\":{round}}}")).await?;
    client.s3(&alice, "GET", &object, "").await?;
    client.cloudtrail(&bob, "DescribeTrails", &json!({})).await?;
    client.query(&alice, "sts", "2011-06-15", "GetCallerIdentity", &[]).await?;
    match round % 4 {
        0 => drop(client.cloudtrail(&bob, "DeleteTrail", &json!({"Name": TRAIL})).await?),
        1 => drop(client.s3(&bob, "GET", &object, "").await?),
        2 => drop(client.cloudtrail(&here(&users.stranger), "ListTrails", &json!({})).await?),
        _ => drop(client.cloudtrail(&root, "GetTrailStatus", &json!({"Name": "no-such-trail"})).await?),
    }
    Ok(())
}

async fn look_up(client: &mut Client, root: &Caller) -> anyhow::Result<()> {
    title("Event history: who tried to delete the trail?");
    let query = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "DeleteTrail"}], "MaxResults": 3});
    let found = client.cloudtrail(root, "LookupEvents", &query).await?.json()?;
    for event in found["Events"].as_array().into_iter().flatten() {
        let record: Value = serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap_or("{}"))?;
        println!(
            "  {}  {}  {}  from {}  {}",
            record["eventTime"].as_str().unwrap_or("?"),
            record["userIdentity"]["arn"].as_str().unwrap_or("?"),
            record["eventName"].as_str().unwrap_or("?"),
            record["sourceIPAddress"].as_str().unwrap_or("?"),
            record["errorCode"].as_str().unwrap_or("allowed"),
        );
    }
    Ok(())
}

async fn prove(running: &Running, client: &mut Client, root: &Caller) -> anyhow::Result<bool> {
    title("Proof: opentrail verify s3://audit-logs");
    let mut keys = Vec::new();
    for region in REGIONS {
        let caller = Caller { region: region.into(), ..root.clone() };
        let answer = client.cloudtrail(&caller, "ListPublicKeys", &json!({})).await?.json()?;
        keys.extend(answer["PublicKeyList"].as_array().cloned().unwrap_or_default());
    }
    let keys = KeySet::from_json(json!({"PublicKeyList": keys}).to_string().as_bytes())?;
    let store = object_store::aws::AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_endpoint(format!("http://{}", running.address))
        .with_allow_http(true)
        .with_region(root.region.clone())
        .with_access_key_id(&root.access_key)
        .with_secret_access_key(&root.secret)
        .build()?;
    let source = opentrail_verify::bucket::Bucket::new(std::sync::Arc::new(store), BUCKET, "")?;
    let options = Options { keys: Some(keys), ..Options::default() };
    let report = opentrail_verify::verify(&[Box::new(source)], &options, &Silent).await?;
    print!("{}", report.to_text());
    Ok(report.exit_code() == 0)
}

fn try_by_hand(config: &Config, endpoint: &str) -> anyhow::Result<()> {
    let credentials = std::path::absolute(config.data_dir.join("credentials"))?;
    title("Your turn (the server stays up; Ctrl-C ends it)");
    println!("  export AWS_SHARED_CREDENTIALS_FILE={}", credentials.display());
    println!("  {endpoint}/console/ in a browser, by the access key in that file");
    println!("  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={}", REGIONS[0]);
    let arn = format!("arn:aws:cloudtrail:{}:{}:trail/{TRAIL}", REGIONS[0], config.account_id);
    for line in [
        "aws cloudtrail describe-trails".to_owned(),
        format!("aws cloudtrail get-trail-status --name {TRAIL}"),
        "aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue=bob --max-items 5".to_owned(),
        format!("aws s3 ls --recursive s3://{BUCKET}"),
        format!(
            "aws cloudtrail validate-logs --verbose --trail-arn {arn} --start-time $(date -u -d '-1 hour' +%Y-%m-%dT%H:%M:%SZ)"
        ),
        "opentrail keys export > keys.json".to_owned(),
        format!("opentrail verify s3://{BUCKET} --public-keys keys.json"),
        format!("curl {endpoint}/-/metrics"),
    ] {
        println!("  {line}");
    }
    Ok(())
}
