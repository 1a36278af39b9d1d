//! Tags of users, roles and policies.

use super::holders::Holder;
use super::inline_policies::changed;
use super::input::Input;
use super::instance_profiles::{self, InstanceProfile};
use super::managed_policies;
use super::managed_policy::ManagedPolicy;
use super::oidc_provider::{self, OidcProvider};
use super::role::Role;
use super::users::{self, limit_exceeded};
use super::{holders, validation};
use crate::app::App;
use crate::call::Call;
use crate::credentials::User;
use crate::service::Reply;
use opentrail_catalog::Entity;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most tags of one thing.
const MAX_TAGS: usize = 50;
const MAX_KEY_CHARS: usize = 128;
const MAX_VALUE_CHARS: usize = 256;

/// What has tags.
pub(super) trait Tagged: Entity + Clone {
    /// The one that the input names.
    ///
    /// # Errors
    /// `ValidationError`, `NoSuchEntity`.
    fn named(app: &App, call: &Call, input: &Input) -> Result<Arc<Self>, ApiError>;
    fn tags(&self) -> &BTreeMap<String, String>;
    fn tags_mut(&mut self) -> &mut BTreeMap<String, String>;
}

macro_rules! tagged {
    ($entity:ty, $named:expr) => {
        impl Tagged for $entity {
            fn named(app: &App, call: &Call, input: &Input) -> Result<Arc<Self>, ApiError> {
                $named(app, call, input)
            }
            fn tags(&self) -> &BTreeMap<String, String> {
                &self.tags
            }
            fn tags_mut(&mut self) -> &mut BTreeMap<String, String> {
                &mut self.tags
            }
        }
    };
}

tagged!(User, holder::<User>);
tagged!(Role, holder::<Role>);
tagged!(OidcProvider, oidc_provider::named);
tagged!(InstanceProfile, instance_profiles::named);
tagged!(ManagedPolicy, |app, call, input: &Input| managed_policies::own_named(app, call, input.policy_arn("PolicyArn")?));

fn holder<H: Holder>(app: &App, call: &Call, input: &Input) -> Result<Arc<H>, ApiError> {
    let found = holders::named::<H>(app, call, input.required(H::MEMBER)?)?;
    found.check_modifiable()?;
    Ok(found)
}

/// # Errors
/// `ValidationError`, `InvalidInput`, `NoSuchEntity`, `LimitExceeded`.
pub async fn tag<T: Tagged>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let given = of(&input)?;
    let lock = users::lock(app, call).await;
    let mut tagged = T::clone(&*T::named(app, call, &input)?);
    for (key, value) in given {
        // A key in other letters is the same key, and keeps the letters it is given now.
        tagged.tags_mut().retain(|old, _| !old.eq_ignore_ascii_case(&key));
        tagged.tags_mut().insert(key, value);
    }
    if tagged.tags().len() > MAX_TAGS {
        return Err(too_many());
    }
    Ok(changed(&tagged, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn untag<T: Tagged>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let keys = input.texts("TagKeys")?;
    if keys.len() > MAX_TAGS {
        return Err(too_many());
    }
    for key in &keys {
        validation::length(key, "tagKeys", 1, MAX_KEY_CHARS)?;
    }
    let lock = users::lock(app, call).await;
    let mut tagged = T::clone(&*T::named(app, call, &input)?);
    tagged.tags_mut().retain(|old, _| !keys.iter().any(|key| old.eq_ignore_ascii_case(key)));
    Ok(changed(&tagged, lock))
}

/// # Errors
/// `ValidationError`, `NoSuchEntity`.
pub async fn list<T: Tagged>(app: &Arc<App>, call: &Call, input: Input) -> Result<Reply, ApiError> {
    let tagged = T::named(app, call, &input)?;
    let tags: Vec<(&String, &String)> = tagged.tags().iter().collect();
    let page = validation::page_of(tags, |(key, _)| key, &input)?;
    let tags: Vec<Value> = page.items.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    let mut output = json!({"Tags": tags});
    page.finish(&mut output);
    Ok(Reply::output(output))
}

/// Tags in answers.
pub(super) fn output(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// The tags of an input.
///
/// # Errors
/// `ValidationError`, `InvalidInput`, `LimitExceeded`.
pub(super) fn of(input: &Input) -> Result<BTreeMap<String, String>, ApiError> {
    let given = input.structures("Tags")?;
    if given.len() > MAX_TAGS {
        return Err(too_many());
    }
    let mut tags = BTreeMap::new();
    for tag in &given {
        let (key, value) = (tag.required("Key")?, tag.text("Value")?.unwrap_or_default());
        check(key, "key", 1, MAX_KEY_CHARS)?;
        check(value, "value", 0, MAX_VALUE_CHARS)?;
        if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(ApiError::new("InvalidInput", "Tag keys that begin with 'aws:' are reserved for system use."));
        }
        if tags.keys().any(|other: &String| other.eq_ignore_ascii_case(key)) {
            let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(ApiError::new("InvalidInput", message));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(tags)
}

fn check(text: &str, member: &str, min: usize, max: usize) -> Result<(), ApiError> {
    validation::length(text, &format!("tags.1.member.{member}"), min, max)?;
    let is_allowed = |character: char| character.is_alphanumeric() || character == ' ' || "_.:/=+-@".contains(character);
    if text.chars().all(is_allowed) {
        return Ok(());
    }
    let constraint = "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*";
    Err(validation::broken(text, &format!("tags.1.member.{member}"), constraint))
}

fn too_many() -> ApiError {
    limit_exceeded(format!("The number of tags has reached the maximum limit of {MAX_TAGS}."))
}
