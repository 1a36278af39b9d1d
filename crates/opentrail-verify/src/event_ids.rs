//! Which event IDs are in more than one file: sorted in memory, and in temporary files beyond that.

use crate::limits;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

/// Gathers the IDs of a run. Memory is bounded by [`limits::EVENT_IDS_IN_MEMORY`].
pub struct EventIds {
    memory: Vec<u128>,
    /// Sorted, one after the other.
    runs: Vec<File>,
    total: u64,
    in_memory: usize,
    most: u64,
}

/// What comparing all IDs gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Number of IDs that two files have in common; both are the same if the file repeats itself.
    pub pairs: BTreeMap<(u32, u32), u64>,
    /// IDs in common of further pairs.
    pub omitted: u64,
    /// IDs that were not compared.
    pub not_compared: u64,
}

impl Default for EventIds {
    fn default() -> Self {
        Self::new(limits::EVENT_IDS_IN_MEMORY, limits::EVENT_IDS)
    }
}

impl EventIds {
    pub fn new(in_memory: usize, most: u64) -> Self {
        Self { memory: Vec::new(), runs: Vec::new(), total: 0, in_memory, most }
    }

    /// Adds the hashed IDs of one file. Only files of one `group` are compared with each other.
    pub fn add(&mut self, group: u32, file: u32, hashes: &[u128]) -> io::Result<()> {
        // An odd number for each group keeps the hashes of one ID apart.
        let salt = (u128::from(group) << 1 | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 32 << 32;
        for hash in hashes {
            self.total += 1;
            if self.total > self.most {
                continue;
            }
            self.memory.push(hash ^ salt | u128::from(file));
            if self.memory.len() >= self.in_memory {
                self.spill()?;
            }
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.memory.sort_unstable();
        let mut file = BufWriter::new(tempfile::tempfile()?);
        for id in &self.memory {
            file.write_all(&id.to_le_bytes())?;
        }
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.runs.push(file);
        self.memory.clear();
        Ok(())
    }

    /// Compares all IDs.
    pub fn finish(mut self) -> io::Result<Duplicates> {
        let not_compared = self.total.saturating_sub(self.most);
        let mut duplicates = Duplicates { not_compared, ..Duplicates::default() };
        let mut last = None;
        self.memory.sort_unstable();
        if self.runs.is_empty() {
            self.memory.iter().for_each(|id| duplicates.see(&mut last, *id));
            return Ok(duplicates);
        }
        let mut runs: Vec<BufReader<File>> = Vec::new();
        if !self.memory.is_empty() {
            self.spill()?;
        }
        self.memory = Vec::new();
        let mut next = BinaryHeap::new();
        for file in self.runs {
            let mut run = BufReader::with_capacity(32 << 10, file);
            if let Some(id) = read(&mut run)? {
                next.push(Reverse((id, runs.len())));
            }
            runs.push(run);
        }
        while let Some(Reverse((id, run))) = next.pop() {
            duplicates.see(&mut last, id);
            if let Some(id) = read(&mut runs[run])? {
                next.push(Reverse((id, run)));
            }
        }
        Ok(duplicates)
    }
}

fn read(run: &mut BufReader<File>) -> io::Result<Option<u128>> {
    let mut bytes = [0; 16];
    match run.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(u128::from_le_bytes(bytes))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

impl Duplicates {
    /// Takes the IDs in order. `last` is the first one with the same hash.
    fn see(&mut self, last: &mut Option<u128>, id: u128) {
        match *last {
            Some(first) if first >> 32 == id >> 32 => {
                let pair = (first as u32, id as u32);
                if let Some(count) = self.pairs.get_mut(&pair) {
                    *count += 1;
                } else if self.pairs.len() < limits::DUPLICATE_PAIRS {
                    self.pairs.insert(pair, 1);
                } else {
                    self.omitted += 1;
                }
            }
            _ => *last = Some(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::hash;

    #[test]
    fn duplicates_are_found_in_memory_and_on_disk() {
        for in_memory in [3, 10, 1000] {
            let mut ids = EventIds::new(in_memory, 1000);
            let hashes: Vec<u128> = (0..20).map(|n: u32| hash(&n.to_le_bytes())).collect();
            ids.add(0, 1, &hashes).expect("added");
            ids.add(0, 2, &hashes[5..8]).expect("added");
            // Another trail may have the same events.
            ids.add(1, 3, &hashes).expect("added");
            ids.add(1, 4, &[hash(b"x"), hash(b"x")]).expect("added");
            let found = ids.finish().expect("compared");
            assert_eq!(found.pairs, BTreeMap::from([((1, 2), 3), ((4, 4), 1)]));
            assert_eq!((found.omitted, found.not_compared), (0, 0));
        }
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let mut ids = EventIds::new(10, 4);
        ids.add(0, 1, &[hash(b"a"); 10]).expect("added");
        let found = ids.finish().expect("compared");
        assert_eq!((found.pairs[&(1, 1)], found.not_compared), (3, 6));
    }
}
