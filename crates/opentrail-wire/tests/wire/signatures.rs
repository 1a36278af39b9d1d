//! Signatures made by botocore (`make_vectors.py`), bent in every way that must be refused.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentrail_wire::{
    AuthFault, Protocol, SignedBody, SignedRequest, SigningKeyCache, auth_error, claim, sign, sign_stated, verify, verify_with,
};
use serde_json::Value;
use std::cell::Cell;
use time::{Duration, OffsetDateTime};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// 2026-03-14T15:09:26Z, the time in `make_vectors.py`.
fn signed_at() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_773_500_966).unwrap()
}

#[derive(Clone)]
struct Vector {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
    service: String,
    region: String,
}

impl Vector {
    fn request(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: SignedBody::Whole(&self.body),
        }
    }

    fn check_at(&self, secret: &str, now: OffsetDateTime) -> Result<(), AuthFault> {
        verify(&claim(&self.request())?, &self.request(), secret, now)
    }

    fn check(&self) -> Result<(), AuthFault> {
        self.check_at(SECRET, signed_at())
    }
}

fn vectors() -> Vec<Vector> {
    let list: Vec<Value> = serde_json::from_str(include_str!("botocore_vectors.json")).unwrap();
    list.iter().map(read_vector).collect()
}

fn read_vector(value: &Value) -> Vector {
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    let mut headers = HeaderMap::new();
    for pair in value["headers"].as_array().unwrap() {
        let name = HeaderName::from_bytes(pair[0].as_str().unwrap().as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(pair[1].as_str().unwrap()).unwrap());
    }
    Vector {
        name: text("name"),
        method: text("method"),
        path: text("path"),
        query: text("query"),
        headers,
        body: text("body").into_bytes(),
        service: text("service"),
        region: text("region"),
    }
}

fn named(name: &str) -> Vector {
    vectors().into_iter().find(|vector| vector.name == name).unwrap()
}

#[test]
fn accepts_what_botocore_signed() {
    assert_eq!(vectors().len(), 13);
    for vector in vectors() {
        let claimed = claim(&vector.request()).unwrap();
        assert_eq!(claimed.access_key, "AKIAIOSFODNN7EXAMPLE", "{}", vector.name);
        assert_eq!((&claimed.service, &claimed.region), (&vector.service, &vector.region), "{}", vector.name);
        assert_eq!(claimed.presigned, vector.query.contains("X-Amz-Signature"), "{}", vector.name);
        assert_eq!(claimed.security_token.is_some(), vector.name.contains("token"), "{}", vector.name);
        assert_eq!(claimed.timestamp, signed_at(), "{}", vector.name);
        assert_eq!(claimed.require_service(&vector.service), Ok(()));
        assert_eq!(vector.check(), Ok(()), "{}", vector.name);
    }
}

#[test]
fn refuses_every_altered_part() {
    for vector in vectors() {
        let refused = |name: &str, alter: &dyn Fn(&mut Vector)| {
            let mut altered = vector.clone();
            alter(&mut altered);
            let fault = altered.check().expect_err(&format!("{}: altered {name}", vector.name));
            assert!(matches!(fault, AuthFault::SignatureMismatch { .. }), "{}: {name}: {fault}", vector.name);
        };
        refused("method", &|vector| vector.method = "PATCH".to_owned());
        refused("path", &|vector| vector.path.push('x'));
        refused("query", &|vector| vector.query.push_str("&x=y"));
        refused("host", &|vector| drop(vector.headers.insert("host", HeaderValue::from_static("other"))));
        refused("repeated host", &|vector| assert!(vector.headers.append("host", HeaderValue::from_static("other"))));
        if vector.name != "unsigned payload" && vector.service != "s3" {
            refused("body", &|vector| vector.body.push(b'x'));
        }
        assert!(vector.check_at("another secret", signed_at()).is_err());
    }
}

#[test]
fn spelling_of_the_query_does_not_matter() {
    let mut vector = named("query in url");
    vector.query = vector.query.replace("%2F", "%2f").replace("%20", "+");
    assert_eq!(vector.check(), Ok(()));
}

#[test]
fn presigned_token_may_be_appended_after_signing() {
    let mut vector = named("presigned");
    vector.query.push_str("&X-Amz-Security-Token=abc");
    assert_eq!(vector.check(), Ok(()));
    vector.query.push_str("&other=abc");
    assert!(vector.check().is_err());
}

