//! Where a subscription can deliver to.

/// Longest URL of a target, in characters.
const MAX_URL_CHARS: usize = 2048;

/// A target, told from its ARN or URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A stream of a Kinesis-compatible service.
    Kinesis { arn: String, name: String },
    /// A delivery stream of a Firehose-compatible service.
    Firehose { arn: String, name: String },
    /// A queue here, by ARN.
    Queue(String),
    /// A topic here, by ARN.
    Topic(String),
    /// A web address.
    Http(String),
    /// A destination, by ARN.
    Destination(String),
    /// A function, which OpenTrail has none of.
    Function,
}

impl Target {
    /// `None` if the text names nothing of these.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("https://") || text.starts_with("http://") {
            let url = reqwest::Url::parse(text).ok()?;
            let plain = url.has_host() && url.username().is_empty() && url.password().is_none();
            return (plain && text.len() <= MAX_URL_CHARS).then(|| Self::Http(text.to_owned()));
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", "aws", service, region, account, resource] = parts[..] else { return None };
        let account_fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if region.is_empty() || !account_fits || resource.is_empty() || text.len() > MAX_URL_CHARS {
            return None;
        }
        let arn = || text.to_owned();
        let name = |prefix: &str| {
            let fits = |name: &&str| !name.is_empty() && !name.contains([':', '/']);
            resource.strip_prefix(prefix).filter(fits).map(str::to_owned)
        };
        match service {
            "kinesis" => Some(Self::Kinesis { arn: arn(), name: name("stream/")? }),
            "firehose" => Some(Self::Firehose { arn: arn(), name: name("deliverystream/")? }),
            "sqs" => name("").map(|_| Self::Queue(arn())),
            "sns" => name("").map(|_| Self::Topic(arn())),
            "lambda" => name("function:").map(|_| Self::Function),
            "logs" => name("destination:").map(|_| Self::Destination(arn())),
            _ => None,
        }
    }

    /// The vendor as error messages call it; only these need a role.
    pub fn vendor(&self) -> Option<&'static str> {
        match self {
            Self::Kinesis { .. } => Some("kinesis"),
            Self::Firehose { .. } => Some("firehose"),
            _ => None,
        }
    }
}
