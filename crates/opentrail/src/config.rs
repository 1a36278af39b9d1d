//! Configuration: a TOML file, `OPENTRAIL_…` environment variables, the command line; the later wins.

mod protection;
mod subscriptions;

pub use protection::{Passphrase, SealConfig, SealKms, TlsConfig};

use anyhow::{Context, bail};
use opentrail_messaging::topics::WebhookNetworks;
use opentrail_model::{arn, regions};
use opentrail_subscriptions::Endpoint;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything `serve` can be told.
#[derive(Debug, Clone)]
pub struct Config {
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    pub account_id: String,
    pub regions: Vec<String>,
    pub accept_any: bool,
    pub delivery_interval: Duration,
    pub delivery_max_bytes: u64,
    pub digest_interval: Duration,
    pub history_retention: Duration,
    /// As far as it is limited; see [`Config::effective_lookup_rate`].
    pub lookup_rate: Option<f64>,
    pub lookup_rate_given: bool,
    pub extended_lookup: bool,
    pub log_sync: bool,
    pub log_retention: Duration,
    pub lifecycle_interval: Duration,
    pub lifecycle_day: Duration,
    pub remote_s3: Option<RemoteS3>,
    /// Where the keys of OpenID Connect issuers are, if not where the issuers say.
    pub oidc_jwks: BTreeMap<String, String>,
    pub public_url: Option<String>,
    pub sns_webhooks: WebhookNetworks,
    pub logs_kinesis: Option<Endpoint>,
    pub logs_firehose: Option<Endpoint>,
    pub seal: SealConfig,
    pub tls: TlsConfig,
}

/// The S3-compatible store trails deliver to instead of the embedded one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteS3 {
    pub endpoint: String,
    pub region: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "opentrail-data".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 4580)),
            account_id: "123456789012".into(),
            regions: regions::COMMERCIAL.iter().map(|&name| name.to_owned()).collect(),
            accept_any: false,
            delivery_interval: Duration::from_secs(300),
            delivery_max_bytes: 50_000_000,
            digest_interval: Duration::from_secs(3600),
            history_retention: Duration::from_secs(90 * 86_400),
            lookup_rate: Some(2.0),
            lookup_rate_given: false,
            extended_lookup: false,
            log_sync: true,
            log_retention: Duration::from_secs(7 * 86_400),
            lifecycle_interval: Duration::from_secs(3600),
            lifecycle_day: Duration::from_secs(86_400),
            remote_s3: None,
            oidc_jwks: BTreeMap::new(),
            public_url: None,
            sns_webhooks: WebhookNetworks::default(),
            logs_kinesis: None,
            logs_firehose: None,
            seal: SealConfig::default(),
            tls: TlsConfig::default(),
        }
    }
}

/// One setting: its key, what it means, its default, and how a value gets into the configuration.
pub struct Setting {
    pub key: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
    set: fn(&mut Config, &str) -> anyhow::Result<()>,
}

/// Every setting there is. `docs/configuration.md` is made from these tables.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().chain(protection::SETTINGS).chain(subscriptions::SETTINGS)
}

