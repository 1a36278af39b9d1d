//! Server-side encryption: what an object is encrypted with, and getting at it again.
//!
//! ```text
//! request headers, else the bucket's default, else AES256
//!   key given ─▶ BlobKey::Given, and a mark that tells the key (customer_key.rs)
//!   AES256   ─▶ BlobKey::OfStore
//!   aws:kms  ─▶ the key's policy, for this caller ▸ GenerateDataKey (an event of its own) ─▶ BlobKey::Given
//! reading    ─▶ the key's policy ▸ Decrypt (an event) ─▶ OpenObject::unlock
//! ```
//!
//! With a bucket key the data key belongs to the bucket, and is used again for [`BUCKET_KEY_LIFETIME`] by the same caller;
//! state and policy of the key are looked at for every object all the same.

use super::S3Context;
use super::exchange::Exchange;
use super::{customer_key, fault};
use crate::call::Call;
use crate::kms::{Via, permit_via};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentrail_kms::{EncryptionContext, Envelope, Key, KeyRef, KeyUse, KmsError, aws_managed_key};
use opentrail_model::identity::UserIdentity;
use opentrail_seal::DerivingKey;
use opentrail_storage::{
    BlobEncryption, BlobKey, Bucket, CustomerKeyMark, DefaultEncryption, EncryptionAlgorithm, KmsEncryption, Object, OpenObject,
    Upload,
};
use s3s::{S3Error, S3Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use time::{Duration, OffsetDateTime};

/// How long a bucket's data key is used before KMS is asked for another.
const BUCKET_KEY_LIFETIME: Duration = Duration::minutes(5);
/// Most bucket keys in memory. Beyond that they start anew.
const MAX_BUCKET_KEYS: usize = 1024;
const DATA_KEY_BYTES: usize = 32;
/// What records name instead of the address of a service that acts for a caller.
const INVOKED_BY: &str = "AWS Internal";

const HEADER: &str = "x-amz-server-side-encryption";
const KEY_HEADER: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const CONTEXT_HEADER: &str = "x-amz-server-side-encryption-context";
const BUCKET_KEY_HEADER: &str = "x-amz-server-side-encryption-bucket-key-enabled";

/// What an object is to be encrypted with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Store,
    Kms { key: Option<String>, context: EncryptionContext, bucket_key: bool, of_caller: bool },
}

/// Data keys of buckets, by bucket, key and caller.
#[derive(Default)]
pub struct BucketKeys(Mutex<HashMap<String, BucketKey>>);

#[derive(Clone)]
struct BucketKey {
    data_key: DerivingKey,
    kept: KmsEncryption,
    until: OffsetDateTime,
}

impl BucketKeys {
    fn get(&self, name: &str, now: OffsetDateTime) -> Option<BucketKey> {
        self.0.lock().expect("no holder panics").get(name).filter(|key| key.until > now).cloned()
    }

    fn put(&self, name: String, key: BucketKey) {
        let mut keys = self.0.lock().expect("no holder panics");
        if keys.len() >= MAX_BUCKET_KEYS {
            keys.clear();
        }
        keys.insert(name, key);
    }
}

