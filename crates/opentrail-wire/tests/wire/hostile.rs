//! Nothing a client can send makes the readers panic, and every answer is well formed.

use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use opentrail_wire::{
    ApiError, Form, Protocol, SignedBody, SignedRequest, auth_error, claim, detect, encode_error, encode_query, verify,
};
use proptest::prelude::*;
use time::OffsetDateTime;

const NAMES: [&str; 9] = [
    "authorization",
    "x-amz-date",
    "date",
    "host",
    "x-amz-target",
    "content-type",
    "smithy-protocol",
    "x-amz-content-sha256",
    "x-amz-security-token",
];

/// Pieces of honest requests, so that arbitrary input gets past the first checks.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("AWS4-HMAC-SHA256 ".to_owned()),
        Just("Credential=".to_owned()),
        Just("A/20260314/r/s/aws4_request".to_owned()),
        Just(",SignedHeaders=host".to_owned()),
        Just(",Signature=00".to_owned()),
        Just("20260314T150926Z".to_owned()),
        Just("99991231T235959Z".to_owned()),
        Just("Fri, 31 Dec 9999 23:59:59 -2359".to_owned()),
        Just("application/x-amz-json-1.".to_owned()),
        Just("rpc-v2-cbor".to_owned()),
        Just("&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20260314/r/s/aws4_request".to_owned()),
        Just("&X-Amz-Date=00000101T000000Z&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature=".to_owned()),
        Just("Action=".to_owned()),
        Just(".member.1".to_owned()),
        Just(".entry.1.key=".to_owned()),
        Just("%".to_owned()),
        Just("é%ff".to_owned()),
        any::<String>(),
        "[-&=.;/,a0% +]{0,40}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..8).prop_map(|parts| parts.concat())
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    prop::collection::vec((prop::sample::select(&NAMES[..]), text()), 0..8).prop_map(|pairs| {
        let usable = pairs.iter().filter_map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
            Some((HeaderName::from_static(name), value))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in usable {
            headers.append(name, value);
        }
        headers
    })
}

fn is_well_formed(xml: &[u8]) -> bool {
    let mut reader = quick_xml::Reader::from_reader(xml);
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Eof) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

proptest! {
    #[test]
    fn claims_and_verification(
        headers in headers(),
        method in text(),
        path in text(),
        query in text(),
        body in any::<Vec<u8>>(),
        seconds in prop_oneof![Just(-377_705_116_800_i64), Just(253_402_300_799), Just(1_773_500_966)],
    ) {
        let request = SignedRequest { method: &method, path: &path, query: &query, headers: &headers, body: SignedBody::Whole(&body) };
        let now = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let result = claim(&request).and_then(|claim| verify(&claim, &request, "secret", now));
        let fault = result.expect_err("nobody guesses a signature");
        for protocol in [Protocol::Json11, Protocol::Query, Protocol::RestJson, Protocol::Cbor, Protocol::S3] {
            let encoded = encode_error(protocol, None, &auth_error(protocol, &fault, Some(&method)), &path);
            prop_assert!((400..500).contains(&encoded.status));
            for (_, value) in &encoded.headers {
                prop_assert!(HeaderValue::from_str(value).is_ok());
            }
        }
    }

    #[test]
    fn detection(headers in headers(), path in text(), post in any::<bool>(), form in text()) {
        let method = if post { "POST" } else { "GET" };
        let uri = Uri::try_from(format!("/{path}")).unwrap_or_default();
        let (mut head, ()) = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
        head.headers = headers;
        detect(&head, Form::parse(&form).ok().as_ref());
    }

    #[test]
    fn forms(input in text()) {
        if let Ok(form) = Form::parse(&input) {
            prop_assert!(form.to_value().is_object());
            let xml = encode_query(&input, &input, &form.to_value(), &input);
            prop_assert!(is_well_formed(&xml));
        }
    }

    #[test]
    fn error_answers(code in any::<String>(), message in any::<String>(), id in any::<String>()) {
        let error = ApiError::new(code, message);
        for protocol in [Protocol::Query, Protocol::S3] {
            prop_assert!(is_well_formed(&encode_error(protocol, Some(&id), &error, &id).body));
        }
    }
}
