//! What a page shows instead of itself, or of a part of itself, when something is refused.

use crate::answer::Answer;
use crate::frame::Frame;
use crate::visitor::Visitor;
use askama::Template;
use opentrail_wire::ApiError;

/// Why a page is not shown.
#[derive(Debug)]
pub enum Problem {
    /// An operation was refused, or failed.
    Refused(ApiError),
    /// There is no such thing.
    NotFound(&'static str),
    /// The page's address or form makes no sense.
    Unclear(String),
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// The panel that is shown for a refused operation, the same everywhere.
#[derive(Debug, Clone, Template)]
#[template(path = "refusal.html")]
pub struct Refusal {
    pub code: String,
    pub message: String,
    /// The permission that is missing, if that is the reason.
    pub missing: Option<Missing>,
}

/// A permission that a person lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub who: String,
    /// `cloudtrail:DescribeTrails`
    pub action: String,
    pub resource: String,
    /// `because …`, `with …`
    pub reason: String,
}

impl From<&ApiError> for Refusal {
    fn from(error: &ApiError) -> Self {
        Self { code: error.code.clone(), message: error.message.clone(), missing: missing(&error.message) }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::from(&error)
    }
}

/// Reads AWS's sentence: `User: WHO is not authorized to perform: ACTION on resource: RESOURCE because …`.
fn missing(message: &str) -> Option<Missing> {
    let (who, rest) = message.strip_prefix("User: ")?.split_once(" is not authorized to perform: ")?;
    let (action, rest) = rest.split_once(" on resource: ")?;
    let reason = rest.find(" because ").or_else(|| rest.find(" with an explicit deny"))?;
    let (resource, reason) = rest.split_at(reason);
    Some(Missing { who: who.into(), action: action.into(), resource: resource.into(), reason: reason.trim().into() })
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame<'a>,
    refusal: Option<Refusal>,
    words: String,
}

impl Problem {
    fn status(&self) -> u16 {
        match self {
            Self::Refused(error) if missing(&error.message).is_some() => 403,
            Self::Refused(error) => error.status,
            Self::NotFound(_) => 404,
            Self::Unclear(_) => 400,
        }
    }

    /// A whole page about it.
    pub fn page(self, visitor: &Visitor) -> Answer {
        let status = self.status();
        let (title, refusal, words) = match self {
            Self::Refused(error) => ("This cannot be shown", Some(Refusal::from(error)), String::new()),
            Self::NotFound(what) => ("There is no such page", None, what.to_owned()),
            Self::Unclear(why) => ("This cannot be understood", None, why),
        };
        Answer::page_with(status, &ProblemPage { frame: Frame::new(visitor, title, ""), refusal, words })
    }

    /// Without a page, for when it is not known who asks.
    pub fn plain(self) -> Answer {
        let status = self.status();
        Answer::plain(status, "The console cannot answer at the moment. Try again.\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_permissions_are_read_from_the_sentence() {
        let message = "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: cloudtrail:DescribeTrails on \
                       resource: arn:x because no identity-based policy allows the cloudtrail:DescribeTrails action";
        let found = missing(message).expect("a permission");
        assert_eq!((found.action.as_str(), found.resource.as_str()), ("cloudtrail:DescribeTrails", "arn:x"));
        assert!(found.reason.starts_with("because no identity-based policy"));
        let denied =
            "User: u is not authorized to perform: s3:GetObject on resource: * with an explicit deny in a session policy";
        assert_eq!(missing(denied).expect("a permission").resource, "*");
        assert_eq!(missing("Trail name is too long"), None);
        assert_eq!(missing("User: x is not authorized to perform: y"), None);
    }
}
