//! Digest chains: one per trail, account and region.

use opentrail_catalog::Entity;
use opentrail_model::digest::DigestLogFile;
use serde::{Deserialize, Serialize};

/// The newest digest that was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestHead {
    pub bucket: String,
    pub object: String,
    /// Hex SHA-256 of the uncompressed digest.
    pub hash: String,
    /// Hex.
    pub signature: String,
}

/// A digest that is decided, durable, and on its way to the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedDigest {
    pub head: DigestHead,
    /// The digest itself, uncompressed, as it is hashed.
    pub json: String,
    /// Where the next window begins.
    pub end_ms: i64,
    /// Keys of the pending files it lists.
    pub files: Vec<String>,
    /// Whether the chain ends with it.
    pub last: bool,
}

impl DigestChain {
    /// A chain whose first window begins at `at_ms`.
    pub fn begin(trail_id: &str, account: &str, region: &str, at_ms: i64) -> Self {
        Self {
            trail_id: trail_id.into(),
            account: account.into(),
            region: region.into(),
            window_start_ms: at_ms / 1000 * 1000,
            head: None,
            staged: None,
            ending: false,
            restart_ms: None,
        }
    }
}

/// An open chain. It begins when a trail with validation starts logging and ends when that stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestChain {
    pub trail_id: String,
    pub account: String,
    pub region: String,
    /// Start of the window that is open, milliseconds since 1970; whole seconds.
    pub window_start_ms: i64,
    /// `None` until the starting digest is delivered.
    pub head: Option<DigestHead>,
    pub staged: Option<StagedDigest>,
    /// The trail stopped: the next digest is the last.
    #[serde(default)]
    pub ending: bool,
    /// The trail was started again before the last digest was delivered: a new chain begins at this time.
    #[serde(default)]
    pub restart_ms: Option<i64>,
}

impl Entity for DigestChain {
    const TABLE: &'static str = "digest_chain";
    fn key(&self) -> String {
        format!("{}/{}/{}", self.trail_id, self.account, self.region)
    }
}

/// A delivered log file that no digest lists yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingFile {
    /// Key of its chain.
    pub chain: String,
    /// Delivery time, milliseconds since 1970: the time of its mark.
    pub delivered_ms: i64,
    pub file: DigestLogFile,
}

impl Entity for PendingFile {
    const TABLE: &'static str = "pending_file";
    fn key(&self) -> String {
        format!("{}/{:015}/{}", self.chain, self.delivered_ms, self.file.s3_object)
    }
}
