//! Passwords: what is kept of them, and the account's policy for them.

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_catalog::Entity;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use time::{Duration, OffsetDateTime};

/// Longest password.
pub const MAX_PASSWORD_CHARS: usize = 128;
/// Source: OWASP Password Storage Cheat Sheet, PBKDF2-HMAC-SHA256.
const ITERATIONS: u32 = 600_000;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// How many former passwords are kept at most, to be refused when used again.
pub const MAX_REMEMBERED: usize = 24;

/// A password as it is kept: PBKDF2-HMAC-SHA256 with a salt of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    iterations: u32,
    salt: String,
    hash: String,
}

impl PasswordHash {
    /// Takes about a tenth of a second of a core: run it where that may block.
    pub fn of(password: &str) -> Self {
        Self::with(password, ITERATIONS)
    }

    fn with(password: &str, iterations: u32) -> Self {
        let mut salt = [0; SALT_BYTES];
        aws_lc_rs::rand::fill(&mut salt).expect("the system's random generator works");
        let mut hash = [0; HASH_BYTES];
        let rounds = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut hash);
        Self { iterations, salt: STANDARD.encode(salt), hash: STANDARD.encode(hash) }
    }

    /// Whether this is the password, in time that does not depend on it. As slow as [`Self::of`].
    pub fn verifies(&self, password: &str) -> bool {
        let (Ok(salt), Ok(hash)) = (STANDARD.decode(&self.salt), STANDARD.decode(&self.hash)) else { return false };
        let Some(rounds) = NonZeroU32::new(self.iterations) else { return false };
        pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &hash).is_ok()
    }

    /// The hash of no password: compared with where there is none, so that the answer takes as long.
    pub fn nobodys() -> Self {
        Self { iterations: ITERATIONS, salt: STANDARD.encode([0; SALT_BYTES]), hash: STANDARD.encode([0; HASH_BYTES]) }
    }
}

/// A user's password for the console.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginProfile {
    pub account: String,
    pub user: String,
    #[serde(with = "time::serde::timestamp")]
    pub created: OffsetDateTime,
    pub hash: PasswordHash,
    #[serde(with = "time::serde::timestamp")]
    pub changed: OffsetDateTime,
    /// The next sign-in has to choose a new one.
    pub reset_required: bool,
    /// Former passwords, newest first.
    #[serde(default)]
    pub former: Vec<PasswordHash>,
}

impl LoginProfile {
    /// The catalog key of a user's profile.
    pub fn key_of(account: &str, user: &str) -> String {
        format!("{account}/{user}")
    }

    /// The profile with another password, the present one remembered as long as the policy looks back.
    #[must_use]
    pub fn changed_to(mut self, hash: PasswordHash, now: OffsetDateTime, remember: usize) -> Self {
        let old = std::mem::replace(&mut self.hash, hash);
        self.former.insert(0, old);
        self.former.truncate(remember.min(MAX_REMEMBERED));
        Self { changed: now, ..self }
    }
}

impl Entity for LoginProfile {
    const TABLE: &'static str = "login_profile";
    fn key(&self) -> String {
        Self::key_of(&self.account, &self.user)
    }
}

/// The root user's password of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RootPassword {
    pub account: String,
    pub hash: PasswordHash,
}

impl Entity for RootPassword {
    const TABLE: &'static str = "root_password";
    fn key(&self) -> String {
        self.account.clone()
    }
}

/// An account's demands on passwords of its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PasswordPolicy {
    pub account: String,
    pub minimum_length: u32,
    pub require_symbols: bool,
    pub require_numbers: bool,
    pub require_uppercase: bool,
    pub require_lowercase: bool,
    pub allow_users_to_change: bool,
    pub max_age_days: Option<u32>,
    /// How many former passwords must not be used again.
    pub reuse_prevention: Option<u32>,
    pub hard_expiry: bool,
}

impl Default for PasswordPolicy {
    /// What UpdateAccountPasswordPolicy sets where it is told nothing.
    fn default() -> Self {
        Self {
            account: String::new(),
            minimum_length: 6,
            require_symbols: false,
            require_numbers: false,
            require_uppercase: false,
            require_lowercase: false,
            allow_users_to_change: false,
            max_age_days: None,
            reuse_prevention: None,
            hard_expiry: false,
        }
    }
}

