//! Tests of one value.

use super::text::Parts;
use super::walk::Met;
use crate::query::{Bounds, Network, Part, Test, from_epoch, parse_instant, parse_number};
use std::net::IpAddr;
use time::OffsetDateTime;

/// A test made ready.
pub enum ValueTest {
    Exists,
    /// In small letters.
    Equals(Vec<u8>),
    Like(Parts),
    Within(Network, Vec<u8>),
    Number(Bounds<f64>),
    Time(Bounds<OffsetDateTime>),
    Address(Bounds<IpAddr>),
    Text(Bounds<Vec<u8>>),
}

impl ValueTest {
    pub fn new(test: &Test) -> Self {
        let lower = |text: &str| text.as_bytes().to_ascii_lowercase();
        match test {
            Test::Exists => Self::Exists,
            Test::Equals(text) => Self::Equals(lower(text)),
            Test::Like(pattern) => Self::Like(Parts::of_pattern(pattern)),
            Test::Within(network) => Self::Within(*network, lower(&network.to_string())),
            Test::Number(bounds) => Self::Number(*bounds),
            Test::Time(bounds) => Self::Time(*bounds),
            Test::Address(bounds) => Self::Address(*bounds),
            Test::Text(bounds) => {
                let edge =
                    |edge: &crate::query::Edge<String>| crate::query::Edge { value: lower(&edge.value), included: edge.included };
                Self::Text(Bounds { lower: bounds.lower.as_ref().map(edge), upper: bounds.upper.as_ref().map(edge) })
            }
        }
    }

    /// Whether a value, or the part of it that counts, passes.
    pub fn passes(&self, met: Met<'_>, part: Part) -> bool {
        match met {
            Met::Null => false,
            Met::Object | Met::Array => matches!(self, Self::Exists),
            Met::Plain(bytes) => {
                part == Part::Whole && self.passes_plain(bytes) || part == Part::WholeAndTail && self.passes_plain(bytes)
            }
            Met::Text(bytes) => parts(bytes, part).into_iter().flatten().any(|text| self.passes_text(text)),
        }
    }

    /// A number, `true` or `false`.
    fn passes_plain(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Time(bounds) => {
                let number = std::str::from_utf8(bytes).ok().and_then(parse_number);
                number.and_then(from_epoch).is_some_and(|time| bounds.contain(&time))
            }
            other => other.passes_text(bytes),
        }
    }

    fn passes_text(&self, bytes: &[u8]) -> bool {
        let text = || std::str::from_utf8(bytes).ok();
        match self {
            Self::Exists => true,
            Self::Equals(wanted) => bytes.eq_ignore_ascii_case(wanted),
            Self::Like(parts) => parts.is(bytes),
            Self::Within(network, written) => {
                bytes.eq_ignore_ascii_case(written)
                    || text().and_then(|text| text.parse().ok()).is_some_and(|address| network.contains(address))
            }
            Self::Number(bounds) => text().and_then(parse_number).is_some_and(|number| bounds.contain(&number)),
            Self::Time(bounds) => text().and_then(parse_instant).is_some_and(|time| bounds.contain(&time)),
            Self::Address(bounds) => {
                let address = text().and_then(|text| text.parse::<IpAddr>().ok());
                address
                    .is_some_and(|address| bounds.contain(&address.to_canonical()) && same_family(bounds, address.to_canonical()))
            }
            Self::Text(bounds) => bounds.contain(&bytes.to_ascii_lowercase()),
        }
    }
}

/// Addresses of one family are below all of the other; an open end must not let those in.
fn same_family(bounds: &Bounds<IpAddr>, address: IpAddr) -> bool {
    let end = bounds.lower.or(bounds.upper);
    end.is_none_or(|end| end.value.is_ipv4() == address.is_ipv4())
}

/// The texts that count as values.
pub fn parts(text: &[u8], part: Part) -> [Option<&[u8]>; 3] {
    let after = |byte: u8| memchr::memrchr(byte, text).map(|at| &text[at + 1..]).filter(|tail| !tail.is_empty());
    match part {
        Part::Whole => [Some(text), None, None],
        Part::AfterColon => [memchr::memchr(b':', text).map(|at| &text[at + 1..]), None, None],
        Part::OnlyRoot => [text.eq_ignore_ascii_case(b"Root").then_some(text), None, None],
        Part::WholeAndTail => [Some(text), after(b'/'), after(b':')],
    }
}
