//! Whom a bucket tells of what happens to its objects.

use super::S3Context;
use super::bucket::existing;
use super::exchange::Exchange;
use super::fault;
use opentrail_storage::{Bucket, NotificationTarget, Notifications, Staged, TargetKind};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Most targets of a bucket.
const MAX_TARGETS: usize = 100;
/// Longest prefix or suffix of a filter.
const MAX_FILTER_CHARS: usize = 1024;
const MAX_ID_CHARS: usize = 255;

/// Everything there is to be told of.
const EVENTS: &[&str] = &[
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAcl:Put",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
];

type Got = S3Result<S3Response<GetBucketNotificationConfigurationOutput>>;

pub fn get(req: &S3Request<GetBucketNotificationConfigurationInput>) -> Got {
    let bucket = existing(&*Exchange::of(&req.extensions)?)?;
    let kept = &bucket.settings.notifications;
    let of = |kind: TargetKind| kept.targets.iter().filter(move |target| target.kind == kind);
    let events = |target: &NotificationTarget| target.events.iter().map(|event| Event::from(event.clone())).collect();
    let queues: Vec<_> = of(TargetKind::Queue)
        .map(|target| QueueConfiguration {
            events: events(target),
            filter: filter(target),
            id: Some(target.id.clone()),
            queue_arn: target.arn.clone(),
        })
        .collect();
    let topics: Vec<_> = of(TargetKind::Topic)
        .map(|target| TopicConfiguration {
            events: events(target),
            filter: filter(target),
            id: Some(target.id.clone()),
            topic_arn: target.arn.clone(),
        })
        .collect();
    let functions: Vec<_> = of(TargetKind::Function)
        .map(|target| LambdaFunctionConfiguration {
            events: events(target),
            filter: filter(target),
            id: Some(target.id.clone()),
            lambda_function_arn: target.arn.clone(),
        })
        .collect();
    Ok(S3Response::new(GetBucketNotificationConfigurationOutput {
        event_bridge_configuration: kept.event_bridge.then_some(EventBridgeConfiguration {}),
        lambda_function_configurations: (!functions.is_empty()).then_some(functions),
        queue_configurations: (!queues.is_empty()).then_some(queues),
        topic_configurations: (!topics.is_empty()).then_some(topics),
    }))
}

fn filter(target: &NotificationTarget) -> Option<NotificationConfigurationFilter> {
    let rule = |name: &'static str, value: &String| {
        let rule = FilterRule { name: Some(FilterRuleName::from_static(name)), value: Some(value.clone()) };
        (!value.is_empty()).then_some(rule)
    };
    let rules: Vec<_> = [rule("Prefix", &target.prefix), rule("Suffix", &target.suffix)].into_iter().flatten().collect();
    (!rules.is_empty()).then_some(NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules) }) })
}

type Put = S3Result<S3Response<PutBucketNotificationConfigurationOutput>>;

pub async fn put(context: &S3Context, req: S3Request<PutBucketNotificationConfigurationInput>) -> Put {
    let exchange = Exchange::of(&req.extensions)?;
    let wanted = parse(req.input.notification_configuration)?;
    exchange.add_parameter("NotificationConfiguration", recorded(&wanted));
    let name = exchange.bucket.clone().unwrap_or_default();
    let _lock = context.store.lock_bucket(&name).await;
    let bucket = context.store.bucket(&name).map_err(fault::of_store)?.ok_or_else(fault::no_such_bucket)?;
    let mut staged = Staged::default();
    if !wanted.is_empty() && !req.input.skip_destination_validation.unwrap_or(false) {
        let checked = context.store.notifier().check(&bucket, &wanted, &exchange.cause()).await;
        staged.changes = checked.map_err(|error| {
            tracing::debug!(arn = error.arn, "a destination of notifications was refused");
            fault::invalid_argument(error.message)
        })?;
    }
    let mut bucket = Bucket::clone(&bucket);
    bucket.settings.notifications = wanted;
    staged.changes.put(&bucket);
    exchange.commit(staged, &[], Value::Null).await?;
    Ok(S3Response::new(PutBucketNotificationConfigurationOutput {}))
}

