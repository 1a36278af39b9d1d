//! The AWS wire protocols as pure codecs, and the checking of Signature Version 4.
//!
//! ```text
//! head ──> protocol::detect ──> Detected (protocol, operation, unverified scope)
//! form ──> query::Form      ──> nested JSON          for query services (flat: members that are shaped otherwise there)
//! CBOR ──> cbor::decode_cbor ─> nested JSON          for Smithy RPC v2
//!
//! head + body ──> sigv4::claim ──> Claim ── the caller finds the secret ──> sigv4::verify
//!                                                                            │
//!            sigv4::auth_error ──> error::ApiError <── any AuthFault <───────┘
//!
//! output ──> query::encode_query | error::encode_json ──> bytes
//! ApiError ──> error::encode_error ──> status, headers and bytes
//! ```
//!
//! Does not know: any operation, any domain type, sockets, clocks (the time is a parameter), where secrets are kept,
//! S3 operations (they go through `s3s`; only the S3 error shape and the S3 path rule live here).
//!
//! Does not promise: SigV2, SigV4a, chunk signatures (`STREAMING-*` payloads are refused), replay protection inside
//! the clock window, or that a request signed with `UNSIGNED-PAYLOAD` kept its body.

mod flat;
pub mod protocol;
pub mod query;

pub mod error;
pub mod sigv4;

mod cbor;
mod xml;

pub use cbor::decode_cbor;
pub use error::{ApiError, Encoded, QUERY_ERROR, WireError, encode_error, encode_json, encode_shaped};
pub use flat::{FlatMember, FlatShape, from_flattened};
pub use protocol::{Detected, Protocol, detect};
pub use query::{Form, encode_flattened, encode_query, query_map};
pub use sigv4::{
    AuthFault, Claim, SignedBody, SignedRequest, SigningKeyCache, auth_error, claim, sign, sign_stated, verify, verify_with,
};
