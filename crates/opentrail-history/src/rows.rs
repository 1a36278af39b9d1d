//! Sets of rows of one part of the history.

/// Some of a part's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowSet {
    /// In ascending order, each once.
    Few(Vec<u32>),
    /// A bit for each row of the part, in words of 64.
    Many(Vec<u64>),
    All,
}

/// A set is kept as bits when it has more than one row of so many.
const SPARSE: u32 = 32;

impl RowSet {
    pub const NONE: Self = Self::Few(Vec::new());

    /// Rows in any order, possibly more than once.
    pub fn of(mut rows: Vec<u32>, total: u32) -> Self {
        if rows.len() as u64 * u64::from(SPARSE) > u64::from(total) {
            let mut bits = empty_bits(total);
            for row in rows {
                bits[row as usize / 64] |= 1 << (row % 64);
            }
            return Self::Many(bits);
        }
        if !rows.is_sorted() {
            rows.sort_unstable();
        }
        rows.dedup();
        Self::Few(rows)
    }

    pub fn is_none(&self) -> bool {
        match self {
            Self::Few(rows) => rows.is_empty(),
            Self::Many(bits) => bits.iter().all(|word| *word == 0),
            Self::All => false,
        }
    }

    pub fn len(&self, total: u32) -> u64 {
        match self {
            Self::Few(rows) => rows.len() as u64,
            Self::Many(bits) => bits.iter().map(|word| u64::from(word.count_ones())).sum(),
            Self::All => u64::from(total),
        }
    }

    /// How many of the rows from `from` up to before `to` are in it.
    pub fn len_between(&self, from: u32, to: u32) -> u64 {
        match self {
            Self::All => u64::from(to.saturating_sub(from)),
            Self::Few(rows) => {
                let before = |end: u32| rows.partition_point(|row| *row < end);
                before(to).saturating_sub(before(from)) as u64
            }
            Self::Many(bits) => {
                let before = |row: u32| (1u64 << (row % 64)) - 1;
                let (first, last) = (from as usize / 64, to as usize / 64);
                let words = bits.get(first..(last + 1).min(bits.len())).unwrap_or_default();
                let count = |word: u64| u64::from(word.count_ones());
                let whole: u64 = words.iter().map(|word| count(*word)).sum();
                let left_of = words.first().map_or(0, |word| count(word & before(from)));
                let right_of = bits.get(last).map_or(0, |word| count(word & !before(to)));
                if from < to { whole - left_of - right_of } else { 0 }
            }
        }
    }

    pub fn contains(&self, row: u32) -> bool {
        match self {
            Self::Few(rows) => rows.binary_search(&row).is_ok(),
            Self::Many(bits) => bits[row as usize / 64] >> (row % 64) & 1 == 1,
            Self::All => true,
        }
    }

    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, other) | (other, Self::All) => other,
            (Self::Many(mut a), Self::Many(b)) => {
                a.iter_mut().zip(&b).for_each(|(a, b)| *a &= b);
                Self::Many(a)
            }
            (Self::Few(mut few), other) | (other, Self::Few(mut few)) => {
                few.retain(|row| other.contains(*row));
                Self::Few(few)
            }
        }
    }

    pub fn or(self, other: Self, total: u32) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Many(mut a), Self::Many(b)) => {
                a.iter_mut().zip(&b).for_each(|(a, b)| *a |= b);
                Self::Many(a)
            }
            (Self::Many(mut bits), Self::Few(few)) | (Self::Few(few), Self::Many(mut bits)) => {
                few.iter().for_each(|row| bits[*row as usize / 64] |= 1 << (row % 64));
                Self::Many(bits)
            }
            (Self::Few(mut a), Self::Few(b)) => {
                a.extend_from_slice(&b);
                Self::of(a, total)
            }
        }
    }

    pub fn not(self, total: u32) -> Self {
        match self {
            Self::All => Self::NONE,
            Self::Few(rows) if rows.is_empty() => Self::All,
            other => {
                let mut bits = other.into_bits(total);
                bits.iter_mut().for_each(|word| *word = !*word);
                clear_beyond(&mut bits, total);
                Self::Many(bits)
            }
        }
    }

    pub fn without(self, other: Self, total: u32) -> Self {
        if other.is_none() { self } else { self.and(other.not(total)) }
    }

    fn into_bits(self, total: u32) -> Vec<u64> {
        match self {
            Self::Many(bits) => bits,
            Self::Few(rows) => {
                let mut bits = empty_bits(total);
                rows.iter().for_each(|row| bits[*row as usize / 64] |= 1 << (row % 64));
                bits
            }
            Self::All => {
                let mut bits = vec![u64::MAX; (total as usize).div_ceil(64)];
                clear_beyond(&mut bits, total);
                bits
            }
        }
    }

    /// Calls `visit` for the rows from `from` up to before `to`, ascending, until it answers false.
    pub fn each(&self, from: u32, to: u32, mut visit: impl FnMut(u32) -> bool) {
        match self {
            Self::All => {
                let _ = (from..to).all(visit);
            }
            Self::Few(rows) => {
                let start = rows.partition_point(|row| *row < from);
                let _ = rows[start..].iter().take_while(|row| **row < to).all(|row| visit(*row));
            }
            Self::Many(bits) => {
                let mut at = from as usize / 64;
                let mut word = bits.get(at).map_or(0, |word| word & (u64::MAX << (from % 64)));
                loop {
                    while word == 0 {
                        at += 1;
                        match bits.get(at) {
                            Some(next) if at * 64 < to as usize => word = *next,
                            _ => return,
                        }
                    }
                    let row = u32::try_from(at * 64).unwrap_or(u32::MAX) + word.trailing_zeros();
                    if row >= to || !visit(row) {
                        return;
                    }
                    word &= word - 1;
                }
            }
        }
    }
}

