//! Functions of values.

use crate::arithmetic::finite;
use crate::calendar::Period;
use crate::networks::is_in;
use crate::value::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest text that functions make.
const MAX_TEXT_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Abs,
    Ceil,
    Floor,
    Greatest,
    Least,
    Log,
    Sqrt,
    StrLen,
    Trim,
    LeftTrim,
    RightTrim,
    ToUpper,
    ToLower,
    Substring,
    Replace,
    StrContains,
    Concat,
    IsEmpty,
    IsBlank,
    IsPresent,
    Coalesce,
    If,
    Bin,
    DateFloor,
    DateCeil,
    FromMillis,
    ToMillis,
    Now,
    IsValidIp,
    IsValidIpV4,
    IsValidIpV6,
    IsIpInSubnet,
    IsIpV4InSubnet,
    IsIpV6InSubnet,
}

/// Name in lower case, and the least and the greatest number of arguments.
const NAMES: &[(&str, Function, usize, usize)] = &[
    ("abs", Function::Abs, 1, 1),
    ("ceil", Function::Ceil, 1, 1),
    ("floor", Function::Floor, 1, 1),
    ("greatest", Function::Greatest, 1, 100),
    ("least", Function::Least, 1, 100),
    ("log", Function::Log, 1, 1),
    ("sqrt", Function::Sqrt, 1, 1),
    ("strlen", Function::StrLen, 1, 1),
    ("trim", Function::Trim, 1, 2),
    ("ltrim", Function::LeftTrim, 1, 2),
    ("rtrim", Function::RightTrim, 1, 2),
    ("toupper", Function::ToUpper, 1, 1),
    ("tolower", Function::ToLower, 1, 1),
    ("substr", Function::Substring, 2, 3),
    ("replace", Function::Replace, 3, 3),
    ("strcontains", Function::StrContains, 2, 2),
    ("concat", Function::Concat, 1, 100),
    ("isempty", Function::IsEmpty, 1, 1),
    ("isblank", Function::IsBlank, 1, 1),
    ("ispresent", Function::IsPresent, 1, 1),
    ("coalesce", Function::Coalesce, 1, 100),
    ("if", Function::If, 3, 3),
    ("bin", Function::Bin, 1, 2),
    ("datefloor", Function::DateFloor, 2, 2),
    ("dateceil", Function::DateCeil, 2, 2),
    ("frommillis", Function::FromMillis, 1, 1),
    ("tomillis", Function::ToMillis, 1, 1),
    ("now", Function::Now, 0, 0),
    ("isvalidip", Function::IsValidIp, 1, 1),
    ("isvalidipv4", Function::IsValidIpV4, 1, 1),
    ("isvalidipv6", Function::IsValidIpV6, 1, 1),
    ("isipinsubnet", Function::IsIpInSubnet, 2, 2),
    ("isipv4insubnet", Function::IsIpV4InSubnet, 2, 2),
    ("isipv6insubnet", Function::IsIpV6InSubnet, 2, 2),
];

/// An argument: a value, or a period, which only functions of time take.
#[derive(Debug, Clone)]
pub enum Argument {
    Value(Value),
    Period(Period),
}

