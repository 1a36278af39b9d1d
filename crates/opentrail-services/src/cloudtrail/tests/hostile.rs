//! Whatever JSON comes in, every operation answers, and the call is recorded.

use super::SERVICE;
use crate::testing::hostile;

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

#[test]
fn nothing_panics() {
    hostile::check(&SERVICE, MEMBERS, TEXTS, |_, _, _| {});
}
