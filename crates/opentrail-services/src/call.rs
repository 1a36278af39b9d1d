//! A call on its way through the front.

use opentrail_model::identity::UserIdentity;
use opentrail_policy::{Principal, RequestContext};
use time::OffsetDateTime;
use tokio::sync::watch;

/// Who is calling, as far as it is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// No credentials were given.
    Anonymous,
    /// Credentials were given and do not check out.
    Unauthenticated {
        access_key: Option<String>,
    },
    Root {
        account: String,
        access_key: String,
    },
    User {
        account: String,
        name: String,
        arn: String,
        user_id: String,
        access_key: String,
    },
    /// A service of ours acting by itself, such as `cloudtrail.amazonaws.com`.
    Service {
        name: String,
    },
}

impl Caller {
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Root { account, .. } | Self::User { account, .. } => Some(account),
            _ => None,
        }
    }

    /// The ARN that error messages and GetCallerIdentity show.
    pub fn arn(&self) -> String {
        match self {
            Self::Root { account, .. } => format!("arn:aws:iam::{account}:root"),
            Self::User { arn, .. } => arn.clone(),
            Self::Service { name } => name.clone(),
            Self::Anonymous | Self::Unauthenticated { .. } => "anonymous".into(),
        }
    }

    pub fn identity(&self) -> UserIdentity {
        match self.clone() {
            Self::Anonymous => UserIdentity::Anonymous,
            Self::Unauthenticated { access_key } => UserIdentity::Unauthenticated { access_key },
            Self::Root { account, access_key } => UserIdentity::Root { account, access_key },
            Self::User { account, name, arn, user_id, access_key } => {
                UserIdentity::IamUser { account, name, arn, user_id, access_key }
            }
            Self::Service { name } => UserIdentity::Service { invoked_by: name },
        }
    }

    pub fn principal(&self) -> Principal {
        match self.clone() {
            Self::Anonymous | Self::Unauthenticated { .. } => Principal::Anonymous,
            Self::Root { account, .. } => Principal::Account { account },
            Self::User { account, name, arn, user_id, .. } => Principal::User { account, arn, name, user_id },
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

    /// The global condition keys of this call.
    pub fn policy_context(&self) -> RequestContext {
        let mut context = RequestContext::new()
            .with("aws:SourceIp", self.source_ip.as_str())
            .with("aws:CurrentTime", opentrail_model::timestamp::event_time(self.now))
            .with("aws:EpochTime", self.now.unix_timestamp().to_string())
            .with("aws:SecureTransport", self.tls.is_some().to_string())
            .with("aws:RequestedRegion", self.region.as_str());
        if let Some(agent) = &self.user_agent {
            context = context.with("aws:UserAgent", agent.as_str());
        }
        if let Some(account) = self.caller.account() {
            context = context.with("aws:PrincipalAccount", account).with("aws:PrincipalArn", self.caller.arn());
        }
        match &self.caller {
            Caller::User { name, user_id, .. } => {
                context.with("aws:username", name.as_str()).with("aws:userid", user_id.as_str()).with("aws:PrincipalType", "User")
            }
            Caller::Root { account, .. } => context.with("aws:userid", account.as_str()).with("aws:PrincipalType", "Account"),
            _ => context,
        }
    }
}
