//! Signing keys: one RSA-2048 key pair per region at a time, rotated with overlap; public keys are kept for ever.
//!
//! The private half lies sealed in `keys/<region>/<fingerprint>.sealed`, readable by the owner only, durable before the
//! public half is announced in the catalog. Versions before sealing wrote it plain, as `.pk8`; these are read too. Fingerprint: MD5 of the PKCS#1 `RSAPublicKey` DER, as AWS has it.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use opentrail_catalog::{Catalog, CatalogError, Changes, Entity};
use opentrail_eventlog::{Event, Intake, LogError};
use opentrail_model::service_event::{Occasion, service_event};
use opentrail_model::timestamp::event_time;
use opentrail_seal::{Seal, SealError, write_secret_file};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// What private halves are sealed for.
const PURPOSE: &str = "digest-signing-key";
/// How long a key is listed as valid.
pub const VALIDITY: Duration = Duration::days(30);
/// A new key takes over when the old one has this long left.
const OVERLAP: Duration = Duration::days(5);
/// A key is listed from this long before its creation, so that digests of past windows signed late can be checked.
const LEAD: Duration = Duration::days(1);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("generating an RSA key failed")]
    Generate,
    #[error("key file {path} could not be used")]
    File { path: PathBuf, source: std::io::Error },
    #[error("key file {path} does not hold the key it is named after")]
    Mismatch { path: PathBuf },
    #[error("key file {path} could not be unsealed")]
    Sealed { path: PathBuf, source: SealError },
    #[error("signing failed")]
    Sign,
    #[error("recording a key failed")]
    Log(#[from] LogError),
    #[error("reading keys from the catalog failed")]
    Catalog(#[from] CatalogError),
}

/// A public key, as ListPublicKeys answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    pub region: String,
    /// Lower-case hex MD5 of the DER.
    pub fingerprint: String,
    /// Base64 of the PKCS#1 `RSAPublicKey` DER.
    pub value: String,
    #[serde(with = "time::serde::timestamp")]
    pub valid_from: OffsetDateTime,
    #[serde(with = "time::serde::timestamp")]
    pub valid_to: OffsetDateTime,
}

impl Entity for PublicKey {
    const TABLE: &'static str = "signing_key";
    fn key(&self) -> String {
        format!("{}/{}", self.region, self.fingerprint)
    }
}

/// A signature and the key it was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Lower-case hex.
    pub hex: String,
    pub fingerprint: String,
}

/// All regions' keys. Cheap to clone.
#[derive(Clone)]
pub struct SigningKeys {
    dir: PathBuf,
    catalog: Catalog,
    intake: Intake,
    seal: Arc<Seal>,
    loaded: Arc<Mutex<HashMap<String, Arc<KeyPair>>>>,
}

impl SigningKeys {
    /// Keys kept below `dir`, sealed.
    pub fn new(dir: &Path, catalog: Catalog, intake: Intake, seal: Arc<Seal>) -> Self {
        Self { dir: dir.to_owned(), catalog, intake, seal, loaded: Arc::default() }
    }

