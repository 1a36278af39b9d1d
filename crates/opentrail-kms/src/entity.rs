//! What the catalog keeps of keys.

use crate::error::KmsError;
use opentrail_catalog::Entity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A symmetric encryption key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    pub account: String,
    pub region: String,
    /// A UUID.
    pub id: String,
    pub description: String,
    pub created_ms: i64,
    pub state: KeyState,
    pub manager: KeyManager,
    /// The key policy, as given.
    pub policy: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Oldest first; the last one encrypts, all of them decrypt.
    pub materials: Vec<Material>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
}

/// Whether a key can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    Enabled,
    Disabled,
    PendingDeletion { deletion_ms: i64 },
}

/// Who manages a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyManager {
    Customer,
    /// One of `alias/aws/…`: made on demand, used through its service only, its policy fixed.
    Aws,
}

/// One generation of key material. The bytes are in a file of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    /// 64 hex digits: SHA-256 of the bytes with a prefix.
    pub id: String,
    pub since_ms: i64,
    pub cause: RotationCause,
}

/// Why a generation of material began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RotationCause {
    Creation,
    Automatic,
    OnDemand,
}

/// Automatic rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    pub period_days: u32,
    pub next_ms: i64,
}

impl Key {
    pub fn arn(&self) -> String {
        key_arn(&self.region, &self.account, &self.id)
    }

    pub fn key_of(account: &str, region: &str, id: &str) -> String {
        format!("{account}/{region}/{id}")
    }

    /// The material that encrypts.
    pub fn newest(&self) -> &Material {
        self.materials.last().expect("a key is made with material and never loses its newest")
    }

    /// # Errors
    /// If the key cannot encrypt or decrypt in its state.
    pub fn usable(&self) -> Result<(), KmsError> {
        match self.state {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(KmsError::Disabled(self.arn())),
            KeyState::PendingDeletion { .. } => Err(KmsError::InvalidState(format!("{} is pending deletion.", self.arn()))),
        }
    }

    /// `KeyState` as the API has it.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            KeyState::Enabled => "Enabled",
            KeyState::Disabled => "Disabled",
            KeyState::PendingDeletion { .. } => "PendingDeletion",
        }
    }
}

impl Entity for Key {
    const TABLE: &'static str = "kms_key";
    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.id)
    }
}

/// Another name of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub account: String,
    pub region: String,
    /// With `alias/`.
    pub name: String,
    pub key_id: String,
    pub created_ms: i64,
    pub updated_ms: i64,
}

impl Alias {
    pub fn arn(&self) -> String {
        alias_arn(&self.region, &self.account, &self.name)
    }

    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        format!("{account}/{region}/{name}")
    }
}

impl Entity for Alias {
    const TABLE: &'static str = "kms_alias";
    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }
}

/// `arn:aws:kms:REGION:ACCOUNT:key/ID`
pub fn key_arn(region: &str, account: &str, id: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:key/{id}")
}

/// `arn:aws:kms:REGION:ACCOUNT:alias/NAME`; the name has its `alias/`.
pub fn alias_arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:{name}")
}
