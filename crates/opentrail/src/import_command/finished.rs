//! Notes of files that the server has, so that they are not read again.
//!
//! One line a file: a hash of the server, the file's name, its size and time. A line that was cut off is no note.

use aws_lc_rs::digest::{SHA256, digest};
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes of a note; in the file each is two digits.
const NOTE_BYTES: usize = 16;

pub type Note = [u8; NOTE_BYTES];

/// The note of a file.
pub fn note(parts: &[&str]) -> Note {
    let text: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    let mut note = [0; NOTE_BYTES];
    note.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..NOTE_BYTES]);
    note
}

/// The notes of one server.
pub struct Finished {
    notes: HashSet<Note>,
    file: Option<File>,
}

impl Finished {
    /// Reads the notes in `path`, or in the server's file below the user's state directory. Where there can be no notes
    /// everything is sent, which costs time and nothing else.
    pub fn open(path: Option<PathBuf>, server: &str) -> Self {
        let Some(path) = path.or_else(|| default_path(server)) else { return Self { notes: HashSet::new(), file: None } };
        let text = fs::read_to_string(&path).unwrap_or_default();
        let notes = text.lines().filter_map(|line| hex::decode(line).ok()?.try_into().ok()).collect();
        let file = open_for_adding(&path, text.is_empty() || text.ends_with('\n'));
        if let Err(error) = &file {
            eprintln!("opentrail: finished files cannot be noted in {}: {error}", path.display());
        }
        Self { notes, file: file.ok() }
    }

    pub fn has(&self, note: &Note) -> bool {
        self.notes.contains(note)
    }

    /// Notes a file, at once: the next moment may be the last.
    pub fn add(&mut self, note: &Note) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(format!("{}\n", hex::encode(note)).as_bytes()) {
            eprintln!("opentrail: finished files cannot be noted any more: {error}");
            self.file = None;
        }
    }
}

fn open_for_adding(path: &Path, whole: bool) -> std::io::Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    if !whole {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn default_path(server: &str) -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")))?;
    Some(state.join("opentrail").join(format!("import-{}.txt", hex::encode(&note(&[server])[..8]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_survive_a_line_that_was_cut_off() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("a/notes.txt");
        let (one, two, three) = (note(&["s", "one"]), note(&["s", "two"]), note(&["s", "three"]));
        let mut finished = Finished::open(Some(path.clone()), "s");
        finished.add(&one);
        finished.add(&two);
        let text = fs::read_to_string(&path).expect("notes");
        fs::write(&path, &text[..text.len() - 5]).expect("cut");
        let mut finished = Finished::open(Some(path.clone()), "s");
        assert!(finished.has(&one) && !finished.has(&two));
        finished.add(&three);
        let finished = Finished::open(Some(path), "s");
        assert!(finished.has(&one) && !finished.has(&two) && finished.has(&three));
        assert_ne!(note(&["ab", "c"]), note(&["a", "bc"]));
    }
}
