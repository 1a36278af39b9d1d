//! Keeps blobs that are being read from being removed under the reader.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct State {
    readers: HashMap<String, usize>,
    /// To be removed when the last reader is gone.
    doomed: HashSet<String>,
}

/// Which blobs are being read. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pins(Arc<Mutex<State>>);

impl Pins {
    /// Pins blobs until the guard goes; `path_of` is used to remove those that were doomed meanwhile.
    pub(crate) fn pin(&self, blobs: Vec<(String, PathBuf)>) -> Pinned {
        let mut state = self.0.lock().expect("no holder panics");
        for (id, _) in &blobs {
            *state.readers.entry(id.clone()).or_default() += 1;
        }
        drop(state);
        Pinned { pins: self.clone(), blobs }
    }

    /// Whether the blob may be removed now; otherwise its last reader does it.
    pub(crate) fn doom(&self, id: &str) -> bool {
        let mut state = self.0.lock().expect("no holder panics");
        let is_read = state.readers.contains_key(id);
        if is_read {
            state.doomed.insert(id.to_owned());
        }
        !is_read
    }
}

/// Holds the pins.
#[derive(Debug)]
pub(crate) struct Pinned {
    pins: Pins,
    blobs: Vec<(String, PathBuf)>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut removable = Vec::new();
        {
            let mut state = self.pins.0.lock().expect("no holder panics");
            for (id, path) in &self.blobs {
                let Some(count) = state.readers.get_mut(id) else { continue };
                *count -= 1;
                if *count == 0 {
                    state.readers.remove(id);
                    if state.doomed.remove(id) {
                        removable.push(path);
                    }
                }
            }
        }
        for path in removable {
            crate::blob::remove(path);
        }
    }
}
