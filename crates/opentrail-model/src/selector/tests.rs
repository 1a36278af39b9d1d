use super::*;
use serde_json::{Value, json};

fn data_event(arn: &str, read_only: bool) -> Vec<u8> {
    json!({"eventCategory": "Data", "eventSource": "s3.amazonaws.com", "eventName": "PutObject", "readOnly": read_only,
        "resources": [{"type": "AWS::S3::Object", "ARN": arn}, {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b"}]})
    .to_string()
    .into_bytes()
}

fn management_event(source: &str, read_only: bool) -> Vec<u8> {
    json!({"eventCategory": "Management", "eventSource": source, "eventName": "X", "readOnly": read_only})
        .to_string()
        .into_bytes()
}

fn basic(selectors: Value) -> Selectors {
    Selectors::Basic(serde_json::from_value(selectors).expect("selectors"))
}

fn advanced(selectors: Value) -> Selectors {
    Selectors::Advanced(serde_json::from_value(selectors).expect("selectors"))
}

fn check(selectors: &Selectors, event: &[u8], expect: bool) {
    let facts = EventFacts::read(event).expect("event");
    assert_eq!(selectors.matches(&facts), expect, "{selectors:?} on {}", String::from_utf8_lossy(event));
}

#[test]
fn basic_selectors_decide_by_kind_source_and_resource() {
    let default = Selectors::default();
    check(&default, &management_event("ec2.amazonaws.com", true), true);
    check(&default, &data_event("arn:aws:s3:::b/k", false), false);
    let writes = basic(json!([{"ReadWriteType": "WriteOnly"}]));
    check(&writes, &management_event("ec2.amazonaws.com", true), false);
    check(&writes, &management_event("ec2.amazonaws.com", false), true);
    let quiet = basic(json!([{"ExcludeManagementEventSources": ["kms.amazonaws.com"]}]));
    check(&quiet, &management_event("kms.amazonaws.com", false), false);
    let prefix = basic(
        json!([{"IncludeManagementEvents": false, "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::b/in/"]}]}]),
    );
    check(&prefix, &data_event("arn:aws:s3:::b/in/x", false), true);
    check(&prefix, &data_event("arn:aws:s3:::b/out/x", false), false);
    check(&prefix, &management_event("ec2.amazonaws.com", false), false);
}

#[test]
fn advanced_selectors_and_fields_or_values() {
    let selectors = advanced(json!([{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
        {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::b/"], "NotStartsWith": ["arn:aws:s3:::b/tmp/"]},
        {"Field": "readOnly", "Equals": ["false"]}]}]));
    assert_eq!(selectors.validate(), Ok(()));
    check(&selectors, &data_event("arn:aws:s3:::b/k", false), true);
    check(&selectors, &data_event("arn:aws:s3:::b/tmp/k", false), false);
    check(&selectors, &data_event("arn:aws:s3:::b/k", true), false);
    check(&selectors, &data_event("arn:aws:s3:::c/k", false), false);
    let neither = advanced(json!([{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Management"]},
        {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com", "rdsdata.amazonaws.com"]}]}]));
    check(&neither, &management_event("kms.amazonaws.com", true), false);
    check(&neither, &management_event("ec2.amazonaws.com", true), true);
}

#[test]
fn bad_selectors_are_refused() {
    let s3 = |values: Value| json!([{"DataResources": [{"Type": "AWS::S3::Object", "Values": values}]}]);
    for good in [s3(json!([])), s3(json!(["arn:aws:s3"])), s3(json!(["arn:aws:s3:::b/"])), json!([{}])] {
        assert_eq!(basic(good.clone()).validate(), Ok(()), "{good}");
    }
    let many: Vec<String> = (0..251).map(|n| format!("arn:aws:s3:::b/{n}")).collect();
    for bad in [
        json!([]),
        json!([{}, {}, {}, {}, {}, {}]),
        s3(json!(["arn:aws:s3:::b"])),
        s3(json!(many)),
        json!([{"DataResources": [{"Type": "AWS::X::Y", "Values": []}]}]),
        json!([{"IncludeManagementEvents": false}]),
        json!([{"ExcludeManagementEventSources": ["s3.amazonaws.com"]}]),
    ] {
        assert!(basic(bad.clone()).validate().is_err(), "{bad}");
    }
    let field = |f: Value| json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}, f]}]);
    for bad in [
        json!([]),
        json!([{"FieldSelectors": []}]),
        json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]),
        json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Insight"]}]}]),
        json!([{"FieldSelectors": [{"Field": "eventCategory", "NotEquals": ["Data"]}]}]),
        json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "eventSource", "Equals": ["kms.amazonaws.com"]}]}]),
        field(json!({"Field": "unknown", "Equals": ["x"]})),
        field(json!({"Field": "readOnly", "Equals": ["maybe"]})),
        field(json!({"Field": "eventName"})),
        field(json!({"Field": "resources.type", "Equals": ["AWS::S3::Object"]})),
    ] {
        assert!(advanced(bad.clone()).validate().is_err(), "{bad}");
    }
}