    /// Every public key of a region whose validity meets `[from, to]`, oldest first.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn list(&self, region: &str, from: OffsetDateTime, to: OffsetDateTime) -> Result<Vec<PublicKey>, KeyError> {
        let mut keys = self.catalog.list::<PublicKey>(&format!("{region}/"))?;
        keys.retain(|key| key.valid_from <= to && key.valid_to >= from);
        keys.sort_by_key(|key| key.valid_from);
        Ok(keys)
    }

    /// Every public key of every region.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn all(&self) -> Result<Vec<PublicKey>, KeyError> {
        Ok(self.catalog.list::<PublicKey>("")?)
    }

    /// The key a region signs with now; makes one where there is none, or the last one nears its end. A new key is an
    /// event of `account`.
    ///
    /// # Errors
    /// If a key cannot be made, kept or announced.
    pub async fn current(&self, region: &str, account: &str) -> Result<PublicKey, KeyError> {
        let _lock = self.catalog.lock(&format!("signing key {region}")).await;
        let now = self.intake.now();
        let newest = self.catalog.list::<PublicKey>(&format!("{region}/"))?.into_iter().max_by_key(|key| key.valid_to);
        if let Some(key) = newest.filter(|key| key.valid_to - now > OVERLAP) {
            return Ok(key);
        }
        let dir = self.dir.join(region);
        let region_name = region.to_owned();
        let seal = Arc::clone(&self.seal);
        let key = tokio::task::spawn_blocking(move || generate(&dir, &region_name, &seal, now))
            .await
            .map_err(|_| KeyError::Generate)??;
        // The private half is durable; announcing the public half makes the key the region's current one.
        let mut changes = Changes::new();
        changes.put(&key);
        let occasion = Occasion { at: now, event_id: self.intake.event_id(), account: account.into(), region: region.into() };
        let details = json!({"publicKeyFingerprint": key.fingerprint, "validityEndTime": event_time(key.valid_to)});
        let record = service_event(occasion, "RotateDigestSigningKey", details);
        let event = Event { account: account.into(), region: region.into(), record: record.to_json().into() };
        self.intake.submit(vec![event], changes.encode()).await?;
        tracing::info!(region, fingerprint = key.fingerprint, "new digest signing key");
        Ok(key)
    }

    /// Signs with a key of a region: RSASSA-PKCS1-v1_5 with SHA-256, so the same text gives the same signature.
    ///
    /// # Errors
    /// If the private half is missing or wrong.
    pub fn sign(&self, key: &PublicKey, text: &[u8]) -> Result<Signature, KeyError> {
        let pair = self.load(key)?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &aws_lc_rs::rand::SystemRandom::new(), text, &mut signature).map_err(|_| KeyError::Sign)?;
        Ok(Signature { hex: hex::encode(signature), fingerprint: key.fingerprint.clone() })
    }

    fn load(&self, key: &PublicKey) -> Result<Arc<KeyPair>, KeyError> {
        let mut loaded = self.loaded.lock().expect("no holder panics");
        if let Some(pair) = loaded.get(&key.fingerprint) {
            return Ok(Arc::clone(pair));
        }
        let (path, der) = self.private_half(key)?;
        let pair = KeyPair::from_pkcs8(&der).map_err(|_| KeyError::Mismatch { path: path.clone() })?;
        if fingerprint(pair.public_key().as_ref()) != key.fingerprint {
            return Err(KeyError::Mismatch { path });
        }
        let pair = Arc::new(pair);
        loaded.insert(key.fingerprint.clone(), Arc::clone(&pair));
        Ok(pair)
    }

    /// The PKCS#8 form, and the file it came from.
    fn private_half(&self, key: &PublicKey) -> Result<(PathBuf, Zeroizing<Vec<u8>>), KeyError> {
        let path = self.dir.join(&key.region).join(format!("{}.sealed", key.fingerprint));
        match fs::read(&path) {
            Ok(sealed) => match self.seal.open(PURPOSE, &context(&key.region, &key.fingerprint), &sealed) {
                Ok(der) => Ok((path, der)),
                Err(source) => Err(KeyError::Sealed { path, source }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let path = path.with_extension("pk8");
                let der = fs::read(&path).map_err(|source| KeyError::File { path: path.clone(), source })?;
                Ok((path, Zeroizing::new(der)))
            }
            Err(source) => Err(KeyError::File { path, source }),
        }
    }
}

fn context<'a>(region: &'a str, fingerprint: &'a str) -> [(&'static str, &'a str); 2] {
    [("region", region), ("fingerprint", fingerprint)]
}

fn fingerprint(der: &[u8]) -> String {
    hex::encode(Md5::digest(der))
}

fn generate(dir: &Path, region: &str, seal: &Seal, now: OffsetDateTime) -> Result<PublicKey, KeyError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generate)?;
    let private = pair.as_der().map_err(|_| KeyError::Generate)?;
    let public = pair.public_key().as_ref();
    let fingerprint = fingerprint(public);
    let path = dir.join(format!("{fingerprint}.sealed"));
    let sealed = seal
        .seal(PURPOSE, &context(region, &fingerprint), private.as_ref())
        .map_err(|source| KeyError::Sealed { path: path.clone(), source })?;
    write_secret_file(&path, &sealed).map_err(|source| KeyError::File { path, source })?;
    let now = now.replace_nanosecond(0).unwrap_or(now);
    Ok(PublicKey {
        region: region.into(),
        fingerprint,
        value: STANDARD.encode(public),
        valid_from: now - LEAD,
        valid_to: now + VALIDITY,
    })
}
