//! Settings that protect: how root keys are kept, and TLS.

use super::{Config, Setting};
use crate::tls::TlsFiles;
use anyhow::bail;
use std::fmt;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// How the root keys in `DATA_DIR/keys/root.key` are protected. At most one of the two.
#[derive(Debug, Clone, Default)]
pub struct SealConfig {
    pub passphrase: Option<Passphrase>,
    pub kms: Option<SealKms>,
}

/// Where a passphrase comes from.
#[derive(Clone)]
pub enum Passphrase {
    File(PathBuf),
    Given(Zeroizing<String>),
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// A KMS that wraps the root keys: a key of another OpenTrail, of AWS, or of whatever answers the same API.
#[derive(Clone, Default)]
pub struct SealKms {
    pub endpoint: String,
    pub key_id: String,
    pub region: Option<String>,
    pub access_key_id: String,
    pub secret_access_key: Zeroizing<String>,
}

impl fmt::Debug for SealKms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealKms").field("endpoint", &self.endpoint).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Certificate and key, each as its setting gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl TlsConfig {
    /// Both files, or neither.
    ///
    /// # Errors
    /// If only one is set.
    pub fn files(&self) -> anyhow::Result<Option<TlsFiles>> {
        match (self.cert.clone(), self.key.clone()) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
            _ => bail!("tls.cert and tls.key go together"),
        }
    }
}

pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "tls.cert",
        default: "none",
        meaning: "PEM file with the certificate to serve HTTPS with, then those above it; read again when it changes",
        set: |c, v| {
            c.tls.cert = Some(v.into());
            Ok(())
        },
    },
    Setting {
        key: "tls.key",
        default: "none",
        meaning: "PEM file with its private key",
        set: |c, v| {
            c.tls.key = Some(v.into());
            Ok(())
        },
    },
    Setting {
        key: "seal.passphrase_file",
        default: "none",
        meaning: "file whose first line is the passphrase that protects the root keys",
        set: |c, v| {
            c.seal.passphrase = Some(Passphrase::File(v.into()));
            Ok(())
        },
    },
    Setting {
        key: "seal.passphrase",
        default: "none",
        meaning: "the passphrase itself; better given as OPENTRAIL_SEAL__PASSPHRASE than in a file",
        set: |c, v| {
            c.seal.passphrase = Some(Passphrase::Given(Zeroizing::new(v.to_owned())));
            Ok(())
        },
    },
    Setting {
        key: "seal.kms.endpoint",
        default: "none",
        meaning: "URL of a KMS whose key wraps the root keys; asked at every start",
        set: |c, v| {
            kms(c).endpoint = v.into();
            Ok(())
        },
    },
    Setting {
        key: "seal.kms.key_id",
        default: "none",
        meaning: "key of that KMS: id, ARN or alias",
        set: |c, v| {
            kms(c).key_id = v.into();
            Ok(())
        },
    },
    Setting {
        key: "seal.kms.region",
        default: "us-east-1",
        meaning: "region to sign for at that KMS",
        set: |c, v| {
            kms(c).region = Some(v.into());
            Ok(())
        },
    },
    Setting {
        key: "seal.kms.access_key_id",
        default: "none",
        meaning: "access key for that KMS",
        set: |c, v| {
            kms(c).access_key_id = v.into();
            Ok(())
        },
    },
    Setting {
        key: "seal.kms.secret_access_key",
        default: "none",
        meaning: "its secret; better given as an environment variable",
        set: |c, v| {
            kms(c).secret_access_key = Zeroizing::new(v.to_owned());
            Ok(())
        },
    },
];

fn kms(config: &mut Config) -> &mut SealKms {
    config.seal.kms.get_or_insert_default()
}

impl SealConfig {
    /// # Errors
    /// What does not go together.
    pub fn validate(&self) -> anyhow::Result<()> {
        if self.passphrase.is_some() && self.kms.is_some() {
            bail!("seal.passphrase and seal.kms exclude each other");
        }
        let incomplete = |kms: &SealKms| {
            [&kms.endpoint, &kms.key_id, &kms.access_key_id, &*kms.secret_access_key].iter().any(|v| v.is_empty())
        };
        if self.kms.as_ref().is_some_and(incomplete) {
            bail!("seal.kms needs endpoint, key_id, access_key_id and secret_access_key");
        }
        Ok(())
    }
}
