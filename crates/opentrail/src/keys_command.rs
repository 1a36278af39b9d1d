//! `opentrail keys export`: all public keys, as a file that `verify --public-keys` reads.

use crate::client::{Client, caller_from_environment};
use anyhow::Context;
use opentrail_model::regions;
use serde_json::{Value, json};

/// Keys are asked for from here on.
const LONG_AGO: i64 = 1_000_000_000;

/// Prints the keys of every region as one JSON document.
///
/// # Errors
/// If the endpoint cannot be asked.
pub async fn export(endpoint: Option<&str>) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(&fetch(&endpoint_or_environment(endpoint)?).await?)?);
    Ok(())
}

/// The endpoint given, or the one in `AWS_ENDPOINT_URL`.
///
/// # Errors
/// If there is neither.
pub fn endpoint_or_environment(endpoint: Option<&str>) -> anyhow::Result<String> {
    endpoint
        .map(str::to_owned)
        .or_else(|| std::env::var("AWS_ENDPOINT_URL_CLOUDTRAIL").ok())
        .or_else(|| std::env::var("AWS_ENDPOINT_URL").ok())
        .context("name the server with --endpoint URL or AWS_ENDPOINT_URL")
}

/// Asks an endpoint for the keys of every region it knows.
///
/// # Errors
/// If the endpoint cannot be asked.
pub async fn fetch(endpoint: &str) -> anyhow::Result<Value> {
    let caller = caller_from_environment()?;
    let mut client = Client::connect(endpoint).await?;
    let mut names: Vec<String> = regions::COMMERCIAL.iter().map(|&name| name.to_owned()).collect();
    if !names.contains(&caller.region) {
        names.push(caller.region.clone());
    }
    let mut keys = Vec::new();
    let mut failed = None;
    let mut answered = false;
    let far = time::OffsetDateTime::now_utc().unix_timestamp() + 366 * 86_400;
    for region in names {
        let mut caller = caller.clone();
        caller.region.clone_from(&region);
        let answer = client.cloudtrail(&caller, "ListPublicKeys", &json!({"StartTime": LONG_AGO, "EndTime": far})).await?;
        // A server with regions of its own refuses the others.
        let listed = match answer.json() {
            Ok(listed) => listed,
            Err(error) => {
                failed = Some(error);
                continue;
            }
        };
        answered = true;
        for mut key in listed["PublicKeyList"].as_array().cloned().unwrap_or_default() {
            key["Region"] = region.clone().into();
            keys.push(key);
        }
    }
    match failed {
        Some(error) if !answered => Err(error),
        _ => Ok(json!({"PublicKeyList": keys})),
    }
}
