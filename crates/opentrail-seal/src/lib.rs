//! Sealing: secrets at rest, encrypted under a root key and bound to what they are for.
//!
//! ```text
//! DATA_DIR/keys/root.key ── RootKeyFile: plain | under a passphrase | under a KMS (KeyWrapper) ──▶ root keys
//!                                                                                                   │ newest seals,
//! Seal::seal(purpose, context, plaintext) ──HKDF-SHA256 per message ▸ AES-256-GCM──▶ sealed bytes   │ all of them open
//! Seal::open(purpose, context, sealed)    ◀──────────────────────────────────────────────────────── ┘
//! ```
//!
//! Each message has a key of its own, derived from a root key and 192 random bits, so no number of messages wears a root
//! key out. Purpose and context are authenticated: what was sealed for one thing opens for nothing else.
//!
//! Does not know: what the secrets are, HTTP, the catalog, how a KMS is reached.
//!
//! Does not promise: secrecy from whoever reads the memory of the process, or the data directory together with an
//! unprotected root key; that the bytes of a replaced key file are gone from the disk.

mod root_key_file;
mod sealed;
mod sealed_text;

mod deriving_key;
mod secret_file;

mod passphrase;
mod wrapper;

mod error;

#[cfg(test)]
mod tests;

pub use deriving_key::{DerivingKey, KEY_BYTES, MESSAGE_OVERHEAD_BYTES};
pub use error::SealError;
pub use passphrase::{MIN_PASSPHRASE_BYTES, PassphraseWrapper};
pub use root_key_file::{RootKeyFile, RotatedTo};
pub use sealed::{MAX_PLAINTEXT_BYTES, OVERHEAD_BYTES, Seal, append_texts};
pub use sealed_text::SealedText;
pub use secret_file::write_secret_file;
pub use wrapper::{KeyWrapper, Unprotected, WrapError};
