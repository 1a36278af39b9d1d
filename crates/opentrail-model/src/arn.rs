//! Amazon Resource Names of trails and channels.

/// A trail's ARN taken apart: `arn:aws:cloudtrail:<home region>:<account>:trail/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailArn<'a> {
    pub home_region: &'a str,
    pub account: &'a str,
    pub name: &'a str,
}

impl<'a> TrailArn<'a> {
    /// `None` if the text is not a CloudTrail trail's ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (home_region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let name = resource.strip_prefix("trail/")?;
        let well_formed = arn == "arn"
            && !partition.is_empty()
            && service == "cloudtrail"
            && !home_region.is_empty()
            && is_account_id(account)
            && !name.is_empty()
            && !name.contains('/');
        well_formed.then_some(Self { home_region, account, name })
    }
}

/// The ARN of a trail.
pub fn trail_arn(home_region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:cloudtrail:{home_region}:{account}:trail/{name}")
}

/// Twelve decimal digits.
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trail_arns_parse_strictly() {
        let arn = trail_arn("eu-west-1", "123456789012", "main");
        assert_eq!(TrailArn::parse(&arn), Some(TrailArn { home_region: "eu-west-1", account: "123456789012", name: "main" }));
        for bad in [
            "",
            "arn:aws:s3:::b",
            "arn:aws:cloudtrail:eu-west-1:12:trail/x",
            "arn:aws:cloudtrail:eu-west-1:123456789012:trail/",
            "arn:aws:cloudtrail:eu-west-1:123456789012:channel/x",
            "arn:aws:cloudtrail:eu-west-1:123456789012:trail/a/b",
        ] {
            assert_eq!(TrailArn::parse(bad), None, "{bad}");
        }
    }
}
