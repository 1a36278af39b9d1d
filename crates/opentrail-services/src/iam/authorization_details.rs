//! GetAccountAuthorizationDetails: who has which permissions, all in one.

use super::group::Group;
use super::holders::{self, Holder};
use super::input::Input;
use super::managed_policies::{Found, Usage};
use super::role::Role;
use super::validation::{self, percent_encoded};
use super::{attached_policies, aws_managed, boundaries, create_policy, instance_profiles, policy_versions, roles, tags, users};
use crate::app::App;
use crate::call::Call;
use crate::credentials::User;
use crate::service::Reply;
use opentrail_model::timestamp::event_time;
use opentrail_policy::PolicyText;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const FILTERS: &[&str] = &["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];

/// What a page is cut out of: a key that orders it, and what it stands for.
type Item = (String, Thing);

enum Thing {
    User(User),
    Group(Group),
    Role(Role),
    Policy(Found),
}

/// # Errors
/// `ValidationError`, `SerializationException`.
pub async fn get_account_authorization_details(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let filters = input.texts("Filter")?;
    if let Some(unknown) = filters.iter().find(|filter| !FILTERS.contains(filter)) {
        let constraint = format!("Member must satisfy enum value set: [{}]", FILTERS.join(", "));
        return Err(validation::broken(unknown, "filter", &constraint));
    }
    let wanted = |kind: &str| filters.is_empty() || filters.contains(&kind);
    let usage = Usage::of(app, call)?;
    let items = items(app, call, &wanted, &usage)?;
    let page = validation::page_of(items, |(key, _)| key, &input)?;
    let mut lists: [(&str, Vec<Value>); 4] =
        [("UserDetailList", vec![]), ("GroupDetailList", vec![]), ("RoleDetailList", vec![]), ("Policies", vec![])];
    for (_, thing) in &page.items {
        match thing {
            Thing::User(user) => lists[0].1.push(user_detail(user)),
            Thing::Group(group) => lists[1].1.push(group_detail(group)),
            Thing::Role(role) => lists[2].1.push(role_detail(app, call, role)?),
            Thing::Policy(policy) => lists[3].1.push(policy_detail(policy, &usage)),
        }
    }
    let mut output = json!({});
    for (name, list) in lists {
        output[name] = list.into();
    }
    page.finish(&mut output);
    Ok(Reply::output(output))
}

fn items(app: &App, call: &Call, wanted: &dyn Fn(&str) -> bool, usage: &Usage) -> Result<Vec<Item>, ApiError> {
    let mut items: Vec<Item> = Vec::new();
    if wanted("User") {
        items.extend(holders::all::<User>(app, call)?.iter().map(|user| (format!("1{}", user.name), Thing::User(user.clone()))));
    }
    if wanted("Group") {
        let groups = holders::all::<Group>(app, call)?;
        items.extend(groups.iter().map(|group| (format!("2{}", group.name), Thing::Group(group.clone()))));
    }
    if wanted("Role") {
        items.extend(holders::all::<Role>(app, call)?.iter().map(|role| (format!("3{}", role.name), Thing::Role(role.clone()))));
    }
    if wanted("LocalManagedPolicy") {
        let policies = create_policy::all(app, call)?;
        let own =
            policies.iter().map(|policy| (format!("4{}", policy.name), Thing::Policy(Found::Own(Arc::new(policy.clone())))));
        items.extend(own);
    }
    if wanted("AWSManagedPolicy") {
        let used = |arn: &str| usage.attachments(arn) + usage.boundaries(arn) > 0;
        let attached = aws_managed::all().iter().filter(|policy| used(&policy.arn()));
        items.extend(attached.map(|policy| (format!("5{}", policy.name), Thing::Policy(Found::Aws(policy)))));
    }
    Ok(items)
}

fn user_detail(user: &User) -> Value {
    let mut told = users::output(user);
    told["UserPolicyList"] = inline(&user.policies);
    told["GroupList"] = json!(user.groups);
    told["AttachedManagedPolicies"] = attached(&user.attached);
    told["Tags"] = tags::output(&user.tags);
    with_boundary(told, user)
}

fn group_detail(group: &Group) -> Value {
    json!({
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": group.arn(),
        "CreateDate": event_time(group.created),
        "GroupPolicyList": inline(&group.policies),
        "AttachedManagedPolicies": attached(&group.attached),
    })
}

fn role_detail(app: &App, call: &Call, role: &Role) -> Result<Value, ApiError> {
    let mut told = roles::full_output(app, role)?;
    if let Some(members) = told.as_object_mut() {
        members.remove("MaxSessionDuration");
        members.remove("Description");
    }
    let profiles = instance_profiles::all(app, call)?;
    let of_role = profiles.iter().filter(|profile| profile.role.as_ref() == Some(&role.name));
    let profiles = of_role.map(|profile| instance_profiles::described(app, call, profile, event_time));
    told["InstanceProfileList"] = profiles.collect::<Result<Vec<Value>, _>>()?.into();
    told["RolePolicyList"] = inline(&role.policies);
    told["AttachedManagedPolicies"] = attached(&role.attached);
    told["Tags"] = tags::output(&role.tags);
    Ok(with_boundary(told, role))
}

fn policy_detail(policy: &Found, usage: &Usage) -> Value {
    let mut told = policy.description(usage);
    if let Some(members) = told.as_object_mut() {
        members.remove("Tags");
    }
    let version = |mut version: Value, document: &PolicyText| {
        version["Document"] = percent_encoded(document.as_str()).into();
        version
    };
    told["PolicyVersionList"] = match policy {
        Found::Own(policy) => {
            let versions = policy.versions.iter().rev();
            versions.map(|(number, kept)| version(policy_versions::described(policy, *number, kept), &kept.document)).collect()
        }
        Found::Aws(aws) => json!([version(policy_versions::aws_version(aws), aws.document())]),
    };
    told
}

fn with_boundary<H: Holder>(mut told: Value, holder: &H) -> Value {
    if let Some(arn) = holder.boundary() {
        told["PermissionsBoundary"] = boundaries::output(arn);
    }
    told
}

fn inline(policies: &BTreeMap<String, PolicyText>) -> Value {
    let told = |(name, document): (&String, &PolicyText)| json!({"PolicyName": name, "PolicyDocument": percent_encoded(document.as_str())});
    policies.iter().map(told).collect()
}

fn attached(arns: &BTreeSet<String>) -> Value {
    arns.iter().map(|arn| attached_policies::attachment(arn)).collect()
}
