//! The region names OpenTrail knows without configuration.

/// AWS's commercial regions; the default of the `regions` setting.
pub const COMMERCIAL: &[&str] = &[
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "af-south-1",
    "ap-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
];

/// Where the events of global services (IAM, STS's global endpoint, sign-in) are recorded.
pub const GLOBAL_SERVICE_REGION: &str = "us-east-1";

/// Event sources whose events are global (recorded once, in [`GLOBAL_SERVICE_REGION`]).
///
/// STS has both kinds of endpoint: its events are global exactly when they were recorded in the global region.
pub fn is_global_source(event_source: &str) -> bool {
    matches!(event_source, "iam.amazonaws.com" | "sts.amazonaws.com" | "cloudfront.amazonaws.com" | "signin.amazonaws.com")
}
