//! The `userIdentity` element of a record, per kind of caller.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

/// Who made a call, as far as a record shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserIdentity {
    /// The account's root user.
    Root { account: String, access_key: String },
    /// A user with long-term credentials.
    IamUser { account: String, name: String, arn: String, user_id: String, access_key: String },
    /// A session of a role.
    AssumedRole {
        /// `AROA…:SESSION`
        principal_id: String,
        arn: String,
        account: String,
        access_key: String,
        role_arn: String,
        role_id: String,
        /// Name of the role.
        role: String,
        issued: OffsetDateTime,
        /// Whether a one-time password was checked.
        mfa: bool,
    },
    /// A session of GetFederationToken.
    FederatedUser { principal_id: String, arn: String, account: String, access_key: String },
    /// An OpenTrail or AWS service acting by itself, for example `cloudtrail.amazonaws.com`.
    Service { invoked_by: String },
    /// A caller for whom a service makes a call: the caller's identity with the service.
    Forwarded { by: Box<UserIdentity>, invoked_by: String },
    /// A service event's identity: no type, the account and the service.
    ServiceEvent { account: String, invoked_by: String },
    /// A call without valid credentials; `access_key` is what was claimed.
    Unauthenticated { access_key: Option<String> },
    /// An unsigned call.
    Anonymous,
}

impl UserIdentity {
    /// The JSON of the element, members in the order real files have.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Root { account, access_key } => json!({
                "type": "Root",
                "principalId": account,
                "arn": format!("arn:aws:iam::{account}:root"),
                "accountId": account,
                "accessKeyId": access_key,
            }),
            Self::IamUser { account, name, arn, user_id, access_key } => json!({
                "type": "IAMUser",
                "principalId": user_id,
                "arn": arn,
                "accountId": account,
                "accessKeyId": access_key,
                "userName": name,
            }),
            Self::AssumedRole { principal_id, arn, account, access_key, role_arn, role_id, role, issued, mfa } => json!({
                "type": "AssumedRole",
                "principalId": principal_id,
                "arn": arn,
                "accountId": account,
                "accessKeyId": access_key,
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": role_id,
                        "arn": role_arn,
                        "accountId": account,
                        "userName": role,
                    },
                    "attributes": {
                        "creationDate": crate::timestamp::event_time(*issued),
                        "mfaAuthenticated": mfa.to_string(),
                    },
                },
            }),
            Self::FederatedUser { principal_id, arn, account, access_key } => json!({
                "type": "FederatedUser",
                "principalId": principal_id,
                "arn": arn,
                "accountId": account,
                "accessKeyId": access_key,
            }),
            Self::Forwarded { by, invoked_by } => {
                let mut identity = by.to_value();
                identity["invokedBy"] = invoked_by.as_str().into();
                identity
            }
            Self::Service { invoked_by } => json!({"type": "AWSService", "invokedBy": invoked_by}),
            Self::ServiceEvent { account, invoked_by } => json!({"accountId": account, "invokedBy": invoked_by}),
            Self::Unauthenticated { access_key } => {
                let mut identity = Map::new();
                identity.insert("type".into(), "Unknown".into());
                if let Some(key) = access_key {
                    identity.insert("accessKeyId".into(), key.as_str().into());
                }
                Value::Object(identity)
            }
            Self::Anonymous => json!({"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}),
        }
    }
}
