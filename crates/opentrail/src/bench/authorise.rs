//! Proving and permitting a call: SigV4 and the policies of users in groups, with many policies on the account.

use crate::config::Config;
use crate::server;
use anyhow::{Context, ensure};
use clap::Args;
use http::{HeaderMap, HeaderValue};
use opentrail_catalog::Changes;
use opentrail_services::authorisation::authorise;
use opentrail_services::iam::{Group, ManagedPolicy, PolicyVersion};
use opentrail_services::{AccessKey, App, Call, User, authenticate, cloudtrail};
use opentrail_wire::{Protocol, SignedBody, SignedRequest};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Signature and policies of calls by users with groups and managed policies.
#[derive(Args)]
pub struct AuthoriseArgs {
    /// Directory on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Managed policies of the account.
    #[arg(long, default_value_t = 1000)]
    policies: usize,
    #[arg(long, default_value_t = 200)]
    users: usize,
    /// Calls that are measured.
    #[arg(long, default_value_t = 200_000)]
    calls: usize,
}

const ACCOUNT: &str = "123456789012";
const HOST: &str = "127.0.0.1:4580";
/// A user is in this many groups, a group and a user have this many managed policies.
const GROUPS_OF_USER: usize = 3;
const POLICIES_OF_GROUP: usize = 5;
const POLICIES_OF_USER: usize = 4;
const GROUPS: usize = 50;

pub async fn run(args: AuthoriseArgs) -> anyhow::Result<()> {
    let dir = args.dir.join(format!("opentrail-bench-{}", uuid::Uuid::new_v4()));
    let result = measure(&args, &dir).await;
    std::fs::remove_dir_all(&dir)?;
    result
}

