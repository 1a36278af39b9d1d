//! Forward: what credentials did, and what was opened with them.

use crate::clue::Clue;
use crate::event::Event;
use crate::limits;
use crate::lineage::{Session, Summary};
use crate::trace::Records;
use std::collections::HashSet;

/// The tree of sessions below an event's credentials, and how many were left out.
pub(crate) fn session<R: Records>(records: &mut R, event: &Event) -> Result<(Option<Session>, u64), R::Error> {
    let Some(key) = event.identity.access_key.clone() else { return Ok((None, 0)) };
    let mut tree = Tree { seen: HashSet::from([key.clone()]), left_out: 0 };
    let mut root = Session { access_key_id: key, name: event.identity.name(), ..Session::default() };
    tree.grow(records, &mut root, 0)?;
    let mut keys = Vec::new();
    collect(&root, &mut keys);
    let mut activities = records.activity(&keys)?.into_iter();
    fill(&mut root, &mut || activities.next().unwrap_or_default());
    Ok((Some(root), tree.left_out))
}

struct Tree {
    seen: HashSet<String>,
    left_out: u64,
}

impl Tree {
    fn grow<R: Records>(&mut self, records: &mut R, session: &mut Session, depth: usize) -> Result<(), R::Error> {
        let clue = Clue::OpenedBy(session.access_key_id.clone());
        let mut opened = records.find(&clue, limits::SESSIONS + 1)?;
        opened.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        for event in opened {
            let Some(key) = event.issued_key.clone() else { continue };
            if self.seen.contains(&key) {
                continue;
            }
            if self.seen.len() > limits::SESSIONS || depth == limits::DEPTH {
                self.left_out += 1;
                continue;
            }
            self.seen.insert(key.clone());
            let name = event.issued_arn.clone().unwrap_or_else(|| event.name.clone());
            let mut child = Session { access_key_id: key, name, opened_by: Some(Summary::of(&event)), ..Session::default() };
            self.grow(records, &mut child, depth + 1)?;
            session.opened.push(child);
        }
        Ok(())
    }
}

/// All keys of a tree, from the top down.
fn collect(session: &Session, keys: &mut Vec<String>) {
    keys.push(session.access_key_id.clone());
    session.opened.iter().for_each(|child| collect(child, keys));
}

/// Writes activities into a tree, in the order of [`collect`].
fn fill(session: &mut Session, next: &mut dyn FnMut() -> crate::trace::Activity) {
    let activity = next();
    session.events = activity.events;
    session.errors = activity.errors;
    session.first = activity.first;
    session.last = activity.last;
    session.operations = activity.operations;
    session.operations.truncate(limits::OPERATIONS);
    session.opened.iter_mut().for_each(|child| fill(child, next));
}