/// What new bytes of an object are encrypted with. Uses of a KMS key are recorded here.
///
/// # Errors
/// If the headers contradict each other, or the key cannot be used by this caller.
pub async fn key_for(context: &S3Context, exchange: &Exchange, bucket: &Bucket, key: &str) -> S3Result<BlobKey> {
    if let Some(given) = customer_key::given(exchange, &customer_key::OWN)? {
        if [HEADER, KEY_HEADER, CONTEXT_HEADER].iter().any(|name| exchange.headers.contains_key(*name)) {
            return Err(fault::invalid_argument(
                "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
            ));
        }
        return Ok(given.blob_key());
    }
    let Wanted::Kms { key: name, context: given, bucket_key, of_caller } = wanted(exchange, bucket)? else {
        return Ok(BlobKey::OfStore);
    };
    let call = exchange.call_now();
    let account = call.caller.account().filter(|_| of_caller).unwrap_or(&bucket.account);
    let named = match name.as_deref() {
        Some(name) => KeyRef::parse(name, account, &bucket.region),
        None => Ok(aws_managed_key("s3", account, &bucket.region)),
    };
    let kms_key = match named {
        Ok(named) => context.kms.find_or_make_aws_managed(&context.intake, &named).await,
        Err(error) => Err(error),
    };
    let kms_key = kms_key.map_err(kms_fault)?;
    let arn = arn_of(&bucket.name, (!bucket_key).then_some(key));
    let encryption = given.with("aws:s3:arn", arn);
    let service = Use { context, call: &call, key: &kms_key, encryption: &encryption };
    let cached = bucket_key.then(|| cache_name(&bucket.name, &kms_key, &call, &encryption));
    if let Some(found) = cached.as_ref().and_then(|name| context.bucket_keys.get(name, call.now)) {
        service.permit("GenerateDataKey").await?;
        return Ok(BlobKey::Given(found.data_key, BlobEncryption::Kms(found.kept)));
    }
    let (data_key, kept) = service.generate(bucket_key).await?;
    if let Some(name) = cached {
        let until = call.now + BUCKET_KEY_LIFETIME;
        context.bucket_keys.put(name, BucketKey { data_key: data_key.clone(), kept: kept.clone(), until });
    }
    Ok(BlobKey::Given(data_key, BlobEncryption::Kms(kept)))
}

/// The key that the parts of an upload are encrypted with: that of the upload.
///
/// # Errors
/// If the KMS key cannot be used by this caller, or the customer's is not that of the upload.
pub async fn key_of_upload(context: &S3Context, exchange: &Exchange, upload: &Upload) -> S3Result<BlobKey> {
    if let Some(key) = customer_key::of_upload(exchange, upload.customer_key.as_ref())? {
        return Ok(key);
    }
    match &upload.encryption {
        None => Ok(BlobKey::OfStore),
        Some(kms) => {
            let data_key = decrypted(context, exchange, kms).await?;
            Ok(BlobKey::Given(data_key, BlobEncryption::Kms(kms.clone())))
        }
    }
}

/// Makes an object readable for this caller.
///
/// # Errors
/// If its KMS key cannot be used by this caller, or the customer's key did not come.
pub async fn unlock(
    context: &S3Context,
    exchange: &Exchange,
    open: &mut OpenObject,
    names: &customer_key::Names,
) -> S3Result<()> {
    let object = Arc::clone(&open.object);
    if let Some(key) = customer_key::of_object(exchange, &object, names)? {
        open.unlock(key);
    } else if let Some(kms) = object.kms() {
        open.unlock(decrypted(context, exchange, kms).await?);
    }
    Ok(())
}

/// Tells in the answer what an object is encrypted with.
pub fn show(exchange: &Exchange, object: &Object) {
    if object.customer_key().is_some() {
        show_customer_key(exchange);
    } else {
        show_kept(exchange, object.kms(), object.blobs.iter().any(|blob| blob.encryption.is_some()));
    }
}

/// Shows the key that came with the request, which was checked before.
fn show_customer_key(exchange: &Exchange) {
    if let Ok(Some(given)) = customer_key::given(exchange, &customer_key::OWN) {
        given.show(exchange);
    }
}

/// As [`show`], of an upload or of what is kept.
pub fn show_kept(exchange: &Exchange, kms: Option<&KmsEncryption>, encrypted: bool) {
    match kms {
        None if encrypted => exchange.add_answer_header(HEADER, "AES256"),
        None => {}
        Some(kms) => {
            exchange.add_answer_header(HEADER, "aws:kms");
            exchange.add_answer_header(KEY_HEADER, &kms.key_arn);
            if kms.bucket_key {
                exchange.add_answer_header(BUCKET_KEY_HEADER, "true");
            }
        }
    }
}

/// What a new blob is encrypted with, as [`show`] tells it.
pub fn show_key(exchange: &Exchange, key: &BlobKey) {
    match key {
        BlobKey::Given(_, BlobEncryption::Kms(kms)) => show_kept(exchange, Some(kms), true),
        BlobKey::Given(_, BlobEncryption::Customer(_)) => show_customer_key(exchange),
        BlobKey::Unencrypted => {}
        BlobKey::OfStore | BlobKey::Given(..) => show_kept(exchange, None, true),
    }
}

