//! From a matched event to changes: a message, a publication, a log event, an event on another bus, a call to be made.

use crate::api_destination::ApiDestination;
use crate::bus::{DEFAULT_BUS, EventBus, key_of_bus_arn};
use crate::compiled::{CompiledRule, CompiledTarget};
use crate::event::{BusEvent, MAX_EVENT_BYTES, MAX_HOPS, new_id};
use crate::follower::{Inner, RulesError};
use crate::input::{Facts, Input};
use crate::log_access::may_write;
use crate::log_lines::{LogLines, stream_name};
use crate::poster::Invocation;
use crate::rule::{MAX_AGE_S, MAX_RETRIES, Target, TargetKind};
use opentrail_catalog::{Changes, Entity};
use opentrail_logs::{InputEvent, LogGroup};
use opentrail_messaging::Sender;
use opentrail_messaging::queues::MessageAttribute;
use opentrail_messaging::topics::Draft;
use opentrail_policy::{PolicyKind, Principal, Request, RequestContext};
use serde_json::Value;
use std::sync::atomic::Ordering;

/// Largest message to a topic.
const MAX_TOPIC_BYTES: usize = 256 * 1024;

/// Who EventBridge is to policies.
pub const SERVICE: &str = "events.amazonaws.com";

/// What is made of a stretch of the log.
#[derive(Default)]
pub struct Outbox {
    pub changes: Changes,
    pub lines: LogLines,
    /// About how much was made.
    pub bytes: usize,
}

impl Outbox {
    pub fn add(&mut self, changes: Changes) {
        self.bytes += changes.iter().filter_map(|change| change.value.as_ref()).map(|value| value.get().len()).sum::<usize>();
        self.changes.append(changes);
    }
}

/// Why a target did not get an event, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    pub code: &'static str,
    pub message: String,
}

impl Undelivered {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn no_permission(message: &str) -> Self {
        Self::new("NO_PERMISSIONS", message)
    }

    fn no_resource(message: &str) -> Self {
        Self::new("NO_RESOURCE", message)
    }
}

/// An event and how it came.
#[derive(Clone, Copy)]
pub struct Matched<'a> {
    pub event: &'a Value,
    pub hops: u8,
    /// Milliseconds since 1970.
    pub now_ms: u64,
    pub ingestion_time: &'a str,
}

