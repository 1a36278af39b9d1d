//! Storage classes: here a label, and for the archive classes a promise not to read without restoring.

use serde::{Deserialize, Serialize};

/// The classes of objects. All are kept alike; [`Self::is_archive`] ones are read only while restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StorageClass {
    #[default]
    Standard,
    ReducedRedundancy,
    StandardIa,
    IntelligentTiering,
    OnezoneIa,
    GlacierIr,
    Glacier,
    DeepArchive,
}

impl StorageClass {
    pub const ALL: [Self; 8] = [
        Self::Standard,
        Self::ReducedRedundancy,
        Self::StandardIa,
        Self::IntelligentTiering,
        Self::OnezoneIa,
        Self::GlacierIr,
        Self::Glacier,
        Self::DeepArchive,
    ];

    /// The name in S3's headers and XML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::ReducedRedundancy => "REDUCED_REDUNDANCY",
            Self::StandardIa => "STANDARD_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::OnezoneIa => "ONEZONE_IA",
            Self::GlacierIr => "GLACIER_IR",
            Self::Glacier => "GLACIER",
            Self::DeepArchive => "DEEP_ARCHIVE",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }

    /// Whether objects must be restored before they are read.
    pub fn is_archive(self) -> bool {
        matches!(self, Self::Glacier | Self::DeepArchive)
    }

    /// Whether lifecycle rules may move objects into it.
    pub fn is_transition_target(self) -> bool {
        !matches!(self, Self::Standard | Self::ReducedRedundancy)
    }
}

/// The readable copy of an archived object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    pub until_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_are_stored() {
        for class in StorageClass::ALL {
            assert_eq!(serde_json::to_string(&class).expect("json"), format!("\"{}\"", class.name()));
            assert_eq!(StorageClass::parse(class.name()), Some(class));
        }
        assert_eq!(StorageClass::parse("standard"), None);
    }
}
