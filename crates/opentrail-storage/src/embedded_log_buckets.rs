//! Trails' buckets in the embedded store.

use crate::blob::Blob;
use crate::blob_cipher::BlobKey;
use crate::entity::{BlobEncryption, Bucket, KmsEncryption, Object, ObjectHeaders};
use crate::error::StoreError;
use crate::log_bucket::{BucketFault, LogBuckets, LogObject, TrailBinding};
use crate::service_record::{DELIVERY_ACL, ServiceCall};
use crate::settings::{DefaultEncryption, EncryptionAlgorithm};
use crate::store::EmbeddedStore;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use opentrail_eventlog::{Event, Intake, LogError, LogErrorKind};
use opentrail_kms::{EncryptionContext, KeyRef, KeyUse, Kms, KmsError, ServiceCaller, aws_managed_key};
use opentrail_model::identity::UserIdentity;
use opentrail_model::keys::probe_key;
use opentrail_policy::{Policies, PolicyKind, Principal, Request, RequestContext, decide};
use opentrail_seal::{DerivingKey, KEY_BYTES};
use std::sync::Arc;

/// The embedded store as trails see it: under the bucket's policy, each write recorded like anybody else's.
pub struct EmbeddedLogBuckets {
    store: EmbeddedStore,
    intake: Intake,
    kms: Kms,
}

/// What a file is encrypted with, and the record of how that was come by.
struct Encryption {
    key: BlobKey,
    events: Vec<Event>,
}

impl EmbeddedLogBuckets {
    pub fn new(store: EmbeddedStore, intake: Intake, kms: Kms) -> Self {
        Self { store, intake, kms }
    }