impl Inner {
    /// Gives a matched event to one target, or to its dead-letter queue.
    pub fn deliver(
        &self,
        rule: &CompiledRule,
        target: &CompiledTarget,
        matched: Matched<'_>,
        out: &mut Outbox,
    ) -> Result<(), RulesError> {
        let facts = Facts { rule_arn: &rule.arn, rule_name: &rule.rule.name, ingestion_time: matched.ingestion_time };
        let body = target.input.render(matched.event, &facts);
        let sent = if body.len() > MAX_EVENT_BYTES {
            Err(Undelivered::new("INVALID_INPUT", "the input transformer made more than 1 MB"))
        } else {
            match target.kind {
                TargetKind::Queue => self.to_queue(rule, &target.target, &body, out),
                TargetKind::Topic => self.to_topic(rule, &target.target, &body, out)?,
                TargetKind::LogGroup => self.to_log_group(rule, target, &body, matched, out)?,
                TargetKind::Bus => self.to_bus(rule, &target.target, matched, out)?,
                TargetKind::ApiDestination => self.to_api(rule, &target.target, &body, matched, out)?,
            }
        };
        match sent {
            Ok(()) => {
                self.counters.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err(reason) => {
                let mut changes = Changes::new();
                let letter = DeadLetter {
                    rule_arn: &rule.arn,
                    rule_account: &rule.rule.account,
                    target_arn: &target.target.arn,
                    queue_arn: target.target.dead_letter_arn.as_deref(),
                    body: &body,
                    retries: 0,
                    exhausted: None,
                };
                self.give_up(&letter, &reason, &mut changes);
                out.add(changes);
            }
        }
        Ok(())
    }

    fn to_queue(&self, rule: &CompiledRule, target: &Target, body: &str, out: &mut Outbox) -> Result<(), Undelivered> {
        let queue = self.queues.by_arn(&target.arn).ok_or_else(|| Undelivered::no_resource("the queue does not exist"))?;
        if !sender(rule).may_send(&queue) {
            return Err(Undelivered::no_permission("the queue's policy does not let EventBridge send"));
        }
        if body.len() > queue.max_message_bytes {
            return Err(Undelivered::new("INVALID_PARAMETER", "the event is larger than the queue's messages may be"));
        }
        let mut changes = Changes::new();
        changes.put(&self.queues.message(&queue, SERVICE, body.to_owned()));
        out.add(changes);
        Ok(())
    }

    fn to_topic(
        &self,
        rule: &CompiledRule,
        target: &Target,
        body: &str,
        out: &mut Outbox,
    ) -> Result<Result<(), Undelivered>, RulesError> {
        let Some(topic) = self.topics.by_arn(&target.arn) else {
            return Ok(Err(Undelivered::no_resource("the topic does not exist")));
        };
        if !sender(rule).may_publish(&topic) {
            return Ok(Err(Undelivered::no_permission("the topic's policy does not let EventBridge publish")));
        }
        if body.len() > MAX_TOPIC_BYTES {
            return Ok(Err(Undelivered::new("INVALID_PARAMETER", "the event is larger than a topic's messages may be")));
        }
        let mut changes = Changes::new();
        self.topics.publish(&topic, Draft::text(body), &mut changes)?;
        out.add(changes);
        Ok(Ok(()))
    }

    fn to_log_group(
        &self,
        rule: &CompiledRule,
        target: &CompiledTarget,
        body: &str,
        matched: Matched<'_>,
        out: &mut Outbox,
    ) -> Result<Result<(), Undelivered>, RulesError> {
        let Some(key) = log_group_key(&target.target.arn) else {
            return Ok(Err(Undelivered::no_resource("this is no log group's ARN")));
        };
        let Some(group) = self.catalog.get::<LogGroup>(&key)? else {
            return Ok(Err(Undelivered::no_resource("the log group does not exist")));
        };
        let now = i64::try_from(matched.now_ms).unwrap_or(i64::MAX);
        let stream = stream_name(&rule.arn, &target.target.id, now);
        if !may_write(&self.catalog, rule, &group, &stream)? {
            return Ok(Err(Undelivered::no_permission("no resource policy lets EventBridge write into the log group")));
        }
        let line = log_line(&target.target.input, body, now);
        out.bytes += line.message.len();
        out.lines.add(group, stream, line);
        Ok(Ok(()))
    }

    fn to_bus(
        &self,
        rule: &CompiledRule,
        target: &Target,
        matched: Matched<'_>,
        out: &mut Outbox,
    ) -> Result<Result<(), Undelivered>, RulesError> {
        let bus = key_of_bus_arn(&target.arn).unwrap_or_default();
        let known = self.catalog.get::<EventBus>(&bus)?;
        if known.is_none() && !bus.ends_with(&format!("/{DEFAULT_BUS}")) {
            return Ok(Err(Undelivered::no_resource("the event bus does not exist")));
        }
        let owner = bus.split('/').next().unwrap_or_default();
        if owner != rule.rule.account && !known.is_some_and(|bus| lets_in(&bus, &rule.rule.account)) {
            return Ok(Err(Undelivered::no_permission("the event bus's policy does not let this account put events")));
        }
        if matched.hops + 1 >= MAX_HOPS {
            let message = format!("the event has been on {MAX_HOPS} event buses");
            return Ok(Err(Undelivered::new("TOO_MANY_HOPS", message)));
        }
        let mut changes = Changes::new();
        changes.put(&BusEvent { bus, id: new_id(), hops: matched.hops + 1, after: None, event: matched.event.clone() });
        out.add(changes);
        Ok(Ok(()))
    }

    fn to_api(
        &self,
        rule: &CompiledRule,
        target: &Target,
        body: &str,
        matched: Matched<'_>,
        out: &mut Outbox,
    ) -> Result<Result<(), Undelivered>, RulesError> {
        let key = ApiDestination::key_of_arn(&target.arn).unwrap_or_default();
        let known = self.catalog.get::<ApiDestination>(&key)?;
        if known.is_none_or(|known| known.arn() != target.arn) {
            return Ok(Err(Undelivered::no_resource("the API destination does not exist")));
        }
        let mut changes = Changes::new();
        changes.put(&Invocation {
            destination: key,
            sequence: self.queues.next_sequence(),
            destination_arn: target.arn.clone(),
            rule_arn: rule.arn.clone(),
            rule_account: rule.rule.account.clone(),
            http: target.http.clone().unwrap_or_default(),
            body: body.to_owned(),
            attempts: 0,
            next_ms: matched.now_ms,
            expires_ms: matched.now_ms + u64::from(target.max_age_s.unwrap_or(MAX_AGE_S)) * 1000,
            max_retries: target.max_retries.unwrap_or(MAX_RETRIES),
            dead_letter_arn: target.dead_letter_arn.clone(),
        });
        out.add(changes);
        Ok(Ok(()))
    }

    /// Adds to `changes` what becomes of an event that a target does not get: a dead letter, or nothing.
    pub fn give_up(&self, letter: &DeadLetter<'_>, reason: &Undelivered, changes: &mut Changes) {
        self.counters.failed.fetch_add(1, Ordering::Relaxed);
        let sender = Sender { service: SERVICE, source_arn: letter.rule_arn, source_account: letter.rule_account };
        let queue = letter.queue_arn.and_then(|arn| self.queues.by_arn(arn));
        let Some(queue) = queue.filter(|queue| sender.may_send(queue) && letter.body.len() <= queue.max_message_bytes) else {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                rule = letter.rule_arn,
                target = letter.target_arn,
                code = reason.code,
                reason = reason.message,
                "an event could not be delivered and has no dead-letter queue"
            );
            return;
        };
        tracing::info!(
            rule = letter.rule_arn,
            target = letter.target_arn,
            code = reason.code,
            reason = reason.message,
            "an event became a dead letter"
        );
        let mut message = self.queues.message(&queue, SERVICE, letter.body.to_owned());
        let retries = letter.retries.to_string();
        let attributes = [
            ("RULE_ARN", Some(letter.rule_arn)),
            ("TARGET_ARN", Some(letter.target_arn)),
            ("ERROR_CODE", Some(reason.code)),
            ("ERROR_MESSAGE", Some(reason.message.as_str())),
            ("RETRY_ATTEMPTS", letter.exhausted.map(|_| retries.as_str())),
            ("EXHAUSTED_RETRY_CONDITION", letter.exhausted),
        ];
        for (name, value) in attributes {
            if let Some(value) = value {
                message.attributes.insert(name.to_owned(), MessageAttribute::string(value));
            }
        }
        changes.put(&message);
    }
}

