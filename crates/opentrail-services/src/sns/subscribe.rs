//! Subscribe.

use super::attributes::Attributes;
use super::faults::{flag, invalid, required, unsealable};
use super::{subjects, subscription_attributes};
use crate::app::App;
use crate::call::Call;
use crate::service::Reply;
use opentrail_catalog::{Changes, Entity};
use opentrail_messaging::Topic;
use opentrail_messaging::queues::key_of_arn;
use opentrail_messaging::topics::{Protocol, Subscription};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Most subscriptions of a topic: a publication is one entry of the log, whoever it is for.
const MAX_SUBSCRIPTIONS: usize = 5_000;
/// Most of them with a filter policy.
const MAX_FILTERS: usize = 200;
const MAX_ENDPOINT_BYTES: usize = 2_048;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SubscribeRequest {
    #[serde(default)]
    topic_arn: Option<String>,
    #[serde(default)]
    protocol: Option<String>,
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    return_subscription_arn: Option<String>,
}

/// # Errors
/// `InvalidParameter`, `NotFound`, `AuthorizationError`, `SubscriptionLimitExceeded`, `FilterPolicyLimitExceeded`.
pub async fn subscribe(app: &Arc<App>, call: &Call, input: SubscribeRequest) -> Result<Reply, ApiError> {
    let protocol = protocol(required(&input.protocol, "protocol")?)?;
    let endpoint = input.endpoint.as_deref().unwrap_or_default();
    check_endpoint(protocol, endpoint)?;
    let always = input.return_subscription_arn.as_deref().map(|value| flag("ReturnSubscriptionArn", value)).transpose()?;
    let lock = subjects::lock(app, &call.account).await;
    let topic = subjects::topic(app, &input.topic_arn)?;
    let mut subscription = begin(call, &topic, protocol, endpoint);
    for (name, value) in &input.attributes {
        subscription_attributes::set(app, &mut subscription, name, value)?;
    }
    subscription_attributes::check(&subscription)?;
    let existing = app.topics.subscriptions_of(&topic);
    let same = existing.iter().find(|one| one.protocol == protocol && one.endpoint == endpoint);
    if let Some(same) = same {
        subscription = (**same).clone();
        for (name, value) in &input.attributes {
            subscription_attributes::set(app, &mut subscription, name, value)?;
        }
        if subscription != **same {
            return Err(invalid("Attributes Reason: Subscription already exists with different attributes"));
        }
    } else if existing.len() >= MAX_SUBSCRIPTIONS {
        let message = format!("The topic has {MAX_SUBSCRIPTIONS} subscriptions already.");
        return Err(ApiError::new("SubscriptionLimitExceeded", message).with_status(403));
    } else if subscription.filter_policy.is_some()
        && existing.iter().filter(|one| one.filter_policy.is_some()).count() >= MAX_FILTERS
    {
        let message = format!("The topic has {MAX_FILTERS} filter policies already.");
        return Err(ApiError::new("FilterPolicyLimitExceeded", message).with_status(403));
    }
    if protocol == Protocol::Sqs && key_of_arn(endpoint).is_none_or(|key| !key.starts_with(&format!("{}/", call.account))) {
        let message = "A queue of another account can only be subscribed by that account.";
        return Err(ApiError::new("AuthorizationError", message).with_status(403));
    }
    let mut changes = Changes::new();
    if same.is_none() {
        if !subscription.confirmed {
            subscription.give_token(&app.seal).map_err(|error| unsealable(&error))?;
        }
        changes.put(&subscription);
    }
    if !subscription.confirmed {
        // Subscribing again asks again.
        app.topics.ask_to_confirm(&subscription, &mut changes);
    }
    let told = subscription.confirmed || always == Some(true);
    let output = json!({"SubscriptionArn": if told { subscription.arn() } else { "pending confirmation".to_owned() }});
    Ok(Reply { changes, lock: Some(lock), resources: subjects::resources(&topic), ..Reply::output(output) })
}

fn protocol(name: &str) -> Result<Protocol, ApiError> {
    match name {
        "sqs" => Ok(Protocol::Sqs),
        "http" => Ok(Protocol::Http),
        "https" => Ok(Protocol::Https),
        other => Err(invalid(format!("Does not support this protocol string: {other}"))),
    }
}

fn check_endpoint(protocol: Protocol, endpoint: &str) -> Result<(), ApiError> {
    if endpoint.is_empty() {
        return Err(invalid("Endpoint Reason: Endpoint is required"));
    }
    let fits = match protocol {
        Protocol::Sqs if key_of_arn(endpoint).is_none() => return Err(invalid("SQS endpoint ARN")),
        Protocol::Sqs => true,
        Protocol::Http => endpoint.starts_with("http://"),
        Protocol::Https => endpoint.starts_with("https://"),
    };
    let plain = endpoint.len() <= MAX_ENDPOINT_BYTES && endpoint.bytes().all(|b| b.is_ascii_graphic());
    if fits && plain { Ok(()) } else { Err(invalid("Endpoint must match the specified protocol")) }
}

fn begin(call: &Call, topic: &Topic, protocol: Protocol, endpoint: &str) -> Subscription {
    let confirmed = protocol == Protocol::Sqs;
    Subscription {
        topic: topic.key(),
        topic_arn: topic.arn(),
        id: uuid::Uuid::new_v4().to_string(),
        owner: call.account.clone(),
        principal: call.caller.arn(),
        protocol,
        endpoint: endpoint.to_owned(),
        created_ms: u64::try_from(call.now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default(),
        confirmed,
        authenticated: confirmed,
        authenticate_on_unsubscribe: false,
        token: None,
        raw: false,
        filter_policy: None,
        filter_body: false,
        dead_letter_arn: None,
        delivery_policy: None,
        webhook_secret: None,
    }
}
