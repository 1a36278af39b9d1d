//! What is wrong with a pattern.

/// Why a text is not a filter pattern, in AWS's words where they are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("Invalid character(s) in term '{0}'")]
    Term(String),
    #[error("Duplicate field '{0}'")]
    DuplicateField(String),
    #[error("Your input has exceeded the maximum of {limit} regular expressions per filter pattern.")]
    TooManyRegularExpressions { limit: usize },
    #[error("Your input has exceeded the maximum of {limit} JSON wildcard selectors allowed per filter pattern.")]
    TooManyWildcards { limit: usize },
    #[error("The filter pattern is longer than {limit} characters")]
    TooLong { limit: usize },
    #[error("Invalid regular expression '{0}'")]
    RegularExpression(String),
}
