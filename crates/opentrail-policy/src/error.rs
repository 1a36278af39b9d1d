//! Why a policy document was rejected.

use thiserror::Error;

/// Why a policy document was rejected. The author of the policy has to change it; trying again does not help.
///
/// Services return these messages to their users, so they follow AWS's wording where it is known (S3 for resource
/// policies, IAM for identity and trust policies) and not the wording rules of this project.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The text is not JSON, or an object in it names the same field twice.
    #[error("Policies must be valid JSON and the first byte must be '{{'")]
    NotJson {
        /// What the JSON reader found, and where.
        #[source]
        cause: serde_json::Error,
    },
    /// The text does not begin with `{`.
    #[error("Policies must be valid JSON and the first byte must be '{{'")]
    NotAnObject,
    /// The text is longer than the service stores.
    #[error("Policy exceeds the maximum allowed document size of {max_bytes} bytes")]
    TooLarge {
        /// The limit that was exceeded.
        max_bytes: usize,
    },
    /// An element has the wrong shape: a number where text is expected, `Action` next to `NotAction`, an open `${`.
    #[error("Invalid policy syntax.")]
    Syntax {
        /// The element that has the wrong shape.
        element: String,
    },
    /// An element name that the policy grammar does not have.
    #[error("Unknown field {field}")]
    UnknownField {
        /// The name as written.
        field: String,
    },
    /// An element that every policy of this kind has is absent or empty.
    #[error("Missing required field {field}")]
    MissingField {
        /// The name of the absent element.
        field: &'static str,
    },
    /// `Statement` is an empty list.
    #[error("Could not parse the policy: Statement is empty!")]
    NoStatements,
    /// An identity or trust policy statement has neither `Action` nor `NotAction`.
    #[error("Policy statement must contain actions.")]
    NoActions,
    /// An identity policy statement has neither `Resource` nor `NotResource`.
    #[error("Policy statement must contain resources.")]
    NoResources,
    /// An identity policy names a principal; it applies to whom it is attached.
    #[error("Policy document should not specify a principal.")]
    PrincipalInIdentityPolicy,
    /// An element that policies of this kind may not have.
    #[error("Has prohibited field {field}")]
    ProhibitedField {
        /// The name of the prohibited element.
        field: &'static str,
    },
    /// `Version` is neither `2012-10-17` nor `2008-10-17`.
    #[error("The policy must contain a valid version string")]
    InvalidVersion {
        /// The version as written.
        version: String,
    },
    /// `Effect` is neither `Allow` nor `Deny`.
    #[error("Invalid effect: {effect}")]
    InvalidEffect {
        /// The effect as written.
        effect: String,
    },
    /// A statement id holds characters that IAM does not take.
    #[error("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")]
    InvalidSid {
        /// The id as written.
        sid: String,
    },
    /// Two statements of one policy have the same id.
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    DuplicateSid {
        /// The id that occurs twice.
        sid: String,
    },
    /// A principal in a form that policies do not take, for example with a partial wildcard.
    #[error("Invalid principal in policy")]
    InvalidPrincipal {
        /// The principal as written.
        principal: String,
    },
    /// An action in a resource policy that is malformed or belongs to another service.
    #[error("Policy has invalid action")]
    InvalidAction {
        /// The action as written.
        action: String,
    },
    /// An action in an identity policy that is not `service:Name`.
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    UnqualifiedAction {
        /// The action as written.
        action: String,
    },
    /// An action in a trust policy that is not one of STS.
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    NotAnAssumeRoleAction {
        /// The action as written.
        action: String,
    },
    /// A resource in a resource policy that is malformed or outside the policy's owner.
    #[error("Policy has invalid resource")]
    InvalidResource {
        /// The resource as written.
        resource: String,
    },
    /// A resource in an identity policy that is neither an ARN nor `*`.
    #[error("Resource {resource} must be in ARN format or \"*\".")]
    ResourceNotArn {
        /// The resource as written.
        resource: String,
    },
    /// A bucket action with objects only, or an object action with the bucket only.
    #[error("Action does not apply to any resource(s) in statement")]
    ActionWithoutResource {
        /// The action as written.
        action: String,
    },
    /// A condition operator that does not exist.
    #[error("Invalid Condition type : {operator}")]
    UnknownOperator {
        /// The operator as written.
        operator: String,
    },
    /// A condition key that is not `vendor:name`.
    #[error("Policy has an invalid condition key")]
    InvalidConditionKey {
        /// The key as written.
        key: String,
    },
    /// A condition value that its operator cannot compare with, for example text for `NumericEquals`.
    #[error("Invalid condition value {value} for operator {operator}")]
    InvalidConditionValue {
        /// The operator as written.
        operator: String,
        /// The value as written.
        value: String,
    },
}

impl PolicyError {
    /// The error for an element of the wrong shape.
    pub(crate) fn syntax(element: &str) -> Self {
        Self::Syntax { element: element.to_owned() }
    }
}
