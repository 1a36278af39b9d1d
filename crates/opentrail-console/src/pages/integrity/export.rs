//! What others need to check a trail without this server: public keys, and a bundle of everything that proves a period.

use super::source::TrailFiles;
use super::trail::{chosen, wanted};
use crate::answer::Answer;
use crate::problem::Problem;
use crate::routes::Shown;
use crate::visitor::Visitor;
use bytes::Bytes;
use futures::future::join_all;
use opentrail_verify::VerifyError;
use opentrail_verify::period::Period;
use opentrail_verify::source::METADATA_ENDING;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::io;
use time::Duration;
use tokio::sync::mpsc;

/// Keys are asked for from here on.
const LONG_AGO: i64 = 1_000_000_000;
/// Files on their way to the browser.
const IN_FLIGHT: usize = 4;
/// Most bytes of a bundle.
const MAX_BUNDLE_BYTES: usize = 2 << 30;

/// The public keys of all regions, in the form that `opentrail keys export` prints.
///
/// # Errors
/// If no region answers: the first refusal.
pub async fn public_keys(visitor: &Visitor) -> Result<Value, ApiError> {
    let far = visitor.now().unix_timestamp() + 366 * 86_400;
    let answers = join_all(visitor.regions().iter().map(|region| async move {
        let input = json!({"StartTime": LONG_AGO, "EndTime": far});
        (region, visitor.run_in(region, "cloudtrail", "ListPublicKeys", input).await)
    }))
    .await;
    let (mut keys, mut refused, mut answered) = (Vec::new(), None, false);
    for (region, answer) in answers {
        match answer {
            Ok(listed) => {
                answered = true;
                for mut key in listed["PublicKeyList"].as_array().cloned().unwrap_or_default() {
                    key["Region"] = region.as_str().into();
                    keys.push(key);
                }
            }
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        Some(error) if !answered => Err(error),
        _ => Ok(json!({"PublicKeyList": keys})),
    }
}

pub async fn keys(visitor: Visitor) -> Shown {
    Ok(Answer::json(&public_keys(&visitor).await?).saved_as("opentrail-public-keys.json"))
}

/// A tar of the digests and log files of a period, the digests' signatures beside them, and the public keys.
pub async fn bundle(visitor: Visitor) -> Shown {
    let trail = wanted(&visitor).await?;
    let keys = public_keys(&visitor).await?;
    let hours = chosen(visitor.wanted.query.text("hours"));
    let period = Period { from: Some(visitor.now() - Duration::hours(hours)), to: None };
    let files = TrailFiles::new(visitor.clone(), &trail.bucket, &trail.prefix);
    let listed = match files.keys(&period).await {
        Ok(listed) => listed,
        Err(error) => return Err(refused(&files, error)),
    };
    let (sender, pieces) = mpsc::channel(IN_FLIGHT);
    let name = format!("proof-{}-{}.tar", trail.name, visitor.now().date());
    let keys = keys.to_string();
    tokio::spawn(async move {
        if let Err(error) = pack(&files, &listed, &keys, &sender).await {
            tracing::info!(%error, "a bundle was not finished");
            // The browser sees a broken download, not a short one.
            let _ = sender.send(Err(error)).await;
        }
    });
    Ok(Answer::stream("application/x-tar", pieces).saved_as(&name))
}

fn refused(files: &TrailFiles, error: VerifyError) -> Problem {
    match files.refusal()() {
        Some(error) => error.into(),
        None => Problem::Unclear(error.chain()),
    }
}

async fn pack(files: &TrailFiles, listed: &[String], keys: &str, sender: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    let mut sent = 0;
    sender.send(Ok(member("keys.json", keys.as_bytes())?)).await.map_err(|_| gone())?;
    for key in listed {
        let Some((body, metadata)) = files.read(key).await.map_err(|error| io::Error::other(error.chain()))? else { continue };
        sent += body.len();
        if sent > MAX_BUNDLE_BYTES {
            return Err(io::Error::other("the bundle is too large: choose a shorter period"));
        }
        sender.send(Ok(member(key, &body)?)).await.map_err(|_| gone())?;
        if key.contains("/CloudTrail-Digest/") {
            let beside = member(&format!("{key}{METADATA_ENDING}"), json!(metadata).to_string().as_bytes())?;
            sender.send(Ok(beside)).await.map_err(|_| gone())?;
        }
    }
    // Two empty blocks end a tar.
    sender.send(Ok(Bytes::from_static(&[0; 1024]))).await.map_err(|_| gone())
}

/// One file as part of a tar.
fn member(name: &str, body: &[u8]) -> io::Result<Bytes> {
    let mut header = tar::Header::new_gnu();
    header.set_size(body.len() as u64);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::with_capacity(body.len() + 2_048));
    // Keys that would lead out of the folder they are unpacked in are refused here.
    builder.append_data(&mut header, name, body)?;
    let mut whole = builder.into_inner()?;
    whole.truncate(whole.len() - 1_024);
    Ok(whole.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn members_join_to_a_tar() {
        let long = format!("{}x.json.gz", "folder/".repeat(40));
        let mut whole = Vec::new();
        for (name, body) in [("keys.json", "{}"), (long.as_str(), "body")] {
            whole.extend_from_slice(&member(name, body.as_bytes()).expect("a member"));
        }
        whole.extend_from_slice(&[0; 1024]);
        let mut archive = tar::Archive::new(whole.as_slice());
        let read: Vec<(String, String)> = archive
            .entries()
            .expect("entries")
            .map(|entry| {
                let mut entry = entry.expect("an entry");
                let mut body = String::new();
                entry.read_to_string(&mut body).expect("a text");
                (entry.path().expect("a path").display().to_string(), body)
            })
            .collect();
        assert_eq!(read, [("keys.json".to_owned(), "{}".to_owned()), (long.clone(), "body".to_owned())]);
        assert!(member("../out", b"").is_err());
    }
}
