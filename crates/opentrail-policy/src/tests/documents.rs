//! Which documents are refused, and with which words.

use super::*;
use crate::{DOCUMENT_MAX_BYTES, Version};

/// Parses a document. An empty expectation means accepted.
#[track_caller]
fn check_document(kind: PolicyKind, text: &str, expect: &str) {
    let message = PolicyDocument::parse(text, kind).err().map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(message, expect, "{text}");
}

/// Parses a document of one statement.
#[track_caller]
fn check_statement(kind: PolicyKind, statement: &str, expect: &str) {
    check_document(kind, &format!(r#"{{"Version":"2012-10-17","Statement":{{{statement}}}}}"#), expect);
}

#[test]
fn the_elements_around_statements() {
    let not_json = "Policies must be valid JSON and the first byte must be '{'";
    let good = r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}"#;
    let cases = [
        (String::new(), not_json),
        (format!(r#" {{"Statement":{good}}}"#), not_json),
        (format!(r#"{{"Statement":{good}"#), not_json),
        (format!(r#"{{"Statement":{good},"Statement":{good}}}"#), not_json),
        (format!("[{good}]"), not_json),
        ("{}".to_owned(), "Missing required field Statement"),
        (r#"{"Statement":[]}"#.to_owned(), "Could not parse the policy: Statement is empty!"),
        (r#"{"Statement":"Allow"}"#.to_owned(), "Invalid policy syntax."),
        (format!(r#"{{"Statement":{good},"Comment":"x"}}"#), "Unknown field Comment"),
        (format!(r#"{{"version":"2012-10-17","Statement":{good}}}"#), "Unknown field version"),
        (format!(r#"{{"Version":"2024-01-01","Statement":{good}}}"#), "The policy must contain a valid version string"),
        (format!(r#"{{"Version":20121017,"Statement":{good}}}"#), "Invalid policy syntax."),
        (format!(r#"{{"Version":"2008-10-17","Id":"i","Statement":[{good},{good}]}}"#), ""),
        (format!(r#"{{"Statement":{good}}}"#), ""),
    ];
    for (text, expect) in cases {
        check_document(PolicyKind::Resource, &text, expect);
    }
    let deep = format!(r#"{{"Statement":{}"#, "[".repeat(10_000));
    check_document(PolicyKind::Resource, &deep, not_json);
    assert!(PolicyDocument::parse(&" ".repeat(DOCUMENT_MAX_BYTES + 1), PolicyKind::Resource).is_err());
}

#[test]
fn identity_statements() {
    let arn_or_star = "Resource bucket must be in ARN format or \"*\".";
    let cases = [
        (r#""Effect":"Allow","Action":"*","Resource":"*""#, ""),
        (r#""Sid":"Read1","Effect":"Deny","NotAction":["s3:*"],"NotResource":["arn:aws:s3:::b"],"Condition":{}"#, ""),
        (r#""Action":"*","Resource":"*""#, "Missing required field Effect"),
        (r#""Effect":"allow","Action":"*","Resource":"*""#, "Invalid effect: allow"),
        (r#""Effect":"Allow","Resource":"*""#, "Policy statement must contain actions."),
        (r#""Effect":"Allow","Action":[],"Resource":"*""#, "Policy statement must contain actions."),
        (r#""Effect":"Allow","Action":"*""#, "Policy statement must contain resources."),
        (r#""Effect":"Allow","Action":"*","NotAction":"*","Resource":"*""#, "Invalid policy syntax."),
        (r#""Effect":"Allow","Action":{"a":1},"Resource":"*""#, "Invalid policy syntax."),
        (r#""Effect":"Allow","Action":"*","Resource":"bucket""#, arn_or_star),
        (r#""Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:x""#, "Invalid policy syntax."),
        (r#""Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${}""#, "Invalid policy syntax."),
        (r#""Effect":"Allow","Principal":"*","Action":"*","Resource":"*""#, "Policy document should not specify a principal."),
        (r#""Effect":"Allow","Action":"*","Resource":"*","Extra":1"#, "Unknown field Extra"),
        (
            r#""Effect":"Allow","Action":"GetObject","Resource":"*""#,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            r#""Sid":"a b","Effect":"Allow","Action":"*","Resource":"*""#,
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
    ];
    for (statement, expect) in cases {
        check_statement(PolicyKind::Identity, statement, expect);
    }
    let twice = r#"{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}"#;
    let document = format!(r#"{{"Statement":[{twice},{twice}]}}"#);
    check_document(PolicyKind::Identity, &document, "Statement IDs (SID) in a single policy must be unique.");
}

#[test]
fn principals() {
    let invalid = "Invalid principal in policy";
    let cases = [
        (r#""*""#, ""),
        (r#"{"AWS":["*","111122223333","arn:aws:iam::111122223333:root"]}"#, ""),
        (r#"{"AWS":"arn:aws:iam::111122223333:user/path/alice"}"#, ""),
        (r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/r/s","Service":"s3.amazonaws.com"}"#, ""),
        (r#"{"Federated":"cognito-identity.amazonaws.com","CanonicalUser":"79a59d"}"#, ""),
        (r#""alice""#, invalid),
        ("{}", invalid),
        (r#"{"AWS":[]}"#, invalid),
        (r#"{"Aws":"*"}"#, invalid),
        (r#"{"AWS":"arn:aws:iam::111122223333:user/*"}"#, invalid),
        (r#"{"AWS":"arn:aws:iam::111122223333:group/g"}"#, invalid),
        (r#"{"AWS":"arn:aws:iam::1111:root"}"#, invalid),
        (r#"{"AWS":"11112222333"}"#, invalid),
        (r#"{"Service":"cloudtrail"}"#, invalid),
        (r#"{"AWS":7}"#, "Invalid policy syntax."),
    ];
    for (principal, expect) in cases {
        let statement = format!(r#""Effect":"Allow","Principal":{principal},"Action":"s3:*","Resource":"*""#);
        check_statement(PolicyKind::Resource, &statement, expect);
    }
    let nobody = r#""Effect":"Allow","Action":"s3:*","Resource":"*""#;
    check_statement(PolicyKind::Resource, nobody, "Missing required field Principal");
    let no_resource = r#""Effect":"Allow","Principal":"*","Action":"s3:*""#;
    check_statement(PolicyKind::Resource, no_resource, "Missing required field Resource");
}

#[test]
fn trust_statements() {
    let not_sts = "AssumeRole policy may only specify STS AssumeRole actions.";
    let service = r#""Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"}"#;
    let cases = [
        (format!(r#"{service},"Action":"sts:AssumeRole""#), ""),
        (format!(r#"{service},"Action":["sts:AssumeRole","sts:TagSession"]"#), ""),
        (format!(r#"{service},"Action":"s3:GetObject""#), not_sts),
        (format!(r#"{service},"Action":"*""#), not_sts),
        (format!(r#"{service},"Action":"sts:AssumeRole","Resource":"*""#), "Has prohibited field Resource"),
        (
            r#""Effect":"Allow","NotPrincipal":{"AWS":"*"},"Action":"sts:AssumeRole""#.to_owned(),
            "Has prohibited field NotPrincipal",
        ),
        (r#""Effect":"Allow","Action":"sts:AssumeRole""#.to_owned(), "Missing required field Principal"),
    ];
    for (statement, expect) in cases {
        check_statement(PolicyKind::Trust, &statement, expect);
    }
}

#[test]
fn conditions() {
    let cases = [
        (r#"{"StringEqual":{"aws:x":"1"}}"#, "Invalid Condition type : StringEqual"),
        (r#"{"stringequals":{"aws:x":"1"}}"#, "Invalid Condition type : stringequals"),
        (r#"{"ForSomeValues:StringEquals":{"aws:x":"1"}}"#, "Invalid Condition type : ForSomeValues:StringEquals"),
        (r#"{"NullIfExists":{"aws:x":"true"}}"#, "Invalid Condition type : NullIfExists"),
        (r#"{"StringEquals":{"x":"1"}}"#, "Policy has an invalid condition key"),
        (r#"{"StringEquals":{"aws:x":[]}}"#, "Invalid policy syntax."),
        (r#"{"StringEquals":{"aws:x":{"a":1}}}"#, "Invalid policy syntax."),
        (r#"{"StringEquals":{"aws:x":null}}"#, "Invalid policy syntax."),
        (r#"{"StringEquals":"aws:x"}"#, "Invalid policy syntax."),
        (r#"["StringEquals"]"#, "Invalid policy syntax."),
        (r#"{"NumericEquals":{"aws:x":"ten"}}"#, "Invalid condition value ten for operator NumericEquals"),
        (r#"{"NumericEquals":{"aws:x":"NaN"}}"#, "Invalid condition value NaN for operator NumericEquals"),
        (r#"{"DateLessThan":{"aws:x":"soon"}}"#, "Invalid condition value soon for operator DateLessThan"),
        (r#"{"Bool":{"aws:x":"yes"}}"#, "Invalid condition value yes for operator Bool"),
        (r#"{"Null":{"aws:x":"yes"}}"#, "Invalid condition value yes for operator Null"),
        (r#"{"IpAddress":{"aws:x":"10.0.0.0/33"}}"#, "Invalid condition value 10.0.0.0/33 for operator IpAddress"),
        (r#"{"IpAddress":{"aws:x":"10.0.0"}}"#, "Invalid condition value 10.0.0 for operator IpAddress"),
        (r#"{"BinaryEquals":{"aws:x":"a b"}}"#, "Invalid condition value a b for operator BinaryEquals"),
    ];
    for (condition, expect) in cases {
        let statement = format!(r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}"#);
        check_statement(PolicyKind::Identity, &statement, expect);
    }
}

#[test]
fn a_document_tells_what_it_is() {
    let text = r#"{"Version":"2012-10-17","Id":"i","Statement":[
        {"Sid":"S","Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"},
        {"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;
    let document = PolicyDocument::parse(text, PolicyKind::Resource).expect("the policy is well-formed");
    assert_eq!((document.kind(), document.version()), (PolicyKind::Resource, Version::V2012));
    assert_eq!(document.id(), Some("i"));
    assert_eq!(document.sids().collect::<Vec<_>>(), [Some("S"), None]);
}