fn recorded(wanted: &Notifications) -> Value {
    let of = |kind: TargetKind, name: &str, arn: &str| {
        let targets = wanted.targets.iter().filter(|target| target.kind == kind);
        let all: Vec<_> = targets.map(|target| json!({"Id": target.id, arn: target.arn, "Event": target.events})).collect();
        (!all.is_empty()).then(|| (name.to_owned(), Value::Array(all)))
    };
    let lists = [
        of(TargetKind::Queue, "QueueConfiguration", "Queue"),
        of(TargetKind::Topic, "TopicConfiguration", "Topic"),
        of(TargetKind::Function, "CloudFunctionConfiguration", "CloudFunction"),
        wanted.event_bridge.then(|| ("EventBridgeConfiguration".to_owned(), json!(""))),
    ];
    Value::Object(lists.into_iter().flatten().collect())
}

fn parse(configuration: NotificationConfiguration) -> S3Result<Notifications> {
    let mut targets = Vec::new();
    for queue in configuration.queue_configurations.into_iter().flatten() {
        targets.push(target(TargetKind::Queue, queue.queue_arn, queue.id, queue.events, queue.filter)?);
    }
    for topic in configuration.topic_configurations.into_iter().flatten() {
        targets.push(target(TargetKind::Topic, topic.topic_arn, topic.id, topic.events, topic.filter)?);
    }
    for function in configuration.lambda_function_configurations.into_iter().flatten() {
        let arn = function.lambda_function_arn;
        targets.push(target(TargetKind::Function, arn, function.id, function.events, function.filter)?);
    }
    if targets.len() > MAX_TARGETS {
        return Err(fault::invalid_request("A bucket can have at most 100 event notification configurations."));
    }
    let ids: BTreeSet<&str> = targets.iter().map(|target| target.id.as_str()).collect();
    if ids.len() != targets.len() {
        return Err(fault::invalid_argument("Same ID used for multiple configurations. IDs must be unique."));
    }
    check_overlaps(&targets)?;
    Ok(Notifications { targets, event_bridge: configuration.event_bridge_configuration.is_some() })
}

fn target(
    kind: TargetKind,
    arn: String,
    id: Option<String>,
    events: EventList,
    filter: Option<NotificationConfigurationFilter>,
) -> S3Result<NotificationTarget> {
    let service = match kind {
        TargetKind::Queue => "sqs",
        TargetKind::Topic => "sns",
        TargetKind::Function => "lambda",
    };
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is_arn = matches!(parts.as_slice(), ["arn", partition, of, _, account, name]
        if partition.starts_with("aws") && *of == service && account.len() == 12 && !name.is_empty());
    if !is_arn || arn.len() > 1024 {
        return Err(fault::invalid_argument("The ARN could not be parsed"));
    }
    let events: Vec<String> = events.into_iter().map(|event| event.as_ref().to_owned()).collect();
    if events.is_empty() {
        return Err(fault::malformed_xml());
    }
    if let Some(unknown) = events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        return Err(fault::invalid_argument(format!("The event '{unknown}' is not supported for notifications")));
    }
    let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    if id.chars().count() > MAX_ID_CHARS {
        return Err(fault::invalid_argument("ID length should not exceed allowed limit of 255"));
    }
    let (prefix, suffix) = parse_filter(filter)?;
    Ok(NotificationTarget { id, kind, arn, events, prefix, suffix })
}

fn parse_filter(filter: Option<NotificationConfigurationFilter>) -> S3Result<(String, String)> {
    let (mut prefix, mut suffix) = (None, None);
    let rules = filter.and_then(|filter| filter.key).and_then(|key| key.filter_rules);
    for rule in rules.into_iter().flatten() {
        let name = rule.name.ok_or_else(fault::malformed_xml)?;
        let value = rule.value.unwrap_or_default();
        let place = match name.as_str().to_ascii_lowercase().as_str() {
            "prefix" => &mut prefix,
            "suffix" => &mut suffix,
            _ => return Err(fault::invalid_argument("filter rule name must be either prefix or suffix")),
        };
        if value.chars().count() > MAX_FILTER_CHARS {
            return Err(fault::invalid_argument("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation"));
        }
        if place.replace(value).is_some() {
            return Err(fault::invalid_argument(
                "Cannot specify more than one prefix rule or more than one suffix rule in a filter.",
            ));
        }
    }
    Ok((prefix.unwrap_or_default(), suffix.unwrap_or_default()))
}