    /// A data key for one file. A refusal is recorded.
    async fn encryption(&self, trail: &TrailBinding, bucket: &Bucket, object_key: &str) -> Result<Encryption, BucketFault> {
        let mut context = EncryptionContext::default().with("aws:s3:arn", format!("arn:aws:s3:::{}/{object_key}", bucket.name));
        let key = match (&trail.kms_key, default_key(bucket)) {
            (Some(arn), _) => {
                context = context.with("aws:cloudtrail:arn", trail.trail_arn.as_str());
                self.kms.find_arn(arn)
            }
            (None, Some(name)) => name.and_then(|name| self.kms.find(&name)),
            (None, None) => return Ok(Encryption { key: BlobKey::OfStore, events: Vec::new() }),
        };
        let key = key.map_err(|error| key_fault(&error))?;
        let caller = ServiceCaller {
            service: trail.service.clone(),
            source_arn: trail.trail_arn.clone(),
            source_account: trail.account.clone(),
        };
        let made = self
            .kms
            .permit_service(&key, &caller, "kms:GenerateDataKey", &context)
            .and_then(|()| self.kms.generate_data_key(&key, &context, KEY_BYTES));
        let used = KeyUse {
            identity: UserIdentity::Service { invoked_by: trail.service.clone() },
            invoked_by: &trail.service,
            operation: "GenerateDataKey",
            key: &key,
            context: &context,
            error: made.as_ref().err().map(|error| (error.recorded_code().into(), error.to_string())),
            now: self.intake.now(),
        };
        let event = used.event(&self.intake);
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                self.intake.submit(vec![event], Bytes::new()).await.map_err(|error| log_fault(&error))?;
                return Err(key_fault(&error));
            }
        };
        let data_key = DerivingKey::from_bytes(&made.plaintext).expect("a data key of the length that was asked for");
        let data = STANDARD.encode(&made.ciphertext);
        let kept = KmsEncryption { key_arn: key.arn(), data_key: data, context, bucket_key: false };
        Ok(Encryption { key: BlobKey::Given(data_key, BlobEncryption::Kms(kept)), events: vec![event] })
    }

    fn bucket(&self, name: &str) -> Result<Arc<Bucket>, BucketFault> {
        let bucket = self.store.bucket(name).map_err(|error| store_fault(&error))?;
        bucket.ok_or_else(|| BucketFault::new("NoSuchBucket", "The specified bucket does not exist"))
    }

    /// Records a call that changed nothing.
    async fn record(&self, call: &ServiceCall<'_>) -> Result<(), BucketFault> {
        let recorded = self.intake.submit(vec![call.event(&self.intake)], Bytes::new()).await;
        recorded.map(|_| ()).map_err(|error| log_fault(&error))
    }

    async fn read_acl(&self, trail: &TrailBinding, bucket: &Bucket) -> Result<(), BucketFault> {
        let allowed = allow(trail, bucket, "s3:GetBucketAcl", None);
        let call = ServiceCall {
            service: &trail.service,
            bucket,
            operation: "GetBucketAcl",
            key: None,
            bytes_in: 0,
            error: allowed.as_ref().err().map(|fault| (fault.code.as_str(), fault.message.as_str())),
            now: self.intake.now(),
        };
        self.record(&call).await?;
        allowed
    }

    async fn write(&self, trail: &TrailBinding, bucket: &Bucket, object: LogObject) -> Result<(), BucketFault> {
        let call = ServiceCall {
            service: &trail.service,
            bucket,
            operation: "PutObject",
            key: Some(&object.key),
            bytes_in: object.body.len(),
            error: None,
            now: self.intake.now(),
        };
        if let Err(fault) = allow(trail, bucket, "s3:PutObject", Some(&object.key)) {
            let call = ServiceCall { error: Some((&fault.code, &fault.message)), ..call };
            self.record(&call).await?;
            return Err(fault);
        }
        let encryption = match self.encryption(trail, bucket, &object.key).await {
            Ok(encryption) => encryption,
            Err(fault) => {
                let call = ServiceCall { error: Some((&fault.code, &fault.message)), ..call };
                self.record(&call).await?;
                return Err(fault);
            }
        };
        let blob = self.write_blob(&object.body, &encryption.key).await.map_err(|error| store_fault(&error))?;
        let lock = self.store.lock_object(&bucket.name, &object.key).await;
        let mut entity = Object {
            bucket: bucket.name.clone(),
            key: object.key.clone(),
            blobs: vec![blob.reference()],
            size: blob.size,
            etag: blob.etag(),
            last_modified_ms: i64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0),
            headers: ObjectHeaders {
                content_type: Some(object.content_type.into()),
                content_encoding: object.content_encoding.map(Into::into),
                user_metadata: object.metadata.iter().cloned().collect(),
                ..ObjectHeaders::default()
            },
            ..Object::default()
        };
        let staged =
            self.store.stage_put(&lock, &mut entity, "ObjectCreated:Put").inspect_err(|_| self.store.discard([&blob.id]));
        let mut staged = staged.map_err(|error| store_fault(&error))?;
        self.store.tell(bucket, &mut staged, &call.cause());
        // A crash before this line leaves an orphan, one after it an object and its event.
        let mut events = encryption.events;
        events.push(call.event(&self.intake));
        match self.intake.submit(events, staged.changes.encode()).await {
            Ok(_) => self.store.discard(&staged.dropped),
            Err(error) => {
                if error.kind() != LogErrorKind::CallOperator {
                    self.store.discard([&blob.id]);
                }
                return Err(log_fault(&error));
            }
        }
        Ok(())
    }

    async fn write_blob(&self, body: &[u8], key: &BlobKey) -> Result<Blob, StoreError> {
        let mut writer = self.store.write_blob(&[], key).await?;
        writer.write(body).await?;
        writer.finish().await
    }
}

#[async_trait]
impl LogBuckets for EmbeddedLogBuckets {
    fn takes_keys(&self) -> bool {
        true
    }

    async fn check(&self, trail: &TrailBinding) -> Result<(), BucketFault> {
        let bucket = self.bucket(&trail.bucket)?;
        self.read_acl(trail, &bucket).await?;
        // The key is asked for by itself, before any file is under it.
        let trail = &TrailBinding { kms_key: None, ..trail.clone() };
        for probe in probes(trail) {
            self.write(trail, &bucket, probe).await?;
        }
        Ok(())
    }

    async fn put(&self, trail: &TrailBinding, object: LogObject) -> Result<(), BucketFault> {
        let bucket = self.bucket(&trail.bucket)?;
        self.write(trail, &bucket, object).await
    }
}

