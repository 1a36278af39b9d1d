//! Signing in at the console: passwords, one-time passwords, and what slows guessing down.

mod device;
mod password;
mod totp;

pub use device::{MfaDevice, MfaOwner};
pub use password::{LoginProfile, MAX_PASSWORD_CHARS, PasswordHash, PasswordPolicy, RootPassword};
pub use totp::CODE_DIGITS;
