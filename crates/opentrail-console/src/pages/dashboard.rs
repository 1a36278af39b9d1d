//! The first page.

use crate::answer::Answer;
use crate::frame::Frame;
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Page<'a> {
    frame: Frame<'a>,
}

pub async fn show(visitor: Visitor) -> Shown {
    Ok(Answer::page(&Page { frame: Frame::new(&visitor, "Dashboard", "") }))
}
