//! The life of trails, their home and their shadows.

use super::*;
use opentrail_catalog::{Changes, Entity};
use opentrail_delivery::{DeliveryState, TrailStatus, trail_id};
use opentrail_model::trail::Trail;
use time::Duration;

fn stored(bench: &Bench, region: &str, name: &str) -> Trail {
    let key = format!("{ACCOUNT}/{region}/{name}");
    Trail::clone(&bench.app.catalog.get::<Trail>(&key).expect("catalog").expect("the trail is stored"))
}

#[tokio::test]
async fn a_created_trail_has_the_defaults_and_is_recorded() {
    let bench = Bench::new();
    let input = json!({"Name": "main", "S3BucketName": "logs", "TagsList": [{"Key": "team", "Value": "a"}, {"Key": "empty"}]});
    let output = ok(&bench, "us-east-1", "CreateTrail", input).await;
    let expect = json!({
        "Name": "main", "S3BucketName": "logs", "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": false,
        "TrailARN": arn("us-east-1", "main"), "LogFileValidationEnabled": false, "IsOrganizationTrail": false,
        "RecursiveLogging": true,
    });
    assert_eq!(output, expect);

    let record = bench.last_record();
    assert_eq!(record["eventSource"], "cloudtrail.amazonaws.com");
    assert_eq!(record["readOnly"], false);
    assert_eq!(
        record["requestParameters"],
        json!({"name": "main", "s3BucketName": "logs", "tagsList": [{"key": "team", "value": "a"}, {"key": "empty"}]})
    );
    assert_eq!(record["responseElements"]["trailARN"], arn("us-east-1", "main"));
    assert_eq!(record["responseElements"]["logFileValidationEnabled"], false);
    assert_eq!(
        record["resources"],
        json!([{"accountId": ACCOUNT, "type": "AWS::CloudTrail::Trail", "ARN": arn("us-east-1", "main")}])
    );

    let trail = stored(&bench, "us-east-1", "main");
    assert!(!trail.logging);
    let state = bench.app.catalog.get::<DeliveryState>(&trail_id(&trail)).expect("catalog").expect("delivery begins");
    assert_eq!((state.cursor, state.trail.clone()), (bench.app.intake.log().end() - 1, None));
    let checked = bench.buckets.checked.lock().expect("no panic").clone();
    assert_eq!((checked.len(), checked[0].trail_arn.as_str()), (1, arn("us-east-1", "main").as_str()));
}

#[tokio::test]
async fn a_name_is_taken_once_per_region() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let again = json!({"Name": "main", "S3BucketName": "logs"});
    let message = format!("Trail main already exists for customer: {ACCOUNT}");
    refused(&bench, "us-east-1", "CreateTrail", again, "TrailAlreadyExistsException", &message).await;
    create(&bench, "eu-west-1", "main").await;
}

#[tokio::test]
async fn five_trails_reach_a_region_and_no_more() {
    let bench = Bench::new();
    for n in 0..4 {
        create(&bench, "us-east-1", &format!("local-{n}")).await;
    }
    create_everywhere(&bench, "eu-west-1", "everywhere").await;
    let sixth = json!({"Name": "one-more", "S3BucketName": "logs"});
    let code = "MaximumNumberOfTrailsExceededException";
    let message = format!("User: {ACCOUNT} already has 5 trails in us-east-1.");
    refused(&bench, "us-east-1", "CreateTrail", sixth.clone(), code, &message).await;
    create(&bench, "eu-west-1", "local").await;
    // Elsewhere there is room, but a multi-region trail needs room everywhere.
    let becomes = json!({"Name": "local", "IsMultiRegionTrail": true});
    refused(&bench, "eu-west-1", "UpdateTrail", becomes, code, &message).await;
    let born = json!({"Name": "one-more", "S3BucketName": "logs", "IsMultiRegionTrail": true});
    refused(&bench, "eu-central-1", "CreateTrail", born, code, &message).await;
    ok(&bench, "us-east-1", "DeleteTrail", json!({"Name": "local-0"})).await;
    ok(&bench, "us-east-1", "CreateTrail", sixth).await;
}

