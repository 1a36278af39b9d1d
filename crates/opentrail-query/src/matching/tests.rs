use super::*;
use crate::query::{Field, Query};
use proptest::prelude::*;

const RECORD: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROA1:alice",
  "arn":"arn:aws:sts::012345678901:assumed-role/Admin/alice","accountId":"012345678901","sessionContext":{"sessionIssuer":{}}},
  "eventTime":"2026-01-01T10:30:00Z","eventSource":"s3.amazonaws.com","eventName":"DeleteBucket","sourceIPAddress":"10.1.2.3",
  "userAgent":"[aws-cli/2.0 \u00fc\\]","errorCode":"AccessDenied","errorMessage":"User is not \"authorized\"\nto sg-0123abc",
  "requestParameters":{"bucketName":"My-Bucket","Tagging":1,"tagging":"x","resource.resourceType":"Dotted","maxResults":5,
     "limit":"7","when":1688990121000,"list":[{"a":[["deep"]]},{"a":"flat"}],"dup":1,"dup":2,"on":true,"big":1.688560107857E9},
  "responseElements":null,"resources":[{"ARN":"arn:aws:s3:::my-bucket/folder/file.txt","type":"AWS::S3::Object"},"odd"],
  "requestID":"","readOnly":false}"#;

fn matches(query: &str, record: &str) -> bool {
    let query = Query::parse(query).unwrap_or_else(|error| panic!("{}", error.render()));
    let (filter, mut scratch) = (Prefilter::new(&query), Scratch::default());
    let matched = Matcher::new(&query).matches(record.as_bytes(), &mut scratch).expect("a record");
    let passed = filter.first(record.as_bytes(), &mut Vec::new()).is_some();
    assert!(passed || !matched, "the prefilter misses {query}");
    matched
}

#[test]
fn records_match() {
    let yes = [
        "",
        "eventName:DeleteBucket",
        "eventname:deletebucket",
        "eventName:Delete*",
        "eventName:*bucket",
        "eventName:D?lete*t",
        "eventName:*",
        "event:DeleteBucket user:alice ip:10.0.0.0/8 error:AccessDenied",
        "user:arn:aws:sts::012345678901:assumed-role/Admin/alice",
        "account:012345678901",
        "resource:my-bucket",
        "resource:file.txt",
        "resource:arn:aws:s3:::my-bucket/folder/file.txt",
        "resourceType:AWS::S3::Object",
        "source:s3",
        "source:s3.amazonaws.com",
        "alice",
        "ALICE",
        "sg-0123abc",
        "sg-0123*",
        "bucket",
        "\"not \\\"authorized\\\"\"",
        "\"to sg-0123abc\"",
        "authorized",
        "*thoriz*",
        "s3.amazonaws.com",
        "my-bucket/folder",
        "file.t?t",
        "userIdentity:*",
        "userIdentity.sessionContext.sessionIssuer:*",
        "NOT responseElements:*",
        "requestID:*",
        "requestID:\"\"",
        "requestParameters.tagging:1",
        "requestParameters.tagging:x",
        "requestParameters.resource.resourceType:dotted",
        "requestParameters.list.a:deep",
        "requestParameters.list.a:flat",
        "requestParameters.list:flat",
        "requestParameters:flat",
        "requestParameters.maxResults:5",
        "requestParameters.maxResults:>=5",
        "requestParameters.limit:>6",
        "requestParameters.limit:[1 TO 7]",
        "requestParameters.when:[2023-07-10 TO 2023-07-10]",
        "requestParameters.when:2023*  OR x OR alice",
        "requestParameters.dup:1",
        "requestParameters.dup:2",
        "requestParameters.on:true",
        "requestParameters.big:>1688560107",
        "readOnly:false",
        "eventTime:[2026-01-01 TO 2026-01-02]",
        "time:2026-01-01",
        "time:2026-01-01T10",
        "time:>=2026-01-01T10:30:00Z",
        "time:<2027",
        "time:2026",
        "eventVersion:>=1.08",
        "ip:[10.1.0.0 TO 10.2.0.0]",
        "eventName:[D TO E]",
        "userAgent:\"[aws-cli/2.0 ü\\\\]\"",
        "userAgent:*ü*",
        "nothing OR alice",
        "-nothing",
        "NOT (nothing OR alice2)",
        "errorCode:(Throttling* OR Access*)",
        "odd",
        "resources:odd",
        "10.1.2.3",
    ];
    for query in yes {
        assert!(matches(query, RECORD), "{query}");
    }
    let no = [
        "eventName:Delete",
        "eventName:Delete?",
        "eventName:\"Delete*\"",
        "user:Admin",
        "user:AssumedRole",
        "ip:11.0.0.0/8",
        "lice",
        "sg-0123",
        "bucketName",
        "responseElements:*",
        "readOnly:true",
        "time:2026-01-02",
        "time:>2026-01-01",
        "time:<2026",
        "requestParameters.limit:>7",
        "-alice",
        "alice -bucket",
        "buck",
        "auth*bucket",
        "userIdentity.nothing:*",
        "userIdent:*".strip_prefix("x").unwrap_or("requestParameters.tag:*"),
        "requestParameters.list:dee",
        "eventName:>=5",
        "NOT *",
        "alice authoriz",
    ];
    for query in no {
        assert!(!matches(query, RECORD), "{query}");
    }
}

