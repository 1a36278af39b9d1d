//! What an expression comes to.

use super::{ExpressionError, Function, Inputs, Operator, Term, Value};
use std::collections::BTreeMap;

type Series = BTreeMap<i64, f64>;

pub fn value(term: &Term, inputs: &Inputs) -> Result<Value, ExpressionError> {
    match term {
        Term::Number(number) => Ok(Value::Number(*number)),
        Term::Id(id) => inputs.series.get(id).cloned().map(Value::Series).ok_or_else(|| ExpressionError::UnknownId(id.clone())),
        Term::Negative(inner) => Ok(each(value(inner, inputs)?, |number| -number)),
        Term::Array(members) => {
            members.iter().map(|member| series(value(member, inputs)?)).collect::<Result<_, _>>().map(Value::Many)
        }
        Term::Binary(operator, left, right) => binary(*operator, value(left, inputs)?, value(right, inputs)?),
        Term::Call(function, operands) => call(*function, operands, inputs),
    }
}

fn operand(what: &str) -> ExpressionError {
    ExpressionError::Operand(what.to_owned())
}

fn series(value: Value) -> Result<Series, ExpressionError> {
    match value {
        Value::Series(series) => Ok(series),
        Value::Number(_) | Value::Many(_) => Err(operand("an array takes single time series")),
    }
}

fn each(value: Value, apply: impl Fn(f64) -> f64 + Copy) -> Value {
    let all = |series: Series| series.into_iter().map(|(at, number)| (at, apply(number))).collect();
    match value {
        Value::Number(number) => Value::Number(apply(number)),
        Value::Series(series) => Value::Series(all(series)),
        Value::Many(many) => Value::Many(many.into_iter().map(all).collect()),
    }
}

fn binary(operator: Operator, left: Value, right: Value) -> Result<Value, ExpressionError> {
    Ok(match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(applied(operator, left, right).unwrap_or(f64::NAN)),
        (Value::Series(left), Value::Number(right)) => Value::Series(joined(operator, &left, |_| Some(right), false)),
        (Value::Number(left), Value::Series(right)) => Value::Series(joined(operator, &right, |_| Some(left), true)),
        (Value::Series(left), Value::Series(right)) => Value::Series(joined(operator, &left, |at| right.get(at).copied(), false)),
        (Value::Many(left), Value::Number(right)) => {
            Value::Many(left.iter().map(|series| joined(operator, series, |_| Some(right), false)).collect())
        }
        (Value::Number(left), Value::Many(right)) => {
            Value::Many(right.iter().map(|series| joined(operator, series, |_| Some(left), true)).collect())
        }
        (Value::Many(left), Value::Series(right)) => {
            Value::Many(left.iter().map(|series| joined(operator, series, |at| right.get(at).copied(), false)).collect())
        }
        (Value::Series(left), Value::Many(right)) => {
            Value::Many(right.iter().map(|series| joined(operator, series, |at| left.get(at).copied(), true)).collect())
        }
        (Value::Many(left), Value::Many(right)) if left.len() == right.len() => Value::Many(
            left.iter().zip(&right).map(|(left, right)| joined(operator, left, |at| right.get(at).copied(), false)).collect(),
        ),
        (Value::Many(_), Value::Many(_)) => return Err(operand("arrays of different lengths cannot be combined")),
    })
}

/// Where both sides have a value, and the result is a number.
fn joined(operator: Operator, left: &Series, right: impl Fn(&i64) -> Option<f64>, swapped: bool) -> Series {
    let one = |(at, number): (&i64, &f64)| {
        let other = right(at)?;
        let result = if swapped { applied(operator, other, *number) } else { applied(operator, *number, other) };
        Some((*at, result?))
    };
    left.iter().filter_map(one).collect()
}

/// `None` for a division by zero and whatever else is no number: such points are dropped.
fn applied(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    let result = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Or => truth(left != 0.0 || right != 0.0),
    };
    result.is_finite().then_some(result)
}

