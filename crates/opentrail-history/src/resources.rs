//! The resources that LookupEvents answers for a record and finds it by.

use serde_json::Value;

/// Most resources of one record; the rest is neither answered nor indexed.
pub(crate) const MAX_RESOURCES: usize = 250;

const BUCKET: &str = "AWS::S3::Bucket";
const INSTANCE: &str = "AWS::EC2::Instance";
const ROLE: &str = "AWS::IAM::Role";
const TRAIL: &str = "AWS::CloudTrail::Trail";
const KEY: &str = "AWS::KMS::Key";

/// Request parameters that name a resource: service (empty for any), place, resource type.
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("", "requestParameters.bucketName", BUCKET),
    ("cloudtrail", "requestParameters.s3BucketName", BUCKET),
    ("cloudtrail", "requestParameters.trailName", TRAIL),
    ("cloudtrail", "requestParameters.eventDataStore", "AWS::CloudTrail::EventDataStore"),
    ("cloudtrail", "requestParameters.channel", "AWS::CloudTrail::Channel"),
    ("iam", "requestParameters.userName", "AWS::IAM::User"),
    ("iam", "requestParameters.roleName", ROLE),
    ("iam", "requestParameters.groupName", "AWS::IAM::Group"),
    ("iam", "requestParameters.policyArn", "AWS::IAM::Policy"),
    ("iam", "requestParameters.instanceProfileName", "AWS::IAM::InstanceProfile"),
    ("iam", "requestParameters.accessKeyId", "AWS::IAM::AccessKey"),
    ("", "requestParameters.roleArn", ROLE),
    ("kms", "requestParameters.keyId", KEY),
    ("", "requestParameters.kmsKeyId", KEY),
    ("lambda", "requestParameters.functionName", "AWS::Lambda::Function"),
    ("", "requestParameters.instanceId", INSTANCE),
    ("", "requestParameters.instanceIds", INSTANCE),
    ("ec2", "requestParameters.volumeId", "AWS::EC2::Volume"),
    ("ec2", "requestParameters.snapshotId", "AWS::EC2::Snapshot"),
    ("ec2", "requestParameters.imageId", "AWS::EC2::Ami"),
    ("ec2", "requestParameters.groupId", "AWS::EC2::SecurityGroup"),
    ("ec2", "requestParameters.vpcId", "AWS::EC2::VPC"),
    ("ec2", "requestParameters.subnetId", "AWS::EC2::Subnet"),
    ("dynamodb", "requestParameters.tableName", "AWS::DynamoDB::Table"),
    ("rds", "requestParameters.dBInstanceIdentifier", "AWS::RDS::DBInstance"),
    ("rds", "requestParameters.dBClusterIdentifier", "AWS::RDS::DBCluster"),
    ("secretsmanager", "requestParameters.secretId", "AWS::SecretsManager::Secret"),
    ("sns", "requestParameters.topicArn", "AWS::SNS::Topic"),
    ("logs", "requestParameters.logGroupName", "AWS::Logs::LogGroup"),
    ("cloudformation", "requestParameters.stackName", "AWS::CloudFormation::Stack"),
];

const REQUEST: &str = "requestParameters.";

/// Places outside of the parameters that name a resource: service, place, resource type.
const OTHER_PLACES: &[(&str, &str, &str)] = &[
    ("cloudtrail", "requestParameters.name", TRAIL),
    ("", "requestParameters.instancesSet.items.instanceId", INSTANCE),
    ("", "responseElements.instancesSet.items.instanceId", INSTANCE),
    ("", "responseElements.trailARN", TRAIL),
    ("", "responseElements.accessKey.accessKeyId", "AWS::IAM::AccessKey"),
    ("", "responseElements.assumedRoleUser.arn", "AWS::STS::AssumedRole"),
];

/// Where the list of resources has names, and where types.
pub(crate) const LISTED_NAMES: [&str; 4] = ["resources.ARN", "resources.arn", "resources.ARNPrefix", "resources.resourceName"];
pub(crate) const LISTED_TYPES: [&str; 2] = ["resources.type", "resources.resourceType"];

