//! S3, in front of the embedded store.
//!
//! ```text
//! serve ─▶ Exchange::new (what is asked, as far as the request's head says)
//!       ─▶ auth::screen ─▶ s3s: signature ▸ Access::check (who, may they, is it supported) ▸ handler
//!                                                                                        │
//!          a change: Exchange::commit ── event and changes as one entry ─────────────────┤ before the answer
//!          anything else: Exchange::record, from status and error code ◀─────────────────┘
//!       ─▶ answer::finish (request ids, S3's error XML)
//! ```
//!
//! `s3s` knows HTTP, XML and signatures; everything that decides is here. Every call leaves exactly one event of its own
//! (DeleteObjects one more per key), which is durable before the answer leaves; if it cannot be recorded the answer is 503.
//!
//! Does not promise: ACLs other than the owner's, replication, access points. Requests for
//! these are refused, never ignored.

mod operation;

mod exchange;
mod record;

mod auth;
mod chunked;

mod access;
mod mfa;
mod object_access;
mod public_access;
mod refusal;

mod handler;

mod bucket;
mod control;
mod encryption;
mod lifecycle;
mod notification;
mod policy;
mod settings;
mod versioning;

mod attributes;
mod copy;
mod customer_key;
mod delete;
mod listing;
mod multipart;
mod object;
mod object_encryption;
mod object_lock;
mod object_settings;
mod read;
mod restore;
mod tagging;
mod upload;
mod versions;

mod answer;
mod coverage;
mod fault;

pub use coverage::{Coverage, coverage};
pub use object_encryption::BucketKeys;

use crate::app::{App, AuthMode};
use crate::call::Call;
use exchange::Exchange;
use futures::FutureExt;
use http::{Request, Response};
use opentrail_catalog::Catalog;
use opentrail_eventlog::Intake;
use opentrail_kms::Kms;
use opentrail_seal::Seal;
use opentrail_storage::EmbeddedStore;
use s3s::Body;
use s3s::host::MultiDomain;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// What S3 works with.
#[derive(Clone)]
pub struct S3Context {
    pub catalog: Catalog,
    pub intake: Intake,
    pub store: EmbeddedStore,
    /// Opens session tokens.
    pub seal: Arc<Seal>,
    pub kms: Kms,
    pub bucket_keys: Arc<BucketKeys>,
    /// The default account: whose calls are recorded when nothing tells another.
    pub account_id: String,
    pub auth_mode: AuthMode,
    /// Names under which buckets are subdomains, such as `s3.example.com`; empty for addressing by path only.
    pub domains: Vec<String>,
}

impl S3Context {
    pub fn of(app: &App) -> Self {
        Self {
            catalog: app.catalog.clone(),
            intake: app.intake.clone(),
            store: app.store.clone(),
            seal: Arc::clone(&app.seal),
            kms: app.kms.clone(),
            bucket_keys: Arc::default(),
            account_id: app.settings.account_id.clone(),
            auth_mode: app.settings.auth_mode,
            domains: Vec::new(),
        }
    }
}

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct S3 {
    context: Arc<S3Context>,
    inner: S3Service,
}

/// Builds the service.
///
/// # Panics
/// If a domain is not one, or two of them overlap.
pub fn service(context: S3Context) -> S3 {
    let context = Arc::new(context);
    let mut builder = S3ServiceBuilder::new(handler::Operations::new(Arc::clone(&context)));
    builder.set_auth(auth::Keys::new(Arc::clone(&context)));
    builder.set_access(access::Access::new(Arc::clone(&context)));
    builder.set_route(control::Control::new(Arc::clone(&context)));
    if !context.domains.is_empty() {
        builder.set_host(MultiDomain::new(&context.domains).expect("domains are checked when the configuration is read"));
    }
    S3 { context, inner: builder.build() }
}

/// Serves one call. `call.caller` and `call.account` need not be known yet; S3 finds them out.
///
/// The work goes on when the client goes away, so that what was changed is also tidied up and recorded.
pub async fn serve(s3: &S3, call: Call, request: Request<Body>) -> Response<Body> {
    let request_id = call.request_id.clone();
    let s3 = s3.clone();
    let task = tokio::spawn(async move { s3.run(call, request).await });
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a call of S3 was not finished");
        answer::unavailable(&request_id)
    })
}

impl S3 {
    async fn run(self, call: Call, request: Request<Body>) -> Response<Body> {
        let exchange = Arc::new(Exchange::new(Arc::clone(&self.context), call, &request));
        let answer = match auth::screen(&exchange, request) {
            Err(fault) => answer::of_fault(fault),
            Ok(request) => self.call(&exchange, request).await,
        };
        let answer = answer::finish(&exchange, answer);
        if exchange.is_recorded() {
            return answer.response;
        }
        match exchange.record(&answer).await {
            Ok(()) => answer.response,
            Err(()) => answer::unavailable(&exchange.call.request_id),
        }
    }

    async fn call(&self, exchange: &Arc<Exchange>, mut request: Request<Body>) -> Response<Body> {
        request.extensions_mut().insert(Arc::clone(exchange));
        match AssertUnwindSafe(auth::checking(exchange, self.inner.call(request))).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                tracing::error!(?error, operation = exchange.operation().name, "S3 could not write its answer");
                answer::of_fault(fault::internal())
            }
            Err(_) => {
                tracing::error!(operation = exchange.operation().name, "S3 panicked; this is a bug");
                answer::of_fault(fault::internal())
            }
        }
    }
}
