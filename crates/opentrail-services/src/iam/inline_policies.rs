//! Put…Policy, Get…Policy, Delete…Policy, List…Policies: inline policies of users, groups and roles, kept as written.

use super::holders::{self, Holder};
use super::input::Input;
use super::users::{self, limit_exceeded, no_such_entity};
use super::validation::{self, percent_encoded};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::Changes;
use opentrail_policy::{PolicyKind, PolicyText};
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// # Errors
/// `ValidationError`, `MalformedPolicyDocument`, `NoSuchEntity`, `LimitExceeded`, `UnmodifiableEntity`.
pub async fn put<H: Holder>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (name, policy) = (input.required(H::MEMBER)?, input.name("PolicyName")?);
    let document = validation::policy_document(&input, "PolicyDocument", PolicyKind::Identity)?;
    let lock = users::lock(app, call).await;
    let mut holder = holders::modifiable::<H>(app, call, name)?;
    holder.inline_mut().insert(policy.to_owned(), document);
    let total: usize = holder.inline().values().map(PolicyText::counted_chars).sum();
    if total > H::MAX_INLINE_CHARS {
        let message = format!("Maximum policy size of {} bytes exceeded for {} {name}", H::MAX_INLINE_CHARS, H::KIND);
        return Err(limit_exceeded(message));
    }
    Ok(changed(&holder, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn get<H: Holder>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let policy = input.name("PolicyName")?;
    let holder = holders::named::<H>(app, call, input.required(H::MEMBER)?)?;
    let document = holder.inline().get(policy).ok_or_else(|| no_such_policy::<H>(policy))?;
    let mut output = json!({"PolicyName": policy, "PolicyDocument": percent_encoded(document.as_str())});
    output[H::MEMBER] = holder.name().into();
    Ok(Reply::output(output))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `UnmodifiableEntity`.
pub async fn delete<H: Holder>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (name, policy) = (input.required(H::MEMBER)?, input.name("PolicyName")?);
    let lock = users::lock(app, call).await;
    let mut holder = holders::modifiable::<H>(app, call, name)?;
    holder.inline_mut().remove(policy).ok_or_else(|| no_such_policy::<H>(policy))?;
    Ok(changed(&holder, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn list<H: Holder>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let holder = holders::named::<H>(app, call, input.required(H::MEMBER)?)?;
    let names: Vec<&str> = holder.inline().keys().map(String::as_str).collect();
    let page = validation::page_of(names, |name| name, &input)?;
    let mut output = json!({"PolicyNames": page.items});
    page.finish(&mut output);
    Ok(Reply::output(output))
}

fn no_such_policy<H: Holder>(policy: &str) -> ApiError {
    no_such_entity(format!("The {} policy with name {policy} cannot be found.", H::KIND))
}

/// The answer of an operation that sets an entity and says nothing.
pub(super) fn changed<E: opentrail_catalog::Entity>(entity: &E, lock: opentrail_catalog::NamedLock) -> Reply {
    let mut changes = Changes::new();
    changes.put(entity);
    Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) }
}
