//! Metrics and alarms as CloudWatch has them: pure rules, no service.
//!
//! ```text
//! value ──▶ Sample ──▶ Series: seconds ▸ minutes ▸ 5 minutes ▸ hours, each kept for its time
//!                         │ points(statistic, period, window)
//!                         ├──▶ GetMetricStatistics, GetMetricData ── Expression: `m1 / m2 * 100`
//!                         └──▶ AlarmRule ──evaluate──▶ state, reason, the points it went by
//! states of alarms ──▶ CompositeRule: `ALARM("a") AND NOT OK("b")`
//! ```
//!
//! Source: CloudWatch user guide ("Using alarms", "Evaluating an alarm", "Metric math"), API reference.
//!
//! Does not know: the clock, where metrics are kept, who is told of an alarm, the wire.
//!
//! Does not promise: percentiles closer than one percent once a period has more than [`MAX_EXACT_VALUES`] different
//! values.

mod metric;
mod sample;
mod series;
mod statistic;

mod alarm;
mod evaluate;
mod reason;

mod composite;
mod expression;

pub use alarm::{AlarmRule, AlarmState, Comparison, MissingData};
pub use composite::{CompositeError, CompositeRule};
pub use evaluate::{Outcome, Point, evaluate};
pub use expression::{Expression, ExpressionError, Inputs, Value};
pub use metric::{Metric, UNITS};
pub use reason::number;
pub use sample::{MAX_EXACT_VALUES, Sample};
pub use series::{ROLLUPS, Rollup, Series};
pub use statistic::Statistic;
