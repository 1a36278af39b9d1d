//! The `userIdentity` element of a record, per kind of caller.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Who made a call, as far as a record shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserIdentity {
    /// The account's root user.
    Root { account: String, access_key: String },
    /// A user with long-term credentials.
    IamUser { account: String, name: String, arn: String, user_id: String, access_key: String },
    /// A session of a role. Shown with its [`SessionContext`] through [`UserIdentity::InSession`].
    AssumedRole { account: String, role_id: String, role_name: String, session_name: String, access_key: String },
    /// A session made by GetFederationToken, likewise.
    FederatedUser { account: String, name: String, access_key: String },
    /// Someone an OpenID Connect provider vouches for, asking for a role.
    WebIdentityUser { provider: String, audience: String, subject: String },
    /// Somebody of another account, as the owner of the resource sees it.
    ForeignAccount { account: String, principal_id: String },
    /// One of the above with temporary credentials.
    InSession { who: Box<UserIdentity>, session: SessionContext },
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
    /// A console sign-in: the identity in its own form, which differs between success and failure.
    SignIn(Value),
}

/// `sessionContext`: where temporary credentials come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionContext {
    /// `None` for sessions of a user or of root made by GetSessionToken.
    pub issuer: Option<SessionIssuer>,
    pub web_identity: Option<WebIdFederationData>,
    pub source_identity: Option<String>,
    /// When the session began, ISO 8601.
    pub creation_date: String,
    pub mfa_authenticated: bool,
}

/// `sessionIssuer`: the role, user or account that the credentials were made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionIssuer {
    /// `Role`, `IAMUser` or `Root`.
    pub kind: &'static str,
    pub principal_id: String,
    pub arn: String,
    pub account: String,
    /// Absent for root.
    pub user_name: Option<String>,
}

/// `webIdFederationData`: who vouched for the person behind the session, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdFederationData {
    /// ARN of the provider.
    pub provider: String,
    pub attributes: BTreeMap<String, String>,
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
            Self::AssumedRole { account, role_id, role_name, session_name, access_key } => json!({
                "type": "AssumedRole",
                "principalId": format!("{role_id}:{session_name}"),
                "arn": format!("arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}"),
                "accountId": account,
                "accessKeyId": access_key,
            }),
            Self::FederatedUser { account, name, access_key } => json!({
                "type": "FederatedUser",
                "principalId": format!("{account}:{name}"),
                "arn": format!("arn:aws:sts::{account}:federated-user/{name}"),
                "accountId": account,
                "accessKeyId": access_key,
            }),
            Self::WebIdentityUser { provider, audience, subject } => json!({
                "type": "WebIdentityUser",
                "principalId": format!("{provider}:{audience}:{subject}"),
                "userName": subject,
                "identityProvider": provider,
            }),
            Self::ForeignAccount { account, principal_id } => {
                json!({"type": "AWSAccount", "principalId": principal_id, "accountId": account})
            }
            Self::InSession { who, session } => {
                let mut identity = who.to_value();
                identity["sessionContext"] = session.to_value();
                identity
            }
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
            Self::SignIn(identity) => identity.clone(),
        }
    }
}

impl SessionContext {
    /// `sessionIssuer` and `webIdFederationData` are written as `{}` where they do not apply, as real files have them.
    fn to_value(&self) -> Value {
        let mut context = Map::new();
        context.insert("sessionIssuer".into(), self.issuer.as_ref().map_or_else(|| json!({}), SessionIssuer::to_value));
        let web = self
            .web_identity
            .as_ref()
            .map_or_else(|| json!({}), |web| json!({"federatedProvider": web.provider, "attributes": web.attributes}));
        context.insert("webIdFederationData".into(), web);
        if let Some(source) = &self.source_identity {
            context.insert("sourceIdentity".into(), source.as_str().into());
        }
        let mfa = self.mfa_authenticated.to_string();
        context.insert("attributes".into(), json!({"creationDate": self.creation_date, "mfaAuthenticated": mfa}));
        Value::Object(context)
    }
}

impl SessionIssuer {
    fn to_value(&self) -> Value {
        let mut issuer = json!({
            "type": self.kind,
            "principalId": self.principal_id,
            "arn": self.arn,
            "accountId": self.account,
        });
        if let Some(name) = &self.user_name {
            issuer["userName"] = name.as_str().into();
        }
        issuer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_roles_look_as_in_real_files() {
        let who = UserIdentity::AssumedRole {
            account: "111122223333".into(),
            role_id: "AROAEXAMPLE".into(),
            role_name: "reader".into(),
            session_name: "sess".into(),
            access_key: "ASIAEXAMPLE".into(),
        };
        let issuer = SessionIssuer {
            kind: "Role",
            principal_id: "AROAEXAMPLE".into(),
            arn: "arn:aws:iam::111122223333:role/reader".into(),
            account: "111122223333".into(),
            user_name: Some("reader".into()),
        };
        let session =
            SessionContext { issuer: Some(issuer), creation_date: "2023-07-10T11:45:20Z".into(), ..SessionContext::default() };
        let text = UserIdentity::InSession { who: Box::new(who), session }.to_value().to_string();
        assert_eq!(
            text,
            concat!(
                r#"{"type":"AssumedRole","principalId":"AROAEXAMPLE:sess","arn":"arn:aws:sts::111122223333:assumed-role/reader/sess","#,
                r#""accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","#,
                r#""principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/reader","accountId":"111122223333","userName":"reader"},"#,
                r#""webIdFederationData":{},"attributes":{"creationDate":"2023-07-10T11:45:20Z","mfaAuthenticated":"false"}}}"#
            )
        );
    }
}