async fn measure(args: &AuthoriseArgs, dir: &Path) -> anyhow::Result<()> {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config { data_dir: dir.to_owned(), listen, lookup_rate: None, ..Config::default() };
    let running = server::start(&config).await?;
    let app = &running.server.app;
    let keys = populate(app, args).await?;
    let of_user = GROUPS_OF_USER * POLICIES_OF_GROUP + POLICIES_OF_USER + 1;
    println!("{} policies, {} users, each with {of_user} policies of 5 statements", args.policies, args.users);
    let requests = keys.iter().map(|(id, secret)| signed(id, secret)).collect::<anyhow::Result<Vec<_>>>()?;
    let (mut both, mut signature) = (Vec::with_capacity(args.calls), Duration::ZERO);
    let started = Instant::now();
    for at in 0..args.calls {
        let headers = &requests[at % requests.len()];
        let before = Instant::now();
        signature += one_call(app, headers)?;
        both.push(before.elapsed());
    }
    let mean = started.elapsed().as_secs_f64() * 1e6 / args.calls as f64;
    both.sort_unstable();
    let at = |share: f64| both[((both.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    let signature = signature.as_secs_f64() * 1e6 / args.calls as f64;
    println!("signature and policies: mean {mean:.1} us, p50 {:.1} us, p99 {:.1} us a call", at(0.5), at(0.99));
    println!("of this the signature and the key: mean {signature:.1} us");
    running.shut_down().await;
    Ok(())
}

/// As the front does it. Returns the time for the signature alone.
fn one_call(app: &App, headers: &HeaderMap) -> anyhow::Result<Duration> {
    let request = SignedRequest { method: "POST", path: "/", query: "", headers, body: SignedBody::Whole(b"{}") };
    let now = OffsetDateTime::now_utc();
    let started = Instant::now();
    let proved = authenticate(app, Protocol::Json11, "cloudtrail", &request, now);
    let signature = started.elapsed();
    let caller = proved.map_err(|(error, _)| error).context("the signature is refused")?;
    let call = Call {
        caller,
        account: ACCOUNT.into(),
        region: "us-east-1".into(),
        source_ip: "127.0.0.1".into(),
        user_agent: Some("opentrail-bench".into()),
        signed_for: None,
        host: Some(HOST.into()),
        client: None,
        request_id: String::new(),
        now,
        tls: None,
    };
    let operation = cloudtrail::SERVICE.find("DescribeTrails").context("DescribeTrails is not there")?;
    authorise(app, &cloudtrail::SERVICE, operation, black_box(&call), &Value::Null).context("the call is denied")?;
    Ok(signature)
}

fn signed(id: &str, secret: &str) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static(HOST));
    headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
    headers.insert(
        "x-amz-target",
        HeaderValue::from_static("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.DescribeTrails"),
    );
    let now = OffsetDateTime::now_utc();
    opentrail_wire::sign("POST", "/", "", &mut headers, b"{}", id, secret, "us-east-1", "cloudtrail", now)?;
    Ok(headers)
}

/// Only the last policy of each user allows the call, so all are looked at.
async fn populate(app: &App, args: &AuthoriseArgs) -> anyhow::Result<Vec<(String, String)>> {
    ensure!(args.policies > 0 && args.users > 0 && args.calls > 0, "policies, users and calls must not be 0");
    let now = OffsetDateTime::now_utc();
    let policy_arn = |number: usize| format!("arn:aws:iam::{ACCOUNT}:policy/policy-{}", number % args.policies);
    for chunk in (0..args.policies).collect::<Vec<_>>().chunks(100) {
        let mut changes = Changes::new();
        for number in chunk {
            changes.put(&policy(*number, now));
        }
        submit(app, &changes).await?;
    }
    let mut changes = Changes::new();
    for number in 0..GROUPS {
        changes.put(&Group {
            account: ACCOUNT.into(),
            name: format!("group-{number}"),
            path: "/".into(),
            id: format!("AGPA{number:017}"),
            created: now,
            policies: BTreeMap::new(),
            attached: (0..POLICIES_OF_GROUP).map(|at| policy_arn(number * POLICIES_OF_GROUP + at)).collect(),
        });
    }
    let mut keys = Vec::new();
    for number in 0..args.users {
        let name = format!("user-{number}");
        let own = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["cloudtrail:Describe*", "cloudtrail:Get*"], "Resource": "*"}]});
        let user = User {
            policies: BTreeMap::from([("own".to_owned(), own.to_string().into())]),
            attached: (0..POLICIES_OF_USER).map(|at| policy_arn(500 + number * POLICIES_OF_USER + at)).collect(),
            groups: (0..GROUPS_OF_USER).map(|at| format!("group-{}", (number + at * 7) % GROUPS)).collect(),
            ..User::new(ACCOUNT, &name, format!("AIDA{number:017}"), now)
        };
        changes.put(&user);
        let (key, secret) = AccessKey::generate(&app.seal, ACCOUNT, Some(&name), now);
        keys.push((key.id.clone(), secret.to_string()));
        changes.put(&key);
    }
    submit(app, &changes).await?;
    Ok(keys)
}

async fn submit(app: &App, changes: &Changes) -> anyhow::Result<()> {
    app.intake.submit(Vec::new(), changes.encode()).await?;
    Ok(())
}

fn policy(number: usize, now: OffsetDateTime) -> ManagedPolicy {
    let bucket = format!("arn:aws:s3:::bucket-{number}");
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject*", "s3:PutObject"], "Resource": format!("{bucket}/*")},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket,
         "Condition": {"StringLike": {"s3:prefix": ["home/${aws:username}/*", ""]}}},
        {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:ReceiveMessage"], "Resource": format!("arn:aws:sqs:*:{ACCOUNT}:queue-{number}")},
        {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Effect": "Deny", "NotAction": ["iam:*", "cloudtrail:*", "s3:*", "sqs:*"], "Resource": "*",
         "Condition": {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}}}]});
    ManagedPolicy {
        account: ACCOUNT.into(),
        name: format!("policy-{number}"),
        path: "/".into(),
        id: format!("ANPA{number:017}"),
        created: now,
        updated: now,
        description: None,
        versions: BTreeMap::from([(1, PolicyVersion { document: document.to_string().into(), created: now })]),
        default_version: 1,
        next_version: 2,
        tags: BTreeMap::new(),
    }
}
