//! Who may do what.

use super::auth::{bad_token, catalog_fault, unknown_key};
use super::exchange::{Exchange, Signing, decode};
use super::object_access::{self, ASKED_BY_HANDLERS};
use super::operation::{Scope, recorded_name};
use super::{S3Context, fault, public_access, refusal};
use crate::app::AuthMode;
use crate::authorisation::{Question, Standing};
use crate::call::{Call, Caller};
use crate::credentials::{AccessKey, caller_of};
use crate::temporary::TemporaryCredentials;
use async_trait::async_trait;
use opentrail_policy::{Decision, PolicyKind, Reason, Request, RequestContext};
use opentrail_storage::Bucket;
use s3s::access::{S3Access, S3AccessContext};
use s3s::{S3Error, S3Result};
use std::sync::Arc;

/// What a bucket's owner can always do, so that a policy cannot lock everyone out.
const OWNER_ACTIONS: &[&str] = &["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"];

/// Authorises each call before its input is read.
pub struct Access(Arc<S3Context>);

impl Access {
    pub fn new(context: Arc<S3Context>) -> Self {
        Self(context)
    }
}

fn caller(context: &S3Context, session: Option<Arc<TemporaryCredentials>>, access_key: Option<&str>) -> S3Result<Caller> {
    let Some(id) = access_key else { return Ok(Caller::Anonymous) };
    if let Some(session) = session {
        let caller = session.caller(&context.catalog).map_err(|error| catalog_fault(&error))?;
        return caller.ok_or_else(bad_token);
    }
    let key = context.catalog.get::<AccessKey>(id).map_err(|error| catalog_fault(&error))?.ok_or_else(unknown_key)?;
    match caller_of(&context.catalog, &key).map_err(|error| catalog_fault(&error))? {
        Caller::Unauthenticated { .. } => Err(unknown_key()),
        caller => Ok(caller),
    }
}

/// Notes who calls, now that the signature is proved.
///
/// # Errors
/// If there is no such key.
pub fn identify(context: &S3Context, exchange: &Exchange, access_key: Option<&str>) -> S3Result<()> {
    let caller = if context.auth_mode == AuthMode::AcceptAny {
        let access_key = match exchange.call_now().caller {
            Caller::Unauthenticated { access_key: Some(key) } => key,
            _ => "AKIAACCEPTANY0000000".into(),
        };
        Caller::Root { account: context.account_id.clone(), access_key, session: None }
    } else {
        caller(context, exchange.session(), access_key)?
    };
    exchange.set_caller(caller);
    Ok(())
}

#[async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let exchange = Exchange::of(cx.extensions_mut())?;
        exchange.set_name(recorded_name(cx.s3_op().name()).to_owned());
        identify(&self.0, &exchange, cx.credentials().map(|credentials| credentials.access_key.as_str()))?;
        authorise(&exchange)?;
        refusal::check(&exchange)
    }
}

/// Decides on the call itself, and on the source of a copy.
fn authorise(exchange: &Exchange) -> S3Result<()> {
    let operation = exchange.operation();
    let bucket = exchange.stored_bucket();
    let creates = exchange.name() == "CreateBucket";
    let existing = bucket.as_deref().filter(|_| !creates);
    if existing.is_none() || !ASKED_BY_HANDLERS.contains(&exchange.name().as_str()) {
        for action in [object_access::action(exchange)].into_iter().chain(object_access::further_actions(exchange)) {
            match operation.scope {
                Scope::Object => object_access::permit_on_object(exchange, action, &object_access::of_headers(exchange))?,
                _ => permit(exchange, action, existing, &resource(exchange))?,
            }
        }
    }
    let Some(name) = &exchange.bucket else { return Ok(()) };
    if creates {
        return Ok(());
    }
    let Some(bucket) = bucket else { return Err(fault::no_such_bucket()) };
    if exchange.header("x-amz-expected-bucket-owner").is_some_and(|owner| owner != bucket.account) {
        return Err(fault::access_denied());
    }
    if operation.scope == Scope::Object {
        let arn = format!("arn:aws:s3:::{name}");
        exchange.set_may_list(permit(exchange, "s3:ListBucket", Some(&bucket), &arn).is_ok());
        authorise_source(exchange)?;
    }
    Ok(())
}

