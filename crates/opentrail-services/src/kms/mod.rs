//! KMS: symmetric keys, their aliases and policies, and what they encrypt.
//!
//! ```text
//! table.rs     operations, and which key a call is about      keys.rs   finding keys, their metadata, faults
//! access.rs    key policies: lockout, uses for other services
//! the others   operations, by what they are about
//! ```
//!
//! Source: AWS Key Management Service API Reference and Developer Guide. Texts of errors are AWS's where they are known.

mod access;
mod keys;
mod page;
mod table;

mod create_key;
mod describe_key;
mod key_lists;

mod aliases;
mod key_policies;
mod key_states;
mod rotation;
mod tags;

mod grants;

mod data_keys;
mod decrypt;
mod encrypt;
mod random;
mod re_encrypt;

#[cfg(test)]
mod tests;

pub use access::{Via, permit_via};
pub use keys::fault;
pub use table::SERVICE;
