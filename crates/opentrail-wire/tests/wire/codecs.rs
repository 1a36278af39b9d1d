use http::Request;
use http::request::Parts;
use opentrail_wire::{ApiError, Detected, Form, Protocol, detect, encode_error, encode_json, encode_query, query_map};
use serde_json::{Value, json};

fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// (protocol, service, operation)
fn route(detected: &Detected) -> (Protocol, Option<&str>, Option<&str>) {
    (detected.protocol, detected.target_service.as_deref(), detected.operation.as_deref())
}

#[test]
fn detects_protocol_service_and_operation() {
    let long = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
    let json11 = ("content-type", "application/x-amz-json-1.1");
    let json10 = ("content-type", "application/x-amz-json-1.0");
    let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    let cbor = ("smithy-protocol", "rpc-v2-cbor");
    let cbor_path = "/prefix/service/com.amazonaws.GraniteServiceVersion20100801/operation/PutMetricData";
    let trail = Some("CloudTrail_20131101");
    let check = |method: &str, uri: &str, headers: &[(&str, &str)], expect| {
        assert_eq!(route(&detect(&head(method, uri, headers), None)), expect, "{method} {uri} {headers:?}");
    };
    check("POST", "/", &[json11, ("x-amz-target", long)], (Protocol::Json11, trail, Some("LookupEvents")));
    check("POST", "/", &[json11, ("x-amz-target", "A.B")], (Protocol::Json11, Some("A"), Some("B")));
    check("POST", "/", &[json10, ("x-amz-target", "AmazonSQS.X")], (Protocol::Json10, Some("AmazonSQS"), Some("X")));
    check("POST", "/", &[json10], (Protocol::Json10, None, None));
    check("POST", "/?Action=ListTopics", &[form], (Protocol::Query, None, Some("ListTopics")));
    check("GET", "/?Action=Confirm&Token=1", &[], (Protocol::Query, None, Some("Confirm")));
    check("POST", "/PutAuditEvents?channelArn=x", &[], (Protocol::RestJson, None, Some("PutAuditEvents")));
    check("GET", "/PutAuditEvents", &[], (Protocol::S3, None, None));
    check("PUT", "/bucket/key?acl", &[], (Protocol::S3, None, None));
    let granite = Some("GraniteServiceVersion20100801");
    check("POST", cbor_path, &[cbor], (Protocol::Cbor, granite, Some("PutMetricData")));
    check("POST", "/service/A", &[cbor], (Protocol::Cbor, None, None));
    // Forbidden by the protocol, so not to be routed.
    check("POST", cbor_path, &[cbor, ("x-amz-target", "A.B")], (Protocol::Cbor, None, None));
}

#[test]
fn detects_query_members_and_scope() {
    let form = Form::parse("Action=Publish&Version=2010-03-31").unwrap();
    let authorization = "AWS4-HMAC-SHA256 Credential=AKID/20260314/eu-west-1/sns/aws4_request,SignedHeaders=host";
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", authorization)];
    let detected = detect(&head("POST", "/?Action=Other", &headers), Some(&form));
    assert_eq!(detected.operation.as_deref(), Some("Publish"));
    assert_eq!(detected.version.as_deref(), Some("2010-03-31"));
    assert_eq!(detected.scope_service.as_deref(), Some("sns"));
    assert_eq!(detected.scope_region.as_deref(), Some("eu-west-1"));
    assert_eq!(detected.access_key.as_deref(), Some("AKID"));

    let presigned = detect(&head("GET", "/k?X-Amz-Credential=A%2F20260314%2Fr%2Fs3%2Faws4_request", &[]), None);
    assert_eq!(presigned.scope_service.as_deref(), Some("s3"));
}

#[test]
fn forms_become_nested_json() {
    let check = |text: &str, expect: Value| assert_eq!(Form::parse(text).unwrap().to_value(), expect, "{text}");
    check("Action=A&Version=1", json!({}));
    check("", json!({}));
    check("Name=a+b%20%26&Empty=", json!({"Name": "a b &", "Empty": ""}));
    check("L.member.2=b&L.member.1=a&L.member.10=c", json!({"L": ["a", "b", "c"]}));
    check("L.1=a&L.2=b", json!({"L": ["a", "b"]}));
    check("L.4294967295=b&L.7=a", json!({"L": ["a", "b"]}));
    check("M.entry.1.key=k&M.entry.1.value=v&M.entry.2.key=n", json!({"M": {"k": "v", "n": null}}));
    check("M.entry.1.key=k&M.entry.1.value.D=v", json!({"M": {"k": {"D": "v"}}}));
    check("Tags.member.1.Key=a&Tags.member.1.Value=b", json!({"Tags": [{"Key": "a", "Value": "b"}]}));
    check("A.B.C=1&A.B.D=2", json!({"A": {"B": {"C": "1", "D": "2"}}}));
    check("A.member=1", json!({"A": {"member": "1"}}));
    check("A=1&A.B=2&A.B=3", json!({"A": {"B": "2"}}));
    check("1=a&2=b", json!({}));
}