/// Every place at which a resource can be named, as records spell them.
pub(crate) fn name_places() -> impl Iterator<Item = &'static str> {
    LISTED_NAMES.into_iter().chain(PARAMETERS.iter().chain(OTHER_PLACES).map(|(_, place, _)| *place))
}

/// Services (empty for any) and places outside of the list that name resources of a type.
pub(crate) fn places_of(kind: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    PARAMETERS.iter().chain(OTHER_PLACES).filter(move |(_, _, of)| *of == kind).map(|(service, place, _)| (*service, *place))
}

/// Resources that LookupEvents answers for a record, as (type, name): from `resources`, from well-known request
/// parameters and from what the response says was created. No pair comes twice.
///
/// Names are as the record spells them: an ARN where it has one. Buckets given by ARN are answered by name as well.
pub fn lookup_resources(record: &Value) -> Vec<(String, String)> {
    RecordParts {
        event_source: record["eventSource"].as_str(),
        event_name: record["eventName"].as_str(),
        resources: &record["resources"],
        request: &record["requestParameters"],
        response: &record["responseElements"],
    }
    .resources()
}

/// The members of a record that name resources.
pub(crate) struct RecordParts<'a> {
    pub event_source: Option<&'a str>,
    pub event_name: Option<&'a str>,
    pub resources: &'a Value,
    pub request: &'a Value,
    pub response: &'a Value,
}

impl RecordParts<'_> {
    pub(crate) fn resources(&self) -> Vec<(String, String)> {
        let mut found = Found::default();
        self.listed(&mut found);
        self.requested(&mut found);
        self.created(&mut found);
        found.0
    }

    fn listed(&self, found: &mut Found) {
        for resource in self.resources.as_array().into_iter().flatten() {
            let arn = ["ARN", "arn", "ARNPrefix", "resourceName"].iter().find_map(|key| resource[*key].as_str());
            let kind = ["type", "resourceType"].iter().find_map(|key| resource[*key].as_str());
            let Some((arn, kind)) = arn.and_then(|arn| Some((arn, kind.or_else(|| kind_of_arn(arn))?))) else { continue };
            found.add(kind, arn);
            if let (BUCKET, Some(name)) = (kind, arn.strip_prefix("arn:aws:s3:::")) {
                found.add(kind, name);
            }
        }
    }

    fn requested(&self, found: &mut Found) {
        let service = self.event_source.and_then(|source| source.split('.').next()).unwrap_or_default();
        for (of, parameter, kind) in PARAMETERS {
            if of.is_empty() || *of == service {
                found.add_all(kind, &self.request[parameter.trim_start_matches(REQUEST)]);
            }
        }
        if service == "cloudtrail" && !self.event_name.is_some_and(names_something_else) {
            found.add_all(TRAIL, &self.request["name"]);
        }
        found.add_items(INSTANCE, &self.request["instancesSet"], "instanceId");
    }

    fn created(&self, found: &mut Found) {
        found.add_items(INSTANCE, &self.response["instancesSet"], "instanceId");
        found.add_all(TRAIL, &self.response["trailARN"]);
        found.add_all("AWS::IAM::AccessKey", &self.response["accessKey"]["accessKeyId"]);
        found.add_all("AWS::STS::AssumedRole", &self.response["assumedRoleUser"]["arn"]);
    }
}

/// Whether the `name` of a CloudTrail request is that of something other than a trail.
fn names_something_else(event_name: &str) -> bool {
    ["EventDataStore", "Channel", "Dashboard"].iter().any(|word| event_name.contains(word))
}

