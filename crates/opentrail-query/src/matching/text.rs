//! Comparing texts. Letters `A` to `Z` equal their small forms; everything else is compared byte by byte.
//!
//! Every function is linear in the value for a given pattern: a `*` never needs to be tried twice.

use crate::query::{Pattern, Piece};

/// A pattern made ready: what stands between its `*`s.
#[derive(Debug, Clone)]
pub struct Parts {
    parts: Vec<Vec<Unit>>,
    /// Whether the pattern begins and ends without `*`.
    from_start: bool,
    to_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// In small letters.
    Byte(u8),
    /// Any one character.
    One,
}

impl Parts {
    pub fn of_pattern(pattern: &Pattern) -> Self {
        let pieces = pattern.pieces();
        let mut parts = vec![Vec::new()];
        for piece in pieces {
            match (piece, parts.last_mut()) {
                (Piece::Text(text), Some(last)) => last.extend(text.bytes().map(|byte| Unit::Byte(byte.to_ascii_lowercase()))),
                (Piece::One, Some(last)) => last.push(Unit::One),
                _ => parts.push(Vec::new()),
            }
        }
        parts.retain(|part: &Vec<Unit>| !part.is_empty());
        Self { parts, from_start: pieces.first() != Some(&Piece::Any), to_end: pieces.last() != Some(&Piece::Any) }
    }

    pub fn of_text(text: &str) -> Self {
        Self::of_pattern(&Pattern::new([Piece::Text(text.to_owned())]))
    }

    /// Whether the pattern is the whole value.
    pub fn is(&self, value: &[u8]) -> bool {
        let mut parts = self.parts.as_slice();
        let (mut from, mut to) = (0, value.len());
        if self.from_start
            && let Some((first, rest)) = parts.split_first()
        {
            let Some(end) = matches_at(first, value, 0) else { return false };
            if rest.is_empty() && self.to_end {
                return end == value.len();
            }
            (from, parts) = (end, rest);
        }
        if self.to_end
            && let Some((last, rest)) = parts.split_last()
        {
            let Some(start) = matches_before(last, value) else { return false };
            (to, parts) = (start, rest);
        }
        if self.parts.is_empty() {
            // `*`, or no text at all.
            return !self.from_start || value.is_empty();
        }
        for part in parts {
            let Some((_, end)) = find(part, value, from) else { return false };
            from = end;
        }
        from <= to
    }

    /// Whether the pattern stands somewhere in the value, its ends at the ends of words unless they are `*`, and each
    /// `*` within one stretch without white space.
    pub fn is_in(&self, value: &[u8]) -> bool {
        match self.parts.as_slice() {
            [] => true,
            [only] => self.find_word(only, value, 0, self.from_start, self.to_end).is_some(),
            parts => value.split(u8::is_ascii_whitespace).any(|stretch| self.is_in_stretch(parts, stretch)),
        }
    }

    fn is_in_stretch(&self, parts: &[Vec<Unit>], stretch: &[u8]) -> bool {
        let mut from = 0;
        for (index, part) in parts.iter().enumerate() {
            let starts_word = index == 0 && self.from_start;
            let ends_word = index + 1 == parts.len() && self.to_end;
            // The earliest place is as good as any later one for what follows.
            let Some(end) = self.find_word(part, stretch, from, starts_word, ends_word) else { return false };
            from = end;
        }
        true
    }

    fn find_word(&self, part: &[Unit], value: &[u8], mut from: usize, starts_word: bool, ends_word: bool) -> Option<usize> {
        while let Some((start, end)) = find(part, value, from) {
            if (!starts_word || is_edge(value, start)) && (!ends_word || is_edge(value, end)) {
                return Some(end);
            }
            from = start + 1;
        }
        None
    }
}

/// Whether no word reaches across this place.
fn is_edge(value: &[u8], at: usize) -> bool {
    let in_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    !(at > 0 && in_word(value.get(at - 1)) && in_word(value.get(at)))
}

/// The first place at or after `from` where the part stands, and its end.
fn find(part: &[Unit], value: &[u8], mut from: usize) -> Option<(usize, usize)> {
    loop {
        if let Some(Unit::Byte(first)) = part.first() {
            from += memchr::memchr2(*first, first.to_ascii_uppercase(), value.get(from..)?)?;
        } else if from > value.len() {
            return None;
        }
        if let Some(end) = matches_at(part, value, from) {
            return Some((from, end));
        }
        if from >= value.len() {
            return None;
        }
        from += 1;
    }
}

/// The end of the part, if it stands at `at`.
fn matches_at(part: &[Unit], value: &[u8], mut at: usize) -> Option<usize> {
    for unit in part {
        let byte = *value.get(at)?;
        at += 1;
        match unit {
            Unit::Byte(wanted) if byte.to_ascii_lowercase() == *wanted => {}
            Unit::Byte(_) => return None,
            Unit::One => at += value[at..].iter().take_while(|next| is_continuation(**next)).count(),
        }
    }
    Some(at)
}

/// The start of the part, if it ends where the value does.
fn matches_before(part: &[Unit], value: &[u8]) -> Option<usize> {
    let mut at = value.len();
    for unit in part.iter().rev() {
        at = at.checked_sub(1)?;
        match unit {
            Unit::Byte(wanted) if value[at].to_ascii_lowercase() == *wanted => {}
            Unit::Byte(_) => return None,
            Unit::One => {
                while at > 0 && is_continuation(value[at]) {
                    at -= 1;
                }
            }
        }
    }
    Some(at)
}

/// Whether the byte is a later one of a character in UTF-8.
fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}