#[tokio::test]
async fn names_and_arns_mean_the_same() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    for name in ["main".to_owned(), arn("us-east-1", "main")] {
        for operation in ["GetTrail", "GetTrailStatus", "StartLogging", "StopLogging", "UpdateTrail"] {
            ok(&bench, "us-east-1", operation, json!({"Name": name})).await;
        }
        for operation in ["GetEventSelectors"] {
            ok(&bench, "us-east-1", operation, json!({"TrailName": name})).await;
        }
    }
    let trail = ok(&bench, "us-east-1", "GetTrail", json!({"Name": "main"})).await;
    assert_eq!(trail["Trail"]["HomeRegion"], "us-east-1");
    assert_eq!(trail["Trail"]["HasCustomEventSelectors"], false);
    assert_eq!(trail["Trail"]["HasInsightSelectors"], false);
}

#[tokio::test]
async fn unknown_trails_are_called_as_aws_calls_them() {
    let bench = Bench::new();
    let by_arn = format!("Unknown trail: {} for the user: {ACCOUNT}", arn("us-east-1", "nope"));
    for operation in ["StartLogging", "StopLogging", "DeleteTrail", "GetTrailStatus"] {
        refused(&bench, "us-east-1", operation, json!({"Name": "nope"}), "TrailNotFoundException", &by_arn).await;
    }
    let by_name = format!("Unknown trail: nope for the user: {ACCOUNT}");
    for operation in ["GetTrail", "UpdateTrail"] {
        refused(&bench, "us-east-1", operation, json!({"Name": "nope"}), "TrailNotFoundException", &by_name).await;
    }
    for operation in ["GetEventSelectors", "GetInsightSelectors", "PutEventSelectors"] {
        refused(&bench, "us-east-1", operation, json!({"TrailName": "nope"}), "TrailNotFoundException", &by_name).await;
    }
    create(&bench, "us-east-1", "main").await;
    for foreign in
        [arn("us-east-1", "main").replace(ACCOUNT, "999999999999"), arn("us-east-1", "main").replace("arn:aws:", "arn:aws-cn:")]
    {
        refused_as(&bench, "us-east-1", "GetTrail", json!({"Name": foreign}), "TrailNotFoundException").await;
    }
}

#[tokio::test]
async fn malformed_references_are_told_apart() {
    let bench = Bench::new();
    let short = "Trail name too short. Minimum allowed length: 3 characters. Specified name length: 2 characters.";
    for operation in ["GetTrail", "GetTrailStatus", "StartLogging", "DeleteTrail", "UpdateTrail"] {
        refused(&bench, "us-east-1", operation, json!({"Name": "ab"}), "InvalidTrailNameException", short).await;
        for bad in ["arn:", "arn:aws:s3:::bucket", "arn:aws:cloudtrail:us-east-1:123456789012:channel/x"] {
            refused_as(&bench, "us-east-1", operation, json!({"Name": bad}), "CloudTrailARNInvalidException").await;
        }
        refused_as(&bench, "us-east-1", operation, json!({}), "InvalidTrailNameException").await;
        refused_as(&bench, "us-east-1", operation, json!({"Name": 7}), "SerializationException").await;
    }
    for (bad, message) in [
        ("-abc", "Trail name must starts with a letter or number."),
        ("abc-", "Trail name must ends with a letter or number."),
        (
            "a b c",
            "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).",
        ),
    ] {
        let input = json!({"Name": bad, "S3BucketName": "logs"});
        refused(&bench, "us-east-1", "CreateTrail", input, "InvalidTrailNameException", message).await;
    }
}

