//! Live: events as they arrive, as server-sent events whose data are rows of the table.
//!
//! Each carries the position it is at, which browsers send back after a break, so that nothing is lost and nothing comes twice.

use super::columns::{self, Column};
use super::list::Row;
use super::question::Question;
use crate::answer::Answer;
use crate::record::Record;
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;
use bytes::Bytes;
use opentrail_services::opentrail::Streaming;
use serde_json::{Value, json};
use std::io;
use tokio::sync::mpsc;

/// Pieces that wait to be sent.
const PIECES_WAITING: usize = 4;

pub async fn show(visitor: Visitor) -> Shown {
    let question = Question::read(&visitor.wanted.query, visitor.now());
    let mut input = json!({"Query": question.query, "AllAccounts": question.all_accounts});
    if let Some(position) = visitor.wanted.last_event.as_deref().and_then(|text| text.parse::<u64>().ok()) {
        input["AfterPosition"] = position.into();
    }
    let streaming = visitor.stream("FollowEvents", input).await?;
    let columns = columns::chosen(&question.columns);
    let (sender, pieces) = mpsc::channel(PIECES_WAITING);
    tokio::spawn(pass_on(visitor, columns, streaming, sender));
    Ok(Answer::stream("text/event-stream", pieces))
}

/// Ends when either side does.
async fn pass_on(visitor: Visitor, columns: Vec<Column>, mut from: Streaming, to: mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let piece = tokio::select! {
            piece = from.pieces.recv() => piece,
            () = to.closed() => None,
        };
        let Some(piece) = piece else { return };
        let piece = piece.map(|piece| Bytes::from(rows(&visitor, &columns, &piece)));
        if to.send(piece).await.is_err() {
            return;
        }
    }
}

/// Whole lines of FollowEvents as server-sent events.
fn rows(visitor: &Visitor, columns: &[Column], lines: &[u8]) -> String {
    let mut text = String::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Ok(line) = serde_json::from_slice::<Value>(line) else { continue };
        let Some(position) = line["Position"].as_u64() else { continue };
        match line["CloudTrailEvent"].as_str() {
            Some(record) => {
                let row = Row::of(visitor, &Record::read(record), columns).render().unwrap_or_default();
                text.push_str(&message("row", position, &row));
            }
            None => text.push_str(&message("upto", position, "")),
        }
    }
    text
}

/// Every line of the data is a line of its own.
fn message(kind: &str, position: u64, data: &str) -> String {
    let mut text = format!("event: {kind}\nid: {position}\n");
    for line in data.split(['\n', '\r']).filter(|line| !line.trim().is_empty()) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    if data.is_empty() {
        text.push_str("data: .\n");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn messages_hold_their_lines_together() {
        assert_eq!(message("row", 7, "<tr>\n\n a</tr>\r\n"), "event: row\nid: 7\ndata: <tr>\ndata:  a</tr>\n\n");
        assert_eq!(message("upto", 8, ""), "event: upto\nid: 8\ndata: .\n\n");
    }
}