const SETTINGS: &[Setting] = &[
    Setting {
        key: "data_dir",
        default: "opentrail-data",
        meaning: "directory that holds everything",
        set: |c, v| {
            c.data_dir = v.into();
            Ok(())
        },
    },
    Setting {
        key: "listen",
        default: "127.0.0.1:4580",
        meaning: "address and port of the one endpoint",
        set: |c, v| {
            c.listen = v.parse().context("expected HOST:PORT with a numeric host")?;
            Ok(())
        },
    },
    Setting { key: "account_id", default: "123456789012", meaning: "account that the first start creates", set: set_account },
    Setting {
        key: "regions",
        default: "the AWS commercial regions",
        meaning: "known regions; adding one extends every multi-region trail; us-east-1, where global services are recorded, is always among them",
        set: set_regions,
    },
    Setting {
        key: "auth.mode",
        default: "enforce",
        meaning: "`enforce`, or `accept-any`: any access key is the default account's root, signatures unchecked; for tests, only on loopback",
        set: set_auth,
    },
    Setting {
        key: "delivery.interval",
        default: "5m",
        meaning: "how often log files are closed and delivered",
        set: |c, v| {
            c.delivery_interval = positive(v)?;
            Ok(())
        },
    },
    Setting {
        key: "delivery.max_bytes",
        default: "50MB",
        meaning: "a log file is closed before it grows over this",
        set: |c, v| {
            c.delivery_max_bytes = bytes(v)?;
            Ok(())
        },
    },
    Setting {
        key: "delivery.digest_interval",
        default: "1h",
        meaning: "how often digests are delivered; at least 1s",
        set: |c, v| {
            c.digest_interval = positive(v)?;
            Ok(())
        },
    },
    Setting {
        key: "history.retention",
        default: "90d",
        meaning: "how long events can be looked up",
        set: |c, v| {
            c.history_retention = positive(v)?;
            Ok(())
        },
    },
    Setting {
        key: "history.lookup_rate",
        default: "2",
        meaning: "LookupEvents calls per second, account and region; 0 for no limit, which is the default with `history.extended_lookup`",
        set: set_lookup_rate,
    },
    Setting {
        key: "history.extended_lookup",
        default: "false",
        meaning: "whether LookupEvents takes several attributes (all must fit), finds events of all categories unless `EventCategory` names one, and as far back as `history.retention`",
        set: |c, v| {
            c.extended_lookup = v.parse().context("expected true or false")?;
            Ok(())
        },
    },
    Setting {
        key: "log.sync",
        default: "true",
        meaning: "whether a call is synced to disk before it is answered",
        set: |c, v| {
            c.log_sync = v.parse().context("expected true or false")?;
            Ok(())
        },
    },
    Setting {
        key: "log.retention",
        default: "7d",
        meaning: "least time the event log is kept after every sink has read it",
        set: |c, v| {
            c.log_retention = positive(v)?;
            Ok(())
        },
    },
    Setting {
        key: "lifecycle.interval",
        default: "1h",
        meaning: "how often the lifecycle rules of buckets are carried out",
        set: |c, v| {
            c.lifecycle_interval = positive(v)?;
            Ok(())
        },
    },
    Setting {
        key: "lifecycle.day",
        default: "24h",
        meaning: "what lifecycle rules mean by a day; shorter only to try rules out. Object Lock never goes by it",
        set: |c, v| {
            c.lifecycle_day = positive(v)?;
            Ok(())
        },
    },
    Setting {
        key: "oidc.jwks",
        default: "none",
        meaning: "keys of OpenID Connect issuers, `ISSUER=FILE` or `ISSUER=URL`, as a list; others are asked where their keys are",
        set: set_oidc_jwks,
    },
    Setting {
        key: "public_url",
        default: "the listen address",
        meaning: "URL by which others reach this server; links and the certificate's address in notifications begin with it",
        set: set_public_url,
    },
    Setting {
        key: "sns.webhooks",
        default: "public,private",
        meaning: "addresses that http and https subscriptions may be at: any of public, private, loopback, link-local",
        set: |c, v| {
            c.sns_webhooks = v.parse().map_err(anyhow::Error::msg)?;
            Ok(())
        },
    },
    Setting {
        key: "remote.s3.endpoint",
        default: "none",
        meaning: "URL of an S3-compatible store that trails deliver to",
        set: |c, v| {
            remote(c).endpoint = v.into();
            Ok(())
        },
    },
    Setting {
        key: "remote.s3.region",
        default: "us-east-1",
        meaning: "region to sign for at the remote store",
        set: |c, v| {
            remote(c).region = Some(v.into());
            Ok(())
        },
    },
    Setting {
        key: "remote.s3.access_key_id",
        default: "none",
        meaning: "access key for the remote store",
        set: |c, v| {
            remote(c).access_key_id = Some(v.into());
            Ok(())
        },
    },
    Setting {
        key: "remote.s3.secret_access_key",
        default: "none",
        meaning: "its secret",
        set: |c, v| {
            remote(c).secret_access_key = Some(v.into());
            Ok(())
        },
    },
];

fn remote(config: &mut Config) -> &mut RemoteS3 {
    config.remote_s3.get_or_insert_default()
}

fn set_account(config: &mut Config, value: &str) -> anyhow::Result<()> {
    if !arn::is_account_id(value) {
        bail!("expected twelve digits");
    }
    config.account_id = value.into();
    Ok(())
}

fn set_regions(config: &mut Config, value: &str) -> anyhow::Result<()> {
    let names: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    let valid =
        |name: &String| name.len() <= 32 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if names.is_empty() || !names.iter().all(valid) {
        bail!("expected region names such as us-east-1");
    }
    config.regions = names;
    Ok(())
}

fn set_auth(config: &mut Config, value: &str) -> anyhow::Result<()> {
    config.accept_any = match value {
        "enforce" => false,
        "accept-any" => true,
        _ => bail!("expected enforce or accept-any"),
    };
    Ok(())
}

fn set_public_url(config: &mut Config, value: &str) -> anyhow::Result<()> {
    let plain = value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'"'));
    if !(value.starts_with("http://") || value.starts_with("https://")) || !plain {
        bail!("expected a URL such as https://trail.example.com");
    }
    config.public_url = Some(value.into());
    Ok(())
}

fn set_lookup_rate(config: &mut Config, value: &str) -> anyhow::Result<()> {
    let rate: f64 = value.parse().context("expected a number")?;
    if !(rate.is_finite() && rate >= 0.0) {
        bail!("expected a number of at least 0");
    }
    config.lookup_rate = (rate > 0.0).then_some(rate);
    config.lookup_rate_given = true;
    Ok(())
}

fn set_oidc_jwks(config: &mut Config, value: &str) -> anyhow::Result<()> {
    for entry in value.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (issuer, source) = entry.split_once('=').context("expected ISSUER=FILE or ISSUER=URL")?;
        if !issuer.starts_with("https://") || source.is_empty() {
            bail!("expected an issuer that begins with https://, and a file or URL");
        }
        config.oidc_jwks.insert(issuer.to_owned(), source.to_owned());
    }
    Ok(())
}

