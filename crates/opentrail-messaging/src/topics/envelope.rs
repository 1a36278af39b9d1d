//! The JSON that subscribers get, and the text that is signed.

use super::topic::{Published, Subscription};
use serde_json::{Map, Value, json};

/// Where links in messages point to.
pub(crate) struct Links<'a> {
    /// Without a slash at the end.
    pub public_url: &'a str,
    pub certificate_name: &'a str,
}

impl Links<'_> {
    fn certificate(&self) -> String {
        format!("{}/{}", self.public_url, self.certificate_name)
    }

    /// The link by which a subscription is confirmed.
    pub fn subscribe(&self, subscription: &Subscription, token: &str) -> String {
        format!("{}/?Action=ConfirmSubscription&TopicArn={}&Token={token}", self.public_url, subscription.topic_arn)
    }

    fn unsubscribe(&self, subscription: &Subscription) -> String {
        format!("{}/?Action=Unsubscribe&SubscriptionArn={}", self.public_url, subscription.arn())
    }
}

/// The text that a notification's signature covers.
///
/// Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".
pub(crate) fn signed_notification(message: &str, id: &str, subject: Option<&str>, timestamp: &str, topic_arn: &str) -> String {
    let subject = subject.map(|subject| format!("Subject\n{subject}\n")).unwrap_or_default();
    format!("Message\n{message}\nMessageId\n{id}\n{subject}Timestamp\n{timestamp}\nTopicArn\n{topic_arn}\nType\nNotification\n")
}

/// A notification as this subscriber gets it.
pub(crate) fn notification(published: &Published, subscription: &Subscription, links: &Links<'_>) -> String {
    let Some(text) = published.texts.get(subscription.protocol.name()) else { return String::new() };
    let mut envelope = Map::new();
    let mut set = |name: &str, value: Value| drop(envelope.insert(name.to_owned(), value));
    set("Type", "Notification".into());
    set("MessageId", published.id.as_str().into());
    set("TopicArn", published.topic_arn.as_str().into());
    if let Some(subject) = &published.subject {
        set("Subject", subject.as_str().into());
    }
    set("Message", text.message.as_str().into());
    set("Timestamp", published.timestamp.as_str().into());
    set("SignatureVersion", published.signature_version.to_string().into());
    set("Signature", text.signature.as_str().into());
    set("SigningCertURL", links.certificate().into());
    set("UnsubscribeURL", links.unsubscribe(subscription).into());
    if !published.attributes.is_empty() {
        let shown = published
            .attributes
            .iter()
            .map(|(name, attribute)| (name.clone(), json!({"Type": attribute.data_type, "Value": attribute.value})));
        set("MessageAttributes", Value::Object(shown.collect()));
    }
    Value::Object(envelope).to_string()
}

/// A request to confirm, and the text that its signature covers. The signature is put in by `sign`.
pub(crate) fn confirmation<E>(
    subscription: &Subscription,
    token: &str,
    id: &str,
    timestamp: &str,
    version: u8,
    links: &Links<'_>,
    sign: impl FnOnce(&str) -> Result<String, E>,
) -> Result<String, E> {
    let topic_arn = &subscription.topic_arn;
    let url = links.subscribe(subscription, token);
    let message = format!(
        "You have chosen to subscribe to the topic {topic_arn}.\nTo confirm the subscription, visit the SubscribeURL included in this message."
    );
    let signed = format!(
        "Message\n{message}\nMessageId\n{id}\nSubscribeURL\n{url}\nTimestamp\n{timestamp}\nToken\n{token}\nTopicArn\n{topic_arn}\nType\nSubscriptionConfirmation\n"
    );
    let signature = sign(&signed)?;
    Ok(json!({
        "Type": "SubscriptionConfirmation",
        "MessageId": id,
        "Token": token,
        "TopicArn": topic_arn,
        "Message": message,
        "SubscribeURL": url,
        "Timestamp": timestamp,
        "SignatureVersion": version.to_string(),
        "Signature": signature,
        "SigningCertURL": links.certificate(),
    })
    .to_string())
}
