//! The table of S3's operations: how they are recognised, recorded and authorised.

use http::Method;

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Service,
    Bucket,
    Object,
}

/// One operation.
#[derive(Debug)]
pub struct S3Operation {
    /// The name CloudTrail records.
    pub name: &'static str,
    pub method: Method,
    pub scope: Scope,
    /// The query parameter or header that tells it from others of its method and scope; empty for none.
    pub marker: &'static str,
    /// What IAM calls the right to it.
    pub action: &'static str,
    /// Whether CloudTrail counts it as a data event.
    pub data: bool,
}

impl S3Operation {
    /// Whether it leaves everything as it was.
    pub fn read_only(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

macro_rules! operations {
    ($($method:ident $scope:ident $marker:literal $name:literal $action:literal $category:ident;)*) => {
        &[$(S3Operation {
            name: $name,
            method: Method::$method,
            scope: Scope::$scope,
            marker: $marker,
            action: concat!("s3:", $action),
            data: operations!(@ $category),
        },)*]
    };
    (@ data) => { true };
    (@ management) => { false };
}

/// Of operations that share method and scope, those with markers come first.
///
/// Names and categories: Amazon S3 User Guide, "Amazon S3 CloudTrail events"; actions: Service Authorization Reference.
#[rustfmt::skip]
const OPERATIONS: &[S3Operation] = operations! {
    GET    Service ""                  "ListBuckets"                       "ListAllMyBuckets"                  management;
    GET    Bucket  "accelerate"        "GetAccelerateConfiguration"        "GetAccelerateConfiguration"        management;
    PUT    Bucket  "accelerate"        "PutAccelerateConfiguration"        "PutAccelerateConfiguration"        management;
    GET    Bucket  "acl"               "GetBucketAcl"                      "GetBucketAcl"                      management;
    PUT    Bucket  "acl"               "PutBucketAcl"                      "PutBucketAcl"                      management;
    GET    Bucket  "analytics"         "GetAnalyticsConfiguration"         "GetAnalyticsConfiguration"         management;
    PUT    Bucket  "analytics"         "PutAnalyticsConfiguration"         "PutAnalyticsConfiguration"         management;
    DELETE Bucket  "analytics"         "DeleteAnalyticsConfiguration"      "PutAnalyticsConfiguration"         management;
    GET    Bucket  "cors"              "GetBucketCors"                     "GetBucketCORS"                     management;
    PUT    Bucket  "cors"              "PutBucketCors"                     "PutBucketCORS"                     management;
    DELETE Bucket  "cors"              "DeleteBucketCors"                  "PutBucketCORS"                     management;
    GET    Bucket  "encryption"        "GetBucketEncryption"               "GetEncryptionConfiguration"        management;
    PUT    Bucket  "encryption"        "PutBucketEncryption"               "PutEncryptionConfiguration"        management;
    DELETE Bucket  "encryption"        "DeleteBucketEncryption"            "PutEncryptionConfiguration"        management;
    GET    Bucket  "intelligent-tiering" "GetBucketIntelligentTieringConfiguration" "GetIntelligentTieringConfiguration" management;
    GET    Bucket  "inventory"         "GetInventoryConfiguration"         "GetInventoryConfiguration"         management;
    PUT    Bucket  "inventory"         "PutInventoryConfiguration"         "PutInventoryConfiguration"         management;
    GET    Bucket  "lifecycle"         "GetBucketLifecycle"                "GetLifecycleConfiguration"         management;
    PUT    Bucket  "lifecycle"         "PutBucketLifecycle"                "PutLifecycleConfiguration"         management;
    DELETE Bucket  "lifecycle"         "DeleteBucketLifecycle"             "PutLifecycleConfiguration"         management;
    GET    Bucket  "location"          "GetBucketLocation"                 "GetBucketLocation"                 management;
    GET    Bucket  "logging"           "GetBucketLogging"                  "GetBucketLogging"                  management;
    PUT    Bucket  "logging"           "PutBucketLogging"                  "PutBucketLogging"                  management;
    GET    Bucket  "metrics"           "GetMetricsConfiguration"           "GetMetricsConfiguration"           management;
    PUT    Bucket  "metrics"           "PutMetricsConfiguration"           "PutMetricsConfiguration"           management;
    GET    Bucket  "notification"      "GetBucketNotification"             "GetBucketNotification"             management;
    PUT    Bucket  "notification"      "PutBucketNotification"             "PutBucketNotification"             management;
    GET    Bucket  "object-lock"       "GetBucketObjectLockConfiguration"  "GetBucketObjectLockConfiguration"  management;
    PUT    Bucket  "object-lock"       "PutBucketObjectLockConfiguration"  "PutBucketObjectLockConfiguration"  management;
    GET    Bucket  "ownershipControls" "GetBucketOwnershipControls"        "GetBucketOwnershipControls"        management;
    PUT    Bucket  "ownershipControls" "PutBucketOwnershipControls"        "PutBucketOwnershipControls"        management;
    DELETE Bucket  "ownershipControls" "DeleteBucketOwnershipControls"     "PutBucketOwnershipControls"        management;
    GET    Bucket  "policy"            "GetBucketPolicy"                   "GetBucketPolicy"                   management;
    PUT    Bucket  "policy"            "PutBucketPolicy"                   "PutBucketPolicy"                   management;
    DELETE Bucket  "policy"            "DeleteBucketPolicy"                "DeleteBucketPolicy"                management;
    GET    Bucket  "policyStatus"      "GetBucketPolicyStatus"             "GetBucketPolicyStatus"             management;
    GET    Bucket  "publicAccessBlock" "GetBucketPublicAccessBlock"        "GetBucketPublicAccessBlock"        management;
    PUT    Bucket  "publicAccessBlock" "PutBucketPublicAccessBlock"        "PutBucketPublicAccessBlock"        management;
    DELETE Bucket  "publicAccessBlock" "DeleteBucketPublicAccessBlock"     "PutBucketPublicAccessBlock"        management;
    GET    Bucket  "replication"       "GetBucketReplication"              "GetReplicationConfiguration"       management;
    PUT    Bucket  "replication"       "PutBucketReplication"              "PutReplicationConfiguration"       management;
    DELETE Bucket  "replication"       "DeleteBucketReplication"           "PutReplicationConfiguration"       management;
    GET    Bucket  "requestPayment"    "GetBucketRequestPayment"           "GetBucketRequestPayment"           management;
    PUT    Bucket  "requestPayment"    "PutBucketRequestPayment"           "PutBucketRequestPayment"           management;
    GET    Bucket  "tagging"           "GetBucketTagging"                  "GetBucketTagging"                  management;
    PUT    Bucket  "tagging"           "PutBucketTagging"                  "PutBucketTagging"                  management;
    DELETE Bucket  "tagging"           "DeleteBucketTagging"               "PutBucketTagging"                  management;
    GET    Bucket  "versioning"        "GetBucketVersioning"               "GetBucketVersioning"               management;
    PUT    Bucket  "versioning"        "PutBucketVersioning"               "PutBucketVersioning"               management;
    GET    Bucket  "website"           "GetBucketWebsite"                  "GetBucketWebsite"                  management;
    PUT    Bucket  "website"           "PutBucketWebsite"                  "PutBucketWebsite"                  management;
    DELETE Bucket  "website"           "DeleteBucketWebsite"               "DeleteBucketWebsite"               management;
    GET    Bucket  "uploads"           "ListMultipartUploads"              "ListBucketMultipartUploads"        data;
    GET    Bucket  "versions"          "ListObjectVersions"                "ListBucketVersions"                data;
    POST   Bucket  "delete"            "DeleteObjects"                     "DeleteObject"                      data;
    GET    Bucket  ""                  "ListObjects"                       "ListBucket"                        data;
    HEAD   Bucket  ""                  "HeadBucket"                        "ListBucket"                        management;
    PUT    Bucket  ""                  "CreateBucket"                      "CreateBucket"                      management;
    DELETE Bucket  ""                  "DeleteBucket"                      "DeleteBucket"                      management;
    POST   Bucket  ""                  "PostObject"                        "PutObject"                         data;
    GET    Object  "acl"               "GetObjectAcl"                      "GetObjectAcl"                      data;
    PUT    Object  "acl"               "PutObjectAcl"                      "PutObjectAcl"                      data;
    GET    Object  "attributes"        "GetObjectAttributes"               "GetObjectAttributes"               data;
    GET    Object  "legal-hold"        "GetObjectLegalHold"                "GetObjectLegalHold"                data;
    PUT    Object  "legal-hold"        "PutObjectLegalHold"                "PutObjectLegalHold"                data;
    GET    Object  "retention"         "GetObjectRetention"                "GetObjectRetention"                data;
    PUT    Object  "retention"         "PutObjectRetention"                "PutObjectRetention"                data;
    GET    Object  "tagging"           "GetObjectTagging"                  "GetObjectTagging"                  data;
    PUT    Object  "tagging"           "PutObjectTagging"                  "PutObjectTagging"                  data;
    DELETE Object  "tagging"           "DeleteObjectTagging"               "DeleteObjectTagging"               data;
    GET    Object  "torrent"           "GetObjectTorrent"                  "GetObjectTorrent"                  data;
    POST   Object  "restore"           "RestoreObject"                     "RestoreObject"                     data;
    POST   Object  "select"            "SelectObjectContent"               "GetObject"                         data;
    POST   Object  "uploads"           "CreateMultipartUpload"             "PutObject"                         data;
    POST   Object  "uploadId"          "CompleteMultipartUpload"           "PutObject"                         data;
    GET    Object  "uploadId"          "ListParts"                         "ListMultipartUploadParts"          data;
    DELETE Object  "uploadId"          "AbortMultipartUpload"              "AbortMultipartUpload"              data;
    GET    Object  ""                  "GetObject"                         "GetObject"                         data;
    HEAD   Object  ""                  "HeadObject"                        "GetObject"                         data;
    DELETE Object  ""                  "DeleteObject"                      "DeleteObject"                      data;
};

/// PUTs of objects, which a header tells apart.
#[rustfmt::skip]
const OBJECT_PUTS: &[S3Operation] = operations! {
    PUT    Object  ""                  "PutObject"                         "PutObject"                         data;
    PUT    Object  "x-amz-copy-source" "CopyObject"                        "PutObject"                         data;
    PUT    Object  "uploadId"          "UploadPart"                        "PutObject"                         data;
    PUT    Object  "uploadId"          "UploadPartCopy"                    "PutObject"                         data;
};

/// Of an account, at a path of their own.
#[rustfmt::skip]
const CONTROL: &[S3Operation] = operations! {
    GET    Service ""                  "GetAccountPublicAccessBlock"       "GetAccountPublicAccessBlock"       management;
    PUT    Service ""                  "PutAccountPublicAccessBlock"       "PutAccountPublicAccessBlock"       management;
    DELETE Service ""                  "DeleteAccountPublicAccessBlock"    "PutAccountPublicAccessBlock"       management;
};

/// What is asked by a method on a path that has none.
#[rustfmt::skip]
const UNKNOWN: &[S3Operation] = operations! {
    POST   Service ""                  "UnknownOperation"                  "UnknownOperation"                  management;
};

/// The operation on an account that a method asks for.
pub fn find_control(method: &Method) -> &'static S3Operation {
    CONTROL.iter().find(|operation| operation.method == *method).unwrap_or(&UNKNOWN[0])
}

/// The names of the operations on accounts, all of which are there.
pub fn control_names() -> impl Iterator<Item = &'static str> {
    CONTROL.iter().map(|operation| operation.name)
}