fn positive(value: &str) -> anyhow::Result<Duration> {
    let duration = humantime::parse_duration(value).context("expected a duration such as 5s, 5m, 1h or 90d")?;
    if duration.is_zero() {
        bail!("must be longer than zero");
    }
    Ok(duration)
}

fn bytes(value: &str) -> anyhow::Result<u64> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = match value[digits.len()..].trim() {
        "" | "B" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => bail!("expected a size such as 50MB"),
    };
    let size = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).context("expected a size such as 50MB")?;
    if size == 0 {
        bail!("must be larger than zero");
    }
    Ok(size)
}

impl Config {
    /// Defaults, then the file, then the environment.
    ///
    /// # Errors
    /// An unknown key (with its line and the nearest known one) or a value that does not fit.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut config = Self::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            config.apply_file(&text).with_context(|| format!("in {}", path.display()))?;
        }
        for (name, value) in environment {
            let Some(rest) = name.strip_prefix("OPENTRAIL_") else { continue };
            if rest.starts_with("TEST_") || matches!(rest, "CORPUS" | "LOG") {
                continue;
            }
            let key = rest.to_ascii_lowercase().replace("__", ".");
            config.apply(&key, &value).with_context(|| format!("environment variable {name}"))?;
        }
        Ok(config)
    }

    fn apply_file(&mut self, text: &str) -> anyhow::Result<()> {
        let table: toml::Table = text.parse().context("not a TOML document")?;
        let mut flat = Vec::new();
        flatten("", &table, &mut flat)?;
        for (key, value) in flat {
            self.apply(&key, &value).with_context(|| format!("line {}", line_of(text, &key)))?;
        }
        Ok(())
    }

    fn apply(&mut self, key: &str, value: &str) -> anyhow::Result<()> {
        let Some(setting) = settings().find(|setting| setting.key == key) else {
            let nearest = settings().min_by_key(|setting| strsim::damerau_levenshtein(setting.key, key));
            bail!("unknown setting {key}; did you mean {}?", nearest.map_or("", |setting| setting.key));
        };
        (setting.set)(self, value).with_context(|| format!("bad value {value:?} for {key}"))
    }

    /// LookupEvents calls per second, account and region; `None` for no limit.
    pub fn effective_lookup_rate(&self) -> Option<f64> {
        self.lookup_rate.filter(|_| self.lookup_rate_given || !self.extended_lookup)
    }

    /// The regions of the setting, and the one in which global services are recorded.
    pub fn effective_regions(&self) -> Vec<String> {
        let mut all = self.regions.clone();
        if !all.iter().any(|name| name == regions::GLOBAL_SERVICE_REGION) {
            all.push(regions::GLOBAL_SERVICE_REGION.into());
        }
        all
    }

    /// Sets the account from the command line.
    ///
    /// # Errors
    /// If it is not twelve digits.
    pub fn set_account(&mut self, value: &str) -> anyhow::Result<()> {
        self.apply("account_id", value)
    }

    /// Checks settings against each other.
    ///
    /// # Errors
    /// What does not go together.
    pub fn validate(&self) -> anyhow::Result<()> {
        if self.accept_any && !self.listen.ip().is_loopback() {
            bail!("auth.mode = accept-any is only allowed when listening on loopback, not on {}", self.listen);
        }
        if self.digest_interval < Duration::from_secs(1) {
            bail!("delivery.digest_interval must be at least 1s: digests are named by the second");
        }
        if self.remote_s3.as_ref().is_some_and(|remote| remote.endpoint.is_empty()) {
            bail!("remote.s3 needs remote.s3.endpoint");
        }
        subscriptions::validate(self)?;
        self.tls.files()?;
        self.seal.validate()
    }
}

fn flatten(prefix: &str, table: &toml::Table, out: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let text = match value {
            toml::Value::Table(inner) => {
                flatten(&key, inner, out)?;
                continue;
            }
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).with_context(|| format!("{key}: expected a list of strings")))
                .collect::<anyhow::Result<Vec<_>>>()?
                .join(","),
            other => other.to_string(),
        };
        out.push((key, text));
    }
    Ok(())
}

/// The line a key stands on, for messages: the last part of the key at the start of a line, or a dotted form of it.
fn line_of(text: &str, key: &str) -> usize {
    let last = key.rsplit('.').next().unwrap_or(key);
    let section = key.strip_suffix(last).map(|s| s.trim_end_matches('.')).unwrap_or_default();
    let mut current = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            current = name.trim().to_owned();
        }
        let name = line.split('=').next().unwrap_or_default().trim().replace('"', "");
        let full = if current.is_empty() { name.clone() } else { format!("{current}.{name}") };
        if full == key || (current == section && name == last) {
            return index + 1;
        }
    }
    1
}

#[cfg(test)]
mod tests;
