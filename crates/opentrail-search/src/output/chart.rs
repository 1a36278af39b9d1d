//! Bars of characters.

use super::table::shown;
use std::io::{self, Write};

const BAR_WIDTH: usize = 40;

/// Writes a line per label: the label, its number, a bar.
///
/// # Errors
/// If the writer fails.
pub fn write(out: &mut dyn Write, lines: &[(String, u64)]) -> io::Result<()> {
    let lines: Vec<(String, u64)> = lines.iter().map(|(label, count)| (shown(label), *count)).collect();
    let most = lines.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let label_width = lines.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let count_width = most.to_string().len();
    for (label, count) in &lines {
        let padding = " ".repeat(label_width - label.chars().count());
        let line = format!("{label}{padding}  {count:>count_width$}  {}", bar(*count, most));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A bar in eighths of a character; anything above zero shows.
fn bar(count: u64, most: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if most == 0 || count == 0 {
        return String::new();
    }
    let eighths = (u128::from(count) * BAR_WIDTH as u128 * 8).div_ceil(u128::from(most));
    let eighths = usize::try_from(eighths).unwrap_or(BAR_WIDTH * 8);
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}
