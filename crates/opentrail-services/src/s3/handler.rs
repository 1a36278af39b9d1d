//! The operations as `s3s` calls them, each handed to the file it lives in. What is not here answers `NotImplemented`.

use super::settings::{self, not_set};
use super::{
    S3Context, attributes, bucket, copy, delete, encryption, lifecycle, listing, multipart, notification, object, object_lock,
    policy, public_access, read, restore, tagging, versioning, versions,
};
use async_trait::async_trait;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};
use std::sync::Arc;

/// All operations.
pub struct Operations(Arc<S3Context>);

impl Operations {
    pub fn new(context: Arc<S3Context>) -> Self {
        Self(context)
    }
}

/// `name: Input -> Output = body`, where the body sees the context and the request.
macro_rules! operations {
    ($($name:ident: $input:ident -> $output:ident = |$context:ident, $req:ident| $body:expr;)*) => {
        /// The operations that are here, by their names in `s3s`.
        pub const IMPLEMENTED: &[&str] = &[$(stringify!($name)),*];

        #[async_trait]
        impl S3 for Operations {
            $(async fn $name(&self, $req: S3Request<$input>) -> S3Result<S3Response<$output>> {
                let $context = &*self.0;
                $body
            })*
        }
    };
}

operations! {
    list_buckets: ListBucketsInput -> ListBucketsOutput = |context, req| bucket::list(context, &req);
    create_bucket: CreateBucketInput -> CreateBucketOutput = |context, req| bucket::create(context, req).await;
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput = |context, req| bucket::delete(context, req).await;
    head_bucket: HeadBucketInput -> HeadBucketOutput = |_context, req| bucket::head(&req);
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput = |_context, req| bucket::location(&req);
    get_bucket_acl: GetBucketAclInput -> GetBucketAclOutput = |_context, req| bucket::acl(&req);
    put_bucket_acl: PutBucketAclInput -> PutBucketAclOutput = |_context, req| bucket::put_acl(req).await;

    put_bucket_policy: PutBucketPolicyInput -> PutBucketPolicyOutput = |context, req| policy::put(context, req).await;
    get_bucket_policy: GetBucketPolicyInput -> GetBucketPolicyOutput = |_context, req| policy::get(&req);
    delete_bucket_policy: DeleteBucketPolicyInput -> DeleteBucketPolicyOutput = |context, req| policy::delete(context, req).await;
    get_bucket_policy_status: GetBucketPolicyStatusInput -> GetBucketPolicyStatusOutput = |_context, req| policy::status(&req);

    get_bucket_tagging: GetBucketTaggingInput -> GetBucketTaggingOutput = |_context, req| tagging::of_bucket(&req);
    put_bucket_tagging: PutBucketTaggingInput -> PutBucketTaggingOutput = |context, req| tagging::put_of_bucket(context, req).await;
    delete_bucket_tagging: DeleteBucketTaggingInput -> DeleteBucketTaggingOutput = |context, req| tagging::delete_of_bucket(context, req).await;
    get_bucket_versioning: GetBucketVersioningInput -> GetBucketVersioningOutput = |_context, req| versioning::get(&req);
    put_bucket_versioning: PutBucketVersioningInput -> PutBucketVersioningOutput = |context, req| versioning::put(context, req).await;
    get_bucket_accelerate_configuration: GetBucketAccelerateConfigurationInput -> GetBucketAccelerateConfigurationOutput = |_context, _req| Ok(S3Response::new(GetBucketAccelerateConfigurationOutput::default()));
    get_bucket_logging: GetBucketLoggingInput -> GetBucketLoggingOutput = |_context, _req| Ok(S3Response::new(GetBucketLoggingOutput::default()));
    put_bucket_logging: PutBucketLoggingInput -> PutBucketLoggingOutput = |context, req| settings::put_logging(context, req).await;
    get_bucket_notification_configuration: GetBucketNotificationConfigurationInput -> GetBucketNotificationConfigurationOutput = |_context, req| notification::get(&req);
    put_bucket_notification_configuration: PutBucketNotificationConfigurationInput -> PutBucketNotificationConfigurationOutput = |context, req| notification::put(context, req).await;
    get_bucket_request_payment: GetBucketRequestPaymentInput -> GetBucketRequestPaymentOutput = |_context, _req| Ok(settings::request_payment());
    get_bucket_encryption: GetBucketEncryptionInput -> GetBucketEncryptionOutput = |_context, req| encryption::get(&req);
    put_bucket_encryption: PutBucketEncryptionInput -> PutBucketEncryptionOutput = |context, req| encryption::put(context, req).await;
    delete_bucket_encryption: DeleteBucketEncryptionInput -> DeleteBucketEncryptionOutput = |context, req| encryption::delete(context, req).await;
    get_bucket_cors: GetBucketCorsInput -> GetBucketCorsOutput = |_context, _req| Err(not_set("NoSuchCORSConfiguration", "The CORS configuration does not exist"));
    get_bucket_website: GetBucketWebsiteInput -> GetBucketWebsiteOutput = |_context, _req| Err(not_set("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"));
    get_bucket_lifecycle_configuration: GetBucketLifecycleConfigurationInput -> GetBucketLifecycleConfigurationOutput = |_context, req| lifecycle::get(&req);
    put_bucket_lifecycle_configuration: PutBucketLifecycleConfigurationInput -> PutBucketLifecycleConfigurationOutput = |context, req| lifecycle::put(context, req).await;
    delete_bucket_lifecycle: DeleteBucketLifecycleInput -> DeleteBucketLifecycleOutput = |context, req| lifecycle::delete(context, req).await;
    get_bucket_replication: GetBucketReplicationInput -> GetBucketReplicationOutput = |_context, _req| Err(not_set("ReplicationConfigurationNotFoundError", "The replication configuration was not found"));
    get_object_lock_configuration: GetObjectLockConfigurationInput -> GetObjectLockConfigurationOutput = |_context, req| object_lock::get_configuration(&req);
    put_object_lock_configuration: PutObjectLockConfigurationInput -> PutObjectLockConfigurationOutput = |context, req| object_lock::put_configuration(context, req).await;
    get_bucket_ownership_controls: GetBucketOwnershipControlsInput -> GetBucketOwnershipControlsOutput = |_context, req| settings::ownership(&req);
    put_bucket_ownership_controls: PutBucketOwnershipControlsInput -> PutBucketOwnershipControlsOutput = |context, req| settings::put_ownership(context, req).await;
    delete_bucket_ownership_controls: DeleteBucketOwnershipControlsInput -> DeleteBucketOwnershipControlsOutput = |context, req| settings::delete_ownership(context, req).await;
    get_public_access_block: GetPublicAccessBlockInput -> GetPublicAccessBlockOutput = |_context, req| public_access::get(&req);
    put_public_access_block: PutPublicAccessBlockInput -> PutPublicAccessBlockOutput = |context, req| public_access::put(context, req).await;
    delete_public_access_block: DeletePublicAccessBlockInput -> DeletePublicAccessBlockOutput = |context, req| public_access::delete(context, req).await;

    put_object: PutObjectInput -> PutObjectOutput = |context, req| object::put(context, req).await;
    get_object: GetObjectInput -> GetObjectOutput = |context, req| read::get(context, req).await;
    head_object: HeadObjectInput -> HeadObjectOutput = |context, req| read::head(context, &req);
    get_object_acl: GetObjectAclInput -> GetObjectAclOutput = |context, req| read::acl(context, &req);
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput = |context, req| tagging::of_object(context, &req);
    put_object_tagging: PutObjectTaggingInput -> PutObjectTaggingOutput = |context, req| tagging::put_of_object(context, req).await;
    delete_object_tagging: DeleteObjectTaggingInput -> DeleteObjectTaggingOutput = |context, req| tagging::delete_of_object(context, req).await;
    get_object_retention: GetObjectRetentionInput -> GetObjectRetentionOutput = |context, req| object_lock::get_retention(context, &req);
    put_object_retention: PutObjectRetentionInput -> PutObjectRetentionOutput = |context, req| object_lock::put_retention(context, req).await;
    get_object_legal_hold: GetObjectLegalHoldInput -> GetObjectLegalHoldOutput = |context, req| object_lock::get_legal_hold(context, &req);
    put_object_legal_hold: PutObjectLegalHoldInput -> PutObjectLegalHoldOutput = |context, req| object_lock::put_legal_hold(context, req).await;
    get_object_attributes: GetObjectAttributesInput -> GetObjectAttributesOutput = |context, req| attributes::get(context, &req);
    restore_object: RestoreObjectInput -> RestoreObjectOutput = |context, req| restore::object(context, req).await;
    delete_object: DeleteObjectInput -> DeleteObjectOutput = |context, req| delete::one(context, req).await;
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput = |context, req| delete::many(context, req).await;
    copy_object: CopyObjectInput -> CopyObjectOutput = |context, req| copy::object(context, req).await;

    list_objects: ListObjectsInput -> ListObjectsOutput = |context, req| listing::first(context, &req);
    list_object_versions: ListObjectVersionsInput -> ListObjectVersionsOutput = |context, req| versions::list(context, &req);
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output = |context, req| listing::second(context, &req);

    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput = |context, req| multipart::create(context, req).await;
    upload_part: UploadPartInput -> UploadPartOutput = |context, req| multipart::part(context, req).await;
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput = |context, req| copy::part(context, req).await;
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput = |context, req| multipart::complete(context, req).await;
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput = |context, req| multipart::abort(context, req).await;
    list_parts: ListPartsInput -> ListPartsOutput = |context, req| multipart::parts(context, &req);
    list_multipart_uploads: ListMultipartUploadsInput -> ListMultipartUploadsOutput = |context, req| multipart::uploads(context, &req);
}
