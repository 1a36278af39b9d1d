//! All trails, and when their files were proved last.

use crate::answer::Answer;
use crate::checks::{Outcome, Whose};
use crate::form::query_of;
use crate::frame::Frame;
use crate::pages::trails::info::{self, Info};
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;

#[derive(Template)]
#[template(path = "integrity/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    trails: Vec<Line>,
    to_create: String,
}

struct Line {
    trail: Info,
    link: String,
    /// When it was checked last, and what came of it.
    last: Option<(Moment, &'static str, &'static str)>,
}

pub async fn show(visitor: Visitor) -> Shown {
    let (trails, _) = info::everywhere(&visitor).await?;
    let line = |trail: Info| {
        let check = visitor.checks().of(&Whose { person: visitor.arn(), trail: trail.arn.clone() });
        let last = check.map(|check| {
            let (kind, words) = match &check.progressed().outcome {
                None => ("quiet", "running"),
                Some(Outcome::Refused(_)) => ("warn", "could not be checked"),
                Some(Outcome::Report(report)) => super::trail::verdict(report),
            };
            (Moment(check.begun), kind, words)
        });
        let link = visitor.link_in(&trail.home, &format!("integrity/trail?{}", query_of(&[("arn", &trail.arn)])));
        Line { trail, link, last }
    };
    Ok(Answer::page(&Page {
        trails: trails.into_iter().map(line).collect(),
        frame: Frame::new(&visitor, "Integrity", "integrity"),
        to_create: visitor.link("trails/create"),
    }))
}
