//! Tokens of OpenID Connect providers: reading them, finding the key, checking signature and claims.
//!
//! Source: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (RS256, ES256), RFC 7519 (JWT), OpenID Connect Core 1.0.

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

/// Longest token that is read.
pub const MAX_TOKEN_CHARS: usize = 20_000;
/// Most keys of a set that are looked at.
pub const MAX_KEYS: usize = 100;
/// How far the provider's clock may be off.
const MAX_SKEW: Duration = Duration::minutes(5);

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebTokenError {
    #[error("the token is not a signed JSON Web Token")]
    Malformed,
    #[error("the token is signed with {0}, which is not supported")]
    Algorithm(String),
    #[error("no key of the provider fits the token")]
    NoKey,
    #[error("the token's signature does not verify")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
}

/// A token that was read, not yet proved.
#[derive(Debug)]
pub struct WebToken<'a> {
    header: Header,
    pub claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

/// The claims that count.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub sub: String,
    #[serde(default)]
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
    #[default]
    None,
}

impl Claims {
    /// The audience that this is for among those registered with the provider: `azp` if there is one, else one of `aud`.
    pub fn audience_among<'r>(&'r self, registered: &[String]) -> Option<&'r str> {
        let given: &[String] = match (&self.azp, &self.aud) {
            (Some(azp), _) => std::slice::from_ref(azp),
            (None, Audience::One(one)) => std::slice::from_ref(one),
            (None, Audience::Several(several)) => several,
            (None, Audience::None) => &[],
        };
        given.iter().find(|audience| registered.contains(audience)).map(String::as_str)
    }

    fn check_times(&self, now: OffsetDateTime) -> Result<(), WebTokenError> {
        let at = |seconds: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "floats saturate when cast")]
            let seconds = seconds as i64;
            OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| WebTokenError::Malformed)
        };
        if now >= at(self.exp)? + MAX_SKEW {
            return Err(WebTokenError::Expired);
        }
        for begin in [self.nbf, self.iat].into_iter().flatten() {
            if now + MAX_SKEW < at(begin)? {
                return Err(WebTokenError::NotYet);
            }
        }
        Ok(())
    }
}

/// A set of public keys.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug, Clone, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl<'a> WebToken<'a> {
    /// Reads a token. Nothing in it is proved.
    ///
    /// # Errors
    /// [`WebTokenError::Malformed`].
    pub fn read(text: &'a str) -> Result<Self, WebTokenError> {
        let malformed = || WebTokenError::Malformed;
        if text.len() > MAX_TOKEN_CHARS {
            return Err(malformed());
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| WebTokenError::Malformed);
        Ok(Self {
            header: serde_json::from_slice(&part(header)?).map_err(|_| malformed())?,
            claims: serde_json::from_slice(&part(claims)?).map_err(|_| malformed())?,
            signed,
            signature: part(signature)?,
        })
    }

    /// Whether the set has a key that the token names; if not, the set may have been renewed.
    pub fn has_key_in(&self, keys: &KeySet) -> bool {
        self.candidates(keys).next().is_some()
    }

    fn candidates<'k>(&self, keys: &'k KeySet) -> impl Iterator<Item = &'k Key> {
        let kind = if self.header.alg == "ES256" { "EC" } else { "RSA" };
        keys.keys.iter().take(MAX_KEYS).filter(move |key| {
            key.kty == kind
                && key.usage.as_deref().is_none_or(|usage| usage == "sig")
                && key.alg.as_ref().is_none_or(|alg| *alg == self.header.alg)
                && (self.header.kid.is_none() || key.kid.is_none() || key.kid == self.header.kid)
        })
    }

    /// Proves that a holder of one of these keys signed the token and that it is valid now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(&self, keys: &KeySet, now: OffsetDateTime) -> Result<(), WebTokenError> {
        if !matches!(self.header.alg.as_str(), "RS256" | "ES256") {
            return Err(WebTokenError::Algorithm(self.header.alg.chars().take(16).collect()));
        }
        if !self.has_key_in(keys) {
            return Err(WebTokenError::NoKey);
        }
        if !self.candidates(keys).any(|key| key.verifies(self.signed.as_bytes(), &self.signature)) {
            return Err(WebTokenError::Signature);
        }
        self.claims.check_times(now)
    }
}

