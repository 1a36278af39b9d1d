//! KMS keys: what they are, what they encrypt, who may use them, how they rotate and end.
//!
//! ```text
//! KeyRef (id, ARN, alias) ─▶ Kms::find ─▶ Key (catalog)
//! Kms::encrypt / generate_data_key ─ newest material of the key ─▶ Envelope { key ARN, material id, message }
//! Kms::decrypt(Envelope)           ─ the material it names ──────▶ plaintext
//! Materials: DATA_DIR/keys/kms/<key id>/<material id>.sealed, opened once, kept in memory
//! Caretaker: rotation that is due ▸ deletion that is due ▸ material files that no key lists
//! ```
//!
//! Metadata, policies and aliases are entities of the catalog. Key material is not: it never goes into the event log, so
//! that destroying its file destroys it.
//!
//! Does not know: wire formats, who is calling, policies other than a key's own.
//!
//! Does not promise: asymmetric and HMAC keys, imported material, multi-Region keys; that a copy of the data
//! directory made before a deletion forgets the key too.

mod entity;
mod grant;
mod key_ref;

mod context;
mod envelope;
mod material;

mod engine;

mod access;
mod aws_managed;
mod caretaker;
mod service_record;

mod error;

#[cfg(test)]
mod tests;

pub use access::{ServiceCaller, condition_keys, default_policy};
pub use aws_managed::{AWS_ALIAS_PREFIX, aws_managed_key};
pub use caretaker::take_care;
pub use context::{EncryptionContext, MAX_CONTEXT_BYTES};
pub use engine::{DataKey, Decrypted, Kms};
pub use entity::{Alias, Key, KeyManager, KeyState, Material, Rotation, RotationCause, alias_arn, key_arn};
pub use envelope::Envelope;
pub use error::KmsError;
pub use grant::{Constraint, GRANT_OPERATIONS, Grant, granted, granting};
pub use key_ref::KeyRef;
pub use service_record::KeyUse;
