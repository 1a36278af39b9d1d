//! What a leaf of a pattern says of one value.

use super::EventPatternError;
use super::parse::refuse;
use ipnet::IpNet;
use serde_json::Value;
use std::net::IpAddr;

/// Largest absolute number.
const MAX_NUMBER: f64 = 5e9;
/// Most wildcards of one expression.
const MAX_WILDCARDS: usize = 32;

/// One member of a leaf's array.
#[derive(Debug, Clone)]
pub enum Matcher {
    Null,
    Bool(bool),
    Number(f64),
    Text(TextTest),
    /// Any of the bounds broken means no.
    Numeric(Vec<(Comparison, f64)>),
    Cidr(IpNet),
    Exists(bool),
    /// None of these, and the value is text or a number.
    AnythingBut(Vec<Self>),
}

/// A test of text.
#[derive(Debug, Clone)]
pub enum TextTest {
    Equals(String),
    EqualsIgnoreCase(String),
    Prefix(String),
    PrefixIgnoreCase(String),
    Suffix(String),
    SuffixIgnoreCase(String),
    /// Pieces between wildcards; the first and the last stand at the ends.
    Wildcard(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Matcher {
    pub fn parse(value: &Value) -> Result<Self, EventPatternError> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Bool(value) => Ok(Self::Bool(*value)),
            Value::Number(number) => within(number.as_f64().unwrap_or(f64::INFINITY)).map(Self::Number),
            Value::String(text) => Ok(Self::Text(TextTest::Equals(text.clone()))),
            Value::Array(_) => Err(refuse("Arrays of arrays are not allowed")),
            Value::Object(members) => {
                let mut members = members.iter();
                match (members.next(), members.next()) {
                    (Some((name, operand)), None) => Self::operator(name, operand),
                    (None, _) => Err(refuse("Empty objects are not allowed")),
                    _ => Err(refuse("Only one key allowed in match expression")),
                }
            }
        }
    }

    fn operator(name: &str, operand: &Value) -> Result<Self, EventPatternError> {
        match name {
            "exists" => match operand {
                Value::Bool(wanted) => Ok(Self::Exists(*wanted)),
                _ => Err(refuse("exists match pattern must be either true or false.")),
            },
            "numeric" => numeric(operand),
            "cidr" => match operand {
                Value::String(text) => parse_network(text).map(Self::Cidr),
                _ => Err(refuse("CIDR match pattern must be a string")),
            },
            "anything-but" => anything_but(operand),
            "prefix" | "suffix" | "equals-ignore-case" | "wildcard" => TextTest::parse(name, operand).map(Self::Text),
            other => Err(refuse(format!("Unrecognized match type {other}"))),
        }
    }

    /// Whether a scalar fits. `exists` is decided where fields are found.
    pub fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Bool(wanted) => value.as_bool() == Some(*wanted),
            Self::Number(wanted) => value.as_f64() == Some(*wanted),
            Self::Text(test) => value.as_str().is_some_and(|text| test.fits(text)),
            Self::Numeric(bounds) => {
                value.as_f64().is_some_and(|value| bounds.iter().all(|(comparison, bound)| comparison.holds(value, *bound)))
            }
            Self::Cidr(network) => {
                let address = value.as_str().and_then(|text| text.parse::<IpAddr>().ok());
                address.is_some_and(|address| network.contains(&address))
            }
            Self::Exists(wanted) => *wanted,
            Self::AnythingBut(others) => !others.iter().any(|other| other.fits(value)),
        }
    }
}

fn within(number: f64) -> Result<f64, EventPatternError> {
    if number.abs() <= MAX_NUMBER { Ok(number) } else { Err(refuse("Value must be between -5.0E9 and 5.0E9, inclusive")) }
}

fn numeric(operand: &Value) -> Result<Matcher, EventPatternError> {
    let Value::Array(list) = operand else { return Err(refuse("Value of numeric must be an array.")) };
    if list.is_empty() || !list.len().is_multiple_of(2) || list.len() > 4 {
        return Err(refuse("Too many elements in numeric expression"));
    }
    let mut bounds = Vec::new();
    for pair in list.chunks_exact(2) {
        let comparison = match pair[0].as_str() {
            Some("=") => Comparison::Equal,
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::LessOrEqual,
            Some(">") => Comparison::Greater,
            Some(">=") => Comparison::GreaterOrEqual,
            Some(other) => return Err(refuse(format!("Unrecognized numeric range operator: {other}"))),
            None => return Err(refuse("Invalid member in numeric match: operator must be a string")),
        };
        let Some(bound) = pair[1].as_f64() else { return Err(refuse(format!("Value of {} must be numeric", pair[0]))) };
        bounds.push((comparison, within(bound)?));
    }
    if let [(first, low), (second, high)] = bounds[..] {
        let lower = matches!(first, Comparison::Greater | Comparison::GreaterOrEqual);
        let upper = matches!(second, Comparison::Less | Comparison::LessOrEqual);
        if !lower || !upper {
            return Err(refuse("Bad numeric range operator"));
        }
        if low >= high {
            return Err(refuse("Bottom must be less than top"));
        }
    }
    Ok(Matcher::Numeric(bounds))
}

