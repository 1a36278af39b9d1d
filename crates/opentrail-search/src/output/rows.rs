//! Records as rows of any format, written as they come.

use super::{cell, csv, json, table};
use crate::limits;
use crate::matching::Extractor;
use crate::neutral::json_for_terminal;
use crate::query::Field;
use std::io::{self, Write};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    Json,
    Ndjson,
    Csv,
}

const TABLE_FIELDS: [&str; 7] = ["time", "user", "event", "source", "region", "ip", "error"];
const CSV_FIELDS: [&str; 12] = [
    "eventTime",
    "eventID",
    "eventName",
    "eventSource",
    "awsRegion",
    "recipientAccountId",
    "user",
    "userIdentity.type",
    "userIdentity.arn",
    "sourceIPAddress",
    "errorCode",
    "readOnly",
];

/// What is shown of each record.
pub struct Shape {
    extractor: Extractor,
    format: Format,
    terminal: bool,
}

/// A record as it will be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    Cells(Vec<String>),
    Line(String),
}

impl Shape {
    /// Without fields: the usual columns of a table or of CSV, and of JSON whole records. For a terminal, what that would
    /// obey is made visible.
    pub fn new(format: Format, fields: &[Field], terminal: bool) -> Self {
        let named = |names: &[&str]| names.iter().filter_map(|name| Field::named(name)).collect();
        let fields = match format {
            _ if !fields.is_empty() => fields.to_vec(),
            Format::Table => named(&TABLE_FIELDS),
            Format::Csv => named(&CSV_FIELDS),
            Format::Json | Format::Ndjson => Vec::new(),
        };
        Self { extractor: Extractor::new(fields), format, terminal }
    }

    pub fn headings(&self) -> Vec<String> {
        self.extractor.fields().iter().map(|field| field.name().to_owned()).collect()
    }

    /// A record as the format shows it: cells, or a line of JSON.
    pub fn row(&self, record: &[u8]) -> Row {
        if matches!(self.format, Format::Table | Format::Csv) {
            let values = self.extractor.values(record, limits::CELL_VALUES);
            // Rows are kept until all are known; what is not shown is not kept.
            let text = |values: &Vec<_>| if self.format == Format::Table { table::shown(&cell(values)) } else { cell(values) };
            return Row::Cells(values.iter().map(text).collect());
        }
        let fields = self.extractor.fields();
        let line = if fields.is_empty() {
            String::from_utf8_lossy(&json::compact(record)).into_owned()
        } else {
            json::object_of(fields, &self.extractor.values(record, limits::CELL_VALUES))
        };
        Row::Line(if self.terminal { json_for_terminal(&line).into_owned() } else { line })
    }
}

/// Writes rows as they come, in the formats that allow it.
pub struct RowWriter {
    format: Format,
    rows: u64,
}

impl RowWriter {
    pub fn new(format: Format) -> Self {
        Self { format, rows: 0 }
    }

    /// What comes before all rows.
    ///
    /// # Errors
    /// If `out` fails, here and below.
    pub fn begin(&mut self, out: &mut dyn Write, headings: &[String]) -> io::Result<()> {
        match self.format {
            Format::Csv => csv::write_row(out, headings.iter().map(String::as_str)),
            Format::Json => out.write_all(b"["),
            Format::Table | Format::Ndjson => Ok(()),
        }
    }

    /// # Errors
    /// As [`Self::begin`].
    pub fn row(&mut self, out: &mut dyn Write, row: &Row) -> io::Result<()> {
        self.rows += 1;
        match row {
            Row::Cells(cells) => csv::write_row(out, cells.iter().map(String::as_str)),
            Row::Line(line) => {
                let before = match self.format {
                    Format::Json if self.rows == 1 => "\n",
                    Format::Json => ",\n",
                    _ => "",
                };
                let after = if self.format == Format::Json { "" } else { "\n" };
                write!(out, "{before}{line}{after}")
            }
        }
    }

    /// What comes after all rows.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.format == Format::Json { out.write_all(b"\n]\n") } else { Ok(()) }
    }

    /// All rows, when all are known. The only way to write a table.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn write_all(&mut self, out: &mut dyn Write, headings: &[String], rows: &[Row]) -> io::Result<()> {
        if self.format == Format::Table {
            let cells = |row: &Row| match row {
                Row::Cells(cells) => cells.clone(),
                Row::Line(line) => vec![line.clone()],
            };
            return table::write(out, headings, &rows.iter().map(cells).collect::<Vec<_>>());
        }
        self.begin(out, headings)?;
        rows.iter().try_for_each(|row| self.row(out, row))?;
        self.end(out)
    }
}

