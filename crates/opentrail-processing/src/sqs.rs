//! A queue of SQS, AWS's or another's, over its JSON protocol.

use crate::client::{Call, Connection, SignedClient, read_answer};
use crate::error::{ErrorKind, PortError};
use crate::limits;
use crate::queue::{Message, Queue};
use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, header};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use time::OffsetDateTime;

/// A queue by its URL.
pub struct SqsQueue {
    client: SignedClient,
    /// Where requests go: the endpoint of the settings, else the host of the queue's URL.
    endpoint: String,
    region: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    #[serde(default)]
    messages: Vec<ReceivedMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceivedMessage {
    message_id: String,
    receipt_handle: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    attributes: HashMap<String, String>,
}

impl SqsQueue {
    /// The queue at `url`, with endpoint, region and credentials from the usual AWS variables.
    ///
    /// # Errors
    /// If there are no credentials, or the URL is none.
    pub fn from_environment(url: &str) -> Result<Self, PortError> {
        Self::new(url, Connection::from_environment("SQS")?)
    }

    /// # Errors
    /// If the URL is none.
    pub fn new(url: &str, connection: Connection) -> Result<Self, PortError> {
        let invalid = |text: String| PortError::new(ErrorKind::Invalid, format!("opening the queue {url}"), text);
        let parsed = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
        let host = parsed.host_str().filter(|_| parsed.scheme().starts_with("http"));
        let host = host.ok_or_else(|| {
            invalid("a queue is named by its URL, such as https://sqs.us-east-1.amazonaws.com/123456789012/name".into())
        })?;
        let own = parsed.origin().ascii_serialization();
        let region = region_of(host).map_or(connection.region, str::to_owned);
        let endpoint = connection.endpoint.unwrap_or(own).trim_end_matches('/').to_owned();
        let client = SignedClient::new(connection.credentials)?;
        Ok(Self { client, endpoint, region, url: url.to_owned() })
    }

    async fn call(&self, operation: &str, mut input: Value, more_patience: Duration) -> Result<Value, PortError> {
        let attempted = format!("{operation} on {}", self.url);
        input["QueueUrl"] = json!(self.url);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        let target = HeaderValue::from_str(&format!("AmazonSQS.{operation}")).expect("operations are plain names");
        headers.insert("x-amz-target", target);
        let call = Call {
            service: "sqs",
            region: &self.region,
            method: Method::POST,
            url: format!("{}/", self.endpoint),
            headers,
            body: input.to_string().into(),
            more_patience,
            attempted: attempted.clone(),
        };
        let sent = self.client.send(call).await;
        let response = sent.map_err(|failed| failed.map_or_else(|error| error, |refused| refused.into_error(&attempted)))?;
        let body = read_answer(response, &attempted, limits::ANSWER_BYTES).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| PortError::transient(attempted, error))
    }
}

/// The region in a host of AWS's own.
fn region_of(host: &str) -> Option<&str> {
    let name = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    name.strip_prefix("sqs.").or_else(|| name.strip_suffix(".queue"))
}

#[async_trait]
impl Queue for SqsQueue {
    async fn receive(&self, most: usize, visibility: Duration, wait: Duration) -> Result<Vec<Message>, PortError> {
        let input = json!({
            "MaxNumberOfMessages": most.clamp(1, limits::RECEIVE_MESSAGES),
            "VisibilityTimeout": seconds(visibility),
            "WaitTimeSeconds": seconds(wait).min(limits::RECEIVE_WAIT_SECONDS),
            // The name that every server knows; newer ones call it MessageSystemAttributeNames.
            "AttributeNames": ["All"],
        });
        let output = self.call("ReceiveMessage", input, wait).await?;
        if output.is_null() {
            return Ok(Vec::new());
        }
        let received: Received = serde_json::from_value(output)
            .map_err(|error| PortError::transient(format!("ReceiveMessage on {}", self.url), error))?;
        Ok(received.messages.into_iter().map(message).collect())
    }

    async fn delete(&self, receipt: &str) -> Result<(), PortError> {
        self.call("DeleteMessage", json!({"ReceiptHandle": receipt}), Duration::ZERO).await.map(|_| ())
    }

    async fn set_visibility(&self, receipt: &str, visibility: Duration) -> Result<(), PortError> {
        let input = json!({"ReceiptHandle": receipt, "VisibilityTimeout": seconds(visibility)});
        let changed = self.call("ChangeMessageVisibility", input, Duration::ZERO).await;
        changed.map(|_| ()).map_err(|error| match error.kind {
            // What SQS answers for a message whose time is over.
            ErrorKind::Invalid => PortError::new(ErrorKind::LeaseLost, "keeping a message", error),
            _ => error,
        })
    }

    async fn send(&self, body: &str, attributes: &[(&str, &str)]) -> Result<(), PortError> {
        let attribute = |(name, value): &(&str, &str)| ((*name).to_owned(), json!({"DataType": "String", "StringValue": value}));
        let attributes: serde_json::Map<_, _> = attributes.iter().map(attribute).collect();
        let input = json!({"MessageBody": body, "MessageAttributes": attributes});
        self.call("SendMessage", input, Duration::ZERO).await.map(|_| ())
    }

    fn display(&self) -> String {
        self.url.clone()
    }
}

fn message(received: ReceivedMessage) -> Message {
    let number = |name: &str| received.attributes.get(name).and_then(|text| text.parse::<u64>().ok());
    let sent = number("SentTimestamp")
        .and_then(|milliseconds| OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok());
    let receive_count = number("ApproximateReceiveCount").and_then(|count| u32::try_from(count).ok()).unwrap_or(1);
    Message { id: received.message_id, receipt: received.receipt_handle, body: received.body, receive_count, sent }
}

/// Whole seconds, rounded up; not longer than the queue allows.
pub(crate) fn seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).min(limits::VISIBILITY_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_tell_the_region() {
        assert_eq!(region_of("sqs.eu-west-1.amazonaws.com"), Some("eu-west-1"));
        assert_eq!(region_of("eu-west-1.queue.amazonaws.com"), Some("eu-west-1"));
        assert_eq!(region_of("sqs.cn-north-1.amazonaws.com.cn"), Some("cn-north-1"));
        assert_eq!(region_of("127.0.0.1"), None);
        assert_eq!((seconds(Duration::from_millis(1)), seconds(Duration::from_secs(99_999))), (1, 43_200));
    }
}
