//! Signing messages, and the certificate that receivers check them with.
//!
//! Version 1 signs with SHA-1, which is what consumers know and all that aws-lc-rs refuses to sign; so the signature is
//! made by the library beneath it.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use opentrail_seal::{Seal, SealError, write_secret_file};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// What the key is sealed for.
const PURPOSE: &str = "sns-signing-key";
/// How long the certificate is valid.
const VALIDITY: Duration = Duration::days(3650);
/// Bytes of a signature by a 2048-bit key.
const SIGNATURE_BYTES: usize = 256;

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    #[error("generating a signing key failed")]
    Generate,
    #[error("making its certificate failed")]
    Certificate(#[from] rcgen::Error),
    #[error("the key file {path} could not be used")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the key file could not be unsealed")]
    Sealed(#[from] SealError),
    #[error("the key file is not in a form this version reads")]
    Form,
    #[error("signing failed")]
    Sign,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    /// PKCS#8, in base64.
    key: String,
    certificate: String,
}

/// The key and certificate of this server's topics.
pub struct Signer {
    key: legacy::PrivateKey,
    pub certificate: String,
    /// Name of the certificate in URLs, without directory.
    pub certificate_name: String,
}

impl Signer {
    /// Reads the key, or makes one and keeps it before it is used. Blocks.
    ///
    /// # Errors
    /// See [`SignerError`].
    pub fn open(path: &Path, seal: &Seal, now: OffsetDateTime) -> Result<Self, SignerError> {
        let stored = match std::fs::read(path) {
            Ok(sealed) => {
                let plain = seal.open(PURPOSE, &[], &sealed)?;
                serde_json::from_slice(&plain).map_err(|_| SignerError::Form)?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let stored = generate(now)?;
                let plain = serde_json::to_vec(&stored).map_err(|_| SignerError::Form)?;
                let sealed = seal.seal(PURPOSE, &[], &plain)?;
                write_secret_file(path, &sealed).map_err(|source| SignerError::File { path: path.to_owned(), source })?;
                stored
            }
            Err(source) => return Err(SignerError::File { path: path.to_owned(), source }),
        };
        let der = STANDARD.decode(&stored.key).map_err(|_| SignerError::Form)?;
        let key = legacy::PrivateKey::from_pkcs8(&der).ok_or(SignerError::Form)?;
        let name = format!("SimpleNotificationService-{}.pem", hex::encode(Md5::digest(stored.certificate.as_bytes())));
        Ok(Self { key, certificate: stored.certificate, certificate_name: name })
    }

    /// The signature of a text in base64: version 1 with SHA-1, any other with SHA-256.
    ///
    /// # Errors
    /// [`SignerError::Sign`].
    pub fn sign(&self, version: u8, text: &str) -> Result<String, SignerError> {
        let (algorithm, id) = match version {
            1 => (&SHA1_FOR_LEGACY_USE_ONLY, legacy::SHA1),
            _ => (&SHA256, legacy::SHA256),
        };
        let digest = digest(algorithm, text.as_bytes());
        self.key.sign(id, digest.as_ref()).map(|signature| STANDARD.encode(signature)).ok_or(SignerError::Sign)
    }
}

fn generate(now: OffsetDateTime) -> Result<Stored, SignerError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| SignerError::Generate)?;
    let der = pair.as_der().map_err(|_| SignerError::Generate)?;
    let der: &[u8] = der.as_ref();
    let key = rcgen::KeyPair::try_from(der)?;
    let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new())?;
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "OpenTrail notifications");
    parameters.not_before = now - Duration::days(1);
    parameters.not_after = now + VALIDITY;
    let certificate = parameters.self_signed(&key)?.pem();
    Ok(Stored { key: STANDARD.encode(der), certificate })
}

/// RSA signatures over SHA-1, which aws-lc-rs has only for verifying.
#[expect(unsafe_code, reason = "SignatureVersion 1 is RSA over SHA-1, which has no safe interface in aws-lc-rs")]
mod legacy {
    use super::SIGNATURE_BYTES;
    use std::ptr::NonNull;

    pub const SHA1: i32 = aws_lc_sys::NID_sha1;
    pub const SHA256: i32 = aws_lc_sys::NID_sha256;

    /// Owns an `RSA` of the library.
    pub struct PrivateKey(NonNull<aws_lc_sys::RSA>);

    // SAFETY: an RSA that nobody changes may be used by several threads at once (openssl/rsa.h, "Thread-safety").
    unsafe impl Send for PrivateKey {}
    // SAFETY: as above.
    unsafe impl Sync for PrivateKey {}

    impl Drop for PrivateKey {
        fn drop(&mut self) {
            // SAFETY: the pointer is owned and not used afterwards.
            unsafe { aws_lc_sys::RSA_free(self.0.as_ptr()) }
        }
    }

    impl PrivateKey {
        pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
            // SAFETY: `cbs` points into `der`, which outlives it; each object is freed exactly once.
            unsafe {
                let mut cbs = std::mem::MaybeUninit::<aws_lc_sys::CBS>::uninit();
                aws_lc_sys::CBS_init(cbs.as_mut_ptr(), der.as_ptr(), der.len());
                let key = NonNull::new(aws_lc_sys::EVP_parse_private_key(cbs.as_mut_ptr()))?;
                let rsa = NonNull::new(aws_lc_sys::EVP_PKEY_get1_RSA(key.as_ptr()));
                aws_lc_sys::EVP_PKEY_free(key.as_ptr());
                let rsa = Self(rsa?);
                (aws_lc_sys::RSA_size(rsa.0.as_ptr()) as usize == SIGNATURE_BYTES).then_some(rsa)
            }
        }

        pub fn sign(&self, digest_id: i32, digest: &[u8]) -> Option<Vec<u8>> {
            let mut signature = vec![0; SIGNATURE_BYTES];
            let mut length = 0;
            // SAFETY: `signature` has room for RSA_size bytes, which `from_pkcs8` checked; the key is alive.
            let done = unsafe {
                aws_lc_sys::RSA_sign(
                    digest_id,
                    digest.as_ptr(),
                    digest.len(),
                    signature.as_mut_ptr(),
                    &raw mut length,
                    self.0.as_ptr(),
                )
            };
            (done == 1 && length as usize == SIGNATURE_BYTES).then_some(signature)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{
        KeyPair as _, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    };

    #[test]
    fn both_versions_verify_and_the_key_stays() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (path, seal) = (dir.path().join("sns.sealed"), Seal::ephemeral());
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let signer = Signer::open(&path, &seal, now).expect("made");
        let again = Signer::open(&path, &seal, now).expect("read");
        assert_eq!(signer.certificate, again.certificate);
        assert!(signer.certificate.starts_with("-----BEGIN CERTIFICATE-----") && signer.certificate_name.len() == 26 + 32 + 4);
        let plain = seal.open(PURPOSE, &[], &std::fs::read(&path).expect("file")).expect("opens");
        let stored: Stored = serde_json::from_slice(&plain).expect("form");
        let pair = KeyPair::from_pkcs8(&STANDARD.decode(stored.key).expect("base64")).expect("a key");
        for (version, algorithm) in [(1, &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY), (2, &RSA_PKCS1_2048_8192_SHA256)] {
            let signature = STANDARD.decode(again.sign(version, "text").expect("signed")).expect("base64");
            let public = UnparsedPublicKey::new(algorithm, pair.public_key().as_ref());
            public.verify(b"text", &signature).expect("verifies");
            assert!(public.verify(b"other", &signature).is_err());
        }
    }
}
