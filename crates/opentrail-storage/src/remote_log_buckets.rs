//! Trails' buckets in any S3-compatible store.

use crate::embedded_log_buckets::probes;
use crate::log_bucket::{BucketFault, LogBuckets, LogObject, TrailBinding};
use crate::service_record::DELIVERY_ACL;
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::path::Path;
use object_store::{Attribute, Attributes, ClientOptions, Error, ObjectStore, PutOptions};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Most clients kept; beyond that they are built anew.
const CACHED_CLIENTS: usize = 1000;

/// Where the remote store is and who we are there.
#[derive(Clone)]
pub struct RemoteConfig {
    /// `https://…` or `http://…`; buckets are addressed by path.
    pub endpoint: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
}

impl std::fmt::Debug for RemoteConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteConfig").field("endpoint", &self.endpoint).field("region", &self.region).finish_non_exhaustive()
    }
}

/// A remote store. It evaluates its own policies, for the credentials of the configuration.
///
/// Does not promise: the trailing slash of probe objects, which the client library drops.
pub struct RemoteLogBuckets {
    config: RemoteConfig,
    clients: Mutex<HashMap<String, Arc<AmazonS3>>>,
}

impl RemoteLogBuckets {
    pub fn new(config: RemoteConfig) -> Self {
        Self { config, clients: Mutex::default() }
    }

    fn client(&self, bucket: &str) -> Result<Arc<AmazonS3>, BucketFault> {
        let mut clients = self.clients.lock().expect("no holder panics");
        if let Some(client) = clients.get(bucket) {
            return Ok(Arc::clone(client));
        }
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-amz-acl"), HeaderValue::from_static(DELIVERY_ACL));
        let allow_http = self.config.endpoint.starts_with("http://");
        let client = AmazonS3Builder::new()
            .with_endpoint(&self.config.endpoint)
            .with_region(&self.config.region)
            .with_access_key_id(&self.config.access_key)
            .with_secret_access_key(&self.config.secret_key)
            .with_bucket_name(bucket)
            .with_virtual_hosted_style_request(false)
            // Buckets with Object Lock take nothing without a checksum.
            .with_checksum_algorithm(Checksum::SHA256)
            .with_client_options(ClientOptions::new().with_default_headers(headers).with_allow_http(allow_http))
            .build()
            .map_err(|error| fault(&error))?;
        if clients.len() >= CACHED_CLIENTS {
            clients.clear();
        }
        let client = Arc::new(client);
        clients.insert(bucket.to_owned(), Arc::clone(&client));
        Ok(client)
    }

    async fn write(&self, trail: &TrailBinding, object: LogObject) -> Result<(), BucketFault> {
        let client = self.client(&trail.bucket)?;
        let path =
            Path::parse(object.key.trim_end_matches('/')).map_err(|error| BucketFault::new("InvalidURI", error.to_string()))?;
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, object.content_type.into());
        if let Some(encoding) = object.content_encoding {
            attributes.insert(Attribute::ContentEncoding, encoding.into());
        }
        for (name, value) in object.metadata {
            attributes.insert(Attribute::Metadata(name.into()), value.into());
        }
        let options = PutOptions { attributes, ..PutOptions::default() };
        client.put_opts(&path, object.body.into(), options).await.map(|_| ()).map_err(|error| fault(&error))
    }
}

#[async_trait]
impl LogBuckets for RemoteLogBuckets {
    fn takes_keys(&self) -> bool {
        false
    }

    async fn check(&self, trail: &TrailBinding) -> Result<(), BucketFault> {
        for probe in probes(trail) {
            self.write(trail, probe).await?;
        }
        Ok(())
    }

    async fn put(&self, trail: &TrailBinding, object: LogObject) -> Result<(), BucketFault> {
        self.write(trail, object).await
    }
}

/// S3's code for what the client library reports. A PUT finds nothing missing but the bucket.
fn fault(error: &Error) -> BucketFault {
    let text = chain(error);
    let code = match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => "AccessDenied",
        _ if text.contains("NoSuchBucket") => "NoSuchBucket",
        Error::NotFound { .. } => "NoSuchBucket",
        _ if text.contains("AccessDenied") || text.contains("InvalidAccessKeyId") || text.contains("SignatureDoesNotMatch") => {
            "AccessDenied"
        }
        _ => "ServiceUnavailable",
    };
    BucketFault::new(code, text)
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
