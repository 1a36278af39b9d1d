//! Settings of subscriptions: services outside that log events go on to.

use super::{Config, Setting};
use opentrail_subscriptions::Endpoint;

pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "logs.kinesis.endpoint",
        default: "none",
        meaning: "URL of a Kinesis-compatible service that subscription filters deliver to",
        set: |c, v| set(&mut c.logs_kinesis, |endpoint| endpoint.url = v.into()),
    },
    Setting {
        key: "logs.kinesis.region",
        default: "the stream's",
        meaning: "region to sign for at that service",
        set: |c, v| set(&mut c.logs_kinesis, |endpoint| endpoint.region = Some(v.into())),
    },
    Setting {
        key: "logs.kinesis.access_key_id",
        default: "none",
        meaning: "access key for that service",
        set: |c, v| set(&mut c.logs_kinesis, |endpoint| endpoint.access_key_id = v.into()),
    },
    Setting {
        key: "logs.kinesis.secret_access_key",
        default: "none",
        meaning: "its secret",
        set: |c, v| set(&mut c.logs_kinesis, |endpoint| endpoint.secret_access_key = v.to_owned().into()),
    },
    Setting {
        key: "logs.firehose.endpoint",
        default: "none",
        meaning: "URL of a Firehose-compatible service that subscription filters deliver to",
        set: |c, v| set(&mut c.logs_firehose, |endpoint| endpoint.url = v.into()),
    },
    Setting {
        key: "logs.firehose.region",
        default: "the stream's",
        meaning: "region to sign for at that service",
        set: |c, v| set(&mut c.logs_firehose, |endpoint| endpoint.region = Some(v.into())),
    },
    Setting {
        key: "logs.firehose.access_key_id",
        default: "none",
        meaning: "access key for that service",
        set: |c, v| set(&mut c.logs_firehose, |endpoint| endpoint.access_key_id = v.into()),
    },
    Setting {
        key: "logs.firehose.secret_access_key",
        default: "none",
        meaning: "its secret",
        set: |c, v| set(&mut c.logs_firehose, |endpoint| endpoint.secret_access_key = v.to_owned().into()),
    },
];

fn set(endpoint: &mut Option<Endpoint>, change: impl FnOnce(&mut Endpoint)) -> anyhow::Result<()> {
    change(endpoint.get_or_insert_default());
    Ok(())
}

/// Refuses a service without a URL, or with one that is none.
pub fn validate(config: &Config) -> anyhow::Result<()> {
    for (name, endpoint) in [("kinesis", &config.logs_kinesis), ("firehose", &config.logs_firehose)] {
        if let Some(endpoint) = endpoint
            && !endpoint.url.starts_with("http://")
            && !endpoint.url.starts_with("https://")
        {
            anyhow::bail!("logs.{name} needs logs.{name}.endpoint, a URL that begins with http:// or https://");
        }
    }
    Ok(())
}
