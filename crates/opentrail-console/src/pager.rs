//! From one page of a list to the next.

use askama::Template;

/// Links below a list. Tokens lead forwards only, so the way back is the first page.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "pager.html")]
pub struct Pager {
    pub first: Option<String>,
    pub next: Option<String>,
    /// What is shown, in words: `50 events`.
    pub shown: String,
}
