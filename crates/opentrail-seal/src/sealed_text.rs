//! A secret text as a member of something that is kept.

use crate::error::SealError;
use crate::sealed::Seal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// A secret text, sealed. In JSON `{"sealed": "…base64…"}`.
///
/// A JSON string is read too: so were such texts kept before they were sealed. [`Self::is_plain`] tells, and
/// [`Self::sealed`] ends it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedText(Kept);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Sealed { sealed: String },
    Plain(Zeroizing<String>),
}

/// Tells neither the text nor its sealed form.
impl fmt::Debug for SealedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedText").finish_non_exhaustive()
    }
}

impl SealedText {
    /// Seals a text, as [`Seal::seal`].
    ///
    /// # Errors
    /// If it is too long.
    pub fn seal(seal: &Seal, purpose: &str, context: &[(&str, &str)], text: &str) -> Result<Self, SealError> {
        Ok(Self(Kept::Sealed { sealed: STANDARD.encode(seal.seal(purpose, context, text.as_bytes())?) }))
    }

    /// The text. Keep it no longer than needed.
    ///
    /// # Errors
    /// If it was sealed for something else, under a root key that is not there, or altered.
    pub fn open(&self, seal: &Seal, purpose: &str, context: &[(&str, &str)]) -> Result<Zeroizing<String>, SealError> {
        match &self.0 {
            Kept::Plain(text) => Ok(text.clone()),
            Kept::Sealed { sealed } => {
                let sealed = STANDARD.decode(sealed).map_err(|_| SealError::DoesNotOpen)?;
                let text = seal.open(purpose, context, &sealed)?;
                std::str::from_utf8(&text).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| SealError::DoesNotOpen)
            }
        }
    }

    /// Whether it is kept as an earlier version left it.
    pub fn is_plain(&self) -> bool {
        matches!(self.0, Kept::Plain(_))
    }

    /// The same, sealed if it is not yet.
    ///
    /// # Errors
    /// If it is too long.
    pub fn sealed(&self, seal: &Seal, purpose: &str, context: &[(&str, &str)]) -> Result<Self, SealError> {
        match &self.0 {
            Kept::Sealed { .. } => Ok(self.clone()),
            Kept::Plain(text) => Self::seal(seal, purpose, context, text),
        }
    }

    /// What tells this from any other sealed text, and from the same text sealed another time.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Kept::Sealed { sealed } => sealed.as_bytes(),
            Kept::Plain(text) => text.as_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_open_for_what_they_were_sealed_for_and_show_nothing() {
        let seal = Seal::ephemeral();
        let context = [("subject", "one")];
        let text = SealedText::seal(&seal, "test", &context, "s3cret").expect("sealed");
        let kept = serde_json::to_string(&text).expect("JSON");
        assert!(kept.starts_with("{\"sealed\":\"") && !kept.contains("s3cret") && !format!("{text:?}").contains("s3cret"));
        let read: SealedText = serde_json::from_str(&kept).expect("read");
        assert!(read == text && !read.is_plain());
        assert_eq!(read.open(&seal, "test", &context).expect("opens").as_str(), "s3cret");
        assert!(read.open(&seal, "test", &[("subject", "two")]).is_err());
        assert!(read.open(&seal, "other", &context).is_err());
        assert!(read.open(&Seal::ephemeral(), "test", &context).is_err());
        assert!(serde_json::from_str::<SealedText>("{\"sealed\":\"!\"}").expect("read").open(&seal, "test", &context).is_err());
    }

    #[test]
    fn plain_texts_of_earlier_versions_are_read_and_sealed() {
        let seal = Seal::ephemeral();
        let plain: SealedText = serde_json::from_str("\"s3cret\"").expect("read");
        assert!(plain.is_plain() && !format!("{plain:?}").contains("s3cret"));
        assert_eq!(plain.open(&seal, "test", &[]).expect("opens").as_str(), "s3cret");
        let sealed = plain.sealed(&seal, "test", &[]).expect("sealed");
        assert!(!sealed.is_plain() && sealed.sealed(&seal, "test", &[]).expect("as it is") == sealed);
        assert_eq!(sealed.open(&seal, "test", &[]).expect("opens").as_str(), "s3cret");
    }
}
