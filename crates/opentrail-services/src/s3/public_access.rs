//! Block Public Access, and what is public.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::settings::{change, not_set};
use opentrail_catalog::{Catalog, Entity};
use opentrail_storage::{Bucket, PublicAccessBlock};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Condition keys that hold a statement to callers who can be told apart; with any other it stays public.
///
/// Source: Amazon S3 User Guide, "The meaning of public".
const NARROWING_KEYS: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

/// An account's own Block Public Access, which its buckets cannot undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPublicAccessBlock {
    pub account: String,
    pub block: PublicAccessBlock,
}

impl Entity for AccountPublicAccessBlock {
    const TABLE: &'static str = "account_public_access_block";
    fn key(&self) -> String {
        self.account.clone()
    }
}

/// What counts for a bucket: its own switches and its account's. If the account's cannot be read, all are on.
pub fn effective(catalog: &Catalog, bucket: &Bucket) -> PublicAccessBlock {
    let own = bucket.settings.public_access_block.unwrap_or_default();
    match catalog.get::<AccountPublicAccessBlock>(&bucket.account) {
        Ok(account) => own.or(account.map(|account| account.block).unwrap_or_default()),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the catalog failed; public access is blocked");
            PublicAccessBlock::ALL
        }
    }
}

/// Whether the policy of a bucket counts only for its own account: it is public and that is restricted.
pub fn is_restricted(catalog: &Catalog, bucket: &Bucket) -> bool {
    let policy = bucket.policy.as_ref();
    policy.is_some_and(|policy| effective(catalog, bucket).restrict_public_buckets && is_public(policy.as_str()))
}

/// Whether a policy lets in everybody.
pub fn is_public(policy: &str) -> bool {
    let document: Value = serde_json::from_str(policy).unwrap_or_default();
    items(&document["Statement"]).any(is_public_statement)
}

/// One value or a list of them, as policies have it.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn is_public_statement(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    let everyone = principal == "*" || items(&principal["AWS"]).any(|entry| entry == "*") || !statement["NotPrincipal"].is_null();
    let operators = statement["Condition"].as_object().into_iter().flatten();
    let mut conditions = operators.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, values)| (operator.as_str(), key.as_str(), values))
    });
    statement["Effect"] == "Allow" && everyone && !conditions.any(|(operator, key, values)| narrows(operator, key, values))
}

/// Whether a condition holds a statement to fixed values of a key that tells callers apart.
fn narrows(operator: &str, key: &str, values: &Value) -> bool {
    let operator = operator.to_ascii_lowercase();
    let is_negative = operator.contains("not") || operator.ends_with("ifexists") || operator.starts_with("null");
    let key = key.to_ascii_lowercase();
    let is_fixed = |value: &Value| match value.as_str() {
        Some(value) if key == "aws:sourceip" => is_narrow_network(value),
        Some(value) if key.ends_with("arn") => value.split(':').nth(4).is_some_and(|account| !account.contains(['*', '?'])),
        Some(value) => !value.contains(['*', '?']),
        None => false,
    };
    !is_negative && NARROWING_KEYS.contains(&key.as_str()) && items(values).all(is_fixed)
}

/// Networks as wide as /8 (IPv4) or /32 (IPv6) hold nobody off.
fn is_narrow_network(network: &str) -> bool {
    let (address, bits) = network.split_once('/').unwrap_or((network, "128"));
    let widest = if address.contains(':') { 32 } else { 8 };
    bits.parse::<u8>().is_ok_and(|bits| bits >= widest)
}

pub fn to_wire(block: PublicAccessBlock) -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        block_public_policy: Some(block.block_public_policy),
        ignore_public_acls: Some(block.ignore_public_acls),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    }
}

pub fn of_wire(block: &PublicAccessBlockConfiguration) -> PublicAccessBlock {
    PublicAccessBlock {
        block_public_acls: block.block_public_acls.unwrap_or(false),
        ignore_public_acls: block.ignore_public_acls.unwrap_or(false),
        block_public_policy: block.block_public_policy.unwrap_or(false),
        restrict_public_buckets: block.restrict_public_buckets.unwrap_or(false),
    }
}

/// How requests to set the switches are recorded.
pub fn recorded(block: PublicAccessBlock) -> Value {
    json!({
        "BlockPublicAcls": block.block_public_acls,
        "IgnorePublicAcls": block.ignore_public_acls,
        "BlockPublicPolicy": block.block_public_policy,
        "RestrictPublicBuckets": block.restrict_public_buckets,
    })
}

pub fn get(req: &S3Request<GetPublicAccessBlockInput>) -> S3Result<S3Response<GetPublicAccessBlockOutput>> {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let missing = || not_set("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found");
    let block = bucket.settings.public_access_block.ok_or_else(missing)?;
    Ok(S3Response::new(GetPublicAccessBlockOutput { public_access_block_configuration: Some(to_wire(block)) }))
}

pub async fn put(
    context: &S3Context,
    req: S3Request<PutPublicAccessBlockInput>,
) -> S3Result<S3Response<PutPublicAccessBlockOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let block = of_wire(&req.input.public_access_block_configuration);
    exchange.add_parameter("PublicAccessBlockConfiguration", recorded(block));
    change(context, &exchange, |bucket| {
        bucket.settings.public_access_block = Some(block);
        Ok(())
    })
    .await?;
    Ok(S3Response::new(PutPublicAccessBlockOutput {}))
}

pub async fn delete(
    context: &S3Context,
    req: S3Request<DeletePublicAccessBlockInput>,
) -> S3Result<S3Response<DeletePublicAccessBlockOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    change(context, &exchange, |bucket| {
        bucket.settings.public_access_block = None;
        Ok(())
    })
    .await?;
    Ok(S3Response::with_status(DeletePublicAccessBlockOutput {}, http::StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public() {
        let check = |principal: &str, condition: &str, expect: bool| {
            let statement =
                format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"*"{condition}}}"#);
            assert_eq!(is_public(&format!(r#"{{"Statement":[{statement}]}}"#)), expect, "{statement}");
        };
        let when = |operator: &str, key: &str, value: &str| format!(r#","Condition":{{"{operator}":{{"{key}":"{value}"}}}}"#);
        check("\"*\"", "", true);
        check(r#"{"AWS":"*"}"#, "", true);
        check(r#"{"AWS":["arn:aws:iam::123456789012:root","*"]}"#, "", true);
        check(r#"{"AWS":"arn:aws:iam::123456789012:root"}"#, "", false);
        check(r#"{"Service":"cloudtrail.amazonaws.com"}"#, "", false);
        check("\"*\"", &when("StringEquals", "aws:PrincipalOrgID", "o-1"), false);
        check("\"*\"", &when("StringLike", "aws:PrincipalOrgID", "o-*"), true);
        check("\"*\"", &when("StringNotEquals", "aws:PrincipalOrgID", "o-1"), true);
        check("\"*\"", &when("Bool", "aws:SecureTransport", "true"), true);
        check("\"*\"", &when("IpAddress", "aws:SourceIp", "10.1.0.0/16"), false);
        check("\"*\"", &when("IpAddress", "aws:SourceIp", "0.0.0.0/0"), true);
        check("\"*\"", &when("ArnLike", "aws:SourceArn", "arn:aws:sns:*:123456789012:*"), false);
        check("\"*\"", &when("ArnLike", "aws:SourceArn", "arn:aws:sns:*:*:*"), true);
    }
}
