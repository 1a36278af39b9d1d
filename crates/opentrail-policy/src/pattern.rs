//! Matching with `*` (any run of characters, also none) and `?` (exactly one character).
//!
//! The matcher goes back to the last `*` only, so its time grows at most with pattern length times text length, never
//! exponentially.

/// Number of colon-separated parts of an ARN; the last part may hold further colons.
const ARN_PARTS: usize = 6;

/// Whether `text` as a whole matches `pattern`, case-sensitively.
pub fn text_matches(pattern: &str, text: &str) -> bool {
    Pattern::parse(pattern).matches(text)
}

/// Whether an action such as `s3:GetObject` matches a pattern such as `s3:get*`. Action names have no case.
pub fn action_matches(pattern: &str, action: &str) -> bool {
    ActionPattern::new(pattern).matches(action)
}

/// Whether an ARN matches a pattern, part by part: `*` spans `:` and `/` in the last part only.
pub fn arn_matches(pattern: &str, arn: &str) -> bool {
    Pattern::parse(pattern).matches_arn(arn)
}

/// A text with wildcards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pattern(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// This character.
    Literal(char),
    /// A `:` written in the pattern itself; one that came from a variable's value is a literal and splits no ARN.
    Separator,
    /// `?`
    AnyCharacter,
    /// `*`
    AnyRun,
}

impl Pattern {
    /// Reads `*` and `?` as wildcards.
    pub(crate) fn parse(text: &str) -> Self {
        let mut pattern = Self::default();
        pattern.push_pattern(text);
        pattern
    }

    /// Appends text whose `*` and `?` are wildcards.
    pub(crate) fn push_pattern(&mut self, text: &str) {
        self.0.extend(text.chars().map(|character| match character {
            '*' => Token::AnyRun,
            '?' => Token::AnyCharacter,
            ':' => Token::Separator,
            other => Token::Literal(other),
        }));
    }

    /// Appends text that stands for itself.
    pub(crate) fn push_literal(&mut self, text: &str) {
        self.0.extend(text.chars().map(Token::Literal));
    }

    /// Whether the whole of `text` matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        tokens_match(&self.0, text)
    }

    /// Whether `arn` matches part by part. A lone `*` matches everything, also what is no ARN.
    pub(crate) fn matches_arn(&self, arn: &str) -> bool {
        if self.0 == [Token::AnyRun] {
            return true;
        }
        let mut patterns = self.0.splitn(ARN_PARTS, |token| *token == Token::Separator);
        let mut parts = arn.splitn(ARN_PARTS, ':');
        for _ in 0..ARN_PARTS {
            match (patterns.next(), parts.next()) {
                (Some(pattern), Some(part)) if tokens_match(pattern, part) => {}
                _ => return false,
            }
        }
        true
    }
}

/// A pattern over action names, which have no case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionPattern {
    source: String,
    pattern: Pattern,
}

impl ActionPattern {
    /// Reads a pattern such as `s3:Get*`.
    pub(crate) fn new(source: &str) -> Self {
        Self { source: source.to_owned(), pattern: Pattern::parse(&source.to_ascii_lowercase()) }
    }

    /// The pattern as written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether `action` matches in any case.
    pub(crate) fn matches(&self, action: &str) -> bool {
        self.matches_lower(&action.to_ascii_lowercase())
    }

    /// Whether an action matches that is in lower case already.
    pub(crate) fn matches_lower(&self, action: &str) -> bool {
        self.pattern.matches(action)
    }
}

impl Token {
    fn accepts(self, character: char) -> bool {
        match self {
            Self::Literal(expected) => expected == character,
            Self::Separator => character == ':',
            Self::AnyCharacter => true,
            Self::AnyRun => false,
        }
    }
}

/// Walks tokens and text side by side. On a mismatch the last `*` takes one character more and the walk resumes there.
fn tokens_match(tokens: &[Token], text: &str) -> bool {
    let mut at = 0;
    let mut rest = text;
    let mut last_run: Option<(usize, &str)> = None;
    loop {
        let mut characters = rest.chars();
        match (tokens.get(at), characters.next()) {
            (None, None) => return true,
            (Some(Token::AnyRun), _) => {
                at += 1;
                last_run = Some((at, rest));
            }
            (Some(token), Some(character)) if token.accepts(character) => {
                at += 1;
                rest = characters.as_str();
            }
            _ => {
                let Some((after_run, taken_from)) = last_run else { return false };
                let mut longer = taken_from.chars();
                if longer.next().is_none() {
                    return false;
                }
                at = after_run;
                rest = longer.as_str();
                last_run = Some((after_run, rest));
            }
        }
    }
}
