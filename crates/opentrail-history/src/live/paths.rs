//! The paths of a live part: which place in records has which number.

use crate::folding::starts_with_folded;
use crate::limits::{PATH_BYTES, PATHS};
use hashbrown::HashTable;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Number of a path within its part.
pub(crate) type PathId = u32;

/// Paths that stand for what the history itself knows of an event. No record can have them, no query can name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// Value: account, `/`, Region.
    Partition,
    /// `Management`, `Insight`, ….
    Category,
    /// What LookupEvents calls the user name.
    Username,
    /// Events whose time is not just that of their `eventTime`. No value.
    IrregularTime,
    /// Events with values at paths that are not kept. No value.
    Unkept,
}

impl Reserved {
    pub const ALL: [Self; 5] = [Self::Partition, Self::Category, Self::Username, Self::IrregularTime, Self::Unkept];

    /// The path's number in every live part.
    pub fn id(self) -> PathId {
        self as PathId
    }

    /// The path's name in segments; part of the format.
    pub fn name(self) -> &'static [u8] {
        match self {
            Self::Partition => b"partition",
            Self::Category => b"category",
            Self::Username => b"username",
            Self::IrregularTime => b"irregular-time",
            Self::Unkept => b"unkept",
        }
    }
}

/// Paths that decide what LookupEvents and the order of events need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    None,
    EventTime,
    Category,
    UserName,
    UserType,
    PrincipalId,
}

impl Role {
    pub const COUNT: usize = 6;

    fn of(name: &[u8]) -> Self {
        match name {
            b"eventTime" => Self::EventTime,
            b"eventCategory" => Self::Category,
            b"userIdentity.userName" => Self::UserName,
            b"userIdentity.type" => Self::UserType,
            b"userIdentity.principalId" => Self::PrincipalId,
            _ => Self::None,
        }
    }
}

/// A place in records.
pub(crate) struct Path {
    pub reserved: bool,
    /// Keys as records spell them, joined by dots.
    pub name: Vec<u8>,
    pub role: Role,
    /// Whether queries mean it by the time of an event.
    pub is_time: bool,
    /// Whether queries ask here for part of a text, which an object or array passes whatever is in it.
    pub asked_in_part: bool,
    /// Its values, as numbers of leaves.
    pub leaves: Vec<u32>,
    /// The value met last.
    pub last: u32,
}

/// A key inside another, as met. Different nodes can mean one path: keys have dots of their own.
struct Node {
    parent: u32,
    key: Box<[u8]>,
    hash: u64,
    path: PathId,
    /// The node that was met first inside this one, and the one that was met after it, when last looked at. Records are
    /// much alike, so guessing saves most look-ups.
    first: u32,
    next: u32,
}

const ROOT: u32 = 0;
/// What is beyond the limits.
const UNKEPT: u32 = 1;

/// All paths of a part, and the way through them that a record takes.
pub(crate) struct Paths {
    nodes: Vec<Node>,
    by_key: HashTable<u32>,
    by_name: HashMap<Vec<u8>, PathId>,
    paths: Vec<Path>,
    hasher: RandomState,
    /// Nodes from the record inwards, each with the one that was met in it last.
    way: Vec<(u32, u32)>,
}

impl Paths {
    pub fn new() -> Self {
        let mut paths = Self {
            nodes: Vec::new(),
            by_key: HashTable::new(),
            by_name: HashMap::new(),
            paths: Vec::new(),
            hasher: RandomState::new(),
            way: Vec::new(),
        };
        for reserved in Reserved::ALL {
            let name = reserved.name().to_vec();
            paths.paths.push(Path {
                reserved: true,
                name,
                role: Role::None,
                is_time: false,
                asked_in_part: false,
                leaves: Vec::new(),
                last: u32::MAX,
            });
        }
        // The record itself has no path; nobody can ask for it.
        for _ in [ROOT, UNKEPT] {
            let key = Box::default();
            let path = Reserved::Unkept.id();
            paths.nodes.push(Node { parent: u32::MAX, key, hash: 0, path, first: u32::MAX, next: u32::MAX });
        }
        paths
    }

    pub fn all(&self) -> &[Path] {
        &self.paths
    }

    pub fn get(&self, path: PathId) -> &Path {
        &self.paths[path as usize]
    }

    pub fn get_mut(&mut self, path: PathId) -> &mut Path {
        &mut self.paths[path as usize]
    }

    /// The path that records spell so.
    pub fn named(&self, name: &[u8]) -> Option<PathId> {
        self.by_name.get(name).copied()
    }

    /// A record begins.
    pub fn restart(&mut self) {
        self.way.clear();
        self.way.push((ROOT, u32::MAX));
    }

    /// The path where the record is.
    pub fn here(&self) -> PathId {
        self.way.last().map_or(Reserved::Unkept.id(), |(node, _)| self.nodes[*node as usize].path)
    }

