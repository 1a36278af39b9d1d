//! The services that answer at the endpoint.

use opentrail_service_events as events;
use opentrail_services::{Service, cloudtrail, cloudtrail_data, iam, kms, logs, opentrail, organizations, sns, sqs, sts};

/// Every service, apart from S3.
pub const SERVICES: &[&Service] = &[
    &cloudtrail::SERVICE,
    &cloudtrail_data::SERVICE,
    &events::SERVICE,
    &iam::SERVICE,
    &kms::SERVICE,
    &logs::SERVICE,
    &opentrail::SERVICE,
    &organizations::SERVICE,
    &sns::SERVICE,
    &sqs::SERVICE,
    &sts::SERVICE,
];
