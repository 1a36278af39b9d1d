//! Services and operations as tables, and the one way to run an operation.

use crate::app::{App, log_failure};
use crate::authorisation::authorise;
use crate::call::Call;
use crate::recording::{self, Outcome, lower_cased};
use crate::sns;
use crate::temporary::refuse_beyond;
use futures::future::BoxFuture;
use opentrail_catalog::{Changes, NamedLock};
use opentrail_eventlog::Event;
use opentrail_model::record::Resource;
use opentrail_policy::{PolicyDocument, RequestContext};
use opentrail_wire::ApiError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

/// What a handler hands back. The front records it and then answers.
#[derive(Default)]
pub struct Reply {
    pub output: Value,
    pub changes: Changes,
    /// Kept until the changes are applied.
    pub lock: Option<NamedLock>,
    /// `responseElements` if they are not simply the output in CloudTrail's casing.
    pub response_elements: Option<Value>,
    pub resources: Vec<Resource>,
    pub additional_event_data: Option<Value>,
    /// The account of the resource. If it is not the caller's, it gets a record of the call too.
    pub owner_account: Option<String>,
    /// Events that this call causes besides its own, recorded in the same entry.
    pub more_events: Vec<Event>,
}

impl Reply {
    /// An answer that changes nothing.
    pub fn output(output: Value) -> Self {
        Self { output, ..Self::default() }
    }
}

pub type Handler = fn(Arc<App>, Call, Value) -> BoxFuture<'static, Result<Reply, ApiError>>;

/// The ARN that policies are asked about, from the input.
pub type ResourceOf = fn(&App, &Call, &Value) -> String;
/// The policy of the resource that the input names, if it has one.
pub type ResourcePolicyOf = fn(&App, &Call, &Value) -> Result<Option<Arc<PolicyDocument>>, ApiError>;
/// What grants allow of an action (in full: `kms:Decrypt`) on the resource that the input names, as a policy.
pub type GrantsOf = fn(&App, &Call, &str, &Value) -> Result<Option<PolicyDocument>, ApiError>;
/// Adds the condition keys of an operation, such as `aws:RequestTag/…` or `iam:PolicyARN`.
pub type ConditionsOf = fn(&App, &Call, &Value, RequestContext) -> RequestContext;

/// Proves who makes a call that is not signed, from its input.
pub type Identify = fn(Arc<App>, Call, Value) -> BoxFuture<'static, Result<Call, Box<(Call, ApiError)>>>;

/// One operation that is implemented.
pub struct Operation {
    pub name: &'static str,
    /// The IAM action in full, where it is not `service:name`: `sqs:SendMessage` for SendMessageBatch.
    pub action: Option<&'static str>,
    /// `readOnly` of its records.
    pub read_only: bool,
    /// Whether its records are data events; management events otherwise.
    pub data_event: bool,
    /// The ARN that policies are asked about.
    pub resource: ResourceOf,
    /// For resources with a policy of their own. Then the account in the ARN owns the resource, and callers of other
    /// accounts need both sides; without it resources are the caller's account's.
    pub resource_policy: Option<ResourcePolicyOf>,
    /// For resources that can have grants.
    pub grants: Option<GrantsOf>,
    pub conditions: Option<ConditionsOf>,
    /// `requestParameters` from the input; [`recording::lower_cased`] unless secrets or names need more.
    pub parameters: fn(&Value) -> Value,
    /// Whether policies are asked at all (GetCallerIdentity cannot be denied).
    pub authorised: bool,
    /// For calls that carry another proof than a signature; a signature is not looked at then.
    pub identify: Option<Identify>,
    pub handler: Handler,
}

impl Operation {
    /// A write that is authorised on `*` and recorded with its input; to be completed with `..`.
    pub const fn new(name: &'static str, handler: Handler) -> Self {
        Self {
            name,
            action: None,
            read_only: false,
            data_event: false,
            resource: |_, _, _| "*".into(),
            resource_policy: None,
            grants: None,
            conditions: None,
            parameters: lower_cased,
            authorised: true,
            identify: None,
            handler,
        }
    }
}

/// One AWS service.
pub struct Service {
    /// Credential scope name and IAM action prefix.
    pub name: &'static str,
    pub event_source: &'static str,
    /// Last part of the `X-Amz-Target` prefix, for JSON services.
    pub target: Option<&'static str>,
    /// API version, for query services: the `Version` parameter.
    pub version: Option<&'static str>,
    pub namespace: Option<&'static str>,
    /// Recorded in us-east-1 whatever the signing region.
    pub global: bool,
    pub operations: &'static [Operation],
    /// Names of operations AWS has and we lack. They answer an error and are recorded.
    pub missing: &'static [&'static str],
    /// What an unimplemented operation of AWS's answers.
    pub unsupported_code: &'static str,
}

