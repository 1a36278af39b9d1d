//! Sending payloads out: to Kinesis- and Firehose-compatible services and to web addresses.

use crate::payload::Payload;
use crate::target::Target;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use opentrail_messaging::topics::WebhookNetworks;
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// How long a target may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Largest answer that is read.
const MAX_ANSWER_BYTES: usize = 1 << 20;
const AGENT: &str = "OpenTrail CloudWatch Logs";

/// A service that speaks Kinesis' or Firehose's API, and the key to call it with.
#[derive(Clone, Default)]
pub struct Endpoint {
    /// `http://HOST:PORT` or `https://…`
    pub url: String,
    /// To sign for; that of the target if it is not set.
    pub region: Option<String>,
    pub access_key_id: String,
    pub secret_access_key: Zeroizing<String>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Where subscriptions can deliver to outside of this server.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    pub kinesis: Option<Endpoint>,
    pub firehose: Option<Endpoint>,
    /// Which addresses web targets may be at.
    pub webhooks: WebhookNetworks,
}

/// Why a target did not take what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SendFault(pub String);

/// One record.
pub(crate) struct Outgoing {
    pub partition_key: String,
    pub payload: Payload,
}

pub(crate) struct Sender {
    endpoints: Endpoints,
    /// To services that the operator names.
    services: Result<reqwest::Client, String>,
    /// To addresses that callers name.
    web: Result<reqwest::Client, String>,
}

impl Sender {
    pub(crate) fn new(endpoints: Endpoints) -> Self {
        let services = reqwest::Client::builder()
            .user_agent(AGENT)
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| error.to_string());
        let web = endpoints.webhooks.client(AGENT, PATIENCE);
        Self { endpoints, services, web }
    }

    /// Whether the operator has named a service for targets of this kind.
    pub(crate) fn can_reach(&self, target: &Target) -> bool {
        match target {
            Target::Kinesis { .. } => self.endpoints.kinesis.is_some(),
            Target::Firehose { .. } => self.endpoints.firehose.is_some(),
            Target::Http(url) => reqwest::Url::parse(url).is_ok_and(|url| self.endpoints.webhooks.allows(&url)),
            Target::Queue(_) | Target::Topic(_) => true,
            Target::Destination(_) | Target::Function => false,
        }
    }

    /// Sends records in order; tells of each whether it arrived.
    ///
    /// # Errors
    /// If none did.
    pub(crate) async fn send(&self, target: &Target, records: &[Outgoing], now: OffsetDateTime) -> Result<Vec<bool>, SendFault> {
        match target {
            Target::Kinesis { arn, name } => self.put_records(arn, name, records, now).await,
            Target::Firehose { arn, name } => self.put_record_batch(arn, name, records, now).await,
            Target::Http(url) => self.post(url, records).await,
            other => Err(SendFault(format!("nothing can be sent to {other:?}"))),
        }
    }

    async fn put_records(
        &self,
        arn: &str,
        name: &str,
        records: &[Outgoing],
        now: OffsetDateTime,
    ) -> Result<Vec<bool>, SendFault> {
        let list: Vec<Value> = records
            .iter()
            .map(|record| json!({"Data": STANDARD.encode(&record.payload), "PartitionKey": record.partition_key}))
            .collect();
        let body = json!({"StreamName": name, "StreamARN": arn, "Records": list});
        let endpoint = self.endpoints.kinesis.as_ref();
        let answer = self.call(endpoint, "kinesis", "Kinesis_20131202.PutRecords", arn, &body, now).await?;
        Ok(arrived(&answer["Records"], records.len()))
    }

    async fn put_record_batch(
        &self,
        arn: &str,
        name: &str,
        records: &[Outgoing],
        now: OffsetDateTime,
    ) -> Result<Vec<bool>, SendFault> {
        let list: Vec<Value> = records.iter().map(|record| json!({"Data": STANDARD.encode(&record.payload)})).collect();
        let body = json!({"DeliveryStreamName": name, "Records": list});
        let endpoint = self.endpoints.firehose.as_ref();
        let answer = self.call(endpoint, "firehose", "Firehose_20150804.PutRecordBatch", arn, &body, now).await?;
        Ok(arrived(&answer["RequestResponses"], records.len()))
    }

    /// A signed call of JSON 1.1.
    async fn call(
        &self,
        endpoint: Option<&Endpoint>,
        service: &str,
        target: &'static str,
        arn: &str,
        body: &Value,
        now: OffsetDateTime,
    ) -> Result<Value, SendFault> {
        let fault = |what: String| SendFault(what);
        let endpoint = endpoint.ok_or_else(|| fault(format!("no {service} endpoint is configured (logs.{service}.endpoint)")))?;
        let url = reqwest::Url::parse(&endpoint.url).map_err(|error| fault(error.to_string()))?;
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return Err(fault(format!("logs.{service}.endpoint names no host"))),
        };
        let bytes = body.to_string().into_bytes();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::try_from(host).map_err(|error| fault(error.to_string()))?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert("x-amz-target", HeaderValue::from_static(target));
        let region = endpoint.region.as_deref().or_else(|| arn.split(':').nth(3)).unwrap_or("us-east-1");
        let (key, secret) = (&endpoint.access_key_id, &endpoint.secret_access_key);
        opentrail_wire::sign("POST", url.path(), "", &mut headers, &bytes, key, secret, region, service, now)
            .map_err(|error| fault(error.to_string()))?;
        let client = self.services.as_ref().map_err(|error| fault(error.clone()))?;
        let answer = client.post(url).headers(headers).body(bytes).send().await.map_err(|error| fault(deepest(&error)))?;
        let status = answer.status();
        if answer.content_length().is_some_and(|length| length > MAX_ANSWER_BYTES as u64) {
            return Err(fault("the answer is too large".into()));
        }
        let text = answer.bytes().await.map_err(|error| fault(deepest(&error)))?;
        let value: Value = serde_json::from_slice(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        let code = value["__type"].as_str().map(|code| code.rsplit('#').next().unwrap_or(code)).unwrap_or("unknown error");
        Err(fault(format!("{code} ({})", status.as_u16())))
    }

    /// One request for each record: the message as JSON, compressed.
    async fn post(&self, url: &str, records: &[Outgoing]) -> Result<Vec<bool>, SendFault> {
        let client = self.web.as_ref().map_err(|error| SendFault(error.clone()))?;
        let url = reqwest::Url::parse(url).map_err(|error| SendFault(error.to_string()))?;
        if !self.endpoints.webhooks.allows(&url) {
            return Err(SendFault("targets may not be at this address (sns.webhooks)".into()));
        }
        let mut sent = vec![false; records.len()];
        for (place, record) in records.iter().enumerate() {
            let request = client
                .post(url.clone())
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::CONTENT_ENCODING, "gzip")
                .body(record.payload.clone());
            let failed = match request.send().await {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("status {}", answer.status().as_u16())),
                Err(error) => Some(deepest(&error)),
            };
            match failed {
                None => sent[place] = true,
                Some(reason) if place == 0 => return Err(SendFault(reason)),
                // The order is kept: what comes after waits as well.
                Some(_) => break,
            }
        }
        Ok(sent)
    }
}

/// Of each record whether it arrived: it did unless the answer has an error for it.
fn arrived(answers: &Value, count: usize) -> Vec<bool> {
    (0..count).map(|place| answers[place]["ErrorCode"].as_str().is_none_or(str::is_empty)).collect()
}

/// The innermost cause, which is what an operator can do something about.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
