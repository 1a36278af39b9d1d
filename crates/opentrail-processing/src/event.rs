//! One event: its raw JSON, and the members that people use.
//!
//! Nothing is decoded before it is asked for, and text without escapes is borrowed. Members that are absent, null or of
//! another type than CloudTrail's are `None`: an event is never refused for one of them.

use crate::scan::{Found, Member, Places, for_each_element, for_each_member};
use std::borrow::Cow;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One event of a log file.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    raw: &'a str,
    places: &'a Places,
}

/// Who made a call: `userIdentity`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserIdentity<'a> {
    /// `Root`, `IAMUser`, `AssumedRole`, `AWSService`, …
    pub kind: Option<Cow<'a, str>>,
    pub principal_id: Option<Cow<'a, str>>,
    pub arn: Option<Cow<'a, str>>,
    pub account_id: Option<Cow<'a, str>>,
    pub access_key_id: Option<Cow<'a, str>>,
    pub user_name: Option<Cow<'a, str>>,
    /// The service that made the call for somebody.
    pub invoked_by: Option<Cow<'a, str>>,
    pub identity_provider: Option<Cow<'a, str>>,
    /// Whom a temporary credential was issued by: the role of an assumed role.
    pub session_issuer: SessionIssuer<'a>,
    pub mfa_authenticated: Option<bool>,
}

/// `userIdentity.sessionContext.sessionIssuer`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionIssuer<'a> {
    pub kind: Option<Cow<'a, str>>,
    pub arn: Option<Cow<'a, str>>,
    pub account_id: Option<Cow<'a, str>>,
    pub user_name: Option<Cow<'a, str>>,
}

/// One element of `resources`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource<'a> {
    pub arn: Option<Cow<'a, str>>,
    pub account_id: Option<Cow<'a, str>>,
    pub kind: Option<Cow<'a, str>>,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $member:ident,)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(&self) -> Option<Cow<'a, str>> { text(self.value(Member::$member)?) })*
    };
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident: $member:ident,)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(&self) -> Option<&'a str> { self.value(Member::$member).filter(|value| *value != "null") })*
    };
}

impl<'a> Event<'a> {
    /// The event at a place in a text; `None` if its bytes are not UTF-8.
    pub(crate) fn at(text: &'a [u8], found: &'a Found) -> Option<Self> {
        let raw = std::str::from_utf8(text.get(found.start..found.end)?).ok()?;
        Some(Self { raw, places: &found.places })
    }

