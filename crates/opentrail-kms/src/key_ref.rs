//! The ways in which a request names a key.

use crate::entity::{alias_arn, key_arn};
use crate::error::KmsError;

/// Longest `KeyId` of the API.
const MAX_KEY_ID_CHARS: usize = 2048;
/// A UUID, also that of a multi-Region key (`mrk-` and 32 digits).
const UUID_CHARS: usize = 36;

/// A key by id or alias, with its account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRef {
    pub account: String,
    pub region: String,
    pub name: KeyName,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyName {
    Id(String),
    /// With `alias/`.
    Alias(String),
}

impl KeyRef {
    /// Reads a `KeyId`: an id, `alias/…`, or the ARN of either. What is no ARN is of this account and region.
    ///
    /// # Errors
    /// [`KmsError::NotFound`] for an ARN of another region or no id at all, [`KmsError::InvalidArn`] for half an ARN.
    pub fn parse(text: &str, account: &str, region: &str) -> Result<Self, KmsError> {
        if text.chars().count() > MAX_KEY_ID_CHARS || text.is_empty() {
            return Err(KmsError::NotFound(format!("Invalid keyId '{}'", shown(text))));
        }
        if !text.starts_with("arn:") {
            return Ok(Self { account: account.into(), region: region.into(), name: name(text)? });
        }
        let malformed = || KmsError::InvalidArn(format!("Invalid arn {}", shown(text)));
        let mut parts = text.splitn(6, ':').skip(2);
        let (service, of_region, of_account, resource) =
            (parts.next(), parts.next(), parts.next(), parts.next().ok_or_else(malformed)?);
        let (Some("kms"), Some(of_region), Some(of_account)) = (service, of_region, of_account) else { return Err(malformed()) };
        if !opentrail_model::arn::is_account_id(of_account) {
            return Err(malformed());
        }
        if of_region != region {
            return Err(KmsError::NotFound(format!("Invalid arn {}", shown(of_region))));
        }
        let name = match resource.strip_prefix("key/") {
            Some(id) => name(id)?,
            None if resource.starts_with("alias/") => name(resource)?,
            None => return Err(malformed()),
        };
        Ok(Self { account: of_account.into(), region: of_region.into(), name })
    }

    pub fn arn(&self) -> String {
        match &self.name {
            KeyName::Id(id) => key_arn(&self.region, &self.account, id),
            KeyName::Alias(name) => alias_arn(&self.region, &self.account, name),
        }
    }

    /// Whether the key is named by an alias.
    pub fn is_alias(&self) -> bool {
        matches!(self.name, KeyName::Alias(_))
    }
}

fn name(text: &str) -> Result<KeyName, KmsError> {
    if text.starts_with("alias/") {
        return Ok(KeyName::Alias(text.into()));
    }
    let is_id = text.len() == UUID_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit() || b"-mrk".contains(&byte));
    if is_id { Ok(KeyName::Id(text.into())) } else { Err(KmsError::NotFound(format!("Invalid keyId '{}'", shown(text)))) }
}

/// What of a caller's text goes into a message.
fn shown(text: &str) -> String {
    text.chars().take(256).collect()
}