#[test]
fn clock_window() {
    let header = named("json");
    let at = |vector: &Vector, seconds| vector.check_at(SECRET, signed_at() + Duration::seconds(seconds));
    assert_eq!(at(&header, 900), Ok(()));
    assert_eq!(at(&header, -900), Ok(()));
    let expired = at(&header, 901).unwrap_err();
    assert_eq!(
        auth_error(Protocol::Json11, &expired, None).message,
        "Signature expired: 20260314T150926Z is now earlier than 20260314T150927Z (20260314T152427Z - 15 min.)"
    );
    assert!(matches!(at(&header, -901), Err(AuthFault::NotYetCurrent { .. })));

    let presigned = named("presigned");
    assert_eq!(at(&presigned, 3600), Ok(()));
    assert_eq!(at(&presigned, 3601), Err(AuthFault::PresignExpired));
    assert!(matches!(at(&presigned, -901), Err(AuthFault::NotYetCurrent { .. })));
    for expires in ["0", "604801", "4294967295"] {
        let mut altered = presigned.clone();
        altered.query = altered.query.replace("X-Amz-Expires=3600", &format!("X-Amz-Expires={expires}"));
        assert!(matches!(altered.check(), Err(AuthFault::Inconsistent(_))), "{expires}");
    }
    assert!(header.check_at(SECRET, OffsetDateTime::UNIX_EPOCH).is_err());
}

#[test]
fn malformed_credentials() {
    let authorization = named("json").headers["authorization"].to_str().unwrap().to_owned();
    let fault = |text: &str| {
        let mut vector = named("json");
        vector.headers.insert("authorization", HeaderValue::from_str(text).unwrap());
        vector.check().unwrap_err()
    };
    let code = |from: &str, to: &str| {
        assert!(authorization.contains(from), "{from}");
        auth_error(Protocol::Json11, &fault(&authorization.replace(from, to)), None).code
    };
    assert_eq!(code("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "IncompleteSignatureException");
    assert_eq!(code("Signature=", "Other="), "IncompleteSignatureException");
    assert_eq!(code(", Signature=", ", Signature=a, Signature="), "IncompleteSignatureException");
    assert_eq!(code("/cloudtrail/", "/cloudtrail/x/"), "IncompleteSignatureException");
    assert_eq!(code("/cloudtrail/", "//"), "IncompleteSignatureException");
    assert_eq!(code("host;x-amz-date", "x-amz-date;host"), "IncompleteSignatureException");
    // A mere mismatch has the same code, so the text tells that the rule itself was applied.
    let refused = |from: &str, to: &str, reason: &str| {
        let AuthFault::Inconsistent(text) = fault(&authorization.replace(from, to)) else { panic!("{from} -> {to}") };
        assert!(text.contains(reason), "{text}");
    };
    refused("/aws4_request", "/other", "valid terminator");
    refused("content-type;host;", "content-type;", "'Host' or ':authority' must be a 'SignedHeader'");
    refused(";x-amz-target", "", "'X-Amz-Target' must be a 'SignedHeader'");
    refused(";x-amz-date", ";x-absent;x-amz-date", "'x-absent' is not in the request");
    refused("/20260314/", "/20260315/", "'20260315' != '20260314', from '20260314T150926Z'");
    refused("/20260314/", "/2026/", "'2026' != '20260314'");
    assert_eq!(code("Signature=", "Signature=0"), "InvalidSignatureException");

    let missing = auth_error(Protocol::Json11, &fault("AWS4-HMAC-SHA256 Credential=x"), None);
    assert_eq!(
        missing.message,
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' \
         parameter. Authorization=AWS4-HMAC-SHA256 Credential=x"
    );
    for parameter in ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"] {
        let mut partial = named("presigned");
        partial.query = partial.query.replace(&format!("X-Amz-{parameter}="), "x=");
        assert!(matches!(partial.check(), Err(AuthFault::Incomplete(_))), "{parameter}");
    }
    let mut both = named("presigned");
    both.headers.insert("authorization", HeaderValue::from_str(&authorization).unwrap());
    assert!(matches!(both.check(), Err(AuthFault::Inconsistent(_))));
    let mut neither = named("json");
    neither.headers.remove("authorization");
    assert_eq!(neither.check(), Err(AuthFault::Missing));
}

#[test]
fn streaming_payloads_are_refused() {
    let mut vector = named("json");
    vector.headers.insert("x-amz-content-sha256", HeaderValue::from_static("STREAMING-UNSIGNED-PAYLOAD-TRAILER"));
    assert!(matches!(vector.check(), Err(AuthFault::SignatureMismatch { .. })));
}

#[test]
fn mismatch_shows_the_canonical_request() {
    let fault = named("json").check_at("another secret", signed_at()).unwrap_err();
    let json = auth_error(Protocol::Json11, &fault, None);
    assert_eq!((json.code.as_str(), json.status), ("InvalidSignatureException", 400));
    assert!(json.message.contains("should have been\n'POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:"));
    let query = auth_error(Protocol::Query, &fault, None);
    assert_eq!((query.code.as_str(), query.status), ("SignatureDoesNotMatch", 403));
    let s3 = auth_error(Protocol::S3, &fault, Some("AKID"));
    assert!(s3.extra.contains(&("AWSAccessKeyId", "AKID".to_owned())));
}

#[test]
fn our_signatures_equal_botocores() {
    for vector in vectors().iter().filter(|vector| !vector.query.contains("X-Amz-Signature")) {
        let mut headers = vector.headers.clone();
        let expect = headers.remove("authorization").unwrap();
        if vector.name == "date header" {
            // botocore signs `Date` instead of `X-Amz-Date`; we never do.
            continue;
        }
        headers.remove("x-amz-date");
        let (key, now) = ("AKIAIOSFODNN7EXAMPLE", signed_at());
        let Vector { method, path, query, body, region, service, .. } = vector;
        sign(method, path, query, &mut headers, body, key, SECRET, region, service, now).unwrap();
        assert_eq!(headers["authorization"], expect, "{}", vector.name);
    }
}

#[test]
fn signs_for_s3_with_payload_hash() {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("h"));
    sign("PUT", "/b//k%20/..", "acl", &mut headers, b"x", "AKID", SECRET, "r", "s3", signed_at()).unwrap();
    assert!(headers.contains_key("x-amz-content-sha256"));
    let request =
        SignedRequest { method: "PUT", path: "/b//k%20/..", query: "acl=", headers: &headers, body: SignedBody::Whole(b"x") };
    assert_eq!(verify(&claim(&request).unwrap(), &request, SECRET, signed_at()), Ok(()));
    let no_host = sign("GET", "/", "", &mut HeaderMap::new(), b"", "AKID", SECRET, "r", "s3", signed_at());
    assert!(no_host.is_err());
}

