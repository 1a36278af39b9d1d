//! Everything that is put into a page is shown and does nothing: markup is escaped, and characters that reorder or hide
//! text are written out.

use askama::filters::{Escaper, Html};
use opentrail_query::neutral;
use std::fmt::{self, Write};

/// The escaper of all templates.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inert;

impl Escaper for Inert {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            if neutral::is_unsafe(c) && !matches!(c, '\n' | '\t') {
                Html.write_escaped_str(&mut dest, &text[plain..at])?;
                dest.write_str(&neutral::for_terminal(c.encode_utf8(&mut [0; 4])))?;
                plain = at + c.len_utf8();
            }
        }
        Html.write_escaped_str(dest, &text[plain..])
    }
}

/// Escapes a text for a page.
pub fn push_inert(page: &mut String, text: &str) {
    Inert.write_escaped_str(page, text).expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_characters_that_deceive_are_shown() {
        let shown = |text: &str| {
            let mut page = String::new();
            push_inert(&mut page, text);
            page
        };
        assert_eq!(shown("<b a='\"'>&"), "&#60;b a=&#39;&#34;&#39;&#62;&#38;");
        assert_eq!(shown("a\u{202e}b\u{0}<"), "a\\u202eb\\u0000&#60;");
        assert_eq!(shown("two\nlines\tünïcode"), "two\nlines\tünïcode");
    }
}
