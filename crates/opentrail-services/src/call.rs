//! A call on its way through the front.

use crate::session::{Session, WebIdentity};
use opentrail_model::identity::{SessionIssuer, UserIdentity};
use opentrail_policy::{Principal, RequestContext};
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::sync::watch;

/// Who is calling, as far as it is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// No credentials were given.
    Anonymous,
    /// Credentials were given and do not check out.
    Unauthenticated { access_key: Option<String> },
    Root {
        account: String,
        access_key: String,
        /// With temporary credentials of GetSessionToken or a console sign-in.
        session: Option<Arc<Session>>,
    },
    User {
        account: String,
        name: String,
        arn: String,
        user_id: String,
        access_key: String,
        /// With temporary credentials of GetSessionToken or a console sign-in.
        session: Option<Arc<Session>>,
    },
    /// A session of a role.
    AssumedRole {
        account: String,
        /// Name of the role, without its path.
        role: String,
        /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`
        role_arn: String,
        /// `AROA…`
        role_id: String,
        session_name: String,
        access_key: String,
        session: Arc<Session>,
    },
    /// A session of GetFederationToken.
    FederatedUser {
        account: String,
        /// As it was named in GetFederationToken.
        name: String,
        /// The user that asked for it; `None` for the root user.
        user: Option<FederatingUser>,
        access_key: String,
        session: Arc<Session>,
    },
    /// Somebody without AWS credentials whom an identity provider vouches for: asks for a role, nothing else.
    WebIdentity(WebIdentity),
    /// A service of ours acting by itself, such as `cloudtrail.amazonaws.com`.
    Service { name: String },
}

/// The user behind a federated session, whose policies bound it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatingUser {
    pub name: String,
    pub id: String,
    pub arn: String,
}

impl Caller {
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Root { account, .. }
            | Self::User { account, .. }
            | Self::AssumedRole { account, .. }
            | Self::FederatedUser { account, .. } => Some(account),
            Self::Anonymous | Self::Unauthenticated { .. } | Self::WebIdentity(_) | Self::Service { .. } => None,
        }
    }

    /// The session of temporary credentials.
    pub fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Root { session, .. } | Self::User { session, .. } => session.as_ref(),
            Self::AssumedRole { session, .. } | Self::FederatedUser { session, .. } => Some(session),
            Self::Anonymous | Self::Unauthenticated { .. } | Self::WebIdentity(_) | Self::Service { .. } => None,
        }
    }

    /// The access key that the call was signed with, as far as it is proved.
    pub fn access_key(&self) -> Option<&str> {
        match self {
            Self::Root { access_key, .. }
            | Self::User { access_key, .. }
            | Self::AssumedRole { access_key, .. }
            | Self::FederatedUser { access_key, .. } => Some(access_key),
            Self::Anonymous | Self::Unauthenticated { .. } | Self::WebIdentity(_) | Self::Service { .. } => None,
        }
    }

    /// `aws:userid`, and the `UserId` of GetCallerIdentity.
    pub fn user_id(&self) -> Option<String> {
        match self {
            Self::Root { account, .. } => Some(account.clone()),
            Self::User { user_id, .. } => Some(user_id.clone()),
            Self::AssumedRole { role_id, session_name, .. } => Some(format!("{role_id}:{session_name}")),
            Self::FederatedUser { account, name, .. } => Some(format!("{account}:{name}")),
            Self::Anonymous | Self::Unauthenticated { .. } | Self::WebIdentity(_) | Self::Service { .. } => None,
        }
    }

    /// The ARN that error messages and GetCallerIdentity show.
    pub fn arn(&self) -> String {
        match self {
            Self::Root { account, .. } => format!("arn:aws:iam::{account}:root"),
            Self::User { arn, .. } => arn.clone(),
            Self::AssumedRole { account, role, session_name, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session_name}")
            }
            Self::FederatedUser { account, name, .. } => format!("arn:aws:sts::{account}:federated-user/{name}"),
            Self::WebIdentity(web) => web.subject.clone(),
            Self::Service { name } => name.clone(),
            Self::Anonymous | Self::Unauthenticated { .. } => "anonymous".into(),
        }
    }

    /// `userIdentity` of the caller's records.
    pub fn identity(&self) -> UserIdentity {
        let who = match self.clone() {
            Self::Anonymous => UserIdentity::Anonymous,
            Self::Unauthenticated { access_key } => UserIdentity::Unauthenticated { access_key },
            Self::Root { account, access_key, .. } => UserIdentity::Root { account, access_key },
            Self::User { account, name, arn, user_id, access_key, .. } => {
                UserIdentity::IamUser { account, name, arn, user_id, access_key }
            }
            Self::AssumedRole { account, role_id, role, session_name, access_key, .. } => {
                UserIdentity::AssumedRole { account, role_id, role_name: role, session_name, access_key }
            }
            Self::FederatedUser { account, name, access_key, .. } => UserIdentity::FederatedUser { account, name, access_key },
            Self::WebIdentity(web) => {
                UserIdentity::WebIdentityUser { provider: web.provider, audience: web.audience, subject: web.subject }
            }
            Self::Service { name } => UserIdentity::Service { invoked_by: name },
        };
        match self.session() {
            Some(session) => UserIdentity::InSession { who: Box::new(who), session: session.recorded(self.session_issuer()) },
            None => who,
        }
    }

    /// The identity that the owner of a resource in another account sees.
    pub fn foreign_identity(&self) -> UserIdentity {
        match (self.account(), self.user_id()) {
            (Some(account), Some(principal_id)) => UserIdentity::ForeignAccount { account: account.to_owned(), principal_id },
            _ => self.identity(),
        }
    }

    fn session_issuer(&self) -> Option<SessionIssuer> {
        match self {
            Self::AssumedRole { account, role_arn, role, role_id, .. } => Some(SessionIssuer {
                kind: "Role",
                principal_id: role_id.clone(),
                arn: role_arn.clone(),
                account: account.clone(),
                user_name: Some(role.clone()),
            }),
            Self::FederatedUser { account, user: Some(user), .. } => Some(SessionIssuer {
                kind: "IAMUser",
                principal_id: user.id.clone(),
                arn: user.arn.clone(),
                account: account.clone(),
                user_name: Some(user.name.clone()),
            }),
            Self::FederatedUser { account, user: None, .. } => Some(SessionIssuer {
                kind: "Root",
                principal_id: account.clone(),
                arn: format!("arn:aws:iam::{account}:root"),
                account: account.clone(),
                user_name: None,
            }),
            _ => None,
        }
    }

    /// The caller as policies see it.
    pub fn principal(&self) -> Principal {
        match self.clone() {
            Self::Anonymous | Self::Unauthenticated { .. } => Principal::Anonymous,
            Self::Root { account, .. } => Principal::Account { account },
            Self::User { account, name, arn, user_id, .. } => Principal::User { account, arn, name, user_id },
            Self::AssumedRole { ref account, ref role_arn, ref role_id, .. } => Principal::AssumedRole {
                account: account.clone(),
                role_arn: role_arn.clone(),
                session_arn: self.arn(),
                role_id: role_id.clone(),
            },
            Self::FederatedUser { ref account, .. } => Principal::FederatedUser { account: account.clone(), arn: self.arn() },
            Self::WebIdentity(web) => Principal::Federated { provider: web.provider, subject: web.subject },
            Self::Service { name } => Principal::Service(name),
        }
    }
}

/// What is known of a call whatever its protocol.
#[derive(Debug, Clone)]
pub struct Call {
    pub caller: Caller,
    /// Account that the call concerns and that receives the record.
    pub account: String,
    /// Region that received the call: the credential scope's, or the default.
    pub region: String,
    pub source_ip: String,
    pub user_agent: Option<String>,
    /// The service of the credential scope: what the caller meant to call, proved only if the caller is.
    pub signed_for: Option<String>,
    /// The `Host` header.
    pub host: Option<String>,
    pub request_id: String,
    pub now: OffsetDateTime,
    /// TLS version and cipher, where TLS ends here.
    pub tls: Option<(String, String)>,
    /// Closed when the caller has hung up; `None` where nobody waits for the answer.
    pub client: Option<watch::Receiver<()>>,
}

impl Call {
    /// Resolves when nobody waits for the answer any more.
    pub fn client_gone(&self) -> impl Future<Output = ()> + Send + 'static {
        let client = self.client.clone();
        async move {
            match client {
                Some(mut client) => while client.changed().await.is_ok() {},
                None => std::future::pending().await,
            }
        }
    }

    /// The global condition keys that follow from the call alone. What the catalog knows of the caller besides, its tags
    /// and organization, is added by [`crate::authorisation::Standing::context`].
    pub fn policy_context(&self) -> RequestContext {
        let context = RequestContext::new()
            .with("aws:SourceIp", self.source_ip.as_str())
            .with("aws:CurrentTime", opentrail_model::timestamp::event_time(self.now))
            .with("aws:EpochTime", self.now.unix_timestamp().to_string())
            .with("aws:SecureTransport", self.tls.is_some().to_string())
            .with("aws:RequestedRegion", self.region.as_str())
            .with("aws:ViaAWSService", "false")
            .with("aws:PrincipalIsAWSService", matches!(self.caller, Caller::Service { .. }).to_string());
        let context = match &self.user_agent {
            Some(agent) => context.with("aws:UserAgent", agent.as_str()),
            None => context,
        };
        self.session_context(self.caller_context(context))
    }

    fn caller_context(&self, context: RequestContext) -> RequestContext {
        let kind = match &self.caller {
            Caller::Anonymous | Caller::Unauthenticated { .. } => return context.with("aws:PrincipalType", "Anonymous"),
            Caller::WebIdentity(web) => {
                let context = context.with("aws:FederatedProvider", web.provider.as_str());
                return web.attributes().into_iter().fold(context, |context, (key, value)| context.with(&key, value));
            }
            Caller::Service { name } => {
                return context.with("aws:PrincipalServiceName", name.as_str());
            }
            Caller::Root { .. } => "Account",
            Caller::User { .. } => "User",
            Caller::AssumedRole { .. } => "AssumedRole",
            Caller::FederatedUser { .. } => "FederatedUser",
        };
        // A role is compared by the ARN of the role, so that policies need not know the names of sessions.
        let arn = match &self.caller {
            Caller::AssumedRole { role_arn, .. } => role_arn.clone(),
            caller => caller.arn(),
        };
        let context = context
            .with("aws:PrincipalType", kind)
            .with("aws:PrincipalArn", arn)
            .with("aws:PrincipalAccount", self.caller.account().unwrap_or_default())
            .with("aws:userid", self.caller.user_id().unwrap_or_default());
        match &self.caller {
            Caller::User { name, .. } => context.with("aws:username", name.as_str()),
            _ => context,
        }
    }

    /// Long-term keys have none of these keys, `aws:MultiFactorAuthPresent` included.
    fn session_context(&self, context: RequestContext) -> RequestContext {
        let Some(session) = self.caller.session() else { return context };
        let mut context = context
            .with("aws:TokenIssueTime", opentrail_model::timestamp::event_time(session.issued))
            .with("aws:MultiFactorAuthPresent", session.mfa.is_some().to_string());
        if let Some(at) = session.mfa {
            context = context.with("aws:MultiFactorAuthAge", (self.now - at).whole_seconds().max(0).to_string());
        }
        if let Some(identity) = &session.source_identity {
            context = context.with("aws:SourceIdentity", identity.as_str());
        }
        if let Some(web) = &session.web_identity {
            context = context.with("aws:FederatedProvider", web.provider.as_str());
            context = web.attributes().into_iter().fold(context, |context, (key, value)| context.with(&key, value));
        }
        session.context.iter().fold(context, |context, (key, values)| context.with_all(key, values.iter().map(String::as_str)))
    }
}
