//! Logs Insights: queries over log groups.
//!
//! ```text
//! StartQuery ─▶ InsightsQueries: a query waits for its turn ─▶ run.rs reads the groups, newest first ─▶ results, kept a while
//! GetQueryResults, StopQuery, DescribeQueries ─▶ InsightsQueries
//! ```
//!
//! Queries and their results live in memory: a restart forgets them.

mod log_group_fields;
mod pointer;
mod queries;
mod query_definitions;
mod results;
mod run;
mod start_query;

#[cfg(test)]
mod tests;

pub use queries::InsightsQueries;
pub use query_definitions::QueryDefinition;

pub(super) use log_group_fields::get_log_group_fields;
pub(super) use pointer::{get_log_record, record_resource};
pub(super) use query_definitions::{delete_query_definition, describe_query_definitions, put_query_definition};
pub(super) use results::{describe_queries, get_query_results, stop_query};
pub(super) use start_query::{group_resource, start_query};
