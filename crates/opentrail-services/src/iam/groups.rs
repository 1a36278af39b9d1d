//! CreateGroup, GetGroup, DeleteGroup, ListGroups, UpdateGroup, and who is in a group.

use super::group::Group;
use super::holders::{self, Holder};
use super::inline_policies::changed;
use super::input::Input;
use super::users::{self, delete_conflict, limit_exceeded, no_such_entity};
use super::validation;
use crate::app::App;
use crate::call::Call;
use crate::credentials::{User, unique_id};
use crate::dates::recorded;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_model::record::lower_first;
use opentrail_model::timestamp::event_time;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most groups of an account.
pub(super) const MAX_GROUPS: usize = 300;
/// Most groups of a user.
pub(super) const MAX_GROUPS_OF_USER: usize = 10;

/// # Errors
/// `ValidationError`, `EntityAlreadyExists`, `LimitExceeded`.
pub async fn create(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (name, path) = (input.name("GroupName")?, input.path()?);
    let lock = users::lock(app, call).await;
    holders::check_new::<Group>(app, call, "Group", name, ("GroupsPerAccount", MAX_GROUPS))?;
    let group = Group {
        account: call.account.clone(),
        name: name.to_owned(),
        path: path.to_owned(),
        id: unique_id("AGPA"),
        created: call.now,
        policies: BTreeMap::new(),
        attached: BTreeSet::new(),
    };
    let elements = lower_first(json!({"Group": described(&group, recorded(call.now))}));
    Ok(Reply { output: json!({"Group": output(&group)}), response_elements: Some(elements), ..changed(&group, lock) })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn get(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let group = holders::named::<Group>(app, call, input.required("GroupName")?)?;
    let all = holders::all::<User>(app, call)?;
    let page = validation::page_of(members(&all, &group.name).collect(), |user: &&User| &user.name, &input)?;
    let members: Vec<Value> = page.items.iter().map(|user| users::output(user)).collect();
    let mut output = json!({"Group": output(&group), "Users": members});
    page.finish(&mut output);
    Ok(Reply::output(output))
}

/// Only once nobody is in it and nothing hangs on it.
///
/// # Errors
/// `ValidationError`, `NoSuchEntity`, `DeleteConflict`.
pub async fn delete(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.required("GroupName")?;
    let lock = users::lock(app, call).await;
    let group = holders::named::<Group>(app, call, name)?;
    if members(&holders::all::<User>(app, call)?, name).next().is_some() {
        return Err(delete_conflict("Cannot delete entity, must remove users from group first."));
    }
    holders::check_bare(&*group)?;
    let mut changes = Changes::new();
    changes.delete::<Group>(&group.key());
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// # Errors
/// `ValidationError`.
pub async fn list(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let prefix = input.path_prefix()?;
    let all = holders::all::<Group>(app, call)?;
    page(all.iter().filter(|group| group.path.starts_with(prefix)).collect(), &input)
}

/// A new name or path. Who is in the group stays in it.
///
/// # Errors
/// `ValidationError`, `NoSuchEntity`, `EntityAlreadyExists`.
pub async fn update(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let name = input.required("GroupName")?;
    let renaming = holders::Renaming::of(&input, "NewGroupName", validation::MAX_NAME_CHARS)?;
    let lock = users::lock(app, call).await;
    let old = holders::named::<Group>(app, call, name)?;
    renaming.check::<Group>(app, call, "Group", &old.name)?;
    let group = Group {
        name: renaming.name.unwrap_or(&old.name).to_owned(),
        path: renaming.path.unwrap_or(&old.path).to_owned(),
        ..Group::clone(&old)
    };
    let mut changes = Changes::new();
    changes.delete::<Group>(&old.key()).put(&group);
    if group.name != old.name {
        for user in members(&holders::all::<User>(app, call)?, &old.name) {
            let mut user = user.clone();
            user.groups.remove(&old.name);
            user.groups.insert(group.name.clone());
            changes.put(&user);
        }
    }
    Ok(Reply { changes, lock: Some(lock), ..Reply::output(Value::Null) })
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`, `LimitExceeded`.
pub async fn add_user(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (group, user) = (input.required("GroupName")?, input.required("UserName")?);
    let lock = users::lock(app, call).await;
    let group = holders::named::<Group>(app, call, group)?;
    let mut user = holders::modifiable::<User>(app, call, user)?;
    user.groups.insert(group.name.clone());
    if user.groups.len() > MAX_GROUPS_OF_USER {
        return Err(limit_exceeded(format!("Cannot exceed quota for GroupsPerUser: {MAX_GROUPS_OF_USER}")));
    }
    Ok(changed(&user, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn remove_user(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let (group, name) = (input.required("GroupName")?, input.required("UserName")?);
    let lock = users::lock(app, call).await;
    let group = holders::named::<Group>(app, call, group)?;
    let mut user = holders::modifiable::<User>(app, call, name)?;
    if !user.groups.remove(&group.name) {
        return Err(no_such_entity(format!("User {name} not in group {}", group.name)));
    }
    Ok(changed(&user, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn list_for_user(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let user = holders::named::<User>(app, call, input.required("UserName")?)?;
    let all = holders::all::<Group>(app, call)?;
    page(all.iter().filter(|group| user.groups.contains(&group.name)).collect(), &input)
}

fn page(groups: Vec<&Group>, input: &Input) -> Result<Reply, ApiError> {
    let page = validation::page_of(groups, |group| group.name(), input)?;
    let mut output = json!({"Groups": page.items.iter().map(|group| output(group)).collect::<Vec<Value>>()});
    page.finish(&mut output);
    Ok(Reply::output(output))
}

fn members<'a>(users: &'a [User], group: &'a str) -> impl Iterator<Item = &'a User> {
    users.iter().filter(move |user| user.groups.contains(group))
}

fn output(group: &Group) -> Value {
    described(group, event_time(group.created))
}

fn described(group: &Group, created: String) -> Value {
    json!({
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": group.arn(),
        "CreateDate": created,
    })
}
