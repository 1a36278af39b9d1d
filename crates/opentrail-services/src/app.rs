//! What handlers work with.

use crate::cloudtrail::LookupLimiter;
use crate::last_used::LastUsed;
use crate::logs::InsightsQueries;
use crate::opentrail::Searches;
use crate::signin::SignInThrottle;
use crate::sts::WebKeys;
use opentrail_alarms::Watching;
use opentrail_catalog::Catalog;
use opentrail_delivery::SigningKeys;
use opentrail_eventlog::{Intake, LogError, LogErrorKind};
use opentrail_history::History;
use opentrail_import::Importer;
use opentrail_kms::Kms;
use opentrail_messaging::{Queues, Topics};
use opentrail_seal::Seal;
use opentrail_storage::{EmbeddedStore, LogBuckets};
use opentrail_subscriptions::Subscriptions;
use opentrail_wire::{ApiError, SigningKeyCache};
use std::path::PathBuf;
use std::sync::Arc;

/// How requests prove who sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// Signatures are checked.
    Enforce,
    /// Any access key is the default account's root, signatures are not looked at. For tests.
    AcceptAny,
}

/// Settings that operations depend on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The account that exists from the start.
    pub account_id: String,
    /// Known regions.
    pub regions: Vec<String>,
    pub auth_mode: AuthMode,
    /// LookupEvents calls per second, account and region; `None` for no limit.
    pub lookup_rate: Option<f64>,
    /// LookupEvents takes several attributes, all categories and the whole history.
    pub extended_lookup: bool,
    /// Where everything is kept, to tell how much it is.
    pub data_dir: PathBuf,
}

/// Handles to everything. One per process, shared.
pub struct App {
    pub settings: Settings,
    pub catalog: Catalog,
    pub intake: Intake,
    pub kms: Kms,
    pub history: History,
    /// Room for searches of the history.
    pub searches: Searches,
    /// Takes existing log files into the history.
    pub importer: Importer,
    /// The embedded S3 store.
    pub store: EmbeddedStore,
    /// Where trails deliver: the embedded store or a remote one.
    pub log_buckets: Arc<dyn LogBuckets>,
    pub signing_keys: SigningKeys,
    pub queues: Queues,
    /// Seals session tokens and secrets at rest.
    pub seal: Arc<Seal>,
    /// Keys of identity providers.
    pub web_keys: Arc<dyn WebKeys>,
    pub topics: Topics,
    /// Delivers what log groups pass on.
    pub subscriptions: Subscriptions,
    /// Metrics and alarms.
    pub watching: Watching,
    /// Keys derived from secrets while checking signatures.
    pub derived_keys: SigningKeyCache,
    /// Slows down guessing of passwords.
    pub sign_in_throttle: SignInThrottle,
    /// Holds LookupEvents to `settings.lookup_rate`.
    pub lookup_limiter: LookupLimiter,
    /// Queries of log groups and their results.
    pub insights: InsightsQueries,
    /// When access keys and roles were last used.
    pub last_used: LastUsed,
}

impl App {
    pub fn is_known_region(&self, region: &str) -> bool {
        self.settings.regions.iter().any(|known| known == region)
    }
}

/// What a caller is told when the event log could not take the record: retry, or this server needs its operator.
pub fn log_failure(error: &LogError) -> ApiError {
    match error.kind() {
        LogErrorKind::Retry => {
            tracing::warn!(%error, "refusing a call that could not be recorded");
            ApiError::new("ServiceUnavailable", "The call could not be recorded and was not carried out. Try again.")
                .with_status(503)
        }
        LogErrorKind::FixRequest => ApiError::new("RequestEntityTooLarge", error.to_string()).with_status(413),
        LogErrorKind::CallOperator => {
            tracing::error!(%error, "refusing a call that could not be recorded");
            ApiError::new("InternalFailure", "The call could not be recorded.").with_status(500)
        }
    }
}

/// What a caller is told when the catalog failed.
pub fn catalog_failure(error: &opentrail_catalog::CatalogError) -> ApiError {
    tracing::error!(%error, source = ?std::error::Error::source(error), "the catalog failed");
    ApiError::new("InternalFailure", "An internal error occurred.").with_status(500)
}
