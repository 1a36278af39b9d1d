//! Queue and store through the official AWS SDK, for programs that have it anyway: its credentials, its regions, its
//! endpoints.
//!
//! Make the clients with `retry_config(RetryConfig::disabled())`: retries are this crate's, which then sees and reports
//! each of them.

use crate::error::{ErrorKind, PortError};
use crate::limits;
use crate::queue::{Message, Queue};
use crate::store::{Listed, Opened, Page, Store};
use async_trait::async_trait;
use aws_sdk_s3::types::RequestPayer;
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::stream::{self, StreamExt};
use std::time::Duration;
use time::OffsetDateTime;

/// A queue of SQS.
pub struct SdkQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SdkQueue {
    pub fn new(client: aws_sdk_sqs::Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    fn failed<E>(&self, operation: &str) -> impl Fn(SdkError<E, HttpResponse>) -> PortError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let attempted = format!("{operation} on {}", self.url);
        move |error| port_error(&attempted, error)
    }
}

#[async_trait]
impl Queue for SdkQueue {
    async fn receive(&self, most: usize, visibility: Duration, wait: Duration) -> Result<Vec<Message>, PortError> {
        let most = i32::try_from(most.clamp(1, limits::RECEIVE_MESSAGES)).unwrap_or(1);
        let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(most);
        let request = request.visibility_timeout(seconds(visibility)).wait_time_seconds(seconds(wait).min(20));
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        let received = request.send().await.map_err(self.failed("ReceiveMessage"))?;
        Ok(received.messages.unwrap_or_default().into_iter().filter_map(message).collect())
    }

    async fn delete(&self, receipt: &str) -> Result<(), PortError> {
        let request = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt);
        request.send().await.map(|_| ()).map_err(self.failed("DeleteMessage"))
    }

    async fn set_visibility(&self, receipt: &str, visibility: Duration) -> Result<(), PortError> {
        let request = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt);
        let sent = request.visibility_timeout(seconds(visibility)).send().await;
        sent.map(|_| ()).map_err(self.failed("ChangeMessageVisibility")).map_err(|error| match error.kind {
            ErrorKind::Invalid => PortError::new(ErrorKind::LeaseLost, "keeping a message", error),
            _ => error,
        })
    }

    async fn send(&self, body: &str, attributes: &[(&str, &str)]) -> Result<(), PortError> {
        let mut request = self.client.send_message().queue_url(&self.url).message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(*value).build();
            let value = value.map_err(|error| PortError::new(ErrorKind::Invalid, "SendMessage", error))?;
            request = request.message_attributes(*name, value);
        }
        request.send().await.map(|_| ()).map_err(self.failed("SendMessage"))
    }

    fn display(&self) -> String {
        self.url.clone()
    }
}

/// Buckets of S3.
pub struct SdkStore {
    client: aws_sdk_s3::Client,
    requester_pays: bool,
}

impl SdkStore {
    pub fn new(client: aws_sdk_s3::Client) -> Self {
        Self { client, requester_pays: false }
    }

    /// Whoever reads pays, where the bucket asks for it.
    #[must_use]
    pub fn requester_pays(mut self) -> Self {
        self.requester_pays = true;
        self
    }

    fn payer(&self) -> Option<RequestPayer> {
        self.requester_pays.then_some(RequestPayer::Requester)
    }
}

#[async_trait]
impl Store for SdkStore {
    async fn open(&self, bucket: &str, key: &str) -> Result<Opened, PortError> {
        let attempted = format!("fetching {}", self.display(bucket, key));
        let request = self.client.get_object().bucket(bucket).key(key).set_request_payer(self.payer());
        let object = request.send().await.map_err(|error| port_error(&attempted, error))?;
        let size = object.content_length.and_then(|length| u64::try_from(length).ok());
        let metadata = object.metadata.unwrap_or_default();
        let metadata = metadata.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let body = stream::try_unfold((object.body, attempted), |(mut body, attempted)| async move {
            match body.next().await {
                None => Ok(None),
                Some(Ok(piece)) => Ok(Some((piece, (body, attempted)))),
                Some(Err(error)) => Err(PortError::transient(attempted, error)),
            }
        });
        Ok(Opened { size, metadata, body: body.boxed() })
    }

    async fn list(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<Page, PortError> {
        let attempted = format!("listing {}", self.display(bucket, prefix));
        let most = i32::try_from(limits::PAGE_KEYS).unwrap_or(1_000);
        let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix).max_keys(most);
        let request = request.set_start_after(after.map(str::to_owned)).set_request_payer(self.payer());
        let listed = request.send().await.map_err(|error| port_error(&attempted, error))?;
        let file = |object: aws_sdk_s3::types::Object| {
            Some(Listed { key: object.key?, size: u64::try_from(object.size.unwrap_or(0)).unwrap_or(0) })
        };
        let files = listed.contents.unwrap_or_default().into_iter().filter_map(file).collect();
        Ok(Page { files, more: listed.is_truncated.unwrap_or(false) })
    }

    fn display(&self, bucket: &str, key: &str) -> String {
        format!("s3://{bucket}/{key}")
    }
}

fn message(received: aws_sdk_sqs::types::Message) -> Option<Message> {
    let attributes = received.attributes.unwrap_or_default();
    let number = |name| attributes.get(&name).and_then(|text| text.parse::<u64>().ok());
    let count = number(MessageSystemAttributeName::ApproximateReceiveCount);
    let sent = number(MessageSystemAttributeName::SentTimestamp)
        .and_then(|milliseconds| OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok());
    Some(Message {
        id: received.message_id?,
        receipt: received.receipt_handle?,
        body: received.body.unwrap_or_default(),
        receive_count: count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        sent,
    })
}

/// The kind that our own client gives for the same answer.
fn port_error<E>(attempted: &str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let kind = match &error {
        SdkError::ConstructionFailure(_) => ErrorKind::Invalid,
        SdkError::ServiceError(service) => {
            let raw = service.raw();
            let after = raw.headers().get("retry-after").and_then(crate::client::retry_after_of);
            let code = service.err().code().unwrap_or_default();
            crate::client::kind_of(raw.status().as_u16(), code, after)
        }
        _ => ErrorKind::Transient { retry_after: None },
    };
    PortError::new(kind, attempted, error)
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(crate::sqs::seconds(time)).unwrap_or(i32::MAX)
}