impl Entity for PasswordPolicy {
    const TABLE: &'static str = "password_policy";
    fn key(&self) -> String {
        self.account.clone()
    }
}

/// What AWS takes for symbols.
const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";

impl PasswordPolicy {
    /// The first demand that a password does not meet, in AWS's words; `None` if it meets all.
    pub fn problem(&self, password: &str) -> Option<String> {
        let has = |kind: fn(char) -> bool| password.chars().any(kind);
        let minimum = usize::try_from(self.minimum_length).unwrap_or(usize::MAX);
        if password.chars().count() < minimum {
            return Some(format!("Password should have a minimum length of {minimum}"));
        }
        let demands = [
            (
                self.require_symbols,
                has(|c| SYMBOLS.contains(c)),
                "one of the following symbols: ! @ # $ % ^ & * ( ) _ + - = [ ] { } | '",
            ),
            (self.require_numbers, has(|c| c.is_ascii_digit()), "one number"),
            (self.require_uppercase, has(|c| c.is_ascii_uppercase()), "one uppercase letter"),
            (self.require_lowercase, has(|c| c.is_ascii_lowercase()), "one lowercase letter"),
        ];
        demands
            .iter()
            .find(|(demanded, met, _)| *demanded && !met)
            .map(|(.., what)| format!("Password should have at least {what}"))
    }

    /// What holds where no policy is set: eight characters of three kinds.
    pub fn problem_by_default(password: &str) -> Option<String> {
        let kinds: [fn(char) -> bool; 4] =
            [|c| c.is_ascii_uppercase(), |c| c.is_ascii_lowercase(), |c| c.is_ascii_digit(), |c| SYMBOLS.contains(c)];
        let present = kinds.iter().filter(|kind| password.chars().any(**kind)).count();
        (password.chars().count() < 8 || present < 3).then(|| {
            "Password should have a minimum length of 8 and at least three of: uppercase letters, lowercase letters, numbers, symbols"
                .to_owned()
        })
    }

    /// Whether a password set then is too old now.
    pub fn has_expired(&self, changed: OffsetDateTime, now: OffsetDateTime) -> bool {
        self.max_age_days.is_some_and(|days| now - changed >= Duration::days(i64::from(days)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_verify_their_password_only_and_are_salted() {
        let hash = PasswordHash::with("correct horse", 10);
        assert!(hash.verifies("correct horse"));
        for wrong in ["", "correct hors", "Correct horse", "correct horse "] {
            assert!(!hash.verifies(wrong), "{wrong}");
        }
        assert_ne!(hash, PasswordHash::with("correct horse", 10));
        assert!(!serde_json::to_string(&hash).expect("serialises").contains("horse"));
    }

    #[test]
    fn policies_demand_what_they_say() {
        let check = |policy: &PasswordPolicy, password: &str, fits: bool| {
            assert_eq!(policy.problem(password).is_none(), fits, "{password}");
        };
        let plain = PasswordPolicy::default();
        check(&plain, "abcdef", true);
        check(&plain, "abcde", false);
        let strict = PasswordPolicy {
            minimum_length: 8,
            require_symbols: true,
            require_numbers: true,
            require_uppercase: true,
            require_lowercase: true,
            ..PasswordPolicy::default()
        };
        check(&strict, "Abcdef1!", true);
        for weak in ["Abcdefg1", "Abcdefg!", "abcdef1!", "ABCDEF1!", "Abc1!"] {
            check(&strict, weak, false);
        }
        assert!(PasswordPolicy::problem_by_default("Abcdefg1").is_none());
        assert!(PasswordPolicy::problem_by_default("abcdefgh").is_some());
    }

    #[test]
    fn former_passwords_are_remembered_as_long_as_wanted() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut profile = LoginProfile {
            account: "1".into(),
            user: "u".into(),
            created: now,
            hash: PasswordHash::with("0", 1),
            changed: now,
            reset_required: false,
            former: Vec::new(),
        };
        for number in 1..5 {
            profile = profile.changed_to(PasswordHash::with(&number.to_string(), 1), now, 2);
        }
        assert!(profile.hash.verifies("4"));
        assert_eq!(profile.former.len(), 2);
        assert!(profile.former[0].verifies("3") && profile.former[1].verifies("2"));
    }
}
