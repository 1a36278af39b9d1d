//! Numbers and byte strings of segments.

pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "the lowest seven bits are meant")]
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 0x80")]
    out.push(number as u8);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what was put; `None` at the end, and where nothing sensible stands.
pub(crate) struct Taking<'a> {
    rest: &'a [u8],
}

impl<'a> Taking<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub fn number(&mut self) -> Option<u64> {
        // Most numbers are small.
        if let [byte @ 0..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Some(u64::from(*byte));
        }
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    /// Bytes that were not taken.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Appends rows, ascending, as differences, or as a bit for each row where that is smaller; whether it is bits.
pub(crate) fn put_rows(out: &mut Vec<u8>, rows: &[u32], total: u32) -> bool {
    if rows.len() as u64 * 8 > u64::from(total) {
        let start = out.len();
        out.resize(start + (total as usize).div_ceil(64) * 8, 0);
        let bits = &mut out[start..];
        rows.iter().for_each(|row| bits[*row as usize / 8] |= 1 << (row % 8));
        return true;
    }
    let mut next = 0;
    for row in rows {
        put_number(out, u64::from(row - next));
        next = row + 1;
    }
    false
}

/// Calls `visit` for each row that was put; false if what stands there is nothing sensible.
pub(crate) fn each_row(bytes: &[u8], bits: bool, mut visit: impl FnMut(u32)) -> bool {
    if bits {
        for (at, chunk) in (0..).zip(bytes.as_chunks::<8>().0) {
            let mut word = u64::from_le_bytes(*chunk);
            while word != 0 {
                visit(at * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
        return bytes.len().is_multiple_of(8);
    }
    let mut taking = Taking::new(bytes);
    let mut next = 0u32;
    while !taking.is_empty() {
        let Some(row) = taking.small().and_then(|step| next.checked_add(step)) else { return false };
        visit(row);
        next = row.saturating_add(1);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back() {
        for rows in [vec![0], vec![5, 6, 900], (0..1000).collect(), (0..1000).step_by(3).collect::<Vec<u32>>()] {
            let mut bytes = Vec::new();
            let bits = put_rows(&mut bytes, &rows, 1000);
            let mut found = Vec::new();
            assert!(each_row(&bytes, bits, |row| found.push(row)));
            assert_eq!(found, rows);
        }
        assert!(!each_row(&[0x80], false, |_| {}));
        let mut bytes = Vec::new();
        [0, 127, 128, u64::MAX].iter().for_each(|number| put_number(&mut bytes, *number));
        let mut taking = Taking::new(&bytes);
        assert_eq!([(); 4].map(|()| taking.number()), [Some(0), Some(127), Some(128), Some(u64::MAX)]);
        assert!(taking.is_empty());
    }
}