impl Function {
    /// The function of a name in lower case.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, ..)| *known == name).map(|(_, function, ..)| *function)
    }

    /// Whether it takes so many arguments.
    pub fn takes(self, count: usize) -> bool {
        NAMES.iter().any(|(_, function, least, most)| *function == self && (*least..=*most).contains(&count))
    }

    /// Its value. `now` is in seconds since 1970, `timestamp` the event's in milliseconds.
    pub fn apply(self, arguments: &[Argument], now: i64, timestamp: Option<i64>) -> Value {
        match self {
            Self::Bin | Self::DateFloor | Self::DateCeil => self.of_time(arguments, timestamp),
            Self::Now => Value::Number(now as f64),
            _ => {
                let values: Vec<Value> = arguments.iter().map(Argument::value).collect();
                match values.first() {
                    Some(first) => self.of_values(first, &values),
                    None => Value::Missing,
                }
            }
        }
    }

    fn of_time(self, arguments: &[Argument], timestamp: Option<i64>) -> Value {
        let (at, period) = match arguments {
            [Argument::Period(period)] => (timestamp, *period),
            [Argument::Value(at), Argument::Period(period)] | [Argument::Period(period), Argument::Value(at)] => {
                (at.number().map(|at| at as i64), *period)
            }
            _ => return Value::Missing,
        };
        let Some(at) = at else { return Value::Missing };
        Value::Time(if self == Self::DateCeil { period.ceil(at) } else { period.floor(at) })
    }

    fn of_values(self, first: &Value, all: &[Value]) -> Value {
        let second = all.get(1).unwrap_or(&Value::Missing);
        match self {
            Self::IsPresent => Value::Bool(!first.is_missing()),
            Self::IsEmpty => Value::Bool(first.shown().is_empty()),
            Self::IsBlank => Value::Bool(first.shown().trim().is_empty()),
            Self::Coalesce => all.iter().find(|value| !value.is_missing()).cloned().unwrap_or(Value::Missing),
            Self::If => {
                if first.holds() {
                    second.clone()
                } else {
                    all[2].clone()
                }
            }
            Self::Concat => text(all.iter().map(|value| value.shown().into_owned()).collect()),
            Self::Greatest => extreme(all, f64::max),
            Self::Least => extreme(all, f64::min),
            Self::Abs | Self::Ceil | Self::Floor | Self::Log | Self::Sqrt | Self::ToMillis | Self::FromMillis => {
                first.number().map_or(Value::Missing, |number| self.of_number(number))
            }
            _ if first.is_missing() => Value::Missing,
            Self::IsValidIp => Value::Bool(first.shown().parse::<IpAddr>().is_ok()),
            Self::IsValidIpV4 => Value::Bool(first.shown().parse::<Ipv4Addr>().is_ok()),
            Self::IsValidIpV6 => Value::Bool(first.shown().parse::<Ipv6Addr>().is_ok()),
            Self::IsIpInSubnet => Value::Bool(is_in(&first.shown(), &second.shown())),
            Self::IsIpV4InSubnet => {
                Value::Bool(first.shown().parse::<Ipv4Addr>().is_ok() && is_in(&first.shown(), &second.shown()))
            }
            Self::IsIpV6InSubnet => {
                Value::Bool(first.shown().parse::<Ipv6Addr>().is_ok() && is_in(&first.shown(), &second.shown()))
            }
            _ => self.of_text(&first.shown(), second, all),
        }
    }

    fn of_number(self, number: f64) -> Value {
        match self {
            Self::Abs => finite(number.abs()),
            Self::Ceil => finite(number.ceil()),
            Self::Floor => finite(number.floor()),
            Self::Log => finite(number.ln()),
            Self::Sqrt => finite(number.sqrt()),
            Self::FromMillis => Value::Time(number as i64),
            _ => Value::Number(number),
        }
    }

    fn of_text(self, of: &str, second: &Value, all: &[Value]) -> Value {
        let shown = second.shown();
        let cut = |character: char| match second {
            Value::Missing => character.is_whitespace(),
            _ => shown.contains(character),
        };
        match self {
            Self::StrLen => Value::Number(of.chars().count() as f64),
            Self::Trim => Value::Text(of.trim_matches(cut).to_owned()),
            Self::LeftTrim => Value::Text(of.trim_start_matches(cut).to_owned()),
            Self::RightTrim => Value::Text(of.trim_end_matches(cut).to_owned()),
            Self::ToUpper => Value::Text(of.to_uppercase()),
            Self::ToLower => Value::Text(of.to_lowercase()),
            Self::StrContains => Value::Bool(of.contains(shown.as_ref())),
            Self::Replace if shown.is_empty() => Value::Text(of.to_owned()),
            Self::Replace => {
                let with = all[2].shown();
                let grows = with.len().saturating_sub(shown.len()).saturating_mul(of.matches(shown.as_ref()).count());
                if of.len().saturating_add(grows) > MAX_TEXT_BYTES {
                    return Value::Missing;
                }
                Value::Text(of.replace(shown.as_ref(), &with))
            }
            Self::Substring => {
                let count = |value: Option<&Value>| value.and_then(Value::number).map(|number| number.max(0.0) as usize);
                let rest = of.chars().skip(count(Some(second)).unwrap_or(0));
                match count(all.get(2)) {
                    Some(length) => Value::Text(rest.take(length).collect()),
                    None => Value::Text(rest.collect()),
                }
            }
            _ => Value::Missing,
        }
    }
}

impl Argument {
    /// A period is its length in milliseconds.
    fn value(&self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Period(Period::Fixed(length)) => Value::Number(*length as f64),
            Self::Period(Period::Months(_)) => Value::Missing,
        }
    }
}

fn text(text: String) -> Value {
    if text.len() > MAX_TEXT_BYTES { Value::Missing } else { Value::Text(text) }
}

fn extreme(values: &[Value], pick: fn(f64, f64) -> f64) -> Value {
    values.iter().filter_map(Value::number).reduce(pick).map_or(Value::Missing, Value::Number)
}
