//! Files: buckets by folder, log files as tables of events, under the rights of the person who looks.

pub mod browse;
pub mod open;

use crate::form::query_of;
use crate::frame::Frame;

/// The address of a folder.
fn folder(frame: &Frame<'_>, bucket: &str, prefix: &str) -> String {
    frame.link(&format!("files/show?{}", query_of(&[("bucket", bucket), ("prefix", prefix)])))
}

/// A part of the way to a folder or file, and its address.
struct Step {
    name: String,
    link: String,
}

/// The way to a folder or file: the bucket, then each folder.
fn way(frame: &Frame<'_>, bucket: &str, key: &str) -> Vec<Step> {
    let mut steps = vec![Step { name: bucket.to_owned(), link: folder(frame, bucket, "") }];
    let mut end = 0;
    for part in key.split_inclusive('/').filter(|part| part.ends_with('/')) {
        end += part.len();
        steps.push(Step { name: part.trim_end_matches('/').to_owned(), link: folder(frame, bucket, &key[..end]) });
    }
    steps
}

/// `3.4 MB`
fn size_words(bytes: u64) -> String {
    let units = [("GB", 1_u64 << 30), ("MB", 1 << 20), ("KB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::size_words;

    #[test]
    fn sizes_are_short() {
        let shown = [0, 1_023, 1_024, 3_600_000, u64::MAX].map(size_words);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KB", "3.4 MB", "17179869183.9 GB"]);
    }
}
