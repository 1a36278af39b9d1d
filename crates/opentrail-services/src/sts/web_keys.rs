//! The port to the public keys of identity providers.

use super::web_token::KeySet;
use async_trait::async_trait;
use std::sync::Arc;

/// Why a provider's keys cannot be had now.
#[derive(Debug, thiserror::Error)]
#[error("the keys of {issuer} cannot be had: {reason}")]
pub struct WebKeysError {
    pub issuer: String,
    pub reason: String,
}

/// Where public keys of identity providers come from: files or addresses of the configuration, or the provider itself.
///
/// Answers are kept for a while; `renew` asks for them anew, which an implementation limits. Concurrency: any number of
/// calls. Errors: all may be retried.
#[async_trait]
pub trait WebKeys: Send + Sync + 'static {
    /// The keys of an issuer, named as in tokens.
    async fn keys(&self, issuer: &str, renew: bool) -> Result<Arc<KeySet>, WebKeysError>;
}

/// No keys of anybody.
pub struct NoWebKeys;

#[async_trait]
impl WebKeys for NoWebKeys {
    async fn keys(&self, issuer: &str, _: bool) -> Result<Arc<KeySet>, WebKeysError> {
        Err(WebKeysError { issuer: issuer.to_owned(), reason: "no source of keys is configured".to_owned() })
    }
}