/// What is kept of a KMS key with an upload.
pub fn kept(key: &BlobKey) -> Option<KmsEncryption> {
    match key {
        BlobKey::Given(_, BlobEncryption::Kms(kms)) => Some(kms.clone()),
        _ => None,
    }
}

/// What is kept of a customer's key with an upload.
pub fn kept_customer_key(key: &BlobKey) -> Option<CustomerKeyMark> {
    match key {
        BlobKey::Given(_, BlobEncryption::Customer(mark)) => Some(mark.clone()),
        _ => None,
    }
}

async fn decrypted(context: &S3Context, exchange: &Exchange, kms: &KmsEncryption) -> S3Result<DerivingKey> {
    let call = exchange.call_now();
    let key = context.kms.find_arn(&kms.key_arn).map_err(kms_fault)?;
    let service = Use { context, call: &call, key: &key, encryption: &kms.context };
    let cached = kms.bucket_key.then(|| format!("{}\0{}\0{}", kms.data_key, kms.key_arn, call.caller.arn()));
    if let Some(found) = cached.as_ref().and_then(|name| context.bucket_keys.get(name, call.now)) {
        service.permit("Decrypt").await?;
        return Ok(found.data_key);
    }
    let data_key = service.decrypt(&kms.data_key).await?;
    if let Some(name) = cached {
        let until = call.now + BUCKET_KEY_LIFETIME;
        context.bucket_keys.put(name, BucketKey { data_key: data_key.clone(), kept: kms.clone(), until });
    }
    Ok(data_key)
}

fn cache_name(bucket: &str, key: &Key, call: &Call, encryption: &EncryptionContext) -> String {
    let pairs: Vec<String> = encryption.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{bucket}\0{}\0{}\0{}\0{}", key.arn(), key.newest().id, call.caller.arn(), pairs.join("\0"))
}

fn arn_of(bucket: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("arn:aws:s3:::{bucket}/{key}"),
        None => format!("arn:aws:s3:::{bucket}"),
    }
}

/// One use of a KMS key by S3 for a caller.
struct Use<'a> {
    context: &'a S3Context,
    call: &'a Call,
    key: &'a Key,
    encryption: &'a EncryptionContext,
}

impl Use<'_> {
    /// Whether the caller may, and the key can.
    async fn permit(&self, operation: &'static str) -> S3Result<()> {
        let checked = self.check(operation);
        if checked.is_err() { self.record(operation, checked).await } else { Ok(()) }
    }

    fn check(&self, operation: &'static str) -> Result<(), KmsError> {
        let action = format!("kms:{operation}");
        permit_via(&self.context.catalog, self.call, Via::Service("s3"), self.key, &action, Some(self.encryption))?;
        self.key.usable()
    }

    async fn generate(&self, bucket_key: bool) -> S3Result<(DerivingKey, KmsEncryption)> {
        let made = self
            .check("GenerateDataKey")
            .and_then(|()| self.context.kms.generate_data_key(self.key, self.encryption, DATA_KEY_BYTES));
        let made = self.record("GenerateDataKey", made).await?;
        let data_key = DerivingKey::from_bytes(&made.plaintext).ok_or_else(fault::internal)?;
        let kept = KmsEncryption {
            key_arn: self.key.arn(),
            data_key: STANDARD.encode(&made.ciphertext),
            context: self.encryption.clone(),
            bucket_key,
        };
        Ok((data_key, kept))
    }

    async fn decrypt(&self, data_key: &str) -> S3Result<DerivingKey> {
        let blob = STANDARD.decode(data_key).map_err(|_| fault::internal())?;
        let opened = self.check("Decrypt").and_then(|()| {
            let envelope = Envelope::parse(&blob)?;
            self.context.kms.decrypt(self.key, self.encryption, &envelope)
        });
        let opened = self.record("Decrypt", opened).await?;
        DerivingKey::from_bytes(&opened.plaintext).ok_or_else(fault::internal)
    }

    /// Records the use, durable before anything comes of it.
    async fn record<T>(&self, operation: &'static str, outcome: Result<T, KmsError>) -> S3Result<T> {
        let error = outcome.as_ref().err().map(|error| (error.recorded_code().into(), error.to_string()));
        let identity = UserIdentity::Forwarded { by: Box::new(self.call.caller.identity()), invoked_by: INVOKED_BY.into() };
        let used = KeyUse {
            identity,
            invoked_by: INVOKED_BY,
            operation,
            key: self.key,
            context: self.encryption,
            error,
            now: self.call.now,
        };
        let event = used.event(&self.context.intake);
        self.context.intake.submit(vec![event], bytes::Bytes::new()).await.map_err(|error| fault::of_log(&error))?;
        outcome.map_err(kms_fault)
    }
}

