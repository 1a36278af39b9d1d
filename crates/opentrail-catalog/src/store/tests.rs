use super::*;
use crate::Changes;
use opentrail_eventlog::Applier;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Thing {
    name: String,
    size: u32,
}

impl Entity for Thing {
    const TABLE: &'static str = "thing";
    fn key(&self) -> String {
        self.name.clone()
    }
}

fn thing(name: &str, size: u32) -> Thing {
    Thing { name: name.into(), size }
}

fn names(catalog: &Catalog, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    catalog.scan::<Thing>(prefix, after, limit).expect("scan").into_iter().map(|t| t.name).collect()
}

#[test]
fn applied_changes_are_read_back_also_after_reopening() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let path = dir.path().join("catalog.db");
    {
        let (catalog, mut applier) = Catalog::open(&path).expect("opens");
        assert_eq!(applier.applied(), 0);
        let mut changes = Changes::new();
        changes.put(&thing("a", 1)).put(&thing("b", 2));
        applier.apply(&[changes.encode()], 7).expect("applies");
        assert_eq!(*catalog.get::<Thing>("a").expect("get").expect("there"), thing("a", 1));
        let mut changes = Changes::new();
        changes.put(&thing("a", 3)).delete::<Thing>("b");
        applier.apply(&[changes.encode()], 9).expect("applies");
        assert_eq!(catalog.get::<Thing>("a").expect("get").expect("there").size, 3);
        assert_eq!(catalog.get::<Thing>("b").expect("get"), None);
    }
    let (catalog, applier) = Catalog::open(&path).expect("opens again");
    assert_eq!(applier.applied(), 9);
    assert_eq!(catalog.list::<Thing>("").expect("list"), vec![thing("a", 3)]);
}

#[test]
fn scans_follow_byte_order_within_a_prefix() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let (catalog, mut applier) = Catalog::open(&dir.path().join("catalog.db")).expect("opens");
    let mut changes = Changes::new();
    for name in ["b/2", "b/1", "b/Z", "b/é", "a/9", "c", "b0", "b\u{10ffff}x"] {
        changes.put(&thing(name, 0));
    }
    applier.apply(&[changes.encode()], 1).expect("applies");
    assert_eq!(names(&catalog, "b/", None, 10), ["b/1", "b/2", "b/Z", "b/é"]);
    assert_eq!(names(&catalog, "b/", Some("b/1"), 2), ["b/2", "b/Z"]);
    assert_eq!(names(&catalog, "b/", Some("a"), 1), ["b/1"]);
    assert_eq!(names(&catalog, "b\u{10ffff}", None, 9), ["b\u{10ffff}x"]);
    assert_eq!(names(&catalog, "", Some("b/é"), 9), ["b0", "b\u{10ffff}x", "c"]);
}

#[test]
fn a_bad_change_applies_nothing() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let (catalog, mut applier) = Catalog::open(&dir.path().join("catalog.db")).expect("opens");
    let mut good = Changes::new();
    good.put(&thing("a", 1));
    assert!(applier.apply(&[good.encode(), "nonsense".into()], 5).is_err());
    assert_eq!(applier.applied(), 0);
    assert_eq!(catalog.get::<Thing>("a").expect("get"), None);
}

#[test]
fn kept_lists_follow_changes() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let (catalog, mut applier) = Catalog::open(&dir.path().join("catalog.db")).expect("opens");
    assert!(catalog.all::<Thing>("").expect("all").is_empty());
    for (end, name) in [(1, "a"), (2, "b")] {
        let mut changes = Changes::new();
        changes.put(&thing(name, 0));
        applier.apply(&[changes.encode()], end).expect("applies");
        assert_eq!(catalog.all::<Thing>("").expect("all").len() as u64, end);
    }
    assert_eq!(catalog.all::<Thing>("b").expect("all").len(), 1);
}