fn call(function: Function, operands: &[Term], inputs: &Inputs) -> Result<Value, ExpressionError> {
    if function == Function::Metrics {
        let metrics = inputs.metrics.iter().filter_map(|id| inputs.series.get(id)).cloned().collect();
        return if operands.is_empty() { Ok(Value::Many(metrics)) } else { Err(operand("METRICS takes no operand here")) };
    }
    let mut values = operands.iter().map(|operand| value(operand, inputs)).collect::<Result<Vec<_>, _>>()?;
    if function == Function::If {
        let [condition, yes, no] = <[Value; 3]>::try_from(values).map_err(|_| operand("IF takes three operands"))?;
        return choose(condition, &yes, &no);
    }
    if function == Function::Fill {
        let [filled, filler] = <[Value; 2]>::try_from(values).map_err(|_| operand("FILL takes two operands"))?;
        let Value::Number(filler) = filler else { return Err(operand("FILL takes a number here")) };
        let fill = |series: Series| inputs.times.iter().map(|at| (*at, filler)).chain(series).collect();
        return Ok(match filled {
            Value::Many(many) => Value::Many(many.into_iter().map(fill).collect()),
            other => Value::Series(fill(series(other)?)),
        });
    }
    if values.len() != 1 {
        return Err(operand("the function takes one operand"));
    }
    single(function, values.remove(0), inputs.period)
}

fn single(function: Function, value: Value, period: i64) -> Result<Value, ExpressionError> {
    #[expect(clippy::cast_precision_loss, reason = "counts and periods are far below 2^52")]
    let seconds = period as f64;
    match function {
        Function::Abs => Ok(each(value, f64::abs)),
        Function::Ceil => Ok(each(value, f64::ceil)),
        Function::Floor => Ok(each(value, f64::floor)),
        Function::Period => Ok(Value::Number(seconds)),
        Function::MetricCount => match value {
            Value::Many(many) => Ok(Value::Number(f64::from(u32::try_from(many.len()).unwrap_or(u32::MAX)))),
            _ => Ok(Value::Number(1.0)),
        },
        Function::Diff => series(value).map(|series| Value::Series(differences(&series, |_| 1.0))),
        Function::Rate => series(value).map(|series| Value::Series(differences(&series, |apart| apart))),
        Function::RunningSum => series(value).map(|series| {
            let mut sum = 0.0;
            let add = |(at, number)| {
                sum += number;
                (at, sum)
            };
            Value::Series(series.into_iter().map(add).collect())
        }),
        Function::Sum => Ok(folded(value, |numbers| numbers.iter().sum())),
        Function::Min => Ok(folded(value, |numbers| numbers.iter().copied().fold(f64::INFINITY, f64::min))),
        Function::Max => Ok(folded(value, |numbers| numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max))),
        Function::Avg => {
            Ok(folded(value, |numbers| numbers.iter().sum::<f64>() / f64::from(u32::try_from(numbers.len()).unwrap_or(u32::MAX))))
        }
        Function::Metrics | Function::If | Function::Fill => Err(operand("the function takes other operands")),
    }
}

/// Differences of neighbours, divided by what their distance in seconds stands for.
#[expect(clippy::cast_precision_loss, reason = "times apart are far below 2^52")]
fn differences(series: &Series, divisor: impl Fn(f64) -> f64) -> Series {
    let pairs = series.iter().zip(series.iter().skip(1));
    pairs.map(|((before, old), (at, new))| (*at, (new - old) / divisor((at - before) as f64))).collect()
}

/// Of one series a number, of many a series.
fn folded(value: Value, fold: impl Fn(&[f64]) -> f64) -> Value {
    match value {
        Value::Number(number) => Value::Number(number),
        Value::Series(series) if series.is_empty() => Value::Series(series),
        Value::Series(series) => Value::Number(fold(&series.into_values().collect::<Vec<_>>())),
        Value::Many(many) => {
            let mut by_time: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            for (at, number) in many.into_iter().flatten() {
                by_time.entry(at).or_default().push(number);
            }
            Value::Series(by_time.into_iter().map(|(at, numbers)| (at, fold(&numbers))).collect())
        }
    }
}

fn choose(condition: Value, yes: &Value, no: &Value) -> Result<Value, ExpressionError> {
    let at_time = |value: &Value, at: &i64| match value {
        Value::Number(number) => Some(*number),
        Value::Series(series) => series.get(at).copied(),
        Value::Many(_) => None,
    };
    match condition {
        Value::Number(number) => Ok(if number != 0.0 { yes.clone() } else { no.clone() }),
        Value::Series(series) => {
            let one = |(at, number): (&i64, &f64)| Some((*at, at_time(if *number != 0.0 { yes } else { no }, at)?));
            Ok(Value::Series(series.iter().filter_map(one).collect()))
        }
        Value::Many(_) => Err(operand("IF takes a single time series as its condition")),
    }
}