fn empty_bits(total: u32) -> Vec<u64> {
    vec![0; (total as usize).div_ceil(64)]
}

fn clear_beyond(bits: &mut [u64], total: u32) {
    if let Some(last) = bits.last_mut()
        && !total.is_multiple_of(64)
    {
        *last &= (1 << (total % 64)) - 1;
    }
}

/// Gathers rows of many postings.
pub(crate) struct Union {
    total: u32,
    few: Vec<u32>,
    bits: Option<Vec<u64>>,
}

impl Union {
    pub fn new(total: u32) -> Self {
        Self { total, few: Vec::new(), bits: None }
    }

    pub fn add(&mut self, row: u32) {
        match &mut self.bits {
            Some(bits) => bits[row as usize / 64] |= 1 << (row % 64),
            None => {
                self.few.push(row);
                if self.few.len() as u64 * u64::from(SPARSE) > u64::from(self.total) {
                    let mut bits = empty_bits(self.total);
                    self.few.drain(..).for_each(|row| bits[row as usize / 64] |= 1 << (row % 64));
                    self.bits = Some(bits);
                }
            }
        }
    }

    /// Adds a bit for each row, as little-endian bytes.
    pub fn add_bits(&mut self, bytes: &[u8]) {
        let (total, few) = (self.total, std::mem::take(&mut self.few));
        let bits = self.bits.get_or_insert_with(|| empty_bits(total));
        few.iter().for_each(|row| bits[*row as usize / 64] |= 1 << (row % 64));
        for (word, chunk) in bits.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word |= u64::from_le_bytes(*chunk);
        }
    }

    pub fn into_set(self) -> RowSet {
        match self.bits {
            Some(bits) => RowSet::Many(bits),
            None => RowSet::of(self.few, self.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_all_kinds_combine() {
        let total = 130;
        let sets = [vec![], vec![0, 64, 129], (0..130).step_by(2).collect::<Vec<_>>(), (0..130).collect(), vec![5, 6]];
        let rows = |set: &RowSet, from, to| {
            let mut rows = Vec::new();
            set.each(from, to, |row| {
                rows.push(row);
                true
            });
            rows
        };
        let forms = |rows: &Vec<u32>| {
            let mut forms = vec![RowSet::of(rows.clone(), total), RowSet::of(rows.clone(), 1_000_000)];
            if rows.len() == 130 {
                forms.push(RowSet::All);
            }
            forms
        };
        for a in &sets {
            for b in &sets {
                for left in forms(a) {
                    for right in forms(b) {
                        let check = |set: RowSet, expect: &dyn Fn(&u32) -> bool| {
                            let all: Vec<u32> = (0..total).filter(expect).collect();
                            assert_eq!(rows(&set, 0, total), all);
                            assert_eq!(
                                rows(&set, 3, 100),
                                all.iter().copied().filter(|r| (3..100).contains(r)).collect::<Vec<_>>()
                            );
                            assert_eq!((set.len(total), set.is_none()), (all.len() as u64, all.is_empty()));
                            for (from, to) in [(0, 130), (0, 64), (64, 128), (3, 100), (63, 65), (128, 130), (7, 7), (9, 8)] {
                                let between = all.iter().filter(|row| (from..to).contains(*row)).count() as u64;
                                assert_eq!(set.len_between(from, to), between, "{from} {to}");
                            }
                        };
                        check(left.clone().and(right.clone()), &|r| a.contains(r) && b.contains(r));
                        check(left.clone().or(right.clone(), total), &|r| a.contains(r) || b.contains(r));
                        check(left.clone().without(right, total), &|r| a.contains(r) && !b.contains(r));
                    }
                }
            }
        }
    }
}
