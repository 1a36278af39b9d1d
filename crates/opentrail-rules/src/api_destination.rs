//! API destinations, web addresses that events are posted to, and the connections that say how to prove who posts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_catalog::Entity;
use opentrail_seal::{Seal, SealError};
use serde::{Deserialize, Serialize};

/// What secrets of connections are sealed for.
const PURPOSE: &str = "event connection";

/// How calls prove who makes them, and what they carry besides. The secrets are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub account: String,
    pub region: String,
    pub name: String,
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Base64 of a sealed [`Secrets`].
    sealed: String,
    /// Milliseconds since 1970, as the other times.
    pub created_ms: u64,
    pub modified_ms: u64,
}

/// What a connection keeps to itself. Never logged, never recorded.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    pub authorization: Authorization,
    #[serde(default)]
    pub headers: Vec<ConnectionParameter>,
    #[serde(default)]
    pub query: Vec<ConnectionParameter>,
    #[serde(default)]
    pub body: Vec<ConnectionParameter>,
}

#[derive(Clone, Serialize, Deserialize)]
pub enum Authorization {
    Basic { username: String, password: String },
    ApiKey { name: String, value: String },
}

/// Something that each call of a connection carries.
#[derive(Clone, Serialize, Deserialize)]
pub struct ConnectionParameter {
    pub key: String,
    pub value: String,
    /// Whether nobody is shown the value.
    #[serde(default)]
    pub is_secret: bool,
}

/// Why a connection's secrets cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretsFault {
    #[error("the secrets of a connection could not be sealed or opened")]
    Seal(#[from] SealError),
    #[error("the secrets of a connection are not in a form this version reads")]
    Form,
}

impl Connection {
    /// A new connection, or the same with other secrets.
    ///
    /// # Errors
    /// If they cannot be sealed.
    pub fn seal(&mut self, seal: &Seal, secrets: &Secrets) -> Result<(), SecretsFault> {
        let plain = serde_json::to_vec(secrets).map_err(|_| SecretsFault::Form)?;
        self.sealed = STANDARD.encode(seal.seal(PURPOSE, &[("arn", &self.arn())], &plain)?);
        Ok(())
    }

    /// # Errors
    /// If they cannot be sealed.
    pub fn new(
        place: (&str, &str, &str),
        id: String,
        description: Option<String>,
        now_ms: u64,
        seal: &Seal,
        secrets: &Secrets,
    ) -> Result<Self, SecretsFault> {
        let (account, region, name) = place;
        let mut connection = Self {
            account: account.into(),
            region: region.into(),
            name: name.into(),
            id,
            description,
            sealed: String::new(),
            created_ms: now_ms,
            modified_ms: now_ms,
        };
        connection.seal(seal, secrets)?;
        Ok(connection)
    }

    /// # Errors
    /// If they were sealed under another key or for another connection.
    pub fn secrets(&self, seal: &Seal) -> Result<Secrets, SecretsFault> {
        let sealed = STANDARD.decode(&self.sealed).map_err(|_| SecretsFault::Form)?;
        let plain = seal.open(PURPOSE, &[("arn", &self.arn())], &sealed)?;
        serde_json::from_slice(&plain).map_err(|_| SecretsFault::Form)
    }

    pub fn arn(&self) -> String {
        let Self { account, region, name, id, .. } = self;
        format!("arn:aws:events:{region}:{account}:connection/{name}/{id}")
    }

    /// `account/region/name`.
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        format!("{account}/{region}/{name}")
    }
}

impl Entity for Connection {
    const TABLE: &'static str = "event_connection";

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }
}

/// A web address that is a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiDestination {
    pub account: String,
    pub region: String,
    pub name: String,
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub connection_arn: String,
    /// A URL, in which `*` stands for what targets say.
    pub endpoint: String,
    /// In capitals.
    pub method: String,
    /// Most calls a second; `None` for the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// Milliseconds since 1970, as the other.
    pub created_ms: u64,
    pub modified_ms: u64,
}

impl ApiDestination {
    pub fn arn(&self) -> String {
        let Self { account, region, name, id, .. } = self;
        format!("arn:aws:events:{region}:{account}:api-destination/{name}/{id}")
    }

    /// `account/region/name`.
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        Connection::key_of(account, region, name)
    }

    /// The key of the destination that an ARN names, whichever id it has.
    pub fn key_of_arn(arn: &str) -> Option<String> {
        key_in(arn, "api-destination/")
    }

    /// The key of the connection that an ARN names, whichever id it has.
    pub fn connection_key(&self) -> Option<String> {
        key_in(&self.connection_arn, "connection/")
    }
}

fn key_in(arn: &str, kind: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "events", region, account, resource] = parts[..] else { return None };
    let name = resource.strip_prefix(kind)?.split('/').next()?;
    Some(Connection::key_of(account, region, name))
}

impl Entity for ApiDestination {
    const TABLE: &'static str = "event_api_destination";

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }
}
