//! Hands the events of CloudTrail log files to a program: AWS's trails, or those of anything that writes such files.
//!
//! ```text
//! Queue ──message──▶ announced files ┐
//!                                    ├──SourceFilter──▶ fetch ──▶ gunzip, check ──▶ split ──event filter──▶ Handler
//! Store ──listing──▶ files ──────────┘                                                                        │ accepts
//!        delete the message, or write the journal ◀────────────── all files of the message ───────────────────┘
//!        give back, or park with the reason       ◀────────────── not all
//! ```
//!
//! A program gives a [`Handler`] to a [`Processor`] and runs it on a queue or on a directory or prefix. Queues and stores
//! are ports ([`Queue`], [`Store`]); shipped are SQS and S3 over a small client of our own, directories, and with the
//! feature `aws-sdk` the official SDK. `docs/processing.md` is the guide.
//!
//! Nothing of a file is handed over before all of it is here and its checksum is right. A message is deleted only after
//! the handler accepted every file it announces. So no event is lost, and one comes twice only if its file does: after a
//! crash, a handler's no, or a second delivery.
//!
//! Does not know: any server, what events mean, the command line.
//!
//! Does not promise: any order of files; that an event comes only once; that the raw JSON is well-formed within its
//! strings and brackets; to see files that no message announces.

mod scan;

pub mod event;
pub mod handler;
pub mod names;

pub mod filter;
pub mod message;

pub mod parking;
pub mod progress;
pub mod queue;
pub mod store;

pub mod admission;
pub mod journal;
pub mod settings;

mod lease;
mod listing_run;
mod processor;
mod queue_run;
mod work;

pub mod client;
pub mod directory;
pub mod s3;
pub mod sqs;

#[cfg(feature = "aws-sdk")]
pub mod aws_sdk;
#[cfg(feature = "integrity")]
pub mod integrity;

pub mod error;
pub mod limits;
pub mod retry;

mod dedupe;
mod fingerprint;
mod gzip;

pub use client::{Connection, Credentials};
pub use directory::Directory;
pub use error::{ErrorKind, PortError, ProcessingError};
pub use event::{Event, Resource, SessionIssuer, UserIdentity};
pub use filter::SourceFilter;
pub use handler::{Batch, Delivery, FileHandler, Handler, Refusal, Reject, SourceFile, each_batch, each_event};
pub use journal::Journal;
pub use listing_run::Listing;
pub use parking::{Parking, ParkingDirectory, ParkingQueue};
pub use processor::{Processor, Stop, Stopper, stop};
pub use progress::{Progress, Report, Silent, Summary, ToChannel};
pub use queue::{Message, Queue};
pub use queue_run::Until;
pub use retry::Growth;
pub use s3::S3Store;
pub use settings::Settings;
pub use sqs::SqsQueue;
pub use store::{Listed, Opened, Page, Store};
