//! What is found, as people and programs want to see it. Pure but for the writer each is given.

pub mod chart;
pub mod count;
pub mod csv;
pub mod histogram;
pub mod json;
pub mod newest;
pub mod rows;
pub mod table;

pub use count::Counts;
pub use histogram::Histogram;
pub use newest::Newest;
pub use rows::{Format, Row, RowWriter, RunningTable, Shape, write_counts};

use crate::matching::Value;

/// The values of one field as one text.
pub fn cell(values: &[Value]) -> String {
    match values {
        [] => String::new(),
        [only] => only.text.clone(),
        several => several.iter().map(|value| value.text.as_str()).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests;
