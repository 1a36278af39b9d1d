//! One value of a condition, read as its operator needs it, and its comparison with a value of the request.

use std::{cmp::Ordering, net::IpAddr};

use ipnet::IpNet;
use time::{Date, OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc3339, macros::format_description};

use crate::{context::RequestContext, error::PolicyError, template::Template};

/// What an operator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Text,
    TextIgnoringCase,
    TextPattern,
    Arn,
    Number(Relation),
    Date(Relation),
    Bool,
    Binary,
    Network,
}

/// How the value of the request must relate to the value of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A condition value of the policy, ready to compare.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Text(Template),
    TextIgnoringCase(Template),
    TextPattern(Template),
    Arn(Template),
    Number(Relation, f64),
    Date(Relation, OffsetDateTime),
    Bool(bool),
    Binary(String),
    Network(Network),
}

/// A range of addresses in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network(IpNet);

impl Comparison {
    /// Reads a value of the policy; `None` if this comparison cannot use it. Variables exist in text and ARNs only.
    pub(crate) fn operand(self, value: &str, variables: bool) -> Result<Option<Operand>, PolicyError> {
        let template = || if variables { Template::with_variables(value) } else { Ok(Template::without_variables(value)) };
        Ok(match self {
            Self::Text => Some(Operand::Text(template()?)),
            Self::TextIgnoringCase => Some(Operand::TextIgnoringCase(template()?)),
            Self::TextPattern => Some(Operand::TextPattern(template()?)),
            Self::Arn => Some(Operand::Arn(template()?)),
            Self::Number(relation) => read_number(value).map(|number| Operand::Number(relation, number)),
            Self::Date(relation) => read_date(value).map(|date| Operand::Date(relation, date)),
            Self::Bool => read_bool(value).map(Operand::Bool),
            Self::Binary => read_binary(value).map(|text| Operand::Binary(text.to_owned())),
            Self::Network => Network::parse(value).map(Operand::Network),
        })
    }
}

impl Operand {
    /// Whether a value of the request matches. What cannot be read or completed matches nothing.
    pub(crate) fn matches(&self, value: &str, context: &RequestContext) -> bool {
        match self {
            Self::Text(template) => template.text(context).is_some_and(|text| text == value),
            Self::TextIgnoringCase(template) => {
                template.text(context).is_some_and(|text| text.to_lowercase() == value.to_lowercase())
            }
            Self::TextPattern(template) => template.pattern(context).is_some_and(|pattern| pattern.matches(value)),
            Self::Arn(template) => template.pattern(context).is_some_and(|pattern| pattern.matches_arn(value)),
            Self::Number(relation, number) => {
                read_number(value).and_then(|actual| actual.partial_cmp(number)).is_some_and(|ordering| relation.holds(ordering))
            }
            Self::Date(relation, date) => read_date(value).is_some_and(|actual| relation.holds(actual.cmp(date))),
            Self::Bool(expected) => read_bool(value) == Some(*expected),
            Self::Binary(expected) => read_binary(value) == Some(expected.as_str()),
            Self::Network(network) => value.parse().is_ok_and(|address| network.contains(address)),
        }
    }
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. Bits after the prefix are ignored.
    fn parse(text: &str) -> Option<Self> {
        let network = text.parse::<IpNet>().ok();
        network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)).map(Self)
    }

    /// Whether `address` lies in the range. An IPv4 address in IPv6 clothing counts as IPv4.
    fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// Reads `true` or `false` in any case.
pub(crate) fn read_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn read_number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Reads seconds since 1970 or the ISO 8601 forms that AWS documents.
fn read_date(text: &str) -> Option<OffsetDateTime> {
    const DAY: &[time::format_description::BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
    const MINUTE: &[time::format_description::BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]Z");
    if let Ok(seconds) = text.parse() {
        return OffsetDateTime::from_unix_timestamp(seconds).ok();
    }
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(text, MINUTE).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| Date::parse(text, DAY).map(|day| day.midnight().assume_utc()))
        .ok()
}

/// Base64 without its padding; two such texts are equal when their bytes are.
fn read_binary(text: &str) -> Option<&str> {
    let digits = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    digits.bytes().all(is_digit).then_some(digits)
}
