//! Opening the root keys that everything at rest is sealed under.

use crate::client::{Caller, Client};
use crate::config::{Config, Passphrase, SealKms};
use anyhow::Context;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_catalog::{Catalog, Changes, Entity};
use opentrail_eventlog::Intake;
use opentrail_seal::{KeyWrapper, PassphraseWrapper, RootKeyFile, RotatedTo, Seal, Unprotected, WrapError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a KMS may take to unwrap a root key.
const KMS_PATIENCE: Duration = Duration::from_secs(20);

/// Notes in the catalog that a root key is in use, so that a lost key file is noticed rather than replaced.
#[derive(Serialize, Deserialize)]
struct RootKeyMark {
    key_id: String,
}

impl Entity for RootKeyMark {
    const TABLE: &'static str = "root_key";
    fn key(&self) -> String {
        MARK.into()
    }
}

const MARK: &str = "newest";

/// Opens the root keys of a data directory, making the first one if nothing was ever sealed.
///
/// # Errors
/// If they are missing, protected otherwise than the configuration says, or cannot be unwrapped.
pub async fn open(config: &Config, catalog: &Catalog, intake: &Intake) -> anyhow::Result<Arc<Seal>> {
    let mark = catalog.get::<RootKeyMark>(MARK)?;
    let expected = mark.as_ref().map(|mark| mark.key_id.as_str());
    let file = RootKeyFile::new(&path(&config.data_dir));
    let seal = file.open(&*wrapper(config)?, expected).await.context("cannot open the root keys")?;
    if expected != Some(seal.key_id().as_str()) {
        let mut changes = Changes::new();
        changes.put(&RootKeyMark { key_id: seal.key_id() });
        intake.submit(Vec::new(), changes.encode()).await.context("cannot note the root key")?;
    }
    Ok(Arc::new(seal))
}

/// Adds a root key to a data directory that no server uses.
///
/// # Errors
/// As [`open`].
pub async fn rotate(config: &Config) -> anyhow::Result<RotatedTo> {
    Ok(RootKeyFile::new(&path(&config.data_dir)).rotate(&*wrapper(config)?).await?)
}

fn path(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("keys/root.key")
}

fn wrapper(config: &Config) -> anyhow::Result<Box<dyn KeyWrapper>> {
    let passphrase = match &config.seal.passphrase {
        None => match &config.seal.kms {
            None => return Ok(Box::new(Unprotected)),
            Some(kms) => return Ok(Box::new(KmsWrapper(kms.clone()))),
        },
        Some(Passphrase::Given(passphrase)) => passphrase.clone(),
        Some(Passphrase::File(path)) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let text = Zeroizing::new(text);
            Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
        }
    };
    Ok(Box::new(PassphraseWrapper::new(passphrase)?))
}

/// Wraps root keys with Encrypt and Decrypt of a KMS.
struct KmsWrapper(SealKms);

impl KmsWrapper {
    async fn call(&self, operation: &str, mut input: Value) -> Result<Value, WrapError> {
        let kms = &self.0;
        input["KeyId"] = kms.key_id.as_str().into();
        input["EncryptionContext"] = json!({"opentrail:purpose": "root-key"});
        let caller = Caller {
            access_key: kms.access_key_id.clone(),
            secret: kms.secret_access_key.to_string(),
            session_token: None,
            region: kms.region.clone().unwrap_or_else(|| "us-east-1".into()),
            user_agent: format!("opentrail/{}", env!("CARGO_PKG_VERSION")),
        };
        let ask = async {
            let mut client = Client::connect(&kms.endpoint).await?;
            client.json(&caller, "kms", "TrentService", operation, &input).await
        };
        let answer = match tokio::time::timeout(KMS_PATIENCE, ask).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unavailable(&error)),
            Err(_) => return Err(unavailable(&anyhow::anyhow!("no answer from {}", kms.endpoint))),
        };
        answer.json().map_err(|error| unavailable(&error))
    }

    fn member(answer: &Value, name: &str) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let text = answer[name].as_str().ok_or(WrapError::Refused)?;
        STANDARD.decode(text).map(Zeroizing::new).map_err(|_| WrapError::Refused)
    }
}

fn unavailable(error: &anyhow::Error) -> WrapError {
    WrapError::Unavailable(format!("the KMS of seal.kms did not do it: {error:#}"))
}

#[async_trait]
impl KeyWrapper for KmsWrapper {
    fn protection(&self) -> &'static str {
        "kms"
    }

    async fn wrap_key(&self, key: &[u8]) -> Result<Vec<u8>, WrapError> {
        let answer = self.call("Encrypt", json!({"Plaintext": STANDARD.encode(key)})).await?;
        Self::member(&answer, "CiphertextBlob").map(|blob| blob.to_vec())
    }

    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let answer = self.call("Decrypt", json!({"CiphertextBlob": STANDARD.encode(wrapped)})).await?;
        Self::member(&answer, "Plaintext")
    }
}