/// The empty objects that test whether a trail may write.
pub(crate) fn probes(trail: &TrailBinding) -> Vec<LogObject> {
    let organization = trail.organization.as_deref();
    let folders = if organization.is_some() { vec![None, organization] } else { vec![None] };
    let kinds = ["CloudTrail", "CloudTrail-Digest"];
    let places = folders.into_iter().flat_map(|folder| kinds.map(|kind| (folder, kind)));
    places.map(|(folder, kind)| probe(trail, folder, kind)).collect()
}

fn probe(trail: &TrailBinding, organization: Option<&str>, kind: &str) -> LogObject {
    LogObject {
        key: probe_key(trail.key_prefix.as_deref(), organization, &trail.account, kind),
        body: Bytes::new(),
        content_type: "application/x-directory",
        content_encoding: None,
        metadata: Vec::new(),
    }
}

/// Asks the bucket's policy.
fn allow(trail: &TrailBinding, bucket: &Bucket, action: &str, key: Option<&str>) -> Result<(), BucketFault> {
    let policy = bucket.policy.as_ref().map(|policy| policy.document(PolicyKind::Resource));
    let context = RequestContext::new()
        .with("aws:SourceArn", trail.trail_arn.as_str())
        .with("aws:SourceAccount", trail.account.as_str())
        .with("aws:PrincipalServiceName", trail.service.as_str())
        .with("aws:PrincipalIsAWSService", "true")
        .with("aws:SecureTransport", "true");
    let context = if key.is_some() { context.with("s3:x-amz-acl", DELIVERY_ACL) } else { context };
    let resource = match key {
        Some(key) => format!("arn:aws:s3:::{}/{key}", bucket.name),
        None => format!("arn:aws:s3:::{}", bucket.name),
    };
    let principal = Principal::Service(trail.service.clone());
    let request =
        Request { principal: &principal, action, resource: &resource, resource_account: &bucket.account, context: &context };
    let policies = Policies { resource: policy.map(AsRef::as_ref), ..Policies::default() };
    if decide(&request, &policies).is_allowed() { Ok(()) } else { Err(BucketFault::new("AccessDenied", "Access Denied")) }
}

/// The KMS key that the bucket has for objects whose writer says nothing.
fn default_key(bucket: &Bucket) -> Option<Result<KeyRef, KmsError>> {
    match &bucket.settings.encryption {
        Some(DefaultEncryption { algorithm: EncryptionAlgorithm::Kms, kms_key_id, .. }) => Some(match kms_key_id {
            Some(name) => KeyRef::parse(name, &bucket.account, &bucket.region),
            None => Ok(aws_managed_key("s3", &bucket.account, &bucket.region)),
        }),
        _ => None,
    }
}

/// A key that cannot be used, as S3 tells whoever writes under it.
fn key_fault(error: &KmsError) -> BucketFault {
    match error {
        KmsError::AccessDenied(message) => BucketFault::new("AccessDenied", message.clone()),
        KmsError::NotFound(_) | KmsError::InvalidArn(_) => BucketFault::new("KMS.NotFoundException", error.to_string()),
        KmsError::Disabled(_) => BucketFault::new("KMS.DisabledException", error.to_string()),
        KmsError::InvalidState(_) => BucketFault::new("KMS.KMSInvalidStateException", error.to_string()),
        other => {
            tracing::error!(error = other as &dyn std::error::Error, "a key could not be used");
            BucketFault::new("InternalError", "We encountered an internal error. Please try again.")
        }
    }
}

fn store_fault(error: &StoreError) -> BucketFault {
    match error {
        StoreError::NoSuchBucket => BucketFault::new("NoSuchBucket", "The specified bucket does not exist"),
        other => {
            tracing::error!(error = other as &dyn std::error::Error, "the embedded store failed");
            BucketFault::new("InternalError", "We encountered an internal error. Please try again.")
        }
    }
}

fn log_fault(error: &LogError) -> BucketFault {
    tracing::warn!(error = error as &dyn std::error::Error, "a delivery could not be recorded and was not carried out");
    BucketFault::new("ServiceUnavailable", "The call could not be recorded and was not carried out.")
}