/// Types that ARNs tell: service, the word before the name, type.
const ARN_TYPES: &[(&str, &str, &str)] = &[
    ("iam", "role", ROLE),
    ("iam", "user", "AWS::IAM::User"),
    ("iam", "policy", "AWS::IAM::Policy"),
    ("kms", "key", KEY),
    ("lambda", "function", "AWS::Lambda::Function"),
    ("secretsmanager", "secret", "AWS::SecretsManager::Secret"),
    ("cloudtrail", "trail", TRAIL),
];
const OBJECT: &str = "AWS::S3::Object";

/// The type of a resource that comes without one.
fn kind_of_arn(arn: &str) -> Option<&'static str> {
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2)?;
    let resource = parts.nth(2)?;
    if service == "s3" {
        return Some(if resource.contains('/') { OBJECT } else { BUCKET });
    }
    let word = resource.split(['/', ':']).next()?;
    ARN_TYPES.iter().find(|(of, first, _)| *of == service && *first == word).map(|(_, _, kind)| *kind)
}

/// Whether a resource can have the type because of its ARN.
pub(crate) fn is_kind_of_arns(kind: &str) -> bool {
    kind == OBJECT || kind == BUCKET || ARN_TYPES.iter().any(|(_, _, known)| *known == kind)
}

#[derive(Default)]
struct Found(Vec<(String, String)>);

impl Found {
    fn add(&mut self, kind: &str, name: &str) {
        let known = self.0.iter().any(|(k, n)| k == kind && n == name);
        if !known && !name.is_empty() && !kind.is_empty() && self.0.len() < MAX_RESOURCES {
            self.0.push((kind.to_owned(), name.to_owned()));
        }
    }

    /// A string, or an array of them.
    fn add_all(&mut self, kind: &str, names: &Value) {
        let listed = names.as_array().map(Vec::as_slice).unwrap_or_default();
        for name in names.as_str().into_iter().chain(listed.iter().filter_map(Value::as_str)) {
            self.add(kind, name);
        }
    }

    /// EC2's `{"items": [{"instanceId": "i-1"}]}`.
    fn add_items(&mut self, kind: &str, set: &Value, key: &str) {
        for item in set["items"].as_array().into_iter().flatten() {
            self.add_all(kind, &item[key]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(record: Value, expect: &[(&str, &str)]) {
        let found = lookup_resources(&record);
        let found: Vec<_> = found.iter().map(|(kind, name)| (kind.as_str(), name.as_str())).collect();
        assert_eq!(found, expect, "{record}");
    }

    #[test]
    fn resources_come_from_list_request_and_response() {
        check(
            json!({"eventSource": "s3.amazonaws.com", "requestParameters": {"bucketName": "b"},
                "resources": [{"type": BUCKET, "ARN": "arn:aws:s3:::b"}, {"ARN": "arn:aws:kms:x:1:key/k"}, "odd", {}]}),
            &[(BUCKET, "arn:aws:s3:::b"), (BUCKET, "b"), (KEY, "arn:aws:kms:x:1:key/k")],
        );
        check(
            json!({"eventSource": "cloudtrail.amazonaws.com", "eventName": "CreateTrail",
                "requestParameters": {"name": "t", "s3BucketName": "b"}, "responseElements": {"trailARN": "arn:t"}}),
            &[(BUCKET, "b"), (TRAIL, "t"), (TRAIL, "arn:t")],
        );
        check(
            json!({"eventSource": "cloudtrail.amazonaws.com", "eventName": "CreateChannel", "requestParameters": {"name": "c"}}),
            &[],
        );
        check(
            json!({"eventSource": "ec2.amazonaws.com", "requestParameters": {"instancesSet": {"items": [{"instanceId": "i-1"}]}},
                "responseElements": {"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}}}),
            &[(INSTANCE, "i-1"), (INSTANCE, "i-2")],
        );
        check(json!({"eventSource": "iam.amazonaws.com", "requestParameters": {"userName": "u"}}), &[("AWS::IAM::User", "u")]);
        check(json!({"eventSource": "s3.amazonaws.com", "requestParameters": {"userName": "u"}}), &[]);
        check(json!({"requestParameters": "text", "resources": null}), &[]);
    }
}
