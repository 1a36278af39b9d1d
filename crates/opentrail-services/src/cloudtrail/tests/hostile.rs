//! Whatever JSON comes in, every operation answers, and the call is recorded.

use super::SERVICE;
use crate::testing::{Bench, hostile};
use proptest::prelude::*;

/// Members that operations look at, so that random values reach further than the first missing member.
const MEMBERS: &[&str] = &[
    "Name",
    "TrailName",
    "S3BucketName",
    "S3KeyPrefix",
    "SnsTopicName",
    "CloudWatchLogsLogGroupArn",
    "CloudWatchLogsRoleArn",
    "KmsKeyId",
    "IsMultiRegionTrail",
    "IncludeGlobalServiceEvents",
    "TagsList",
    "Key",
    "Value",
    "ResourceId",
    "ResourceIdList",
    "trailNameList",
    "EventSelectors",
    "AdvancedEventSelectors",
    "FieldSelectors",
    "Field",
    "Equals",
    "DataResources",
    "Values",
    "Type",
    "InsightSelectors",
    "InsightType",
    "LookupAttributes",
    "AttributeKey",
    "AttributeValue",
    "StartTime",
    "EndTime",
    "MaxResults",
    "NextToken",
    "EventCategory",
];

const TEXTS: &[&str] = &[
    "main",
    "arn:aws:cloudtrail:us-east-1:123456789012:trail/main",
    "arn:aws:cloudtrail:us-east-1:123456789012:trail/",
    "arn:::::",
    "logs",
    "EventName",
    "eventCategory",
    "Data",
    "2026-11-21T10:00:00Z",
    "aws:x",
    "\u{0}\u{ffff}é",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics(inputs in prop::collection::vec(hostile::json(MEMBERS, TEXTS), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        let bench = Bench::new();
        hostile::run_all(&runtime, &bench, &SERVICE, &inputs);
    }
}
