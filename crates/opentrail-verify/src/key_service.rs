//! Public keys from the service that signed: AWS itself, or a server of one's own.

use crate::error::VerifyError;
use crate::keys::KeySet;
use crate::limits;
use futures::TryStreamExt;
use object_store::ClientOptions;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use opentrail_aws_environment::{AwsSettings, EnvironmentError};
use serde_json::{Value, json};

/// Keys are asked for from 2001 on: there was no CloudTrail before.
const LONG_AGO: i64 = 1_000_000_000;
/// And up to 2100.
const FAR: i64 = 4_102_444_800;
const OPERATION: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListPublicKeys";

/// Where to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyService {
    /// `https://cloudtrail.REGION.amazonaws.com`
    Aws,
    /// One endpoint for all regions.
    Endpoint(String),
}

impl KeyService {
    /// The keys of some regions. A region that refuses is left out as long as another one answers: not all are enabled.
    pub async fn fetch(&self, regions: &[String]) -> Result<KeySet, VerifyError> {
        let settings = AwsSettings::from_environment("")?;
        let Some(credentials) = settings.credentials else {
            return Err(EnvironmentError::NoCredentials { wanted: "cloudtrail:ListPublicKeys".into() }.into());
        };
        let credential = AwsCredential {
            key_id: credentials.access_key_id,
            secret_key: credentials.secret_access_key,
            token: credentials.session_token,
        };
        let mut keys = KeySet::default();
        let mut refused = None;
        let mut answered = false;
        for region in regions {
            match self.fetch_region(&credential, region).await {
                Ok(found) => {
                    answered = true;
                    keys.extend(found);
                }
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if !answered => Err(error),
            _ => Ok(keys),
        }
    }

    fn url(&self, region: &str) -> String {
        match self {
            Self::Aws if region.starts_with("cn-") => format!("https://cloudtrail.{region}.amazonaws.com.cn/"),
            Self::Aws => format!("https://cloudtrail.{region}.amazonaws.com/"),
            Self::Endpoint(url) => url.clone(),
        }
    }

    async fn fetch_region(&self, credential: &AwsCredential, region: &str) -> Result<KeySet, VerifyError> {
        let url = self.url(region);
        let body = json!({"StartTime": LONG_AGO, "EndTime": FAR}).to_string();
        let request = http::Request::builder()
            .method("POST")
            .uri(&url)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", OPERATION)
            .body(HttpRequestBody::from(body));
        let mut request = request.map_err(|error| failed(&url, error))?;
        let authorizer = AwsAuthorizer::new(credential, "cloudtrail", region);
        authorizer.try_authorize(&mut request, None).map_err(|error| failed(&url, error))?;
        let (status, body) = send(&url, request, limits::KEYS_FILE_BYTES).await?;
        if !status.is_success() {
            let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            let text = format!("{status}: {}", answer["message"].as_str().or(answer["__type"].as_str()).unwrap_or_default());
            return Err(failed(&url, std::io::Error::other(text)));
        }
        Ok(KeySet::from_json(&body)?)
    }
}

fn failed(url: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> VerifyError {
    VerifyError::Http { url: url.to_owned(), source: source.into() }
}

/// Reads `http://…` or `https://…`, without credentials.
pub async fn get(url: &str) -> Result<Vec<u8>, VerifyError> {
    let request = http::Request::builder().uri(url).body(HttpRequestBody::empty()).map_err(|error| failed(url, error))?;
    let (status, body) = send(url, request, limits::KEYS_FILE_BYTES).await?;
    if status.is_success() { Ok(body) } else { Err(failed(url, std::io::Error::other(status.to_string()))) }
}

async fn send(url: &str, request: HttpRequest, limit: u64) -> Result<(http::StatusCode, Vec<u8>), VerifyError> {
    let options = ClientOptions::new().with_allow_http(true).with_connect_timeout(limits::CONNECT).with_timeout(limits::STALLED);
    let client = ReqwestConnector::default().connect(&options).map_err(|error| failed(url, error))?;
    let response = client.execute(request).await.map_err(|error| failed(url, error))?;
    let status = response.status();
    let mut pieces = response.into_body().bytes_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.try_next().await.map_err(|error| failed(url, error))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > limit {
            return Err(VerifyError::TooLarge { file: url.to_owned(), limit });
        }
    }
    Ok((status, bytes))
}
