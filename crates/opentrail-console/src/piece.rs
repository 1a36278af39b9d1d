//! A part of a page that is fetched after it by script, and a page of its own without.

use crate::answer::Answer;
use crate::frame::Frame;
use crate::visitor::Visitor;
use askama::Template;

#[derive(Template)]
#[template(path = "piece.html")]
struct Page<'a, T: Template> {
    frame: Frame<'a>,
    piece: &'a T,
}

/// The piece alone if the address says `part=piece`, else in a page with this title.
pub fn shown(visitor: &Visitor, title: &str, place: &str, piece: &impl Template) -> Answer {
    if visitor.wanted.query.text("part") == "piece" {
        return Answer::page(piece);
    }
    Answer::page(&Page { frame: Frame::new(visitor, title, place), piece })
}