fn anything_but(operand: &Value) -> Result<Matcher, EventPatternError> {
    let others = match operand {
        Value::Object(members) => {
            let mut members = members.iter();
            let (Some((name, operand)), None) = (members.next(), members.next()) else {
                return Err(refuse("Only one key allowed in match expression"));
            };
            if !matches!(name.as_str(), "prefix" | "suffix" | "equals-ignore-case" | "wildcard") {
                return Err(refuse(format!("Unsupported anything-but pattern: {name}")));
            }
            let one = |operand: &Value| match operand.as_str() {
                Some("") if name == "prefix" || name == "suffix" => Err(refuse(format!("Null {name} not allowed"))),
                Some(_) => TextTest::parse(name, operand).map(Matcher::Text),
                None => Err(refuse(format!("{name} match pattern must be a string"))),
            };
            match operand {
                Value::Array(list) => list.iter().map(one).collect::<Result<Vec<_>, _>>()?,
                single => vec![one(single)?],
            }
        }
        Value::Array(list) => {
            let texts = list.iter().filter(|value| value.is_string()).count();
            let numbers = list.iter().filter(|value| value.is_number()).count();
            if texts + numbers != list.len() || texts > 0 && numbers > 0 {
                return Err(refuse(
                    "Inside anything-but list, either all values are number or string, mixed type is not supported",
                ));
            }
            list.iter().map(Matcher::parse).collect::<Result<Vec<_>, _>>()?
        }
        Value::String(_) | Value::Number(_) => vec![Matcher::parse(operand)?],
        _ => return Err(refuse("Value of anything-but must be an array or single string/number value.")),
    };
    if others.is_empty() {
        return Err(refuse("Empty arrays are not allowed"));
    }
    Ok(Matcher::AnythingBut(others))
}

impl TextTest {
    fn parse(name: &str, operand: &Value) -> Result<Self, EventPatternError> {
        if let (Value::Object(members), "prefix" | "suffix") = (operand, name) {
            let mut members = members.iter();
            return match (members.next(), members.next(), name) {
                (Some((inner, Value::String(text))), None, "prefix") if inner == "equals-ignore-case" => {
                    Ok(Self::PrefixIgnoreCase(text.to_lowercase()))
                }
                (Some((inner, Value::String(text))), None, _) if inner == "equals-ignore-case" => {
                    Ok(Self::SuffixIgnoreCase(text.to_lowercase()))
                }
                _ => Err(refuse(format!("Unsupported anything-but pattern: {name}"))),
            };
        }
        let Value::String(text) = operand else { return Err(refuse(format!("{name} match pattern must be a string"))) };
        match name {
            "prefix" => Ok(Self::Prefix(text.clone())),
            "suffix" => Ok(Self::Suffix(text.clone())),
            "equals-ignore-case" => Ok(Self::EqualsIgnoreCase(text.to_lowercase())),
            _ => wildcard(text).map(Self::Wildcard),
        }
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Equals(wanted) => text == wanted,
            Self::EqualsIgnoreCase(wanted) => text.to_lowercase() == *wanted,
            Self::Prefix(wanted) => text.starts_with(wanted),
            Self::PrefixIgnoreCase(wanted) => text.to_lowercase().starts_with(wanted),
            Self::Suffix(wanted) => text.ends_with(wanted),
            Self::SuffixIgnoreCase(wanted) => text.to_lowercase().ends_with(wanted),
            Self::Wildcard(pieces) => has_pieces(text, pieces),
        }
    }
}

/// The pieces between wildcards. `\*` is a star, `\\` a backslash.
fn wildcard(text: &str) -> Result<Vec<String>, EventPatternError> {
    let mut pieces = vec![String::new()];
    let mut after_star = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let piece = pieces.last_mut().expect("there is a first piece");
        match character {
            '*' if after_star => return Err(refuse("Consecutive wildcard characters")),
            '*' => pieces.push(String::new()),
            '\\' => match characters.next() {
                Some(escaped @ ('*' | '\\')) => piece.push(escaped),
                _ => return Err(refuse("Invalid escape character")),
            },
            other => piece.push(other),
        }
        after_star = character == '*';
    }
    if pieces.len() > MAX_WILDCARDS + 1 {
        return Err(refuse(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character",
        ));
    }
    Ok(pieces)
}

fn has_pieces(text: &str, pieces: &[String]) -> bool {
    let [first, middle @ .., last] = pieces else { return pieces.first().is_some_and(|only| only == text) };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for piece in middle {
        let Some(at) = rest.find(piece.as_str()) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last.as_str())
}

impl Comparison {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Equal => value == bound,
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
        }
    }
}

/// A network, with the words of the service for what is not one.
fn parse_network(text: &str) -> Result<IpNet, EventPatternError> {
    let parts: Vec<&str> = text.split('/').collect();
    let [address, bits] = parts[..] else { return Err(refuse("Malformed CIDR, one '/' required")) };
    let address: IpAddr = address.parse().map_err(|_| refuse(format!("Nonstandard IP address: {address}")))?;
    let bits = bits.parse::<u32>().map_err(|_| refuse("Malformed CIDR, mask bits must be an integer"))?;
    let (version, width) = if address.is_ipv4() { (4, 32) } else { (6, 128) };
    let network = u8::try_from(bits).ok().and_then(|bits| IpNet::new(address, bits).ok());
    network.ok_or_else(|| refuse(format!("IPv{version} mask bits must be < {}", width + 1)))
}
