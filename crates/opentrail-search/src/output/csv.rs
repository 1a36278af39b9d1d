//! Comma-separated values that no spreadsheet takes for formulas.

use crate::neutral::csv_cell;
use std::io::{self, Write};

/// Writes one row.
///
/// # Errors
/// If the writer fails.
pub fn write_row<'a>(out: &mut dyn Write, cells: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    for (index, cell) in cells.into_iter().enumerate() {
        out.write_all(if index == 0 { b"" } else { b"," })?;
        out.write_all(csv_cell(cell).as_bytes())?;
    }
    out.write_all(b"\n")
}