/// KMS's error in S3's words.
fn kms_fault(error: KmsError) -> S3Error {
    let code = match &error {
        KmsError::AccessDenied(message) => return S3Error::with_message(s3s::S3ErrorCode::AccessDenied, message.clone()),
        KmsError::NotFound(_) | KmsError::InvalidArn(_) => "KMS.NotFoundException",
        KmsError::Disabled(_) => "KMS.DisabledException",
        KmsError::InvalidState(_) => "KMS.KMSInvalidStateException",
        KmsError::Validation(message) => return fault::invalid_argument(message.clone()),
        KmsError::InvalidCiphertext | KmsError::IncorrectKey => "KMS.InvalidCiphertextException",
        internal => {
            tracing::error!(error = internal as &dyn std::error::Error, "a key could not be used");
            return fault::internal();
        }
    };
    fault::custom(code, 400, error.to_string())
}

fn wanted(exchange: &Exchange, bucket: &Bucket) -> S3Result<Wanted> {
    let key = exchange.header(KEY_HEADER).map(str::to_owned);
    let has_details = key.is_some() || exchange.headers.contains_key(CONTEXT_HEADER);
    match exchange.header(HEADER) {
        Some("aws:kms") => Ok(Wanted::Kms {
            key,
            context: given_context(exchange)?,
            bucket_key: given_bucket_key(exchange).unwrap_or_else(|| default_bucket_key(bucket)),
            of_caller: true,
        }),
        Some("aws:kms:dsse") => Err(fault::not_implemented("dual-layer encryption with KMS keys")),
        Some("AES256") | None if has_details => Err(fault::invalid_argument(
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
        )),
        Some("AES256") => Ok(Wanted::Store),
        None => Ok(default_of(bucket)),
        Some(_) => Err(fault::invalid_argument("The encryption method specified is not supported")),
    }
}

/// What the bucket says of objects whose request says nothing.
fn default_of(bucket: &Bucket) -> Wanted {
    match &bucket.settings.encryption {
        Some(DefaultEncryption { algorithm: EncryptionAlgorithm::Kms, kms_key_id, bucket_key_enabled }) => Wanted::Kms {
            key: kms_key_id.clone(),
            context: EncryptionContext::default(),
            bucket_key: *bucket_key_enabled,
            of_caller: false,
        },
        _ => Wanted::Store,
    }
}

fn default_bucket_key(bucket: &Bucket) -> bool {
    bucket.settings.encryption.as_ref().is_some_and(|encryption| encryption.bucket_key_enabled)
}

fn given_bucket_key(exchange: &Exchange) -> Option<bool> {
    exchange.header(BUCKET_KEY_HEADER).map(|value| value.eq_ignore_ascii_case("true"))
}

/// The caller's own pairs; `aws:s3:arn` is S3's.
fn given_context(exchange: &Exchange) -> S3Result<EncryptionContext> {
    let Some(text) = exchange.header(CONTEXT_HEADER) else { return Ok(EncryptionContext::default()) };
    let pairs: Option<BTreeMap<String, String>> =
        STANDARD.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let pairs = pairs.ok_or_else(|| {
        fault::invalid_argument("The header 'x-amz-server-side-encryption-context' shall be a base64-encoded UTF-8 string holding JSON which represents a string-string map")
    })?;
    EncryptionContext(pairs).check().map_err(kms_fault)
}