/// The names of all operations on buckets and objects.
pub fn names() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().chain(OBJECT_PUTS).map(|operation| operation.name)
}

/// The operation that a request's head asks for.
pub fn find(method: &Method, scope: Scope, has_parameter: impl Fn(&str) -> bool, is_copy: bool) -> &'static S3Operation {
    let found = OPERATIONS.iter().find(|operation| {
        operation.method == *method
            && operation.scope == scope
            && (operation.marker.is_empty() || has_parameter(operation.marker))
    });
    match found {
        Some(operation) => operation,
        None if *method == Method::PUT && scope == Scope::Object => match (has_parameter("uploadId"), is_copy) {
            (false, false) => &OBJECT_PUTS[0],
            (false, true) => &OBJECT_PUTS[1],
            (true, false) => &OBJECT_PUTS[2],
            (true, true) => &OBJECT_PUTS[3],
        },
        None => &UNKNOWN[0],
    }
}

/// The name by which an operation of `s3s` is recorded.
pub fn recorded_name(name: &str) -> &str {
    match name {
        "ListObjectsV2" => "ListObjects",
        "GetBucketLifecycleConfiguration" => "GetBucketLifecycle",
        "PutBucketLifecycleConfiguration" => "PutBucketLifecycle",
        "GetBucketNotificationConfiguration" => "GetBucketNotification",
        "PutBucketNotificationConfiguration" => "PutBucketNotification",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "PutPublicAccessBlock" => "PutBucketPublicAccessBlock",
        "DeletePublicAccessBlock" => "DeleteBucketPublicAccessBlock",
        "GetObjectLockConfiguration" => "GetBucketObjectLockConfiguration",
        "PutObjectLockConfiguration" => "PutBucketObjectLockConfiguration",
        "GetBucketAccelerateConfiguration" => "GetAccelerateConfiguration",
        "PutBucketAccelerateConfiguration" => "PutAccelerateConfiguration",
        "GetBucketInventoryConfiguration" => "GetInventoryConfiguration",
        "GetBucketMetricsConfiguration" => "GetMetricsConfiguration",
        "GetBucketAnalyticsConfiguration" => "GetAnalyticsConfiguration",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_recognised() {
        let check = |method: Method, scope, parameters: &[&str], copy, expect: &str| {
            assert_eq!(find(&method, scope, |name| parameters.contains(&name), copy).name, expect);
        };
        check(Method::GET, Scope::Service, &[], false, "ListBuckets");
        check(Method::GET, Scope::Bucket, &["list-type"], false, "ListObjects");
        check(Method::GET, Scope::Bucket, &["policyStatus"], false, "GetBucketPolicyStatus");
        check(Method::PUT, Scope::Bucket, &[], false, "CreateBucket");
        check(Method::PUT, Scope::Object, &["uploadId", "partNumber"], true, "UploadPartCopy");
        check(Method::PUT, Scope::Object, &["acl"], false, "PutObjectAcl");
        check(Method::PUT, Scope::Object, &[], true, "CopyObject");
        check(Method::POST, Scope::Object, &["uploads"], false, "CreateMultipartUpload");
        check(Method::PATCH, Scope::Object, &[], false, "UnknownOperation");
    }
}
