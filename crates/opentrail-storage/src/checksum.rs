//! The checksums clients may ask for.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumAlgorithm {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
}

/// What a checksum was made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumType {
    /// The object's bytes.
    FullObject,
    /// The checksums of its parts.
    Composite,
}

/// A checksum as it is kept and shown: base64, with `-N` at its end if composite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    pub algorithm: ChecksumAlgorithm,
    pub kind: ChecksumType,
    pub value: String,
}

impl ChecksumAlgorithm {
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha1, Self::Sha256];

    /// The name in S3's headers and XML, upper-case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Length of the raw value.
    pub fn bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// Whether checksums of parts can be combined into that of the whole.
    pub fn combines(self) -> bool {
        self.crc().is_some()
    }

    /// The value of these bytes, in base64.
    pub fn of(self, bytes: &[u8]) -> String {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Whether the text is base64 of the right length.
    pub fn is_value(self, value: &str) -> bool {
        STANDARD.decode(value).is_ok_and(|raw| raw.len() == self.bytes())
    }

    fn encode_crc(self, value: u64) -> String {
        STANDARD.encode(&value.to_be_bytes()[8 - self.bytes()..])
    }

    /// The checksum of a multipart object from those of its parts (base64) and their sizes; `None` if it cannot be made.
    pub fn of_parts(self, kind: ChecksumType, parts: &[(String, u64)]) -> Option<Checksum> {
        let value = match kind {
            ChecksumType::Composite => {
                let raw: Result<Vec<_>, _> = parts.iter().map(|(value, _)| STANDARD.decode(value)).collect();
                format!("{}-{}", self.of(&raw.ok()?.concat()), parts.len())
            }
            ChecksumType::FullObject => {
                let crc = self.crc()?;
                let mut whole = crc_fast::checksum(crc, b"");
                for (value, size) in parts {
                    let raw = STANDARD.decode(value).ok()?;
                    let part = raw.iter().fold(0, |number: u64, byte| (number << 8) | u64::from(*byte));
                    whole = crc_fast::checksum_combine(crc, whole, part, *size);
                }
                self.encode_crc(whole)
            }
        };
        Some(Checksum { algorithm: self, kind, value })
    }
}

/// Computes a checksum while bytes pass.
pub(crate) enum Hasher {
    Crc(ChecksumAlgorithm, Box<crc_fast::Digest>),
    Digest(digest::Context),
}

impl Hasher {
    pub(crate) fn new(algorithm: ChecksumAlgorithm) -> Self {
        match (algorithm, algorithm.crc()) {
            (_, Some(crc)) => Self::Crc(algorithm, Box::new(crc_fast::Digest::new(crc))),
            (ChecksumAlgorithm::Sha1, _) => Self::Digest(digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
            _ => Self::Digest(digest::Context::new(&digest::SHA256)),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, digest) => digest.update(bytes),
            Self::Digest(context) => context.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> String {
        match self {
            Self::Crc(algorithm, digest) => algorithm.encode_crc(digest.finalize()),
            Self::Digest(context) => STANDARD.encode(context.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let check = |algorithm: ChecksumAlgorithm, expect: &str| assert_eq!(algorithm.of(b"123456789"), expect);
        check(ChecksumAlgorithm::Crc32, "y/Q5Jg==");
        check(ChecksumAlgorithm::Crc32c, "4waSgw==");
        check(ChecksumAlgorithm::Crc64nvme, "rosUhgp5mIg=");
        check(ChecksumAlgorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE=");
    }

    #[test]
    fn full_object_checksums_combine() {
        for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64nvme] {
            let parts = [(algorithm.of(b"12345"), 5), (algorithm.of(b"6789"), 4)];
            let whole = algorithm.of_parts(ChecksumType::FullObject, &parts).expect("combines");
            assert_eq!(whole.value, algorithm.of(b"123456789"), "{algorithm:?}");
        }
        assert_eq!(ChecksumAlgorithm::Sha1.of_parts(ChecksumType::FullObject, &[]), None);
    }
}
