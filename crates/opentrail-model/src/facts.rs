//! What selectors, indexes and status figures need to know of a record, read without copying it whole.

use serde::Deserialize;
use std::borrow::Cow;

/// The selectable facts of one event record. Absent and wrongly typed members are `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFacts<'a> {
    pub event_id: Option<Cow<'a, str>>,
    pub event_time: Option<Cow<'a, str>>,
    pub event_source: Option<Cow<'a, str>>,
    pub event_name: Option<Cow<'a, str>>,
    pub event_type: Option<Cow<'a, str>>,
    pub event_category: Option<Cow<'a, str>>,
    pub aws_region: Option<Cow<'a, str>>,
    pub recipient_account: Option<Cow<'a, str>>,
    pub read_only: Option<bool>,
    pub error_code: Option<Cow<'a, str>>,
    pub vpc_endpoint_id: Option<Cow<'a, str>>,
    pub session_from_console: bool,
    pub user_arn: Option<Cow<'a, str>>,
    pub user_type: Option<Cow<'a, str>>,
    pub user_name: Option<Cow<'a, str>>,
    pub principal_id: Option<Cow<'a, str>>,
    pub access_key_id: Option<Cow<'a, str>>,
    pub invoked_by: Option<Cow<'a, str>>,
    pub resources: Vec<ResourceFacts<'a>>,
}

/// One element of `resources`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceFacts<'a> {
    pub kind: Option<Cow<'a, str>>,
    pub arn: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Raw<'a> {
    #[serde(borrow, rename = "eventID")]
    event_id: Text<'a>,
    #[serde(borrow)]
    event_time: Text<'a>,
    #[serde(borrow)]
    event_source: Text<'a>,
    #[serde(borrow)]
    event_name: Text<'a>,
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(borrow)]
    event_category: Text<'a>,
    #[serde(borrow)]
    aws_region: Text<'a>,
    #[serde(borrow, rename = "recipientAccountId")]
    recipient_account: Text<'a>,
    #[serde(borrow)]
    read_only: Text<'a>,
    #[serde(borrow)]
    error_code: Text<'a>,
    #[serde(borrow)]
    vpc_endpoint_id: Text<'a>,
    #[serde(borrow)]
    session_credential_from_console: Text<'a>,
    #[serde(borrow)]
    user_identity: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow)]
    resources: Option<&'a serde_json::value::RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawIdentity<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    arn: Text<'a>,
    #[serde(borrow)]
    user_name: Text<'a>,
    #[serde(borrow)]
    principal_id: Text<'a>,
    #[serde(borrow)]
    access_key_id: Text<'a>,
    #[serde(borrow)]
    invoked_by: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawResource<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, rename = "ARN")]
    arn: Text<'a>,
    #[serde(borrow, rename = "ARNPrefix")]
    arn_prefix: Text<'a>,
}

/// A member that should be a string; booleans are spelt out, anything else counts as absent.
#[derive(Default)]
struct Text<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Option<Cow<'de, str>>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Some(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Some(Cow::Owned(v.to_owned())))
            }
            fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
                Ok(Some(Cow::Borrowed(if v { "true" } else { "false" })))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(None)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(None)
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
                Ok(None)
            }
        }
        deserializer.deserialize_any(Visitor).map(Text)
    }
}

impl<'a> EventFacts<'a> {
    /// Reads the facts of a record.
    ///
    /// # Errors
    /// If the text is not one JSON object.
    pub fn read(record: &'a [u8]) -> Result<Self, serde_json::Error> {
        if record.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(serde::de::Error::custom("a record must be a JSON object"));
        }
        let raw: Raw<'a> = serde_json::from_slice(record)?;
        let identity: RawIdentity<'a> =
            raw.user_identity.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default();
        let resources: Vec<RawResource<'a>> =
            raw.resources.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default();
        Ok(Self {
            event_id: raw.event_id.0,
            event_time: raw.event_time.0,
            event_source: raw.event_source.0,
            event_name: raw.event_name.0,
            event_type: raw.event_type.0,
            event_category: raw.event_category.0,
            aws_region: raw.aws_region.0,
            recipient_account: raw.recipient_account.0,
            read_only: raw.read_only.0.map(|text| text == "true"),
            error_code: raw.error_code.0,
            vpc_endpoint_id: raw.vpc_endpoint_id.0,
            session_from_console: raw.session_credential_from_console.0.is_some_and(|text| text == "true"),
            user_arn: identity.arn.0,
            user_type: identity.kind.0,
            user_name: identity.user_name.0,
            principal_id: identity.principal_id.0,
            access_key_id: identity.access_key_id.0,
            invoked_by: identity.invoked_by.0,
            resources: resources.into_iter().map(|r| ResourceFacts { kind: r.kind.0, arn: r.arn.0.or(r.arn_prefix.0) }).collect(),
        })
    }

    /// `eventCategory`, or what it would be for records older than version 1.07, which lack it.
    pub fn category(&self) -> &str {
        self.event_category.as_deref().unwrap_or("Management")
    }

    /// Whether the event belongs to a global service recorded in the global region.
    pub fn is_global(&self) -> bool {
        self.event_source.as_deref().is_some_and(crate::regions::is_global_source)
            && self.aws_region.as_deref() == Some(crate::regions::GLOBAL_SERVICE_REGION)
    }

    /// The name LookupEvents answers as `Username`: user name, `root` or session name.
    pub fn username(&self) -> Option<&str> {
        if let Some(name) = self.user_name.as_deref() {
            return Some(name);
        }
        match self.user_type.as_deref() {
            Some("Root") => Some("root"),
            Some("AssumedRole") => self.principal_id.as_deref().and_then(|id| id.split_once(':')).map(|(_, session)| session),
            Some("FederatedUser") => self.principal_id.as_deref().and_then(|id| id.split_once(':')).map(|(_, name)| name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_selectors_need() {
        let record = br#"{"eventID":"e","eventName":"PutObject","eventSource":"s3.amazonaws.com","readOnly":false,
            "eventCategory":"Data","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/a","userName":"a"},
            "requestParameters":{"eventName":"decoy"},
            "resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/k"},{"accountId":"1"}]}"#;
        let facts = EventFacts::read(record).expect("valid record");
        assert_eq!(facts.event_name.as_deref(), Some("PutObject"));
        assert_eq!(facts.read_only, Some(false));
        assert_eq!(facts.user_arn.as_deref(), Some("arn:aws:iam::1:user/a"));
        assert_eq!(facts.username(), Some("a"));
        assert_eq!(facts.resources.len(), 2);
        assert_eq!(facts.resources[0].arn.as_deref(), Some("arn:aws:s3:::b/k"));
    }

    #[test]
    fn oddly_typed_members_count_as_absent() {
        let facts = EventFacts::read(
            br#"{"eventName":7,"readOnly":"true","userIdentity":"x","resources":["a"],"sessionCredentialFromConsole":true}"#,
        )
        .expect("an object");
        assert_eq!(facts.event_name, None);
        assert_eq!(facts.read_only, Some(true));
        assert!(facts.session_from_console);
        assert!(EventFacts::read(b"[]").is_err());
        assert!(EventFacts::read(b"").is_err());
    }
}
