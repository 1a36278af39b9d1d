//! What of S3 is implemented, from the tables.

use super::{handler, operation};

/// Operations by the names that CloudTrail records.
#[derive(Debug)]
pub struct Coverage {
    pub implemented: Vec<&'static str>,
    pub missing: Vec<&'static str>,
}

/// The operations known, sorted into what is there and what is not.
pub fn coverage() -> Coverage {
    let implemented: Vec<String> =
        handler::IMPLEMENTED.iter().map(|name| operation::recorded_name(&pascal_case(name)).to_owned()).collect();
    let (mut implemented, missing): (Vec<_>, _) =
        operation::names().partition(|name| implemented.iter().any(|known| known == name));
    implemented.extend(operation::control_names());
    Coverage { implemented, missing }
}

fn pascal_case(snake_case: &str) -> String {
    snake_case.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_implemented_is_in_the_table() {
        let coverage = coverage();
        for name in ["PutObject", "ListObjects", "UploadPartCopy", "GetBucketPolicy", "ListBuckets"] {
            assert!(coverage.implemented.contains(&name), "{name}");
        }
        assert!(coverage.missing.contains(&"PutBucketReplication"));
    }
}
