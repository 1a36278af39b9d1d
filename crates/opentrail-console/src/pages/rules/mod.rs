//! Rules of EventBridge, while the server has it.

pub mod list;
pub mod show;

use crate::problem::Problem;
use crate::visitor::Visitor;

/// The service that these pages are of.
const SERVICE: &str = "events";

/// Refuses the page where there is no EventBridge.
fn check(visitor: &Visitor) -> Result<(), Problem> {
    if visitor.has_service(SERVICE) { Ok(()) } else { Err(Problem::NotFound("This server has no event rules.")) }
}