    /// Whether this is the record itself.
    pub fn at_root(&self) -> bool {
        self.way.len() <= 1
    }

    pub fn enter(&mut self, key: &[u8]) {
        let (parent, before) = *self.way.last().unwrap_or(&(ROOT, u32::MAX));
        let guess = if before == u32::MAX { self.nodes[parent as usize].first } else { self.nodes[before as usize].next };
        let node = match self.nodes.get(guess as usize) {
            Some(node) if node.parent == parent && *node.key == *key => guess,
            _ => {
                let node = self.node(parent, key);
                match self.nodes.get_mut(before as usize) {
                    Some(before) if node != UNKEPT => before.next = node,
                    None if node != UNKEPT => self.nodes[parent as usize].first = node,
                    _ => {}
                }
                node
            }
        };
        if let Some((_, last)) = self.way.last_mut() {
            *last = if node == UNKEPT { u32::MAX } else { node };
        }
        self.way.push((node, u32::MAX));
    }

    pub fn leave(&mut self) {
        self.way.pop();
    }

    fn node(&mut self, parent: u32, key: &[u8]) -> u32 {
        if parent == UNKEPT {
            return UNKEPT;
        }
        let hash = self.hasher.hash_one((parent, key));
        let nodes = &self.nodes;
        let found = self.by_key.find(hash, |node| nodes[*node as usize].parent == parent && *nodes[*node as usize].key == *key);
        if let Some(node) = found {
            return *node;
        }
        let Some(path) = self.path_of(parent, key) else { return UNKEPT };
        let node = u32::try_from(self.nodes.len()).unwrap_or(UNKEPT);
        self.nodes.push(Node { parent, key: key.into(), hash, path, first: u32::MAX, next: u32::MAX });
        let nodes = &self.nodes;
        self.by_key.insert_unique(hash, node, |node| nodes[*node as usize].hash);
        node
    }

    /// The path of a key inside a node; `None` if it is not kept.
    fn path_of(&mut self, parent: u32, key: &[u8]) -> Option<PathId> {
        let mut name = Vec::new();
        if parent != ROOT {
            name.extend_from_slice(&self.paths[self.nodes[parent as usize].path as usize].name);
            // As queries name places: an empty name has no dot after it.
            if !name.is_empty() {
                name.push(b'.');
            }
        }
        name.extend_from_slice(key);
        if let Some(path) = self.by_name.get(&name) {
            return (self.nodes.len() < 4 * PATHS).then_some(*path);
        }
        if name.len() > PATH_BYTES || self.paths.len() >= PATHS {
            return None;
        }
        let path = u32::try_from(self.paths.len()).ok()?;
        let (role, is_time) = (Role::of(&name), is_event_time(&name));
        let asked_in_part =
            [&b"userIdentity.principalId"[..], b"userIdentity.type"].iter().any(|place| name.eq_ignore_ascii_case(place));
        self.paths.push(Path {
            reserved: false,
            role,
            is_time,
            asked_in_part,
            leaves: Vec::new(),
            last: u32::MAX,
            name: name.clone(),
        });
        self.by_name.insert(name, path);
        Some(path)
    }
}

fn is_event_time(name: &[u8]) -> bool {
    const NAME: &[u8] = b"eventTime";
    name.get(..NAME.len()).is_some_and(|start| start.eq_ignore_ascii_case(NAME))
        && matches!(name.get(NAME.len()), None | Some(b'.'))
}

/// Whether a path is at a place, given in small letters, or below it.
pub(crate) fn is_at_or_below(path: &[u8], place: &[u8]) -> bool {
    starts_with_folded(path, place) && matches!(path.get(place.len()), None | Some(b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(paths: &mut Paths, keys: &[&str]) -> PathId {
        paths.restart();
        keys.iter().for_each(|key| paths.enter(key.as_bytes()));
        paths.here()
    }

    #[test]
    fn places_have_numbers() {
        let mut paths = Paths::new();
        let first = path(&mut paths, &["a", "b"]);
        assert_eq!(path(&mut paths, &["a", "b"]), first);
        assert_eq!(path(&mut paths, &["a.b"]), first);
        assert_ne!(path(&mut paths, &["a", "B"]), first);
        assert_eq!(paths.get(first).name, b"a.b");
        let user = path(&mut paths, &["userIdentity", "userName"]);
        assert_eq!(paths.get(user).role, Role::UserName);
    }

    #[test]
    fn what_is_beyond_the_limits_is_not_kept() {
        let mut paths = Paths::new();
        let long = "x".repeat(PATH_BYTES + 1);
        assert_eq!(path(&mut paths, &[&long, "a"]), Reserved::Unkept.id());
        for n in 0..PATHS + 10 {
            path(&mut paths, &[&n.to_string()]);
        }
        assert!(paths.all().len() <= PATHS);
        assert_eq!(path(&mut paths, &["one more"]), Reserved::Unkept.id());
    }
}