#[test]
fn a_stated_hash_stands_for_a_body_not_yet_read() {
    let signed = |hash: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("h"));
        if let Some(hash) = hash {
            headers.insert("x-amz-content-sha256", HeaderValue::from_static(hash));
        }
        let done = sign_stated("POST", "/-/x", "a=b", &mut headers, "AKID", SECRET, "r", "own", signed_at());
        done.map(|()| headers)
    };
    let checked = |headers: &HeaderMap, body| {
        let request = SignedRequest { method: "POST", path: "/-/x", query: "a=b", headers, body };
        verify(&claim(&request).unwrap(), &request, SECRET, signed_at())
    };
    let hash = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    let headers = signed(Some(hash)).unwrap();
    assert_eq!(checked(&headers, SignedBody::Stated), Ok(()));
    assert_eq!(checked(&headers, SignedBody::Whole(b"x")), Ok(()));
    assert!(checked(&headers, SignedBody::Whole(b"y")).is_err());
    let mut other = headers.clone();
    other.insert("x-amz-content-sha256", HeaderValue::from_str(&hash.replace('2', "3")).unwrap());
    assert!(checked(&other, SignedBody::Stated).is_err());
    other.remove("x-amz-content-sha256");
    assert!(matches!(checked(&other, SignedBody::Stated), Err(AuthFault::Inconsistent(_))));
    for no_hash in [None, Some("UNSIGNED-PAYLOAD"), Some("2d71")] {
        assert!(signed(no_hash).is_err());
    }
}

#[test]
fn cache_keeps_only_proven_keys_and_notices_new_secrets() {
    let cache = SigningKeyCache::new();
    let vector = named("json");
    let claimed = claim(&vector.request()).unwrap();
    let opened = Cell::new(0);
    let check = |secret: &'static str| {
        let open = || {
            opened.set(opened.get() + 1);
            Some(secret)
        };
        verify_with(&cache, &claimed, &vector.request(), secret.as_bytes(), open, signed_at())
    };
    assert!(check("wrong").is_err());
    assert_eq!(format!("{cache:?}"), "SigningKeyCache { len: 0 }");
    assert_eq!(check(SECRET), Ok(()));
    assert_eq!(format!("{cache:?}"), "SigningKeyCache { len: 1 }");
    assert_eq!((check(SECRET), opened.get()), (Ok(()), 2), "a remembered key needs no secret");
    assert!(check("wrong").is_err());
    assert_eq!(check(SECRET), Ok(()));
    cache.clear();
    let unopened = verify_with(&cache, &claimed, &vector.request(), b"kept", || None::<&str>, signed_at());
    assert_eq!(unopened, Err(AuthFault::UnknownKey));
    assert_eq!((check(SECRET), opened.get()), (Ok(()), 4));
    assert!(!format!("{claimed:?}").contains(&claimed.signature));
}

#[test]
fn wrong_service_is_named() {
    let fault = claim(&named("json").request()).unwrap().require_service("sns").unwrap_err();
    assert_eq!(auth_error(Protocol::Query, &fault, None).message, "Credential should be scoped to correct service: 'sns'.");
}
