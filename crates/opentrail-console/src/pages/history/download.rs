//! The whole result as a file.

use super::columns;
use super::question::Question;
use crate::answer::Answer;
use crate::problem::Problem;
use crate::routes::Shown;
use crate::visitor::Visitor;
use serde_json::json;

pub async fn show(visitor: Visitor) -> Shown {
    let question = Question::read(&visitor.wanted.query, visitor.now());
    let format = match visitor.wanted.query.text("format") {
        format @ ("json" | "ndjson" | "csv") => format,
        _ => return Err(Problem::Unclear("A download is json, ndjson or csv.".into())),
    };
    let mut input = question.input_with(json!({"Format": format}));
    if format == "csv" {
        // What is seen, with the time and the id of each event.
        let shown = columns::chosen(&question.columns);
        let mut fields = vec!["eventTime".to_owned()];
        fields.extend(shown.iter().map(|column| columns::field_of(&column.name).to_owned()));
        fields.push("eventID".to_owned());
        let mut seen = std::collections::BTreeSet::new();
        fields.retain(|field| seen.insert(field.to_ascii_lowercase()));
        input["Fields"] = fields.into();
    }
    let streaming = visitor.stream("DownloadEvents", input).await?;
    let name = format!("events-{}.{format}", opentrail_model::timestamp::log_name_time(visitor.now()));
    Ok(Answer::stream(streaming.content_type, streaming.pieces).saved_as(&name))
}
