//! One trail: settings, deliveries, selectors, tags.

use super::info::{self, Info, Status};
use super::making::tags_of;
use super::sample;
use crate::answer::Answer;
use crate::form::query_of;
use crate::frame::Frame;
use crate::json_view::JsonView;
use crate::problem::Refusal;
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;

#[derive(Template)]
#[template(path = "trails/show.html")]
struct Page<'a> {
    frame: Frame<'a>,
    trail: &'a Info,
    status: Result<Status, Refusal>,
    selectors: Result<JsonView, Refusal>,
    forecast: Result<String, Refusal>,
    tags: Result<Vec<(String, String)>, Refusal>,
    /// Whether the trail is this account's.
    own: bool,
    files: String,
    integrity: String,
    logs: String,
    said: &'static str,
}

impl Page<'_> {
    /// A page of this trail.
    fn to(&self, rest: &str) -> String {
        self.frame.link(&format!("trails/{}{rest}", self.trail.name))
    }
}

pub async fn show(visitor: Visitor) -> Shown {
    let info = info::named(&visitor).await?;
    if info.home != visitor.region() {
        return Ok(Answer::redirect(&info.link(&visitor)));
    }
    let status = info::status(&visitor, &info).await.map_err(Refusal::from);
    let (selectors, forecast) = match sample::taking(&visitor, &info).await {
        Ok((taking, shown)) => {
            let sample = sample::sample(&visitor).await;
            (Ok(JsonView::of(&shown, None)), sample.map(|sample| sample.forecast(&taking).words()).map_err(Refusal::from))
        }
        Err(error) => (Err(Refusal::from(&error)), Ok(String::new())),
    };
    let tags = tags_of(&visitor, &info.arn).await.map_err(Refusal::from);
    let folder = if info.prefix.is_empty() { "AWSLogs/".to_owned() } else { format!("{}/AWSLogs/", info.prefix) };
    let said = match visitor.wanted.query.text("done") {
        "made" => "Done: the trail is as you wanted it.",
        "started" => "Logging was started.",
        "stopped" => "Logging was stopped.",
        _ => "",
    };
    Ok(Answer::page(&Page {
        frame: Frame::new(&visitor, &info.name, "trails"),
        status,
        selectors,
        forecast,
        tags,
        own: info.account() == visitor.account(),
        files: visitor.link(&format!("files/show?{}", query_of(&[("bucket", &info.bucket), ("prefix", &folder)]))),
        integrity: visitor.link(&format!("integrity/trail?{}", query_of(&[("arn", &info.arn)]))),
        logs: visitor.link(&format!("logs/group?{}", query_of(&[("name", info.group_name())]))),
        said,
        trail: &info,
    }))
}