fn authorise_source(exchange: &Exchange) -> S3Result<()> {
    let Some(source) = exchange.header("x-amz-copy-source") else { return Ok(()) };
    let decoded = decode(source.split('?').next().unwrap_or("").trim_start_matches('/'), false);
    let Some((name, key)) = decoded.split_once('/') else {
        return Err(fault::invalid_argument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey"));
    };
    let bucket = exchange.context.store.bucket(name).map_err(fault::of_store)?;
    let action = if source.contains("?versionId=") { "s3:GetObjectVersion" } else { "s3:GetObject" };
    permit(exchange, action, bucket.as_deref(), &format!("arn:aws:s3:::{name}/{key}"))?;
    let bucket = bucket.ok_or_else(fault::no_such_bucket)?;
    match exchange.header("x-amz-source-expected-bucket-owner") {
        Some(owner) if owner != bucket.account => Err(fault::access_denied()),
        _ => Ok(()),
    }
}

fn resource(exchange: &Exchange) -> String {
    match (&exchange.bucket, &exchange.key) {
        (None, _) => "*".into(),
        (Some(bucket), None) => format!("arn:aws:s3:::{bucket}"),
        (Some(bucket), Some(key)) => format!("arn:aws:s3:::{bucket}/{key}"),
    }
}

/// A condition key and its values, beyond those that every call has.
pub type Extra = (String, Vec<String>);

/// Whether the caller may do this to that.
///
/// # Errors
/// `AccessDenied`, in S3's words.
pub fn permit(exchange: &Exchange, action: &str, bucket: Option<&Bucket>, resource: &str) -> S3Result<()> {
    permit_with(exchange, action, bucket, resource, &[])
}

/// [`permit`], with more to put conditions on.
///
/// # Errors
/// As [`permit`].
pub fn permit_with(exchange: &Exchange, action: &str, bucket: Option<&Bucket>, resource: &str, extra: &[Extra]) -> S3Result<()> {
    let call = exchange.call_now();
    let owns = |bucket: &Bucket| call.caller.account() == Some(bucket.account.as_str());
    let is_root = matches!(call.caller, Caller::Root { .. });
    let is_way_out = is_root && bucket.is_some_and(owns) && OWNER_ACTIONS.contains(&action);
    let standing = Standing::of(&exchange.context.catalog, &call.caller).map_err(|error| catalog_fault(&error))?;
    let policy = bucket.filter(|_| !is_way_out);
    let policy = policy.filter(|bucket| owns(bucket) || !public_access::is_restricted(&exchange.context.catalog, bucket));
    let policy = policy.and_then(|bucket| bucket.policy.as_ref()).map(|policy| policy.document(PolicyKind::Resource));
    let mut context = context(exchange, standing.context(call.policy_context()), bucket);
    for (key, values) in extra {
        context = context.with_all(key, values.iter().cloned());
    }
    let principal = call.caller.principal();
    let resource_account = bucket.map_or(call.account.as_str(), |bucket| bucket.account.as_str());
    let question = Question {
        action,
        resource,
        resource_account,
        resource_policy: policy.map(AsRef::as_ref),
        grants: None,
        context: &context,
    };
    match standing.decide(&principal, &question) {
        Decision::Allowed => Ok(()),
        Decision::Denied(reason) => Err(denied(&call, reason, &question.request(&principal))),
    }
}

/// Callers of the bucket's own account are told why; others only that it is so.
fn denied(call: &Call, reason: Reason, request: &Request<'_>) -> S3Error {
    if call.caller.account() == Some(request.resource_account) {
        return S3Error::with_message(s3s::S3ErrorCode::AccessDenied, reason.message(request));
    }
    fault::access_denied()
}

fn context(exchange: &Exchange, mut context: RequestContext, bucket: Option<&Bucket>) -> RequestContext {
    if let Some(bucket) = bucket {
        context =
            context.with("aws:ResourceAccount", bucket.account.as_str()).with("s3:ResourceAccount", bucket.account.as_str());
    }
    for (parameter, key) in
        [("prefix", "s3:prefix"), ("delimiter", "s3:delimiter"), ("max-keys", "s3:max-keys"), ("versionId", "s3:VersionId")]
    {
        if let Some(value) = exchange.parameter(parameter) {
            context = context.with(key, value);
        }
    }
    for header in [
        "x-amz-acl",
        "x-amz-content-sha256",
        "x-amz-copy-source",
        "x-amz-metadata-directive",
        "x-amz-server-side-encryption",
        "x-amz-server-side-encryption-customer-algorithm",
        "x-amz-storage-class",
    ] {
        if let Some(value) = exchange.header(header) {
            context = context.with(&format!("s3:{header}"), value);
        }
    }
    match exchange.signing {
        Signing::None => context,
        Signing::V4Header => context.with("s3:authType", "REST-HEADER").with("s3:signatureversion", "AWS4-HMAC-SHA256"),
        Signing::V4Query => context.with("s3:authType", "REST-QUERY-STRING").with("s3:signatureversion", "AWS4-HMAC-SHA256"),
        Signing::V2Header => context.with("s3:authType", "REST-HEADER").with("s3:signatureversion", "AWS"),
        Signing::V2Query => context.with("s3:authType", "REST-QUERY-STRING").with("s3:signatureversion", "AWS"),
    }
}
