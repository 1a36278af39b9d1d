//! Attach…Policy, Detach…Policy, ListAttached…Policies: managed policies of users, groups and roles.

use super::holders::{self, Holder};
use super::inline_policies::changed;
use super::input::Input;
use super::managed_policies;
use super::users::{self, limit_exceeded, no_such_entity};
use super::validation;
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most managed policies of a user, group or role.
pub(super) const MAX_ATTACHED: usize = 10;

/// # Errors
/// `ValidationError`, `InvalidInput`, `NoSuchEntity`, `LimitExceeded`, `UnmodifiableEntity`, `PolicyNotAttachable`.
pub async fn attach<H: Holder>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (name, arn) = (input.required(H::MEMBER)?, input.policy_arn("PolicyArn")?);
    let lock = users::lock(app, call).await;
    let mut holder = holders::modifiable::<H>(app, call, name)?;
    managed_policies::attachable(app, call, arn)?;
    holder.attached_mut().insert(arn.to_owned());
    if holder.attached().len() > MAX_ATTACHED {
        return Err(limit_exceeded(format!("Cannot exceed quota for {}: {MAX_ATTACHED}", H::ATTACHMENT_QUOTA)));
    }
    Ok(changed(&holder, lock))
}

/// # Errors
/// `ValidationError`, `InvalidInput`, `NoSuchEntity`, `UnmodifiableEntity`.
pub async fn detach<H: Holder>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (name, arn) = (input.required(H::MEMBER)?, input.policy_arn("PolicyArn")?);
    let lock = users::lock(app, call).await;
    let mut holder = holders::modifiable::<H>(app, call, name)?;
    if !holder.attached_mut().remove(arn) {
        return Err(no_such_entity(format!("Policy {arn} was not found.")));
    }
    Ok(changed(&holder, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn list<H: Holder>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let prefix = input.path_prefix()?;
    let holder = holders::named::<H>(app, call, input.required(H::MEMBER)?)?;
    let is_under = |arn: &&str| arn.split_once(":policy").is_some_and(|(_, path)| path.starts_with(prefix));
    let arns: Vec<&str> = holder.attached().iter().map(String::as_str).filter(is_under).collect();
    let page = validation::page_of(arns, |arn| arn, &input)?;
    let mut output = json!({"AttachedPolicies": page.items.iter().map(|arn| attachment(arn)).collect::<Vec<_>>()});
    page.finish(&mut output);
    Ok(Reply::output(output))
}

/// An attached policy in answers.
pub(super) fn attachment(arn: &str) -> Value {
    json!({"PolicyName": arn.rsplit('/').next().unwrap_or_default(), "PolicyArn": arn})
}