impl Key {
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let part = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?.trim_end_matches('=')).ok();
        if self.kty == "EC" {
            let (Some(x), Some(y)) = (part(&self.x), part(&self.y)) else { return false };
            if self.crv.as_deref() != Some("P-256") || x.len() != 32 || y.len() != 32 {
                return false;
            }
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            return UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok();
        }
        let (Some(n), Some(e)) = (part(&self.n), part(&self.e)) else { return false };
        RsaPublicKeyComponents { n, e }.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::{Value, json};
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 10:00:00 UTC);

    /// A provider with a key of its own.
    pub struct Provider {
        key: EcdsaKeyPair,
        pub keys: Value,
    }

    impl Provider {
        pub fn new() -> Self {
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).expect("a key");
            let point = key.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
            let keys = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "alg": "ES256", "x": x, "y": y}]});
            Self { key, keys }
        }

        pub fn key_set(&self) -> KeySet {
            serde_json::from_value(self.keys.clone()).expect("a key set")
        }

        pub fn token(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", part(header), part(claims));
            let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("signed");
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }
    }

    #[test]
    fn only_what_the_provider_signed_for_now_is_taken() {
        let provider = Provider::new();
        let seconds = NOW.unix_timestamp();
        let header = json!({"alg": "ES256", "kid": "k"});
        let claims = json!({"iss": "https://i", "sub": "s", "aud": "a", "exp": seconds + 60, "iat": seconds});
        let check = |header: &Value, claims: &Value, expect: Result<(), WebTokenError>| {
            let text = provider.token(header, claims);
            let result = WebToken::read(&text).and_then(|token| token.verify(&provider.key_set(), NOW));
            assert_eq!(result, expect, "{header} {claims}");
        };
        check(&header, &claims, Ok(()));
        check(&json!({"alg": "ES256"}), &claims, Ok(()));
        check(&json!({"alg": "ES256", "kid": "other"}), &claims, Err(WebTokenError::NoKey));
        check(&json!({"alg": "RS256", "kid": "k"}), &claims, Err(WebTokenError::NoKey));
        check(&json!({"alg": "none"}), &claims, Err(WebTokenError::Algorithm("none".into())));
        check(&json!({"alg": "HS256"}), &claims, Err(WebTokenError::Algorithm("HS256".into())));
        let with = |name: &str, value: Value| {
            let mut changed = claims.clone();
            changed[name] = value;
            changed
        };
        check(&header, &with("exp", json!(seconds - 299)), Ok(()));
        check(&header, &with("exp", json!(seconds - 301)), Err(WebTokenError::Expired));
        check(&header, &with("nbf", json!(seconds + 301)), Err(WebTokenError::NotYet));
        check(&header, &with("exp", json!(1e300)), Err(WebTokenError::Malformed));
        check(&header, &with("exp", json!("soon")), Err(WebTokenError::Malformed));
        let other = Provider::new().token(&header, &claims);
        let foreign = WebToken::read(&other).expect("reads").verify(&provider.key_set(), NOW);
        assert_eq!(foreign, Err(WebTokenError::Signature));
        for bad in ["", ".", "..", "a.b.c", "e30.e30.e30"] {
            assert!(WebToken::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn audiences_are_those_registered() {
        let claims = |more: Value| -> Claims {
            let mut claims = json!({"iss": "i", "sub": "s", "exp": 1});
            claims.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
            serde_json::from_value(claims).expect("claims")
        };
        let registered = ["a".to_owned(), "b".to_owned()];
        let check = |more: Value, expect: Option<&str>| {
            assert_eq!(claims(more.clone()).audience_among(&registered), expect, "{more}");
        };
        check(json!({"aud": "a"}), Some("a"));
        check(json!({"aud": ["x", "b"]}), Some("b"));
        check(json!({"aud": "x"}), None);
        check(json!({}), None);
        check(json!({"aud": "x", "azp": "a"}), Some("a"));
        check(json!({"aud": "a", "azp": "x"}), None);
    }
}