#[test]
fn forms_are_bounded() {
    let deep = vec!["a"; 17].join(".");
    assert!(Form::parse(&deep).is_err());
    assert!(Form::parse(&"a&".repeat(16_385)).is_err());
    assert!(Form::parse(&"a&".repeat(16_384)).is_ok());
    assert!(Form::parse("a=%ff").is_err());
}

#[test]
fn query_answers_are_xml() {
    let output = json!({
        "Arn": "a<b>&\"\u{1}", "Count": 3, "Ok": true, "Gone": null, "L": [{"A": "1"}, {"A": "2"}], "None": [],
        "M": query_map([("k".to_owned(), json!("v"))]), "bad name><": "x",
    });
    let xml = String::from_utf8(encode_query("Do", "http://ns/", &output, "id")).unwrap();
    assert_eq!(
        xml,
        "<DoResponse xmlns=\"http://ns/\"><DoResult><Arn>a&lt;b&gt;&amp;&quot;\u{fffd}</Arn><Count>3</Count>\
         <Ok>true</Ok><L><member><A>1</A></member><member><A>2</A></member></L><None></None>\
         <M><entry><key>k</key><value>v</value></entry></M><bad_name__>x</bad_name__></DoResult>\
         <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DoResponse>"
    );
    let empty = String::from_utf8(encode_query("Do", "n", &Value::Null, "id")).unwrap();
    assert!(!empty.contains("Result"), "{empty}");
}

#[test]
fn errors_in_each_protocol() {
    let error = ApiError::new("Gone", "it <is> gone")
        .with_status(404)
        .with_extra("Key", "k")
        .with_extra("x-amzn-query-error", "Gone;Sender\r\nx: y");
    let body = |protocol| {
        let encoded = encode_error(protocol, Some("http://ns/"), &error, "id-1");
        assert_eq!(encoded.status, 404);
        assert!(encoded.headers.contains(&("x-amzn-query-error", "Gone;Sender??x: y".to_owned())));
        encoded
    };
    let json = body(Protocol::Json11);
    assert_eq!(json.body, br#"{"__type":"Gone","message":"it <is> gone","Key":"k"}"#);
    assert_eq!(json.content_type, "application/x-amz-json-1.1");
    let rest = body(Protocol::RestJson);
    assert_eq!(rest.body, br#"{"message":"it <is> gone","Key":"k"}"#);
    assert!(rest.headers.contains(&("x-amzn-ErrorType", "Gone".to_owned())));
    assert_eq!(
        String::from_utf8(body(Protocol::Query).body).unwrap(),
        "<ErrorResponse xmlns=\"http://ns/\"><Error><Type>Sender</Type><Code>Gone</Code>\
         <Message>it &lt;is&gt; gone</Message><Key>k</Key></Error><RequestId>id-1</RequestId></ErrorResponse>"
    );
    let s3 = String::from_utf8(body(Protocol::S3).body).unwrap();
    assert!(s3.ends_with("<Key>k</Key><RequestId>id-1</RequestId><HostId>id-1</HostId></Error>"), "{s3}");
    let cbor = body(Protocol::Cbor);
    assert_eq!(cbor.body, b"\xa3\x66__type\x64Gone\x67message\x6cit <is> gone\x63Key\x61k");
    assert!(cbor.headers.contains(&("Smithy-Protocol", "rpc-v2-cbor".to_owned())));
    assert!(!error.is_server() && ApiError::new("InternalFailure", "").with_status(500).is_server());
}

#[test]
fn json_and_cbor_answers() {
    let nothing = encode_json(Protocol::Json11, &Value::Null, "id");
    assert_eq!((nothing.status, nothing.body.as_slice()), (200, &b""[..]));
    assert_eq!(encode_json(Protocol::Json10, &json!({"a": [1]}), "id").body, br#"{"a":[1]}"#);
    let values = json!({"n": null, "i": [0, 23, 24, 255, 256, 65536, 4294967296_u64, -1, -500], "f": 1.5, "t": true});
    let expect = "a3\
        6169 89 00 17 1818 18ff 190100 1a00010000 1b0000000100000000 20 3901f3\
        6166 fb3ff8000000000000\
        6174 f5"
        .replace(' ', "");
    let encoded = encode_json(Protocol::Cbor, &values, "id").body;
    assert_eq!(encoded.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expect);
}
