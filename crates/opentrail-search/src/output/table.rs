//! A table for a terminal.

use crate::limits;
use crate::neutral::for_terminal;
use std::io::{self, Write};

/// Writes rows below their headings, columns as wide as needed. What terminals would obey is made visible.
///
/// # Errors
/// If the writer fails.
pub fn write(out: &mut dyn Write, headings: &[String], rows: &[Vec<String>]) -> io::Result<()> {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|text| shown(text)).collect()).collect();
    let mut widths: Vec<usize> = headings.iter().map(|heading| width(heading)).collect();
    for row in &rows {
        for (width_so_far, text) in widths.iter_mut().zip(row) {
            *width_so_far = (*width_so_far).max(width(text));
        }
    }
    line(out, headings, &widths)?;
    rows.iter().try_for_each(|row| line(out, row, &widths))
}

fn line(out: &mut dyn Write, cells: &[String], widths: &[usize]) -> io::Result<()> {
    let mut text = String::new();
    for (cell, wanted) in cells.iter().zip(widths) {
        text.push_str(cell);
        text.extend(std::iter::repeat_n(' ', wanted - width(cell).min(*wanted) + 2));
    }
    writeln!(out, "{}", text.trim_end())
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A cell as it is shown: harmless, and not longer than the limit.
pub fn shown(text: &str) -> String {
    let safe = for_terminal(text);
    match safe.char_indices().nth(limits::CELL_CHARACTERS) {
        Some(_) => safe.chars().take(limits::CELL_CHARACTERS - 1).chain(['…']).collect(),
        None => safe.into_owned(),
    }
}
