//! Calls to API destinations: to addresses that the operator allows, and to nothing else.

use crate::api_destination::{ApiDestination, Authorization, ConnectionParameter, Secrets};
use crate::rule::HttpParameters;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_messaging::topics::WebhookNetworks;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;
use std::time::Duration;

/// How long a call may take. Source: EventBridge user guide, "API destinations".
const PATIENCE: Duration = Duration::from_secs(5);
const AGENT: &str = "Amazon/EventBridge/ApiDestinations";

/// Makes calls.
pub struct Requests {
    client: Result<reqwest::Client, String>,
    networks: WebhookNetworks,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    Delivered,
    /// Trying again may help.
    Failed(String),
    /// It will not.
    Refused(String),
}

impl Requests {
    pub fn new(networks: &WebhookNetworks) -> Self {
        Self { client: networks.client(AGENT, PATIENCE), networks: networks.clone() }
    }

    pub async fn call(&self, destination: &ApiDestination, secrets: &Secrets, http: &HttpParameters, body: &str) -> Called {
        let client = match &self.client {
            Ok(client) => client,
            Err(error) => return Called::Failed(error.clone()),
        };
        let (url, headers) = match (address(destination, secrets, http), headers(secrets, http)) {
            (Some(url), Some(headers)) => (url, headers),
            _ => return Called::Refused("the address or a header is not in its form".into()),
        };
        if !self.networks.allows(&url) {
            return Called::Refused("webhooks may not be at this address (sns.webhooks)".into());
        }
        let method = Method::from_bytes(destination.method.as_bytes()).unwrap_or(Method::POST);
        let sends_body = !matches!(method, Method::GET | Method::HEAD);
        let mut request = client.request(method, url).headers(headers);
        if sends_body {
            request = request.body(with_parameters(body, &secrets.body));
        }
        match request.send().await {
            Err(error) => Called::Failed(deepest(&error)),
            Ok(answer) if answer.status().is_success() => Called::Delivered,
            Ok(answer) => match answer.status().as_u16() {
                status @ (401 | 407 | 409 | 429 | 500..) => Called::Failed(format!("status {status}")),
                status => Called::Refused(format!("status {status}")),
            },
        }
    }
}

/// The destination's address, its stars filled in.
fn address(destination: &ApiDestination, secrets: &Secrets, http: &HttpParameters) -> Option<Url> {
    let mut values = http.path.iter();
    let mut text = String::new();
    for (place, piece) in destination.endpoint.split('*').enumerate() {
        if place > 0 {
            text.push_str(values.next().map_or("", String::as_str));
        }
        text.push_str(piece);
    }
    let mut url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let own = secrets.query.iter().map(|one| (one.key.as_str(), one.value.as_str()));
    let given = http.query.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let all: Vec<_> = own.chain(given).collect();
    if !all.is_empty() {
        url.query_pairs_mut().extend_pairs(all);
    }
    Some(url)
}

fn headers(secrets: &Secrets, http: &HttpParameters) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    let given = http.headers.iter().map(|(key, value)| (key.as_str(), value.clone()));
    let own = secrets.headers.iter().map(|one| (one.key.as_str(), one.value.clone()));
    let proof = match &secrets.authorization {
        Authorization::Basic { username, password } => {
            ("authorization", format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
        }
        Authorization::ApiKey { name, value } => (name.as_str(), value.clone()),
    };
    for (name, value) in given.chain(own).chain([proof]) {
        headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&value).ok()?);
    }
    Some(headers)
}

/// The body with the connection's own members, if it is an object.
fn with_parameters(body: &str, parameters: &[ConnectionParameter]) -> String {
    if parameters.is_empty() {
        return body.to_owned();
    }
    match serde_json::from_str(body) {
        Ok(Value::Object(mut members)) => {
            members.extend(parameters.iter().map(|one| (one.key.clone(), Value::from(one.value.as_str()))));
            Value::Object(members).to_string()
        }
        _ => body.to_owned(),
    }
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

    fn parameter(key: &str, value: &str) -> ConnectionParameter {
        ConnectionParameter { key: key.into(), value: value.into(), is_secret: false }
    }

    #[test]
    fn addresses_and_bodies_are_put_together() {
        let secrets = Secrets {
            authorization: Authorization::Basic { username: "u".into(), password: "p".into() },
            headers: vec![parameter("X-A", "1")],
            query: vec![parameter("k", "a b")],
            body: vec![parameter("team", "audit")],
        };
        let destination = ApiDestination {
            account: "1".into(),
            region: "r".into(),
            name: "n".into(),
            id: "i".into(),
            description: None,
            connection_arn: "arn:aws:events:r:1:connection/c/i".into(),
            endpoint: "https://example.com/*/events/*?x=1".into(),
            method: "POST".into(),
            rate: None,
            created_ms: 0,
            modified_ms: 0,
        };
        let http = HttpParameters { path: vec!["one".into(), "t/wo".into()], ..HttpParameters::default() };
        let url = address(&destination, &secrets, &http).expect("a URL");
        assert_eq!(url.as_str(), "https://example.com/one/events/t/wo?x=1&k=a+b");
        let headers = headers(&secrets, &http).expect("headers");
        assert_eq!(
            (&headers["authorization"], &headers["x-a"]),
            (&"Basic dTpw".parse().expect("a value"), &"1".parse().expect("a value"))
        );
        assert_eq!(with_parameters(r#"{"a":1}"#, &secrets.body), r#"{"a":1,"team":"audit"}"#);
        assert_eq!(with_parameters("[1]", &secrets.body), "[1]");
        let elsewhere = ApiDestination { endpoint: "file:///etc/passwd".into(), ..destination };
        assert!(address(&elsewhere, &secrets, &http).is_none());
    }
}