    /// The event as it stands in the file, byte for byte.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    texts! {
        event_version: EventVersion,
        /// `eventTime` as written.
        event_time_text: EventTime,
        /// The service, such as `iam.amazonaws.com`.
        event_source: EventSource,
        /// The operation, such as `CreateUser`.
        event_name: EventName,
        aws_region: AwsRegion,
        /// An address, a service's name, or `AWS Internal`.
        source_ip_address: SourceIpAddress,
        user_agent: UserAgent,
        /// Present if the call failed.
        error_code: ErrorCode,
        error_message: ErrorMessage,
        request_id: RequestId,
        /// Unique for each event; the same in every copy of it.
        event_id: EventId,
        event_type: EventType,
        /// `Management`, `Data`, `Insight` or `NetworkActivity`.
        event_category: EventCategory,
        recipient_account_id: RecipientAccountId,
        shared_event_id: SharedEventId,
    }

    parts! {
        /// `requestParameters` as JSON. Its shape is the operation's own and not always the same.
        request_parameters: RequestParameters,
        /// `responseElements` as JSON.
        response_elements: ResponseElements,
        /// `additionalEventData` as JSON.
        additional_event_data: AdditionalEventData,
        /// `userIdentity` as JSON.
        user_identity_json: UserIdentity,
    }

    /// `eventTime`, with or without fractions of a second.
    #[must_use]
    pub fn event_time(&self) -> Option<OffsetDateTime> {
        let text = self.event_time_text()?;
        opentrail_model::timestamp::parse_event_time(&text).or_else(|| OffsetDateTime::parse(&text, &Rfc3339).ok())
    }

    /// Whether the call only reads, be it written as a boolean or as text.
    #[must_use]
    pub fn read_only(&self) -> Option<bool> {
        boolean(self.value(Member::ReadOnly)?)
    }

    #[must_use]
    pub fn management_event(&self) -> Option<bool> {
        boolean(self.value(Member::ManagementEvent)?)
    }

    /// The account the event belongs to: the recipient's, else the caller's, else that of the role the caller took.
    #[must_use]
    pub fn account_id(&self) -> Option<Cow<'a, str>> {
        self.recipient_account_id().or_else(|| {
            let identity = self.user_identity();
            identity.account_id.or(identity.session_issuer.account_id)
        })
    }

    /// `userIdentity`; empty if there is none.
    #[must_use]
    pub fn user_identity(&self) -> UserIdentity<'a> {
        let mut identity = UserIdentity::default();
        for_each_member(self.value(Member::UserIdentity).unwrap_or_default(), &mut |name, value| match name {
            "type" => identity.kind = text(value),
            "principalId" => identity.principal_id = text(value),
            "arn" => identity.arn = text(value),
            "accountId" => identity.account_id = text(value),
            "accessKeyId" => identity.access_key_id = text(value),
            "userName" => identity.user_name = text(value),
            "invokedBy" => identity.invoked_by = text(value),
            "identityProvider" => identity.identity_provider = text(value),
            "sessionContext" => session(value, &mut identity),
            _ => {}
        });
        identity
    }

    /// `resources`; elements of unknown form are left out.
    #[must_use]
    pub fn resources(&self) -> Vec<Resource<'a>> {
        let mut resources = Vec::new();
        for_each_element(self.value(Member::Resources).unwrap_or_default(), &mut |element| {
            let mut resource = Resource::default();
            for_each_member(element, &mut |name, value| match name {
                "ARN" | "arn" => resource.arn = text(value),
                "accountId" => resource.account_id = text(value),
                "type" => resource.kind = text(value),
                _ => {}
            });
            if resource != Resource::default() {
                resources.push(resource);
            }
        });
        resources
    }

    /// Any member by its name, as JSON. This reads through the event; the methods above do not.
    #[must_use]
    pub fn member(&self, wanted: &str) -> Option<&'a str> {
        let mut found = None;
        for_each_member(self.raw, &mut |name, value| {
            if name == wanted {
                found = Some(value);
            }
        });
        found
    }

    /// The event as a type of one's own, such as `serde_json::Value`.
    ///
    /// # Errors
    /// If it is not of that form.
    pub fn parse<T: serde::Deserialize<'a>>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.raw)
    }

    fn value(&self, member: Member) -> Option<&'a str> {
        self.raw.get(self.places.of(member)?)
    }
}

impl<'a> UserIdentity<'a> {
    /// What to call the caller: the user, else the role it took, else the service, else the last part of the ARN.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let named = self.user_name.as_deref().or(self.session_issuer.user_name.as_deref());
        named
            .or_else(|| self.kind.as_deref().filter(|kind| *kind == "Root"))
            .or(self.invoked_by.as_deref())
            .or_else(|| self.arn.as_deref()?.rsplit(['/', ':']).next())
            .or(self.principal_id.as_deref())
    }
}

fn session<'a>(context: &'a str, identity: &mut UserIdentity<'a>) {
    for_each_member(context, &mut |name, value| match name {
        "sessionIssuer" => for_each_member(value, &mut |name, value| match name {
            "type" => identity.session_issuer.kind = text(value),
            "arn" => identity.session_issuer.arn = text(value),
            "accountId" => identity.session_issuer.account_id = text(value),
            "userName" => identity.session_issuer.user_name = text(value),
            _ => {}
        }),
        "attributes" => for_each_member(value, &mut |name, value| {
            if name == "mfaAuthenticated" {
                identity.mfa_authenticated = boolean(value);
            }
        }),
        _ => {}
    });
}

