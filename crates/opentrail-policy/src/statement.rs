//! One statement of a policy: its elements, and whether they cover a request.

use crate::{
    condition::{Condition, parse_conditions},
    context::RequestContext,
    document::{PolicyKind, Version},
    error::PolicyError,
    json::{Fields, Json},
    pattern::ActionPattern,
    principal::PrincipalClause,
    template::Template,
};

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) sid: Option<String>,
    pub(crate) effect: Effect,
    pub(crate) principal: PrincipalClause,
    pub(crate) actions: Selection<ActionPattern>,
    /// `None` in a trust policy, which is about the role it belongs to.
    pub(crate) resources: Option<Selection<Template>>,
    conditions: Vec<Condition>,
}

/// What a statement does with the requests it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection<T> {
    /// What the list names.
    Only(Vec<T>),
    /// Everything but what the list names.
    Except(Vec<T>),
}

impl Statement {
    /// Reads a statement of a policy of this kind and version.
    pub(crate) fn parse(json: Json, kind: PolicyKind, version: Version) -> Result<Self, PolicyError> {
        let mut fields = json.into_fields("Statement")?;
        let sid = fields.take_text("Sid")?;
        let effect = parse_effect(&mut fields)?;
        let principal = parse_principal(&mut fields, kind)?;
        let actions = parse_actions(&mut fields, kind)?;
        let resources = parse_resources(&mut fields, kind, version)?;
        let conditions = match fields.take("Condition") {
            Some(json) => parse_conditions(json, version == Version::V2012)?,
            None => Vec::new(),
        };
        fields.finish()?;
        Ok(Self { sid, effect, principal, actions, resources, conditions })
    }

    /// Denies everybody everything.
    pub(crate) fn deny_everything(kind: PolicyKind) -> Self {
        Self {
            sid: None,
            effect: Effect::Deny,
            principal: if kind == PolicyKind::Identity { PrincipalClause::Attached } else { PrincipalClause::everyone() },
            actions: Selection::Only(vec![ActionPattern::new("*")]),
            resources: None,
            conditions: Vec::new(),
        }
    }

    /// The keys that the conditions test, as written.
    pub(crate) fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(Condition::key)
    }

    /// Whether action, resource and conditions cover a request; the action is in lower case. The principal is a separate
    /// question.
    pub(crate) fn covers(&self, action: &str, resource: &str, context: &RequestContext) -> bool {
        let names_resource = |template: &Template| template.pattern(context).is_some_and(|pattern| pattern.matches_arn(resource));
        self.actions.selects(|pattern| pattern.matches_lower(action))
            && self.resources.as_ref().is_none_or(|resources| resources.selects(names_resource))
            && self.conditions.iter().all(|condition| condition.holds(context))
    }
}

impl<T> Selection<T> {
    /// Whether the selection holds what `named` recognises.
    fn selects(&self, named: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::Only(items) => items.iter().any(named),
            Self::Except(items) => !items.iter().any(named),
        }
    }

    /// The items of the list, whichever way it selects.
    pub(crate) fn items(&self) -> &[T] {
        match self {
            Self::Only(items) | Self::Except(items) => items,
        }
    }
}

fn parse_effect(fields: &mut Fields) -> Result<Effect, PolicyError> {
    match fields.take_text("Effect")?.as_deref() {
        None => Err(PolicyError::MissingField { field: "Effect" }),
        Some("Allow") => Ok(Effect::Allow),
        Some("Deny") => Ok(Effect::Deny),
        Some(other) => Err(PolicyError::InvalidEffect { effect: other.to_owned() }),
    }
}

fn parse_principal(fields: &mut Fields, kind: PolicyKind) -> Result<PrincipalClause, PolicyError> {
    let only = fields.take("Principal");
    let except = fields.take("NotPrincipal");
    match (kind, only, except) {
        (PolicyKind::Identity, None, None) => Ok(PrincipalClause::Attached),
        (PolicyKind::Identity, ..) => Err(PolicyError::PrincipalInIdentityPolicy),
        (PolicyKind::Trust, _, Some(_)) => Err(PolicyError::ProhibitedField { field: "NotPrincipal" }),
        (_, Some(json), None) => PrincipalClause::only(json),
        (_, None, Some(json)) => PrincipalClause::except(json),
        (_, Some(_), Some(_)) => Err(PolicyError::syntax("Principal")),
        (_, None, None) => Err(PolicyError::MissingField { field: "Principal" }),
    }
}