#[tokio::test]
async fn shadows_are_seen_by_arn_and_changed_only_at_home() {
    let bench = Bench::new();
    create_everywhere(&bench, "us-east-1", "wide").await;
    create(&bench, "us-east-1", "narrow").await;
    let (wide, narrow) = (arn("us-east-1", "wide"), arn("us-east-1", "narrow"));
    ok(&bench, "eu-west-1", "GetTrail", json!({"Name": wide})).await;
    ok(&bench, "eu-west-1", "GetTrailStatus", json!({"Name": wide})).await;
    refused_as(&bench, "eu-west-1", "GetTrail", json!({"Name": "wide"}), "TrailNotFoundException").await;
    refused_as(&bench, "eu-west-1", "GetTrail", json!({"Name": narrow}), "TrailNotFoundException").await;
    for operation in ["UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"] {
        refused_as(&bench, "eu-west-1", operation, json!({"Name": wide}), "InvalidHomeRegionException").await;
        let message = format!("Unknown trail: {} for the user: {ACCOUNT}", arn("eu-west-1", "wide"));
        let bare = json!({"Name": "wide"});
        if operation == "UpdateTrail" {
            refused_as(&bench, "eu-west-1", operation, bare, "TrailNotFoundException").await;
        } else {
            refused(&bench, "eu-west-1", operation, bare, "TrailNotFoundException", &message).await;
        }
    }
    for operation in ["PutEventSelectors", "PutInsightSelectors"] {
        let input = json!({"TrailName": wide, "InsightSelectors": [], "EventSelectors": [{}]});
        refused_as(&bench, "eu-west-1", operation, input, "InvalidHomeRegionException").await;
    }
    for operation in ["AddTags", "RemoveTags"] {
        refused_as(&bench, "eu-west-1", operation, json!({"ResourceId": wide}), "InvalidHomeRegionException").await;
    }
}