/// No event on any key may be for two targets.
fn check_overlaps(targets: &[NotificationTarget]) -> S3Result<()> {
    let covers = |a: &str, b: &str| a == b || a.strip_suffix('*').is_some_and(|start| b.starts_with(start));
    let share = |a: &NotificationTarget, b: &NotificationTarget| {
        a.events.iter().any(|one| b.events.iter().any(|other| covers(one, other) || covers(other, one)))
    };
    let same_keys = |a: &NotificationTarget, b: &NotificationTarget| {
        let prefixes = a.prefix.starts_with(&b.prefix) || b.prefix.starts_with(&a.prefix);
        prefixes && (a.suffix.ends_with(&b.suffix) || b.suffix.ends_with(&a.suffix))
    };
    for (index, one) in targets.iter().enumerate() {
        if targets[index + 1..].iter().any(|other| share(one, other) && same_keys(one, other)) {
            return Err(fault::invalid_argument(
                "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(events: &[&str], rules: &[(&'static str, &str)]) -> QueueConfiguration {
        let rule = |(name, value): &(&'static str, &str)| FilterRule {
            name: Some(FilterRuleName::from_static(name)),
            value: Some((*value).to_owned()),
        };
        QueueConfiguration {
            events: events.iter().map(|event| Event::from((*event).to_owned())).collect(),
            filter: Some(NotificationConfigurationFilter {
                key: Some(S3KeyFilter { filter_rules: Some(rules.iter().map(rule).collect()) }),
            }),
            id: None,
            queue_arn: "arn:aws:sqs:us-east-1:123456789012:q".into(),
        }
    }

    fn check(queues: Vec<QueueConfiguration>, expect: Result<usize, &str>) {
        let configuration =
            NotificationConfiguration { queue_configurations: Some(queues), ..NotificationConfiguration::default() };
        match (parse(configuration), expect) {
            (Ok(parsed), Ok(count)) => assert_eq!(parsed.targets.len(), count),
            (Err(error), Err(text)) => {
                assert!(error.message().unwrap_or(error.code().as_str()).contains(text), "{error:?} should say {text}");
            }
            (got, wanted) => panic!("{got:?} instead of {wanted:?}"),
        }
    }

    #[test]
    fn configurations_are_checked() {
        let all = "s3:ObjectCreated:*";
        check(vec![queue(&[all], &[("prefix", "a/"), ("Suffix", ".gz")])], Ok(1));
        check(vec![queue(&[all], &[("prefix", "a/")]), queue(&[all], &[("prefix", "b/")])], Ok(2));
        check(vec![queue(&[all], &[("prefix", "a/")]), queue(&[all], &[("prefix", "a/b")])], Err("overlap"));
        check(vec![queue(&[all], &[]), queue(&["s3:ObjectCreated:Put"], &[])], Err("overlap"));
        check(vec![queue(&[all], &[]), queue(&["s3:ObjectRemoved:Delete"], &[])], Ok(2));
        check(vec![queue(&["s3:ObjectMade"], &[])], Err("not supported"));
        check(vec![queue(&[], &[])], Err("well-formed"));
        check(vec![queue(&[all], &[("prefix", "a"), ("prefix", "b")])], Err("more than one prefix"));
        check(vec![queue(&[all], &[("infix", "a")])], Err("either prefix or suffix"));
        let other = QueueConfiguration { queue_arn: "arn:aws:sns:us-east-1:123456789012:q".into(), ..queue(&[all], &[]) };
        check(vec![other], Err("ARN"));
    }
}