/// Stands for every service that is not here.
pub static UNKNOWN_SERVICE: Service = Service {
    name: "unknown",
    event_source: "unknown.amazonaws.com",
    target: None,
    version: None,
    namespace: None,
    global: false,
    operations: &[],
    missing: &[],
    unsupported_code: "UnknownOperationException",
};

impl Service {
    /// Whether this is [`UNKNOWN_SERVICE`].
    pub fn is_unknown(&self) -> bool {
        self.name == UNKNOWN_SERVICE.name
    }

    pub fn find(&self, name: &str) -> Option<&'static Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }
}

/// Parses an operation's input.
///
/// # Errors
/// `SerializationException` if a member has the wrong type.
pub fn parse<I: DeserializeOwned>(input: Value) -> Result<I, ApiError> {
    let input = if input.is_null() { Value::Object(serde_json::Map::new()) } else { input };
    serde_json::from_value(input)
        .map_err(|error| ApiError::new("SerializationException", format!("The request could not be read: {error}")))
}

/// Wraps a typed async function as a [`Handler`].
#[macro_export]
macro_rules! handler {
    ($function:path) => {
        |app, call, input| {
            Box::pin(async move {
                let input = $crate::service::parse(input)?;
                $function(&app, &call, input).await
            })
        }
    };
}

/// Runs one call of a JSON or query service: find ▸ authorise ▸ handle ▸ record. Answers only what is recorded.
///
/// # Errors
/// The error that the caller is told; it has been recorded too.
pub async fn run(
    app: &Arc<App>,
    service: &'static Service,
    operation_name: &str,
    call: Call,
    input: Value,
) -> Result<Value, ApiError> {
    let operation = service.find(operation_name);
    let parameters = operation.map_or(Value::Null, |operation| (operation.parameters)(&input));
    let result = match operation {
        None => Err(unknown(service, operation_name)),
        Some(operation) if !sns::by_link(app, service, operation_name, &call, &input) => {
            match permitted(app, service, operation, &call, &input) {
                Err(denied) => Err(denied),
                Ok(()) => (operation.handler)(Arc::clone(app), call.clone(), input).await,
            }
        }
        Some(operation) => (operation.handler)(Arc::clone(app), call.clone(), input).await,
    };
    let outcome = Outcome { service, operation_name, operation, parameters, result: result.as_ref() };
    let mut events = recording::events(app, &call, &outcome);
    let used = app.last_used.note(&call.caller, service.name, &call.region, call.now);
    let with_use = |mut changes: Changes| {
        if let Some(used) = &used {
            changes.put(used);
        }
        changes.encode()
    };
    match result {
        Err(error) => {
            app.intake.submit(events, with_use(Changes::new())).await.map_err(|failure| log_failure(&failure))?;
            Err(error)
        }
        Ok(reply) => {
            events.extend(reply.more_events);
            app.intake.submit(events, with_use(reply.changes)).await.map_err(|failure| log_failure(&failure))?;
            drop(reply.lock);
            Ok(reply.output)
        }
    }
}

fn permitted(app: &App, service: &Service, operation: &Operation, call: &Call, input: &Value) -> Result<(), ApiError> {
    refuse_beyond(service.name, operation.name, &call.caller)?;
    authorise(app, service, operation, call, input)
}

/// Whether callers without credentials may make this call: a message linked to it, or the policy of the resource says so.
pub fn open_to_all(app: &App, service: &Service, operation_name: &str, call: &Call, input: &Value) -> bool {
    let operation = service.find(operation_name).filter(|operation| operation.resource_policy.is_some());
    sns::by_link(app, service, operation_name, call, input)
        || operation.is_some_and(|operation| authorise(app, service, operation, call, input).is_ok())
}

/// Records a call that failed before its operation could run: malformed, unauthenticated, of an unknown kind.
///
/// # Errors
/// If it could not be recorded; then that is what the caller is told.
pub async fn refuse(
    app: &Arc<App>,
    service: &'static Service,
    operation_name: &str,
    call: &Call,
    error: ApiError,
) -> Result<(), ApiError> {
    let outcome = Outcome {
        service,
        operation_name,
        operation: service.find(operation_name),
        parameters: Value::Null,
        result: Err(&error),
    };
    let events = recording::events(app, call, &outcome);
    app.intake.submit(events, bytes::Bytes::new()).await.map(|_| ()).map_err(|failure| log_failure(&failure))
}

fn unknown(service: &Service, operation: &str) -> ApiError {
    if service.missing.contains(&operation) {
        return ApiError::new(service.unsupported_code, format!("{operation} is not supported by OpenTrail yet."));
    }
    match service.version {
        Some(version) => ApiError::new("InvalidAction", format!("Could not find operation {operation} for version {version}")),
        None => ApiError::new("UnknownOperationException", format!("Unknown operation {operation}")),
    }
}
