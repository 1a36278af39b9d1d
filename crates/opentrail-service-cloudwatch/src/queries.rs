//! MetricDataQuery: read, checked, written.

use crate::faults::{constraint, missing, unsupported, validation};
use crate::input::{Dimension, Flag, List, Number, check_period, dimensions, is_name, unit};
use opentrail_alarms::{MetricQuery, MetricStat, QueryOf};
use opentrail_metrics::{Metric, Statistic};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const MAX_LABEL_CHARS: usize = 2048;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GivenQuery {
    id: Option<String>,
    metric_stat: Option<GivenStat>,
    expression: Option<String>,
    label: Option<String>,
    return_data: Option<Flag>,
    period: Option<Number>,
    account_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenStat {
    metric: Option<GivenMetric>,
    period: Option<Number>,
    stat: Option<String>,
    unit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenMetric {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: List<Dimension>,
}

/// Queries as they are kept, checked one by one and together.
///
/// # Errors
/// `ValidationError`.
pub fn accept(given: List<GivenQuery>, most: usize, account: &str, member: &str) -> Result<Vec<MetricQuery>, ApiError> {
    let count = given.0.len();
    if count == 0 || count > most {
        return Err(constraint(&format!("[{count} queries]"), member, &format!("have length between 1 and {most}")));
    }
    let accepted = given.0.into_iter().enumerate();
    let queries = accepted.map(|(number, query)| query.accept(account, &format!("{member}.{}.member", number + 1)));
    let queries: Vec<MetricQuery> = queries.collect::<Result<_, _>>()?;
    let ids: BTreeSet<&str> = queries.iter().map(|query| query.id.as_str()).collect();
    if ids.len() < queries.len() {
        return Err(validation("The values for parameter id in MetricDataQueries are not unique."));
    }
    opentrail_alarms::check(&queries).map_err(|error| crate::faults::of_math(&error))?;
    Ok(queries)
}

impl GivenQuery {
    fn accept(self, account: &str, place: &str) -> Result<MetricQuery, ApiError> {
        let id = self.id.ok_or_else(|| missing(&format!("{place}.id")))?;
        let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && id.len() <= 255;
        if !plain || !id.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(validation(format!(
                "The value {id} for parameter id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
            )));
        }
        if self.account_id.is_some_and(|given| given != account) {
            return Err(unsupported("Asking for metrics of another account"));
        }
        if self.label.as_deref().is_some_and(|label| label.chars().count() > MAX_LABEL_CHARS) {
            return Err(constraint("label", &format!("{place}.label"), "have length less than or equal to 2048"));
        }
        let period = self.period.map(|period| check_period(period.whole("period")?)).transpose()?;
        let what = match (self.metric_stat, self.expression) {
            (Some(_), None) if period.is_some() => {
                return Err(validation("Period must not be set for a MetricStat; it has its own."));
            }
            (Some(stat), None) => QueryOf::Stat(stat.accept(place)?),
            (None, Some(expression)) => QueryOf::Expression { expression, period },
            _ => return Err(validation(format!("Exactly one of MetricStat and Expression must be given in query '{id}'."))),
        };
        Ok(MetricQuery { id, label: self.label, return_data: self.return_data.is_none_or(|flag| flag.0), what })
    }
}

impl GivenStat {
    fn accept(self, place: &str) -> Result<MetricStat, ApiError> {
        let metric = self.metric.ok_or_else(|| missing(&format!("{place}.metricStat.metric")))?;
        let namespace = metric.namespace.ok_or_else(|| missing(&format!("{place}.metricStat.metric.namespace")))?;
        let name = metric.metric_name.ok_or_else(|| missing(&format!("{place}.metricStat.metric.metricName")))?;
        let period = self.period.ok_or_else(|| missing(&format!("{place}.metricStat.period")))?;
        let statistic = self.stat.ok_or_else(|| missing(&format!("{place}.metricStat.stat")))?;
        Ok(MetricStat {
            metric: checked_metric(namespace, name, &metric.dimensions.0)?,
            period: check_period(period.whole("period")?)?,
            statistic: checked_statistic(statistic)?,
            unit: unit(self.unit.as_deref(), "unit")?,
        })
    }
}

/// # Errors
/// `ValidationError`.
pub fn checked_metric(namespace: String, name: String, given: &[Dimension]) -> Result<Metric, ApiError> {
    for (member, text) in [("namespace", &namespace), ("metricName", &name)] {
        if !is_name(text) || text.starts_with(':') {
            return Err(constraint(text, member, "have length between 1 and 255"));
        }
    }
    Ok(Metric { namespace, name, dimensions: dimensions(given, |fault| validation(fault))? })
}

/// # Errors
/// `ValidationError`.
pub fn checked_statistic(name: String) -> Result<String, ApiError> {
    if name.parse::<Statistic>().is_ok() { Ok(name) } else { Err(unsupported(&format!("The statistic {name}"))) }
}

pub fn shown_metric(metric: &Metric) -> Value {
    json!({"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": shown_dimensions(metric)})
}

pub fn shown_dimensions(metric: &Metric) -> Value {
    metric.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect()
}

/// A query as it was given.
pub fn shown(query: &MetricQuery) -> Value {
    let mut out = json!({"Id": query.id});
    match &query.what {
        QueryOf::Stat(stat) => {
            out["MetricStat"] = json!({"Metric": shown_metric(&stat.metric), "Period": stat.period, "Stat": stat.statistic});
            if let Some(unit) = &stat.unit {
                out["MetricStat"]["Unit"] = unit.as_str().into();
            }
        }
        QueryOf::Expression { expression, period } => {
            out["Expression"] = expression.as_str().into();
            if let Some(period) = period {
                out["Period"] = (*period).into();
            }
        }
    }
    if let Some(label) = &query.label {
        out["Label"] = label.as_str().into();
    }
    out["ReturnData"] = query.return_data.into();
    out
}
