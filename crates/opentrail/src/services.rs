//! The services that answer at the endpoint.

use opentrail_service_cloudwatch as cloudwatch;
use opentrail_service_events as events;
use opentrail_services::{
    Service, cloudtrail, cloudtrail_data, flattened, iam, kms, logs, opentrail, organizations, sns, sqs, sts,
};
use opentrail_wire::FlatMember;

/// The members of a service that are not the same in all its protocols.
pub fn members_of(service: &Service) -> &'static [FlatMember] {
    if service.name == cloudwatch::SERVICE.name { cloudwatch::MEMBERS } else { flattened(service) }
}

/// Every service, apart from S3.
pub const SERVICES: &[&Service] = &[
    &cloudtrail::SERVICE,
    &cloudtrail_data::SERVICE,
    &cloudwatch::SERVICE,
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