#[test]
fn escapes_do_not_hide_texts() {
    assert!(matches("eventName:DeleteBucket", r#"{"\u0065ventName":"Dele\u0074eBucket"}"#));
    assert!(matches("my-bucket", r#"{"a":"s3:\/\/my-\u0062ucket\/x"}"#));
    assert!(matches(
        "s3:\\/\\/my-bucket OR \"//my-bucket/\"".trim_start_matches("s3:\\/\\/my-bucket OR "),
        r#"{"a":"s3:\/\/my-bucket\/x"}"#
    ));
    assert!(matches("\"\u{1f600}\"", r#"{"a":"\ud83d\ude00"}"#));
    assert!(matches("root", r#"{"userIdentity":{"type":"Root"}}"#));
    assert!(matches("user:root", r#"{"userIdentity":{"type":"Root"}}"#));
}

#[test]
fn damage_is_told() {
    let check = |record: &str, offset: usize, reason: &str| {
        let damage = Matcher::new(&Query::parse("NOT zzz").expect("a query")).matches(record.as_bytes(), &mut Scratch::default());
        assert_eq!(damage, Err(Damage { offset, reason: Box::leak(reason.to_owned().into_boxed_str()) }), "{record}");
    };
    check("[]", 0, "not a JSON object");
    check("", 0, "not a JSON object");
    check(r#"{"a":"#, 5, "the record is cut off");
    check(r#"{"a"}"#, 4, "expected a colon");
    check(r#"{"a":x}"#, 5, "not a JSON value");
    check(r#"{"a":"b}"#, 5, "a string is not closed");
    check(r#"{"a":1 "b":2}"#, 7, "expected a comma or the end of an object");
    check(r#"{"a":[1 2]}"#, 8, "expected a comma or the end of an array");
    check(r#"{"a":1}x"#, 7, "bytes after the end of the record");
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    check(&deep, 5 + 127, "nested too deeply");
    assert!(matches("x", &format!("{{\"a\":{}\"x\"{}}}", "[".repeat(100), "]".repeat(100))));
}

#[test]
fn fields_are_taken_out() {
    let check = |field: &str, expect: &[(&str, &str)]| {
        let extractor = Extractor::new(vec![Field::named(field).expect("a field")]);
        let values = extractor.values(RECORD.as_bytes(), 10).remove(0);
        let found: Vec<(&str, &str)> = values.iter().map(|value| (value.text.as_str(), value.json.as_str())).collect();
        assert_eq!(found, expect, "{field}");
    };
    check("user", &[("alice", "\"alice\"")]);
    check("account", &[("012345678901", "\"012345678901\"")]);
    check("requestParameters.dup", &[("1", "1"), ("2", "2")]);
    check("requestParameters.list", &[(r#"{"a":[["deep"]]}"#, r#"{"a":[["deep"]]}"#), (r#"{"a":"flat"}"#, r#"{"a":"flat"}"#)]);
    check("requestParameters.list.a", &[("deep", "\"deep\""), ("flat", "\"flat\"")]);
    check("responseElements", &[]);
    check("requestParameters.big", &[("1.688560107857E9", "1.688560107857E9")]);
    assert_eq!(extract::event_time(RECORD.as_bytes()), crate::query::parse_instant("2026-01-01T10:30:00Z"));
    assert_eq!(extract::event_time(b"{}"), None);
}

#[test]
fn a_value_matches_as_its_text() {
    let value: serde_json::Value = serde_json::from_str(RECORD).expect("JSON");
    let matcher = Matcher::new(&Query::parse("user:alice requestParameters.dup:2").expect("a query"));
    assert_eq!(matcher.matches_value(&value, &mut Scratch::default()), Ok(true));
}

proptest! {
    /// Whatever bytes come, there is an answer.
    #[test]
    fn matching_never_panics(record in prop_oneof![any::<Vec<u8>>(), "\\{[\"\\\\a:,{}\\[\\]u0 ]{0,40}".prop_map(String::into_bytes)]) {
        for query in ["a", "*a?", ".a:*", "NOT x", ".a:>5", ".a:\"\""] {
            let _ = Matcher::new(&Query::parse(query).expect("a query")).matches(&record, &mut Scratch::default());
        }
    }

    /// What is found in a value is not missed by the prefilter, however the value is written.
    #[test]
    fn prefilters_miss_nothing(text in "[a-zA-Z0-9/é\"\\\\ -]{1,20}", ascii in any::<bool>()) {
        let json = serde_json::Value::from(text.as_str()).to_string();
        let json = if ascii { json.replace('/', "\\/").replace('é', "\\u00e9") } else { json };
        let record = format!("{{\"a\":{json}}}");
        let phrase = Query { root: crate::Clause::Term(crate::Term::Phrase(text.clone())) };
        prop_assert!(matches(&phrase.to_string(), &record));
        let equals = crate::Term::Field(Field::named(".a").expect("a field"), crate::Test::Equals(text));
        let equals = Query { root: crate::Clause::Term(equals) };
        prop_assert!(matches(&equals.to_string(), &record));
    }
}
