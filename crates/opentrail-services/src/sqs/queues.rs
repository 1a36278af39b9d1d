//! Which queue a call means.

use super::faults::{missing_parameter, no_such_queue, same};
use crate::app::App;
use crate::call::Call;
use opentrail_catalog::NamedLock;
use opentrail_messaging::Queue;
use opentrail_messaging::queues::queue_arn;
use opentrail_model::record::Resource;
use opentrail_policy::{PolicyDocument, PolicyKind};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// Longest queue URL that is looked at.
const MAX_URL_BYTES: usize = 2048;

/// The input of operations that take nothing but a queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnlyQueue {
    #[serde(default)]
    pub(super) queue_url: Option<String>,
}

/// Account and name out of a queue's URL, or out of its path alone.
fn parts(url: &str) -> Option<(&str, &str)> {
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let (rest, name) = path.rsplit_once('/')?;
    let account = rest.rsplit_once('/').map_or(rest, |(_, account)| account);
    let known = opentrail_model::arn::is_account_id(account) && !name.is_empty() && url.len() <= MAX_URL_BYTES;
    known.then_some((account, name))
}

/// The queue that a URL names, in the region of the call.
///
/// # Errors
/// `MissingParameter`, `InvalidAddress`, `QueueDoesNotExist`.
pub(super) fn by_url(app: &App, call: &Call, url: Option<&String>) -> Result<Arc<Queue>, ApiError> {
    let url = url.filter(|url| !url.is_empty()).ok_or_else(|| missing_parameter("QueueUrl"))?;
    let (account, name) =
        parts(url).ok_or_else(|| same("InvalidAddress", format!("The address {url} is not valid for this endpoint.")))?;
    app.queues.find(account, &call.region, name).ok_or_else(no_such_queue)
}

/// [`by_url`] for a change: the lock to hold until it is recorded, and the queue as it is under the lock.
///
/// # Errors
/// As [`by_url`].
pub(super) async fn for_change(app: &App, call: &Call, url: Option<&String>) -> Result<(NamedLock, Queue), ApiError> {
    let queue = by_url(app, call, url)?;
    let lock = lock(app, &queue.account, &queue.region, &queue.name).await;
    let queue = app.queues.find(&queue.account, &queue.region, &queue.name).ok_or_else(no_such_queue)?;
    Ok((lock, Queue::clone(&queue)))
}

pub(super) async fn lock(app: &App, account: &str, region: &str, name: &str) -> NamedLock {
    app.catalog.lock(&format!("sqs {}", Queue::key_of(account, region, name))).await
}

/// The URL of a queue at the address that the caller used.
pub(super) fn url_of(call: &Call, queue: &Queue) -> String {
    let scheme = if call.tls.is_some() { "https" } else { "http" };
    let host = call.host.as_deref().unwrap_or("localhost");
    format!("{scheme}://{host}/{}/{}", queue.account, queue.name)
}

/// What a record of an operation on a queue says it was about.
pub(super) fn resources(queue: &Queue) -> Vec<Resource> {
    vec![Resource {
        account: Some(queue.account.clone()),
        kind: Some("AWS::SQS::Queue".into()),
        arn: Some(queue.arn()),
        arn_prefix: None,
    }]
}

pub(super) fn url_arn(_: &App, call: &Call, input: &Value) -> String {
    let (account, name) = input["QueueUrl"].as_str().and_then(parts).unwrap_or((&call.account, "*"));
    queue_arn(&call.region, account, name)
}

pub(super) fn name_arn(_: &App, call: &Call, input: &Value) -> String {
    let account = input["QueueOwnerAWSAccountId"].as_str().unwrap_or(&call.account);
    queue_arn(&call.region, account, input["QueueName"].as_str().unwrap_or("*"))
}

pub(super) fn url_policy(app: &App, call: &Call, input: &Value) -> Result<Option<Arc<PolicyDocument>>, ApiError> {
    Ok(policy_of(app, &url_arn(app, call, input)))
}

pub(super) fn name_policy(app: &App, call: &Call, input: &Value) -> Result<Option<Arc<PolicyDocument>>, ApiError> {
    Ok(policy_of(app, &name_arn(app, call, input)))
}

fn policy_of(app: &App, arn: &str) -> Option<Arc<PolicyDocument>> {
    let queue = app.queues.by_arn(arn)?;
    queue.policy.as_ref().map(|policy| Arc::clone(policy.document(PolicyKind::Resource)))
}

pub(super) fn any_arn(_: &App, call: &Call, _: &Value) -> String {
    queue_arn(&call.region, &call.account, "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_queues() {
        let check = |url: &str, expect: Option<(&str, &str)>| assert_eq!(parts(url), expect, "{url}");
        check("http://localhost:4580/123456789012/q", Some(("123456789012", "q")));
        check("https://sqs.us-east-1.amazonaws.com/123456789012/q/", Some(("123456789012", "q")));
        check("/123456789012/q", Some(("123456789012", "q")));
        check("123456789012/q", Some(("123456789012", "q")));
        for bad in ["", "q", "/q", "http://x/12/q", "http://x/123456789012/", "arn:aws:sqs:r:123456789012:q"] {
            check(bad, None);
        }
    }
}
