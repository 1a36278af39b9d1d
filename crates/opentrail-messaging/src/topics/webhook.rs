//! Posting to webhooks: to addresses that the operator allows, and to nothing else.
//!
//! A subscription makes this server send requests to wherever a caller says. So each address a name resolves to is held
//! against the allowed networks at the moment of connecting, redirects are not followed, and no proxy is used.

use super::topic::Subscription;
use aws_lc_rs::hmac;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a webhook may take to answer. Source: Amazon SNS Developer Guide, "HTTP/HTTPS subscriptions".
const PATIENCE: Duration = Duration::from_secs(15);

/// Which addresses webhooks may be at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookNetworks {
    public: bool,
    private: bool,
    loopback: bool,
    link_local: bool,
}

impl Default for WebhookNetworks {
    /// Public and private addresses: not this machine, and not the link-local ones where clouds keep credentials.
    fn default() -> Self {
        Self { public: true, private: true, loopback: false, link_local: false }
    }
}

impl FromStr for WebhookNetworks {
    type Err = String;

    /// `public`, `private`, `loopback` and `link-local`, separated by commas; empty for none.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut networks = Self { public: false, private: false, loopback: false, link_local: false };
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "public" => networks.public = true,
                "private" => networks.private = true,
                "loopback" => networks.loopback = true,
                "link-local" => networks.link_local = true,
                other => return Err(format!("expected public, private, loopback or link-local, not {other}")),
            }
        }
        Ok(networks)
    }
}

impl WebhookNetworks {
    /// A client that connects to allowed addresses alone, follows no redirects and uses no proxy. Addresses that URLs
    /// give as numbers it does not look at: ask [`Self::allows`] before.
    ///
    /// # Errors
    /// If it cannot be made, in words.
    pub fn client(&self, agent: &str, patience: Duration) -> Result<reqwest::Client, String> {
        let client = reqwest::Client::builder()
            .user_agent(agent)
            .timeout(patience)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Guard(self.clone())))
            .build();
        client.map_err(|error| error.to_string())
    }

    /// Whether the host is a name, which is held against the setting when it is resolved, or an allowed address.
    pub fn allows(&self, url: &reqwest::Url) -> bool {
        let literal = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        literal.is_none_or(|address| self.allow(address))
    }

    /// Whether a webhook may be at this address.
    pub fn allow(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, ..] = v4.octets();
                if v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast() || a == 0 || a >= 240 {
                    false
                } else if v4.is_loopback() {
                    self.loopback
                } else if v4.is_link_local() {
                    self.link_local
                } else if v4.is_private() || (a == 100 && (64..128).contains(&b)) {
                    self.private
                } else {
                    self.public
                }
            }
            IpAddr::V6(v6) => {
                if v6.is_unspecified() || v6.is_multicast() {
                    false
                } else if v6.is_loopback() {
                    self.loopback
                } else if v6.is_unicast_link_local() {
                    self.link_local
                } else if v6.is_unique_local() {
                    self.private
                } else {
                    self.public
                }
            }
        }
    }
}

struct Guard(WebhookNetworks);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|address| networks.allow(address.ip())).collect();
            if allowed.is_empty() {
                return Err("the name has no address that webhooks may be at (sns.webhooks)".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// How a post ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Posted {
    Delivered,
    /// Trying again may help.
    Failed(String),
    /// It will not.
    Refused(String),
}

/// What goes out in one post.
pub(crate) struct Post<'a> {
    pub kind: &'static str,
    pub message_id: &'a str,
    pub raw: bool,
    pub body: String,
    /// Key of the HMAC.
    pub secret: Option<Zeroizing<String>>,
    pub now_s: i64,
}

/// Sends posts.
pub(crate) struct Webhooks {
    client: Result<reqwest::Client, String>,
    networks: WebhookNetworks,
}

impl Webhooks {
    pub fn new(networks: WebhookNetworks) -> Self {
        Self { client: networks.client("Amazon Simple Notification Service Agent", PATIENCE), networks }
    }

    pub async fn post(&self, subscription: &Subscription, post: Post<'_>) -> Posted {
        let client = match &self.client {
            Ok(client) => client,
            Err(error) => return Posted::Failed(error.clone()),
        };
        let Ok(url) = reqwest::Url::parse(&subscription.endpoint) else {
            return Posted::Refused("the endpoint is not a URL".into());
        };
        if !self.networks.allows(&url) {
            return Posted::Refused("webhooks may not be at this address (sns.webhooks)".into());
        }
        let mut request = client
            .post(url)
            .header("content-type", "text/plain; charset=UTF-8")
            .header("x-amz-sns-message-type", post.kind)
            .header("x-amz-sns-message-id", post.message_id)
            .header("x-amz-sns-topic-arn", &subscription.topic_arn);
        if post.kind != "SubscriptionConfirmation" {
            request = request.header("x-amz-sns-subscription-arn", subscription.arn());
        }
        if post.raw {
            request = request.header("x-amz-sns-rawdelivery", "true");
        }
        if let Some(secret) = &post.secret {
            request = request.header("x-opentrail-signature", hmac_header(secret, post.now_s, &post.body));
        }
        match request.body(post.body).send().await {
            Err(error) => Posted::Failed(deepest(&error)),
            Ok(answer) if answer.status().is_success() => Posted::Delivered,
            Ok(answer) if answer.status().is_client_error() && answer.status().as_u16() != 429 => {
                Posted::Refused(format!("status {}", answer.status().as_u16()))
            }
            Ok(answer) => Posted::Failed(format!("status {}", answer.status().as_u16())),
        }
    }
}

/// `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`.
fn hmac_header(secret: &str, now_s: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{now_s}.{body}").as_bytes());
    format!("t={now_s},v1={}", hex::encode(tag.as_ref()))
}

/// The innermost cause, which is what an operator can do something about.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_held_against_the_setting() {
        let check = |setting: &str, address: &str, expect: bool| {
            let networks: WebhookNetworks = setting.parse().expect("a setting");
            assert_eq!(networks.allow(address.parse().expect("an address")), expect, "{setting} {address}");
        };
        for (address, kind) in [
            ("93.184.216.34", "public"),
            ("10.1.2.3", "private"),
            ("172.16.0.1", "private"),
            ("100.64.0.1", "private"),
            ("fd00::1", "private"),
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("169.254.169.254", "link-local"),
            ("fe80::1", "link-local"),
        ] {
            for setting in ["public", "private", "loopback", "link-local"] {
                check(setting, address, setting == kind);
            }
        }
        for never in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "240.0.0.1"] {
            check("public,private,loopback,link-local", never, false);
        }
        assert_eq!("public, private".parse(), Ok(WebhookNetworks::default()));
        assert!("everywhere".parse::<WebhookNetworks>().is_err());
    }

    #[test]
    fn hmacs_are_as_documented() {
        assert_eq!(
            hmac_header("key", 5, "body"),
            format!("t=5,v1={}", hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"key"), b"5.body")))
        );
    }
}
