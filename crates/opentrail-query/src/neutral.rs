//! Makes text harmless where it is shown: on terminals, and in spreadsheets.

use std::borrow::Cow;
use std::fmt::Write;

/// Characters that steer a terminal or reorder or hide what it shows: control characters, bidirectional and invisible
/// format characters, separators of lines.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text for a terminal: unsafe characters as `\u202e`.
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            push_escape(&mut safe, c);
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// JSON for a terminal: the same JSON, unsafe characters of its strings escaped. Outside of strings JSON has none but
/// white space, which stays.
pub fn json_for_terminal(json: &str) -> Cow<'_, str> {
    let escaped = |c: char| is_unsafe(c) && !matches!(c, '\n' | '\t' | '\r');
    if !json.chars().any(escaped) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if escaped(c) {
            push_escape(&mut safe, c);
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn push_escape(safe: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a string cannot fail.
        let _ = write!(safe, "\\u{unit:04x}");
    }
}

/// A cell of a CSV file: quoted where needed, and not a formula for any spreadsheet.
///
/// Source: OWASP, "CSV Injection".
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    // Spaces first are quoted as well: some programs trim them and look again.
    let quoted = formula || text.contains([',', '"', '\n', '\r', ';', '\t']) || text.starts_with(' ') || text.ends_with(' ');
    let spaced_formula = text.trim_start().starts_with(['=', '+', '-', '@']);
    if !quoted {
        return Cow::Borrowed(text);
    }
    let guard = if formula || spaced_formula { "'" } else { "" };
    Cow::Owned(format!("\"{guard}{}\"", text.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_commands() {
        let check = |text: &str, expect: &str| assert_eq!(for_terminal(text), expect);
        check("plain – ü", "plain – ü");
        check("a\u{1b}[31mb\u{9b}c\n", "a\\u001b[31mb\\u009bc\\u000a");
        check("x\u{202e}y\u{200b}z", "x\\u202ey\\u200bz");
        check("\u{e0041}", "\\udb40\\udc41");
        assert_eq!(json_for_terminal("{\n\"a\":\"\u{202e}\u{7f}\"}"), "{\n\"a\":\"\\u202e\\u007f\"}");
    }

    #[test]
    fn spreadsheets_get_no_formulas() {
        let check = |text: &str, expect: &str| assert_eq!(csv_cell(text), expect, "{text}");
        check("plain", "plain");
        check("a,b", "\"a,b\"");
        check("say \"hi\"", "\"say \"\"hi\"\"\"");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            check(formula, &format!("\"'{formula}\""));
        }
        check(" =1", "\"' =1\"");
        check("1-1", "1-1");
    }
}
