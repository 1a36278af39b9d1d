//! Tags of trails.

use super::*;

async fn tags_of(bench: &Bench, arn: &str) -> Value {
    let output = ok(bench, "us-east-1", "ListTags", json!({"ResourceIdList": [arn]})).await;
    assert_eq!(output["ResourceTagList"][0]["ResourceId"], arn);
    output["ResourceTagList"][0]["TagsList"].clone()
}

#[tokio::test]
async fn tags_are_set_overwritten_and_taken_away() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let main = arn("us-east-1", "main");
    let add = json!({"ResourceId": main, "TagsList": [{"Key": "b", "Value": ""}, {"Key": "a", "Value": "1"}, {"Key": "c"}]});
    assert_eq!(ok(&bench, "us-east-1", "AddTags", add).await, json!({}));
    assert_eq!(bench.last_record()["requestParameters"]["tagsList"][1], json!({"key": "a", "value": "1"}));
    ok(&bench, "us-east-1", "AddTags", json!({"ResourceId": main, "TagsList": [{"Key": "a", "Value": "2"}]})).await;
    assert_eq!(tags_of(&bench, &main).await, json!([{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}, {"Key": "c"}]));
    let remove = json!({"ResourceId": main, "TagsList": [{"Key": "a", "Value": "other"}, {"Key": "nope"}]});
    ok(&bench, "us-east-1", "RemoveTags", remove).await;
    assert_eq!(tags_of(&bench, &main).await, json!([{"Key": "b", "Value": ""}, {"Key": "c"}]));
}

#[tokio::test]
async fn rules_of_tags() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let main = arn("us-east-1", "main");
    for bad in [
        json!([{"Key": "a"}, {"Key": "a"}]),
        json!([{"Key": "aws:x"}]),
        json!([{"Key": "AWS:x"}]),
        json!([{"Key": ""}]),
        json!([{"Value": "x"}]),
        json!([{"Key": "k".repeat(129)}]),
        json!([{"Key": "k", "Value": "v".repeat(257)}]),
        json!([{"Key": "a<b"}]),
    ] {
        let input = json!({"ResourceId": main, "TagsList": bad});
        refused_as(&bench, "us-east-1", "AddTags", input.clone(), "InvalidTagParameterException").await;
        refused_as(&bench, "us-east-1", "RemoveTags", input, "InvalidTagParameterException").await;
        let created = json!({"Name": "other", "S3BucketName": "logs", "TagsList": bad});
        refused_as(&bench, "us-east-1", "CreateTrail", created, "InvalidTagParameterException").await;
    }
    let tags = |range: std::ops::Range<i32>| range.map(|n| json!({"Key": format!("k{n}")})).collect::<Vec<_>>();
    let input = |range| json!({"ResourceId": main, "TagsList": tags(range)});
    refused_as(&bench, "us-east-1", "AddTags", input(0..51), "TagsLimitExceededException").await;
    refused_as(&bench, "us-east-1", "AddTags", input(0..201), "InvalidTagParameterException").await;
    ok(&bench, "us-east-1", "AddTags", input(0..50)).await;
    ok(&bench, "us-east-1", "AddTags", input(0..50)).await;
    refused_as(&bench, "us-east-1", "AddTags", input(50..51), "TagsLimitExceededException").await;
}

#[tokio::test]
async fn only_trails_have_tags() {
    let bench = Bench::new();
    let channel = "arn:aws:cloudtrail:us-east-1:123456789012:channel/00000000-0000-4000-8000-000000000000";
    for (id, code) in [
        (arn("us-east-1", "nope").as_str(), "ResourceNotFoundException"),
        (channel, "ResourceTypeNotSupportedException"),
        ("arn:aws:s3:::bucket", "ResourceTypeNotSupportedException"),
        ("arn:aws:cloudtrail:us-east-1:1:trail/x", "CloudTrailARNInvalidException"),
        ("main", "CloudTrailARNInvalidException"),
        ("", "CloudTrailARNInvalidException"),
    ] {
        refused_as(&bench, "us-east-1", "AddTags", json!({"ResourceId": id, "TagsList": []}), code).await;
        refused_as(&bench, "us-east-1", "RemoveTags", json!({"ResourceId": id}), code).await;
        refused_as(&bench, "us-east-1", "ListTags", json!({"ResourceIdList": [id]}), code).await;
    }
    let many = vec![arn("us-east-1", "nope"); 21];
    refused_as(&bench, "us-east-1", "ListTags", json!({"ResourceIdList": many}), "ValidationException").await;
    refused_as(&bench, "us-east-1", "ListTags", json!({"NextToken": "x"}), "InvalidTokenException").await;
}
