//! ListEntitiesForPolicy: who a managed policy is attached to, or bounds.

use super::group::Group;
use super::holders::{self, Holder};
use super::input::Input;
use super::role::Role;
use super::{managed_policies, validation};
use crate::app::App;
use crate::call::Call;
use crate::credentials::User;
use crate::service::Reply;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

/// A holder in the answer: the list it belongs to, and what is told of it.
type Entity = (String, &'static str, Value);

/// # Errors
/// `ValidationError`, `InvalidInput`, `NoSuchEntity`.
pub async fn list_entities_for_policy(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let arn = input.policy_arn("PolicyArn")?;
    managed_policies::named(app, call, arn)?;
    let search = Search {
        arn,
        prefix: input.path_prefix()?,
        usage: validation::one_of(&input, "PolicyUsageFilter", &["PermissionsPolicy", "PermissionsBoundary"])?,
    };
    let kinds = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];
    let kind = validation::one_of(&input, "EntityFilter", &kinds)?;
    let wanted = |name: &str| kind.is_none_or(|kind| kind == name);
    let mut found: Vec<Entity> = Vec::new();
    if wanted("Group") {
        search.collect::<Group>(app, call, "PolicyGroups", "Group", &mut found)?;
    }
    if wanted("Role") {
        search.collect::<Role>(app, call, "PolicyRoles", "Role", &mut found)?;
    }
    if wanted("User") {
        search.collect::<User>(app, call, "PolicyUsers", "User", &mut found)?;
    }
    let page = validation::page_of(found, |(key, ..)| key, &input)?;
    let mut output = json!({"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": []});
    for (_, list, told) in &page.items {
        if let Some(items) = output[*list].as_array_mut() {
            items.push(told.clone());
        }
    }
    page.finish(&mut output);
    Ok(Reply::output(output))
}

struct Search<'a> {
    arn: &'a str,
    prefix: &'a str,
    usage: Option<&'a str>,
}

impl Search<'_> {
    fn collect<H: Holder>(
        &self,
        app: &App,
        call: &Call,
        list: &'static str,
        title: &str,
        found: &mut Vec<Entity>,
    ) -> Result<(), ApiError> {
        for holder in holders::all::<H>(app, call)?.iter().filter(|holder| holder.path().starts_with(self.prefix)) {
            let attached = self.usage != Some("PermissionsBoundary") && holder.attached().contains(self.arn);
            let bounded = self.usage != Some("PermissionsPolicy") && holder.boundary() == Some(self.arn);
            if attached || bounded {
                let mut told = json!({});
                told[H::MEMBER] = holder.name().into();
                told[format!("{title}Id")] = holder.id().into();
                found.push((format!("{list}/{}", holder.name()), list, told));
            }
        }
        Ok(())
    }
}