/// Counts, or bars of a histogram, in the format asked for: a chart instead of a table. `names` are the fields counted by.
///
/// # Errors
/// If `out` fails.
pub fn write_counts(
    out: &mut dyn Write,
    format: Format,
    terminal: bool,
    names: &[String],
    counts: &[(Vec<String>, u64)],
) -> io::Result<()> {
    if format == Format::Table {
        let label = |values: &[String]| {
            let shown = values.iter().map(|value| if value.is_empty() { "(none)" } else { value });
            shown.collect::<Vec<_>>().join("  ")
        };
        let lines: Vec<(String, u64)> = counts.iter().map(|(values, count)| (label(values), *count)).collect();
        return super::chart::write(out, &lines);
    }
    let headings: Vec<String> = names.iter().cloned().chain(["count".to_owned()]).collect();
    let rows: Vec<Row> = counts.iter().map(|(values, count)| count_row(format, terminal, names, values, *count)).collect();
    RowWriter::new(format).write_all(out, &headings, &rows)
}

fn count_row(format: Format, terminal: bool, names: &[String], values: &[String], count: u64) -> Row {
    if format == Format::Csv {
        return Row::Cells(values.iter().cloned().chain([count.to_string()]).collect());
    }
    let mut object = serde_json::Map::new();
    for (name, value) in names.iter().zip(values) {
        let value = if value.is_empty() { serde_json::Value::Null } else { value.as_str().into() };
        object.insert(name.clone(), value);
    }
    object.insert("count".into(), count.into());
    let line = serde_json::Value::from(object).to_string();
    Row::Line(if terminal { json_for_terminal(&line).into_owned() } else { line })
}

/// A table whose rows are shown as they come: columns grow when they have to.
#[derive(Debug, Default)]
pub struct RunningTable {
    widths: Vec<usize>,
}

impl RunningTable {
    /// # Errors
    /// If `out` fails.
    pub fn write(&mut self, out: &mut dyn Write, row: &Row) -> io::Result<()> {
        let cells = match row {
            Row::Cells(cells) => cells.as_slice(),
            Row::Line(line) => std::slice::from_ref(line),
        };
        self.widths.resize(self.widths.len().max(cells.len()), 0);
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&mut self.widths) {
            let shown = table::shown(cell);
            let length = shown.chars().count();
            *width = (*width).max(length);
            text.push_str(&shown);
            text.extend(std::iter::repeat_n(' ', *width - length + 2));
        }
        writeln!(out, "{}", text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_shape_of_their_format() {
        let record = br#"{"eventName": "=A", "n": [1, 2]}"#;
        let fields = [Field::named("eventName").expect("a field"), Field::named(".n").expect("a field")];
        let check = |format, fields: &[Field], expect: &str| {
            let shape = Shape::new(format, fields, false);
            let mut out = Vec::new();
            let rows = [shape.row(record), shape.row(record)];
            RowWriter::new(format).write_all(&mut out, &shape.headings(), &rows).expect("written");
            assert_eq!(String::from_utf8_lossy(&out), expect);
        };
        check(Format::Csv, &fields, "eventName,.n\n\"'=A\",\"1, 2\"\n\"'=A\",\"1, 2\"\n");
        check(Format::Ndjson, &[], "{\"eventName\":\"=A\",\"n\":[1,2]}\n{\"eventName\":\"=A\",\"n\":[1,2]}\n");
        check(Format::Json, &fields[..1], "[\n{\"eventName\":\"=A\"},\n{\"eventName\":\"=A\"}\n]\n");
        check(Format::Table, &fields[..1], "eventName\n=A\n=A\n");
        let mut running = RunningTable::default();
        let mut out = Vec::new();
        for cells in [["a", "b"], ["long", "c"], ["d", "\u{202e}"]] {
            running.write(&mut out, &Row::Cells(cells.map(str::to_owned).to_vec())).expect("written");
        }
        assert_eq!(String::from_utf8_lossy(&out), "a  b\nlong  c\nd     \\u202e\n");
    }
}
