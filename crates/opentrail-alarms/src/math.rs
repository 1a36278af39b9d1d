//! Queries over metrics: statistics and the expressions on them, for GetMetricData and for alarms.

use crate::alarm::{MetricQuery, MetricStat, QueryOf};
use crate::store::{MetricStore, Range, united};
use opentrail_catalog::CatalogError;
use opentrail_metrics::{Expression, ExpressionError, Inputs, Statistic, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Why queries have no answer.
#[derive(Debug, thiserror::Error)]
pub enum MathError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("Error in expression '{id}': {source}")]
    Expression { id: String, source: ExpressionError },
    #[error("the expressions {0} refer to each other, or to a query that is not there")]
    Unresolved(String),
    #[error("'{0}' is not a statistic that is supported")]
    Statistic(String),
}

impl MathError {
    /// Whether the request is at fault.
    pub fn is_of_request(&self) -> bool {
        !matches!(self, Self::Catalog(_))
    }
}

/// What a query comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    pub value: Value,
    /// Seconds.
    pub period: i64,
    /// How many values each point was made of, for statistics.
    pub counts: BTreeMap<i64, f64>,
}

impl Evaluated {
    /// The series it comes to; a number stands for itself at all times.
    pub fn series(self, start: i64, end: i64) -> Vec<BTreeMap<i64, f64>> {
        match self.value {
            Value::Series(series) => vec![series],
            Value::Many(many) => many,
            Value::Number(number) => {
                let finite = number.is_finite();
                vec![times(start, end, self.period).into_iter().filter(|_| finite).map(|at| (at, number)).collect()]
            }
        }
    }
}

/// Whether queries make sense together: expressions are understood and refer to queries that are there.
///
/// # Errors
/// See [`MathError`].
pub fn check(queries: &[MetricQuery]) -> Result<(), MathError> {
    let ids: BTreeSet<&str> = queries.iter().map(|query| query.id.as_str()).collect();
    for query in queries {
        match &query.what {
            QueryOf::Stat(stat) => drop(statistic(stat)?),
            QueryOf::Expression { expression, .. } => {
                let parsed = parsed(&query.id, expression)?;
                if let Some(unknown) = parsed.ids().into_iter().find(|id| !ids.contains(id) || *id == query.id) {
                    let source = ExpressionError::UnknownId(unknown.to_owned());
                    return Err(MathError::Expression { id: query.id.clone(), source });
                }
            }
        }
    }
    // Without data the order is found all the same.
    let stats = |query: &MetricQuery| {
        Ok(Evaluated { value: Value::Series(BTreeMap::new()), period: 60, counts: BTreeMap::new() })
            .map(|evaluated| (query.id.clone(), evaluated))
    };
    let known = queries.iter().filter(|query| matches!(query.what, QueryOf::Stat(_))).map(stats);
    let known = known.collect::<Result<BTreeMap<_, _>, MathError>>()?;
    resolve(queries, known, 0, 0).map(drop)
}

/// Answers all queries over the time from `start` to before `end`, in epoch seconds.
///
/// # Errors
/// See [`MathError`].
pub fn answer(
    store: &MetricStore,
    account: &str,
    region: &str,
    queries: &[MetricQuery],
    (start, end): (i64, i64),
) -> Result<BTreeMap<String, Evaluated>, MathError> {
    let mut known = BTreeMap::new();
    for query in queries {
        if let QueryOf::Stat(stat) = &query.what {
            known.insert(query.id.clone(), of_metric(store, account, region, stat, (start, end))?);
        }
    }
    resolve(queries, known, start, end)
}

fn of_metric(
    store: &MetricStore,
    account: &str,
    region: &str,
    stat: &MetricStat,
    (start, end): (i64, i64),
) -> Result<Evaluated, MathError> {
    let statistic = statistic(stat)?;
    let range = Range { start, end, period: stat.period };
    let mut found = store.samples(account, region, &stat.metric, range)?;
    let samples = match &stat.unit {
        Some(unit) => found.remove(unit).unwrap_or_default(),
        None => united(found),
    };
    let values = samples.iter().filter_map(|(at, sample)| Some((*at, statistic.of(sample)?))).collect();
    let counts = samples.iter().map(|(at, sample)| (*at, sample.count)).collect();
    Ok(Evaluated { value: Value::Series(values), period: stat.period, counts })
}

/// Evaluates expressions, those first that need no other.
fn resolve(
    queries: &[MetricQuery],
    mut known: BTreeMap<String, Evaluated>,
    start: i64,
    end: i64,
) -> Result<BTreeMap<String, Evaluated>, MathError> {
    let metrics: BTreeSet<String> = known.keys().cloned().collect();
    let mut waiting = Vec::new();
    for query in queries {
        if let QueryOf::Expression { expression, period } = &query.what {
            waiting.push((query.id.as_str(), parsed(&query.id, expression)?, *period));
        }
    }
    while !waiting.is_empty() {
        let before = waiting.len();
        let (ready, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, expression, _)| expression.ids().iter().all(|id| known.contains_key(*id)));
        for (id, expression, period) in ready {
            let evaluated = of_expression(&expression, period, &known, &metrics, (start, end))
                .map_err(|source| MathError::Expression { id: id.to_owned(), source })?;
            known.insert(id.to_owned(), evaluated);
        }
        if later.len() == before {
            let ids: Vec<&str> = later.iter().map(|(id, ..)| *id).collect();
            return Err(MathError::Unresolved(ids.join(", ")));
        }
        waiting = later;
    }
    Ok(known)
}

fn of_expression(
    expression: &Expression,
    period: Option<i64>,
    known: &BTreeMap<String, Evaluated>,
    metrics: &BTreeSet<String>,
    (start, end): (i64, i64),
) -> Result<Evaluated, ExpressionError> {
    let ids = expression.ids();
    let used = known.iter().filter(|(id, _)| ids.contains(id.as_str()) || (ids.is_empty() && metrics.contains(*id)));
    let period = period.or_else(|| used.map(|(_, evaluated)| evaluated.period).max()).unwrap_or(60);
    let series = known.iter().filter_map(|(id, evaluated)| match &evaluated.value {
        Value::Series(series) => Some((id.clone(), series.clone())),
        Value::Number(number) => {
            Some((id.clone(), times(start, end, evaluated.period).into_iter().map(|at| (at, *number)).collect()))
        }
        Value::Many(_) => None,
    });
    let inputs = Inputs { series: series.collect(), metrics: metrics.clone(), period, times: times(start, end, period) };
    Ok(Evaluated { value: expression.evaluate(&inputs)?, period, counts: BTreeMap::new() })
}

fn parsed(id: &str, expression: &str) -> Result<Expression, MathError> {
    expression.parse().map_err(|source| MathError::Expression { id: id.to_owned(), source })
}

/// The statistic that a query asks for.
///
/// # Errors
/// [`MathError::Statistic`].
pub fn statistic(stat: &MetricStat) -> Result<Statistic, MathError> {
    stat.statistic.parse().map_err(|()| MathError::Statistic(stat.statistic.clone()))
}

/// The beginnings of the periods from `start` to before `end`.
fn times(start: i64, end: i64, period: i64) -> Vec<i64> {
    (start..end).step_by(usize::try_from(period).unwrap_or(1).max(1)).collect()
}