/// An event that a target did not get.
pub struct DeadLetter<'a> {
    pub rule_arn: &'a str,
    pub rule_account: &'a str,
    pub target_arn: &'a str,
    pub queue_arn: Option<&'a str>,
    pub body: &'a str,
    pub retries: u32,
    /// What ended the retries, if there were some.
    pub exhausted: Option<&'a str>,
}

fn sender(rule: &CompiledRule) -> Sender<'_> {
    Sender { service: SERVICE, source_arn: &rule.arn, source_account: &rule.rule.account }
}

/// Whether a bus's policy lets an account put events.
fn lets_in(bus: &EventBus, account: &str) -> bool {
    let Some(policy) = &bus.policy else { return false };
    let arn = bus.arn();
    let principal = Principal::Account { account: account.to_owned() };
    let context = RequestContext::new().with("aws:PrincipalAccount", account).with("aws:SourceAccount", account);
    let request = Request {
        principal: &principal,
        action: "events:PutEvents",
        resource: &arn,
        resource_account: &bus.account,
        context: &context,
    };
    policy.document(PolicyKind::Resource).says(&request) == Some(true)
}

/// The key of the group that `arn:aws:logs:R:A:log-group:NAME` names, perhaps with `:*`.
fn log_group_key(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let ["arn", _, "logs", region, account, "log-group", name] = parts[..] else { return None };
    Some(LogGroup::key_of(account, region, name.strip_suffix(":*").unwrap_or(name)))
}

/// A transformed input says the line and its time; anything else is the line itself.
fn log_line(input: &Input, body: &str, now: i64) -> InputEvent {
    let whole = |message: &str| {
        let message = if message.is_empty() { "{}" } else { message };
        InputEvent { timestamp: now, message: message.to_owned() }
    };
    if matches!(input, Input::Whole | Input::Path(_)) {
        return whole(body);
    }
    let given = serde_json::from_str::<Value>(body).unwrap_or_default();
    match given.get("message") {
        Some(Value::String(message)) => whole(message),
        Some(message @ (Value::Object(_) | Value::Array(_))) => whole(&message.to_string()),
        _ => whole(body),
    }
}

/// The key of the default bus of an account and region.
pub fn default_bus(account: &str, region: &str) -> String {
    EventBus::key_of(account, region, DEFAULT_BUS)
}

/// Marks an event that a bus was given as done.
pub fn done(event: &BusEvent, changes: &mut Changes) {
    changes.delete::<BusEvent>(&event.key());
}
