//! All trails, with how they do.

use super::info::{self, Known};
use crate::answer::Answer;
use crate::frame::Frame;
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;

#[derive(Template)]
#[template(path = "trails/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// With the address of each.
    trails: Vec<(Known, String)>,
    /// Regions that could not be asked.
    refused: usize,
    deleted: &'a str,
}

pub async fn show(visitor: Visitor) -> Shown {
    let (trails, refused) = info::everywhere(&visitor).await?;
    let trails = info::with_status(&visitor, trails).await;
    let trails = trails.into_iter().map(|known| {
        let link = known.info.link(&visitor);
        (known, link)
    });
    Ok(Answer::page(&Page {
        frame: Frame::new(&visitor, "Trails", "trails"),
        trails: trails.collect(),
        refused,
        deleted: visitor.wanted.query.text("deleted"),
    }))
}
