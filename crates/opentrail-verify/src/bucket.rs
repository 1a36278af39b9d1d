//! An S3 bucket as a source.

use crate::aws_settings::AwsSettings;
use crate::error::VerifyError;
use crate::names::{self, FileName};
use crate::source::{Object, Source};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{Attribute, ObjectStore, ObjectStoreExt};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Objects of one bucket, in any store that speaks S3.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    name: String,
    prefix: Option<Path>,
}

impl Bucket {
    /// A bucket of the account and endpoint that the usual AWS environment variables name.
    pub fn from_environment(name: &str, prefix: &str) -> Result<Self, VerifyError> {
        let settings = AwsSettings::from_environment(name)?;
        // The rest of the variables (web identity, container credentials) is object_store's to read.
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(name).with_virtual_hosted_style_request(false);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        if let Some(credentials) = &settings.credentials {
            builder =
                builder.with_access_key_id(&credentials.access_key_id).with_secret_access_key(&credentials.secret_access_key);
            if let Some(token) = &credentials.session_token {
                builder = builder.with_token(token);
            }
        }
        let failed = |source| VerifyError::Bucket { bucket: name.to_owned(), key: prefix.to_owned(), source };
        let store = Arc::new(builder.build().map_err(failed)?);
        Self::new(store, name, prefix)
    }

    /// A bucket reached through any store.
    pub fn new(store: Arc<dyn ObjectStore>, name: &str, prefix: &str) -> Result<Self, VerifyError> {
        let prefix = match prefix.trim_matches('/') {
            "" => None,
            text => Some(Path::parse(text).map_err(|error| VerifyError::Bucket {
                bucket: name.to_owned(),
                key: prefix.to_owned(),
                source: error.into(),
            })?),
        };
        Ok(Self { store, name: name.to_owned(), prefix })
    }
}

#[async_trait]
impl Source for Bucket {
    async fn list(&self) -> Result<Vec<String>, VerifyError> {
        let mut objects = self.store.list(self.prefix.as_ref());
        let mut keys = Vec::new();
        while let Some(object) = objects.try_next().await.map_err(|source| {
            let key = self.prefix.as_ref().map(Path::to_string).unwrap_or_default();
            VerifyError::Bucket { bucket: self.name.clone(), key, source }
        })? {
            let key = object.location.to_string();
            if FileName::parse(names::file_name(&key)).is_some() {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    async fn open(&self, location: &str) -> Result<Option<Object>, VerifyError> {
        let bucket = self.name.clone();
        let key = location.to_owned();
        // A key that object_store cannot express cannot have been listed either.
        let Ok(path) = Path::parse(location) else { return Ok(None) };
        let result = match self.store.get(&path).await {
            Ok(result) => result,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(source) => return Err(VerifyError::Bucket { bucket, key, source }),
        };
        let mut metadata = BTreeMap::new();
        for (attribute, value) in &result.attributes {
            if let Attribute::Metadata(name) = attribute {
                metadata.insert(name.to_ascii_lowercase(), value.as_ref().to_owned());
            }
        }
        let body =
            result.into_stream().map_err(move |source| VerifyError::Bucket { bucket: bucket.clone(), key: key.clone(), source });
        Ok(Some(Object { body: body.boxed(), metadata }))
    }

    fn bucket(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn display(&self, location: &str) -> String {
        crate::digest::s3_url(&self.name, location)
    }
}
