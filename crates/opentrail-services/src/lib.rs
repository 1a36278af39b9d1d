//! AWS services and their operations, one folder per service, one file per operation, one table per service.
//!
//! ```text
//! front ─▶ Service::find ─▶ Operation { authorise ▸ handler } ─▶ Reply { output, changes, … }
//!                                                                   │
//!                          App::record(call, outcome) ──Intake──▶ event log (event and changes together)
//!                                                                   │ durable
//!                                                     front encodes the answer
//! ```
//!
//! A handler translates, decides under a catalog lock, and hands back what should change. It changes nothing itself:
//! the front records the call and its changes as one entry, and only then answers.
//!
//! Does not know: sockets, HTTP bodies (S3 apart, whose bodies stream through the `s3s` crate), the command line.

mod announcing;
mod app;
pub mod authorisation;
mod call;
pub mod cloudtrail;
pub mod cloudtrail_data;
mod credentials;
pub mod dates;
pub mod iam;
pub mod kms;
mod last_used;
pub mod logs;
mod mfa;
pub mod opentrail;
pub mod organizations;
mod query_protocol;
mod recording;
mod regions;
pub mod s3;
mod sealing;
pub mod service;
mod service_role;
mod session;
pub mod signin;
pub mod sns;
pub mod sqs;
pub mod sts;
mod temporary;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use announcing::{EventNotifier, TopicAnnouncer};
pub use app::{App, AuthMode, Settings, catalog_failure, log_failure};
pub use call::{Call, Caller};
pub use credentials::{AccessKey, Account, User, authenticate, bootstrap};
pub use last_used::LastUsed;
pub use query_protocol::{flattened, query_compatible};
pub use recording::{Outcome, S3Facts, lower_cased};
pub use regions::announce_regions;
pub use sealing::{SealingError, seal_plain_secrets};
pub use service::{Handler, Operation, Reply, Service, UNKNOWN_SERVICE, open_to_all, refuse, run};
pub use session::Session;
pub use temporary::{Holder, TemporaryCredentials, TokenFault};