fn names(output: &Value, list: &str) -> Vec<String> {
    let list = output[list].as_array().expect("a list");
    list.iter().map(|trail| trail["Name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn trails_are_listed_with_their_shadows() {
    let bench = Bench::new();
    create_everywhere(&bench, "us-east-1", "wide").await;
    create(&bench, "us-east-1", "narrow").await;
    create(&bench, "eu-west-1", "local").await;
    let describe = async |region: &str, input: Value| names(&ok(&bench, region, "DescribeTrails", input).await, "trailList");
    assert_eq!(describe("us-east-1", json!({})).await, ["narrow", "wide"]);
    assert_eq!(describe("eu-west-1", json!({"includeShadowTrails": null})).await, ["local", "wide"]);
    assert_eq!(describe("eu-west-1", json!({"includeShadowTrails": false})).await, ["local"]);
    assert_eq!(describe("eu-west-1", json!({"trailNameList": ["wide", "nope", "local", "local"]})).await, ["local"]);
    assert_eq!(describe("eu-west-1", json!({"trailNameList": [arn("us-east-1", "wide")]})).await, ["wide"]);
    assert_eq!(describe("eu-west-1", json!({"trailNameList": ["nope"]})).await, Vec::<String>::new());
    assert_eq!(bench.last_record()["requestParameters"], json!({"trailNameList": ["nope"]}));
    refused_as(&bench, "us-east-1", "DescribeTrails", json!({"trailNameList": ["arn:x"]}), "CloudTrailARNInvalidException").await;

    let listed = ok(&bench, "eu-west-1", "ListTrails", json!({})).await;
    assert_eq!(names(&listed, "Trails"), ["local", "wide"]);
    assert_eq!(listed["Trails"][1], json!({"TrailARN": arn("us-east-1", "wide"), "Name": "wide", "HomeRegion": "us-east-1"}));
    refused_as(&bench, "us-east-1", "ListTrails", json!({"NextToken": "x"}), "InvalidTokenException").await;
}

#[tokio::test]
async fn logging_starts_and_stops_once() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let named = || json!({"Name": "main"});
    let empty = json!({
        "IsLogging": false, "LatestDeliveryAttemptTime": "", "LatestNotificationAttemptTime": "",
        "LatestNotificationAttemptSucceeded": "", "LatestDeliveryAttemptSucceeded": "", "TimeLoggingStarted": "",
        "TimeLoggingStopped": "",
    });
    assert_eq!(ok(&bench, "us-east-1", "GetTrailStatus", named()).await, empty);

    bench.clock.advance(Duration::milliseconds(1500));
    assert_eq!(ok(&bench, "us-east-1", "StartLogging", named()).await, json!({}));
    assert_eq!(bench.last_record()["requestParameters"], named().as_object().map(|_| json!({"name": "main"})).expect("object"));
    assert_eq!(bench.last_record()["responseElements"], Value::Null);
    bench.clock.advance(Duration::seconds(60));
    ok(&bench, "us-east-1", "StartLogging", named()).await;
    let status = ok(&bench, "us-east-1", "GetTrailStatus", named()).await;
    assert_eq!(status["IsLogging"], true);
    assert_eq!(status["StartLoggingTime"], json!(1_795_255_201.5));
    assert_eq!(status["TimeLoggingStarted"], "2026-11-21T10:00:01Z");
    assert_eq!(status.get("StopLoggingTime"), None);

    ok(&bench, "us-east-1", "StopLogging", named()).await;
    bench.clock.advance(Duration::seconds(60));
    ok(&bench, "us-east-1", "StopLogging", named()).await;
    let status = ok(&bench, "us-east-1", "GetTrailStatus", named()).await;
    assert_eq!(status["IsLogging"], false);
    assert_eq!(status["TimeLoggingStopped"], "2026-11-21T10:01:01Z");
    assert_eq!(status["StartLoggingTime"], json!(1_795_255_201.5));
}

#[tokio::test]
async fn status_is_that_of_the_region() {
    let bench = Bench::new();
    create_everywhere(&bench, "us-east-1", "wide").await;
    let mut status = TrailStatus {
        trail_id: trail_id(&stored(&bench, "us-east-1", "wide")),
        region: "eu-west-1".into(),
        latest_delivery_ms: Some(1_795_255_201_500),
        latest_delivery_attempt_ms: Some(1_795_255_202_000),
        latest_delivery_error: Some("AccessDenied".into()),
        latest_digest_delivery_ms: Some(1_795_255_203_000),
        latest_digest_delivery_error: None,
        ..TrailStatus::default()
    };
    let put = async |status: &TrailStatus| {
        let mut changes = Changes::new();
        changes.put(status);
        bench.app.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
    };
    put(&status).await;
    let wide = json!({"Name": arn("us-east-1", "wide")});
    let home = ok(&bench, "us-east-1", "GetTrailStatus", wide.clone()).await;
    assert_eq!(home.get("LatestDeliveryTime"), None);
    let there = ok(&bench, "eu-west-1", "GetTrailStatus", wide.clone()).await;
    assert_eq!(there["LatestDeliveryTime"], json!(1_795_255_201.5));
    assert_eq!(there["LatestDigestDeliveryTime"], json!(1_795_255_203));
    assert_eq!(there["LatestDeliveryError"], "AccessDenied");
    assert_eq!(there["LatestDeliveryAttemptTime"], "2026-11-21T10:00:02Z");
    assert_eq!(there["LatestDeliveryAttemptSucceeded"], "");
    status.latest_delivery_error = None;
    put(&status).await;
    let there = ok(&bench, "eu-west-1", "GetTrailStatus", wide).await;
    assert_eq!(there["LatestDeliveryAttemptSucceeded"], "2026-11-21T10:00:02Z");
    assert_eq!(there.get("LatestDeliveryError"), None);
}

#[tokio::test]
async fn a_deleted_trail_is_gone_and_its_name_free() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let first = stored(&bench, "us-east-1", "main");
    assert_eq!(ok(&bench, "us-east-1", "DeleteTrail", json!({"Name": "main"})).await, json!({}));
    assert!(bench.app.catalog.get::<Trail>(&first.key()).expect("catalog").is_none());
    refused_as(&bench, "us-east-1", "DeleteTrail", json!({"Name": "main"}), "TrailNotFoundException").await;
    create(&bench, "us-east-1", "main").await;
    assert_ne!(stored(&bench, "us-east-1", "main").incarnation, first.incarnation);
}

#[tokio::test]
async fn concurrent_creations_do_not_exceed_the_quota() {
    let bench = Bench::new();
    let tries = (0..12).map(|n| {
        let input = json!({"Name": format!("trail-{n}"), "S3BucketName": "logs"});
        bench.run(&SERVICE, bench.call(), "CreateTrail", input)
    });
    let created = futures::future::join_all(tries).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(created, 5);
}

#[tokio::test]
async fn what_is_missing_says_so_and_is_recorded() {
    let bench = Bench::new();
    for operation in super::super::MISSING {
        let message = format!("{operation} is not supported by OpenTrail yet.");
        refused(&bench, "us-east-1", operation, json!({}), "UnsupportedOperationException", &message).await;
    }
    refused_as(&bench, "us-east-1", "MakeTea", json!({}), "UnknownOperationException").await;
    assert_eq!(SERVICE.operations.len() + SERVICE.missing.len(), 60);
}
