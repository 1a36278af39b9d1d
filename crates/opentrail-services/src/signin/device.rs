//! Virtual MFA devices.

use super::totp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_catalog::Entity;
use opentrail_seal::{Seal, SealError};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What sealed seeds are for.
const PURPOSE: &str = "mfa-seed";

/// A virtual MFA device. Its seed is told once, when it is made, and sealed from then on.
#[derive(Clone, Serialize, Deserialize)]
pub struct MfaDevice {
    /// `arn:aws:iam::ACCOUNT:mfa/[PATH/]NAME`
    pub serial: String,
    pub account: String,
    /// Sealed, base 64.
    seed: String,
    pub owner: Option<MfaOwner>,
    /// Codes up to this step no longer count.
    last_step: i64,
}

/// Who gives codes of a device, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MfaOwner {
    /// `None` for the root user.
    pub user: Option<String>,
    #[serde(with = "time::serde::timestamp")]
    pub enabled: OffsetDateTime,
}

impl Entity for MfaDevice {
    const TABLE: &'static str = "mfa_device";
    fn key(&self) -> String {
        self.serial.clone()
    }
}

impl MfaDevice {
    /// A device with a new seed, and the seed.
    ///
    /// # Errors
    /// If the seed cannot be sealed.
    pub fn generate(seal: &Seal, account: &str, serial: String) -> Result<(Self, Vec<u8>), SealError> {
        let mut seed = vec![0; totp::SEED_BYTES];
        aws_lc_rs::rand::fill(&mut seed).expect("the system's random generator works");
        let sealed = STANDARD.encode(seal.seal(PURPOSE, &[("device", &serial)], &seed)?);
        Ok((Self { serial, account: account.into(), seed: sealed, owner: None, last_step: 0 }, seed))
    }

    /// Held from checking a code until its use is recorded, so that it counts once.
    pub fn lock_name(serial: &str) -> String {
        format!("mfa {serial}")
    }

    /// Whether it is enabled for this user, or for root.
    pub fn is_of(&self, user: Option<&str>) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.user.as_deref() == user)
    }

    /// The device with another owner, or none.
    #[must_use]
    pub fn owned_by(&self, owner: Option<MfaOwner>) -> Self {
        Self { owner, ..self.clone() }
    }

    fn open_seed(&self, seal: &Seal) -> Option<impl std::ops::Deref<Target = Vec<u8>>> {
        let sealed = STANDARD.decode(&self.seed).ok()?;
        let seed = seal.open(PURPOSE, &[("device", &self.serial)], &sealed);
        seed.inspect_err(|error| tracing::error!(device = self.serial, %error, "the seed of an MFA device does not open")).ok()
    }

    /// The device once this code is used; `None` if the code is wrong or was used before.
    pub fn accept(&self, seal: &Seal, code: &str, now: OffsetDateTime) -> Option<Self> {
        let seed = self.open_seed(seal)?;
        let step = totp::accepted_step(&seed, code, now, self.last_step)?;
        Some(Self { last_step: step, ..self.clone() })
    }

    /// The device once two codes that follow each other have shown that it and its holder go together.
    pub fn accept_two(&self, seal: &Seal, first: &str, second: &str, now: OffsetDateTime) -> Option<Self> {
        let seed = self.open_seed(seal)?;
        let step = totp::matching_step(&seed, first, now, self.last_step, totp::SYNC_DRIFT_STEPS)?;
        let next = totp::matching_step(&seed, second, now, step, totp::SYNC_DRIFT_STEPS + 1)?;
        (next == step + 1).then(|| Self { last_step: next, ..self.clone() })
    }
}