fn parse_actions(fields: &mut Fields, kind: PolicyKind) -> Result<Selection<ActionPattern>, PolicyError> {
    let missing = match kind {
        PolicyKind::Resource => PolicyError::MissingField { field: "Action" },
        PolicyKind::Identity | PolicyKind::Trust => PolicyError::NoActions,
    };
    let texts = take_selection(fields, "Action", "NotAction")?.ok_or(missing)?;
    texts.try_map(|action| {
        check_action(action, kind)?;
        Ok(ActionPattern::new(action))
    })
}

fn parse_resources(fields: &mut Fields, kind: PolicyKind, version: Version) -> Result<Option<Selection<Template>>, PolicyError> {
    let texts = take_selection(fields, "Resource", "NotResource")?;
    match (kind, texts) {
        (PolicyKind::Trust, None) => Ok(None),
        (PolicyKind::Trust, Some(_)) => Err(PolicyError::ProhibitedField { field: "Resource" }),
        (PolicyKind::Resource, None) => Err(PolicyError::MissingField { field: "Resource" }),
        (PolicyKind::Identity, None) => Err(PolicyError::NoResources),
        (_, Some(texts)) => texts.try_map(|resource| parse_resource(resource, kind, version)).map(Some),
    }
}

/// Reads `name` or `not_name`; both at once are a contradiction, an empty list counts as absent.
fn take_selection(
    fields: &mut Fields,
    name: &'static str,
    not_name: &'static str,
) -> Result<Option<Selection<String>>, PolicyError> {
    let selection = match (fields.take(name), fields.take(not_name)) {
        (Some(_), Some(_)) => return Err(PolicyError::syntax(name)),
        (Some(only), None) => Selection::Only(only.into_texts(name)?),
        (None, Some(except)) => Selection::Except(except.into_texts(not_name)?),
        (None, None) => return Ok(None),
    };
    Ok(Some(selection).filter(|selection| !selection.items().is_empty()))
}

impl Selection<String> {
    fn try_map<T>(self, read: impl Fn(&str) -> Result<T, PolicyError>) -> Result<Selection<T>, PolicyError> {
        let read_all = |items: Vec<String>| items.iter().map(|item| read(item)).collect::<Result<Vec<T>, _>>();
        match self {
            Self::Only(items) => read_all(items).map(Selection::Only),
            Self::Except(items) => read_all(items).map(Selection::Except),
        }
    }
}

/// An action is `*` or `service:Name`, with wildcards in the name only. Trust policies take actions of STS.
fn check_action(action: &str, kind: PolicyKind) -> Result<(), PolicyError> {
    let vendor = match action.split_once(':') {
        Some((vendor, name)) if is_vendor(vendor) && is_action_name(name) => Some(vendor),
        _ => None,
    };
    let action_text = action.to_owned();
    match (kind, vendor) {
        (PolicyKind::Trust, Some(vendor)) if vendor.eq_ignore_ascii_case("sts") => Ok(()),
        (PolicyKind::Trust, _) => Err(PolicyError::NotAnAssumeRoleAction { action: action_text }),
        (_, Some(_)) => Ok(()),
        (_, None) if action == "*" => Ok(()),
        (PolicyKind::Identity, None) => Err(PolicyError::UnqualifiedAction { action: action_text }),
        (PolicyKind::Resource, None) => Err(PolicyError::InvalidAction { action: action_text }),
    }
}

fn is_vendor(vendor: &str) -> bool {
    !vendor.is_empty() && vendor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_action_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"*?-_".contains(&byte);
    !name.is_empty() && name.bytes().all(is_part)
}

/// A resource is `*` or an ARN of six parts. Shorter patterns such as `arn:aws:s3*` are refused, because it is unclear
/// what they would match.
fn parse_resource(resource: &str, kind: PolicyKind, version: Version) -> Result<Template, PolicyError> {
    let template = match version {
        Version::V2012 => Template::with_variables(resource)?,
        Version::V2008 => Template::without_variables(resource),
    };
    let outline = template.outline();
    let is_arn = outline.starts_with("arn:") && outline.split(':').count() >= 6;
    if resource == "*" || is_arn {
        return Ok(template);
    }
    let resource = resource.to_owned();
    match kind {
        PolicyKind::Resource => Err(PolicyError::InvalidResource { resource }),
        PolicyKind::Identity | PolicyKind::Trust => Err(PolicyError::ResourceNotArn { resource }),
    }
}
