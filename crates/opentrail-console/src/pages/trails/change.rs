//! Starting and stopping a trail's logging, and deleting it.

use super::info::{self, Info};
use super::sample;
use crate::answer::Answer;
use crate::frame::Frame;
use crate::problem::Refusal;
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;
use serde_json::json;

#[derive(Template)]
#[template(path = "trails/delete.html")]
struct DeletePage<'a> {
    frame: Frame<'a>,
    trail: &'a Info,
    /// What is lost, in words.
    forecast: Result<String, Refusal>,
    logging: bool,
    action: String,
    error: &'a str,
}

impl DeletePage<'_> {
    /// A page of this trail.
    fn to(&self, rest: &str) -> String {
        self.frame.link(&format!("trails/{}{rest}", self.trail.name))
    }
}

pub async fn logging(visitor: Visitor) -> Shown {
    let info = info::named(&visitor).await?;
    let start = visitor.wanted.form.text("to") == "start";
    let (operation, done) = if start { ("StartLogging", "started") } else { ("StopLogging", "stopped") };
    visitor.run("cloudtrail", operation, json!({"Name": info.arn})).await?;
    Ok(Answer::redirect(&visitor.link(&format!("trails/{}?done={done}", info.name))))
}

pub async fn confirm_delete(visitor: Visitor) -> Shown {
    delete_page(&visitor, "").await
}

async fn delete_page(visitor: &Visitor, error: &str) -> Shown {
    let info = info::named(visitor).await?;
    let logging = info::status(visitor, &info).await.is_ok_and(|status| status.logging);
    let page = DeletePage {
        frame: Frame::new(visitor, "Delete a trail", "trails"),
        forecast: if logging { lost(visitor, &info).await.map_err(Refusal::from) } else { Ok(String::new()) },
        logging,
        action: visitor.link(&format!("trails/{}/delete", info.name)),
        trail: &info,
        error,
    };
    Ok(Answer::page_with(if error.is_empty() { 200 } else { 400 }, &page))
}

/// What of the last 24 hours only this trail recorded.
async fn lost(visitor: &Visitor, info: &Info) -> Result<String, opentrail_wire::ApiError> {
    let (taking, _) = sample::taking(visitor, info).await?;
    let others = sample::others(visitor, info).await?;
    let sample = sample::sample(visitor).await?;
    Ok(sample.lost(&taking, &others).words())
}

pub async fn delete(visitor: Visitor) -> Shown {
    let name = visitor.parameter("name").to_owned();
    if visitor.wanted.form.text("typed") != name {
        return delete_page(&visitor, "This is not the trail's name.").await;
    }
    visitor.run("cloudtrail", "DeleteTrail", json!({"Name": name})).await?;
    Ok(Answer::redirect(&visitor.link(&format!("trails?{}", crate::form::query_of(&[("deleted", &name)])))))
}
