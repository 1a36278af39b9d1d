//! Tests of the public interface: codecs by example, signatures against botocore, and hostile input.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod codecs;
mod hostile;
mod signatures;
