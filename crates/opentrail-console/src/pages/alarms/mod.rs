//! Alarms and metrics, while the server has CloudWatch.

pub mod list;
pub mod metric;
pub mod show;

mod graph;

use crate::problem::Problem;
use crate::visitor::Visitor;

/// The service that these pages are of.
const SERVICE: &str = "monitoring";

/// Refuses the page where there is no CloudWatch.
fn check(visitor: &Visitor) -> Result<(), Problem> {
    if visitor.has_service(SERVICE) { Ok(()) } else { Err(Problem::NotFound("This server has no metrics and alarms.")) }
}

/// How a state is shown: kind of badge and words.
fn state(value: &str) -> (&'static str, &'static str) {
    match value {
        "OK" => ("good", "OK"),
        "ALARM" => ("bad", "In alarm"),
        _ => ("quiet", "Insufficient data"),
    }
}