/// A scalar as text: a string decoded, a number or a boolean as written.
fn text(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(plain) if memchr::memchr(b'\\', plain.as_bytes()).is_none() => Some(Cow::Borrowed(plain)),
        Some(_) => serde_json::from_str(value).ok().map(Cow::Owned),
        None if value == "null" || value.starts_with(['{', '[']) => None,
        None => Some(Cow::Borrowed(value)),
    }
}

fn boolean(value: &str) -> Option<bool> {
    match value {
        "true" | "\"true\"" => Some(true),
        "false" | "\"false\"" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Splitter, Step};
    use time::macros::datetime;

    fn with(record: &str, look: impl FnOnce(Event<'_>)) {
        let text = format!("[{record}]");
        let Ok(Step::Record(found)) = Splitter::default().next(text.as_bytes(), &mut 0, true) else {
            panic!("no record: {record}")
        };
        look(Event::at(text.as_bytes(), &found).expect("UTF-8"));
    }

    #[test]
    fn members_are_read() {
        let record = r#"{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/Admin/me","accountId":"111122223333","sessionContext":{"sessionIssuer":{"type":"Role","userName":"Admin","accountId":"111122223333"},"attributes":{"mfaAuthenticated":"true"}}},
            "eventTime":"2023-07-10T12:03:26Z","eventSource":"iam.amazonaws.com","eventName":"Create\u0055ser","awsRegion":"us-east-1","sourceIPAddress":"10.0.0.1","requestParameters":{"userName":"a"},"responseElements":null,"eventID":"e-1","readOnly":false,"managementEvent":"true",
            "resources":[{"ARN":"arn:x","accountId":"1","type":"T"},"odd",{}],"recipientAccountId":"222233334444"}"#;
        with(record, |event| {
            assert_eq!(event.raw(), record);
            assert_eq!(event.event_name().as_deref(), Some("CreateUser"));
            assert!(matches!(event.event_source(), Some(Cow::Borrowed("iam.amazonaws.com"))));
            assert_eq!(event.event_time(), Some(datetime!(2023-07-10 12:03:26 UTC)));
            assert_eq!((event.read_only(), event.management_event()), (Some(false), Some(true)));
            assert_eq!(event.request_parameters(), Some(r#"{"userName":"a"}"#));
            assert_eq!((event.response_elements(), event.error_code()), (None, None));
            let identity = event.user_identity();
            assert_eq!((identity.name(), identity.mfa_authenticated), (Some("Admin"), Some(true)));
            assert_eq!(event.account_id().as_deref(), Some("222233334444"));
            assert_eq!(event.resources().len(), 1);
            assert_eq!(event.member("awsRegion"), Some("\"us-east-1\""));
            assert_eq!(event.parse::<serde_json::Value>().expect("JSON")["eventID"], "e-1");
        });
    }

    #[test]
    fn odd_values_are_no_obstacle() {
        with(
            r#"{"eventTime":"2022-11-21 18:06:52","eventName":7,"readOnly":"no","userIdentity":"x","resources":null,"eventID":{}}"#,
            |event| {
                assert_eq!((event.event_time(), event.read_only(), event.event_id()), (None, None, None));
                assert_eq!(event.event_name().as_deref(), Some("7"));
                assert_eq!((event.user_identity(), event.resources().len()), (UserIdentity::default(), 0));
                assert_eq!(event.account_id(), None);
            },
        );
        with(r#"{"eventTime":"2026-07-10T12:03:26.123456Z","userIdentity":{"type":"Root","accountId":12}}"#, |event| {
            assert!(event.event_time().is_some());
            assert_eq!(event.user_identity().name(), Some("Root"));
            assert_eq!(event.account_id().as_deref(), Some("12"));
        });
    }
}
