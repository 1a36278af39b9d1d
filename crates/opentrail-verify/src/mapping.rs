//! `--map OLD=NEW`: where files went whose digests name other places.

use std::borrow::Cow;

/// One renamed prefix, of keys in any bucket or in one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    old_bucket: Option<String>,
    old_prefix: String,
    new_bucket: Option<String>,
    new_prefix: String,
}

/// Renamed prefixes, the first that fits counts. Signatures still cover the names as recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(Vec<Rule>);

/// `OLD=NEW` cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected OLD=NEW, each a prefix of keys or s3://bucket/prefix; NEW names a bucket only if OLD does")]
pub struct MappingError;

impl Mapping {
    /// Adds a rule such as `s3://old/a=s3://new/b` or `a=b`.
    pub fn add(&mut self, text: &str) -> Result<(), MappingError> {
        let (old, new) = text.split_once('=').ok_or(MappingError)?;
        let ((old_bucket, old_prefix), (new_bucket, new_prefix)) = (place(old)?, place(new)?);
        if new_bucket.is_some() && old_bucket.is_none() {
            return Err(MappingError);
        }
        self.0.push(Rule { old_bucket, old_prefix, new_bucket, new_prefix });
        Ok(())
    }

    /// Where a recorded file lies now.
    pub fn apply<'a>(&'a self, bucket: &'a str, key: &'a str) -> (&'a str, Cow<'a, str>) {
        for rule in &self.0 {
            if rule.old_bucket.as_deref().is_some_and(|old| old != bucket) {
                continue;
            }
            let Some(rest) = below(key, &rule.old_prefix) else { continue };
            let separator = if rule.new_prefix.is_empty() || rest.is_empty() { "" } else { "/" };
            let bucket = rule.new_bucket.as_deref().unwrap_or(bucket);
            return (bucket, Cow::Owned(format!("{}{separator}{rest}", rule.new_prefix)));
        }
        (bucket, Cow::Borrowed(key))
    }
}

/// What follows a prefix of whole folders.
fn below<'a>(key: &'a str, prefix: &str) -> Option<&'a str> {
    if prefix.is_empty() {
        return Some(key);
    }
    key.strip_prefix(prefix)?.strip_prefix('/')
}

fn place(text: &str) -> Result<(Option<String>, String), MappingError> {
    let Some(rest) = text.strip_prefix("s3://") else {
        return Ok((None, text.trim_matches('/').to_owned()));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(MappingError);
    }
    Ok((Some(bucket.to_owned()), prefix.trim_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_folders_are_renamed() {
        let check = |rule: &str, bucket: &str, key: &str, expect: (&str, &str)| {
            let mut mapping = Mapping::default();
            mapping.add(rule).expect("a rule");
            let (found, new) = mapping.apply(bucket, key);
            assert_eq!((found, new.as_ref()), expect, "{rule}");
        };
        check("a=b/c", "x", "a/AWSLogs/1", ("x", "b/c/AWSLogs/1"));
        check("a=", "x", "a/AWSLogs/1", ("x", "AWSLogs/1"));
        check("=n", "x", "AWSLogs/1", ("x", "n/AWSLogs/1"));
        check("a=b", "x", "ab/1", ("x", "ab/1"));
        check("s3://x=s3://y", "x", "a/1", ("y", "a/1"));
        check("s3://x/a/=s3://y/b/", "x", "a/1", ("y", "b/1"));
        check("s3://x=s3://y", "z", "a/1", ("z", "a/1"));
        for wrong in ["a", "s3:///a=b", "a=s3://b"] {
            assert_eq!(Mapping::default().add(wrong), Err(MappingError), "{wrong}");
        }
    }
}
