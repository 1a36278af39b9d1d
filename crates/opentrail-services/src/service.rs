//! Services and operations as tables, and the one way to run an operation.

use crate::app::{App, catalog_failure, log_failure};
use crate::call::{Call, Caller};
use crate::credentials::identity_policies;
use crate::recording::{self, Outcome};
use futures::future::BoxFuture;
use opentrail_catalog::{Changes, NamedLock};
use opentrail_eventlog::Event;
use opentrail_model::record::Resource;
use opentrail_policy::{Decision, Policies, Request};
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

/// One operation that is implemented.
pub struct Operation {
    pub name: &'static str,
    /// `readOnly` of its records.
    pub read_only: bool,
    /// The ARN that policies are asked about.
    pub resource: fn(&App, &Call, &Value) -> String,
    /// `requestParameters` from the input; [`recording::lower_cased`] unless secrets or names need more.
    pub parameters: fn(&Value) -> Value,
    /// Whether policies are asked at all (GetCallerIdentity cannot be denied).
    pub authorised: bool,
    pub handler: Handler,
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
    pub data_events: bool,
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
    data_events: false,
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
        Some(operation) => match authorise(app, service, operation, &call, &input) {
            Err(denied) => Err(denied),
            Ok(()) => (operation.handler)(Arc::clone(app), call.clone(), input).await,
        },
    };
    let outcome = Outcome { service, operation_name, operation, parameters, result: result.as_ref() };
    let mut events = recording::events(app, &call, &outcome);
    match result {
        Err(error) => {
            app.intake.submit(events, bytes::Bytes::new()).await.map_err(|failure| log_failure(&failure))?;
            Err(error)
        }
        Ok(reply) => {
            events.extend(reply.more_events);
            app.intake.submit(events, reply.changes.encode()).await.map_err(|failure| log_failure(&failure))?;
            drop(reply.lock);
            Ok(reply.output)
        }
    }
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

/// Asks the caller's identity policies about one operation on the resource that the input names.
///
/// # Errors
/// The denial in the service's words.
pub(crate) fn authorise(app: &App, service: &Service, operation: &Operation, call: &Call, input: &Value) -> Result<(), ApiError> {
    if !operation.authorised || matches!(call.caller, Caller::Root { .. }) {
        return Ok(());
    }
    let identity = identity_policies(app, &call.caller).map_err(|error| catalog_failure(&error))?;
    let identity: Vec<_> = identity.iter().collect();
    let action = format!("{}:{}", service.name, operation.name);
    let resource = (operation.resource)(app, call, input);
    let context = call.policy_context();
    let principal = call.caller.principal();
    let request = Request {
        principal: &principal,
        action: &action,
        resource: &resource,
        resource_account: &call.account,
        context: &context,
    };
    let policies = Policies { identity: &identity, resource: None, session: None, boundary: None };
    match opentrail_policy::decide(&request, &policies) {
        Decision::Allowed => Ok(()),
        Decision::Denied(reason) => {
            let (code, status) = if service.target.is_some() { ("AccessDeniedException", 400) } else { ("AccessDenied", 403) };
            Err(ApiError::new(code, reason.message(&request)).with_status(status))
        }
    }
}
