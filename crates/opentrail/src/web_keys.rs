//! Public keys of identity providers: from a file or address of the configuration, else from where the provider says.

use anyhow::{Context, bail};
use async_trait::async_trait;
use opentrail_services::sts::{KeySet, WebKeys, WebKeysError};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long keys are kept.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// A token with an unknown key makes us ask again, but not more often than this.
const RENEWED_AFTER: Duration = Duration::from_secs(30);
/// How long a provider may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest document that is read.
const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;
/// Most providers whose keys are kept. Beyond that they are asked for anew.
const MAX_KEPT: usize = 1000;

/// Keys by issuer.
pub struct ProviderKeys {
    /// Issuer to file or address, from the configuration.
    sources: BTreeMap<String, String>,
    client: reqwest::Client,
    kept: Mutex<HashMap<String, (Instant, Arc<KeySet>)>>,
}

impl ProviderKeys {
    /// # Errors
    /// If there can be no HTTP client.
    pub fn new(sources: BTreeMap<String, String>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { sources, client, kept: Mutex::default() })
    }

    async fn find(&self, issuer: &str) -> anyhow::Result<KeySet> {
        let text = match self.sources.get(issuer) {
            Some(source) if source.starts_with("https://") || source.starts_with("http://") => self.fetch(source).await?,
            Some(path) => {
                let path = PathBuf::from(path);
                tokio::fs::read(&path).await.with_context(|| format!("cannot read {}", path.display()))?
            }
            None => self.discover(issuer).await?,
        };
        serde_json::from_slice(&text).context("not a JSON Web Key Set")
    }

    /// As OpenID Connect Discovery 1.0 has it.
    async fn discover(&self, issuer: &str) -> anyhow::Result<Vec<u8>> {
        if !issuer.starts_with("https://") {
            bail!("an issuer that is not https:// needs oidc.jwks");
        }
        let about = self.fetch(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).await?;
        let about: serde_json::Value = serde_json::from_slice(&about).context("the discovery document is not JSON")?;
        let address = about["jwks_uri"].as_str().context("the discovery document has no jwks_uri")?;
        if !address.starts_with("https://") {
            bail!("jwks_uri is not https://");
        }
        self.fetch(address).await
    }

    async fn fetch(&self, address: &str) -> anyhow::Result<Vec<u8>> {
        let mut answer = self.client.get(address).send().await?.error_for_status()?;
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            text.extend_from_slice(&chunk);
            if text.len() > MAX_DOCUMENT_BYTES {
                bail!("the document is larger than {MAX_DOCUMENT_BYTES} bytes");
            }
        }
        Ok(text)
    }
}

#[async_trait]
impl WebKeys for ProviderKeys {
    async fn keys(&self, issuer: &str, renew: bool) -> Result<Arc<KeySet>, WebKeysError> {
        let fresh_for = if renew { RENEWED_AFTER } else { KEPT_FOR };
        if let Some((at, keys)) = self.kept.lock().expect("no holder panics").get(issuer)
            && at.elapsed() < fresh_for
        {
            return Ok(Arc::clone(keys));
        }
        let found = self.find(issuer).await;
        let keys = Arc::new(found.map_err(|error| WebKeysError { issuer: issuer.to_owned(), reason: format!("{error:#}") })?);
        let mut kept = self.kept.lock().expect("no holder panics");
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(issuer.to_owned(), (Instant::now(), Arc::clone(&keys)));
        Ok(keys)
    }
}
