//! Query results of CloudTrail Lake with the sign file beside them. Pure.
//!
//! Signed are the hashes of the files in their order, joined by one space: not the files' names, not the time.

use crate::finding::{Code, Finding};
use crate::keys::KeySet;
use serde::{Deserialize, Serialize};

/// `result_sign.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignFile {
    #[serde(default)]
    pub region: String,
    pub files: Vec<SignedFile>,
    pub hash_signature: String,
    pub public_key_fingerprint: String,
    #[serde(default)]
    pub query_complete_time: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedFile {
    pub file_hash_value: String,
    pub file_name: String,
}

/// One set of results, as reported.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultSetReport {
    /// Where the sign file is.
    pub file: String,
    pub region: String,
    pub query_complete_time: String,
    /// Whether the signature is right.
    pub proved: bool,
    pub files_valid: u64,
    pub files_invalid: u64,
}

impl SignFile {
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// Checks the signature; `Ok(false)` without keys.
    pub fn check_signature(&self, file: &str, keys: Option<&KeySet>) -> Result<bool, Finding> {
        let Some(keys) = keys else { return Ok(false) };
        let fingerprint = &self.public_key_fingerprint;
        let Some(key) = keys.get(fingerprint) else {
            let text = format!("public key not found in region {} for fingerprint {fingerprint}", self.region);
            return Err(Finding::new(Code::KeyUnknown, file, text));
        };
        let hashes: Vec<&str> = self.files.iter().map(|file| file.file_hash_value.as_str()).collect();
        match hex::decode(&self.hash_signature) {
            Ok(signature) if key.verifies(hashes.join(" ").as_bytes(), &signature) => Ok(true),
            _ => Err(Finding::new(Code::SignatureInvalid, file, "signature verification failed")),
        }
    }
}
