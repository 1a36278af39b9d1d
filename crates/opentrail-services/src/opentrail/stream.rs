//! DownloadEvents and FollowEvents: answers that are streamed, piece by piece, for as long as somebody reads them.
//!
//! A download is one consistent result: events that were not searchable when it began are not in it. What follows is
//! told with positions, so that whoever was cut off goes on behind the last one, with nothing lost and nothing twice.
//! Each is recorded once, when it begins.

use super::question::{Question, Room, failure, fields};
use super::{OPERATIONS, SERVICE};
use crate::app::{App, log_failure};
use crate::authorisation::authorise;
use crate::call::Call;
use crate::recording::{self, Outcome};
use crate::service::{Reply, parse};
use bytes::Bytes;
use opentrail_history::{Cursor, Found, History, HistoryError, Order, Search};
use opentrail_search::output::{Format, RowWriter, Shape};
use opentrail_wire::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

pub const DOWNLOAD_EVENTS: &str = "DownloadEvents";
pub const FOLLOW_EVENTS: &str = "FollowEvents";

/// Pieces that wait to be sent, and about how many bytes each has.
const PIECES_WAITING: usize = 4;
const PIECE_BYTES: usize = 64 << 10;
/// Events asked of the history at a time, in a download. Beginning small keeps large records from coming all at once.
const FIRST_PAGE: usize = 64;
const LARGEST_PAGE: usize = 2_048;
/// Bytes of records that a page of a download should have.
const PAGE_BYTES: usize = 4 << 20;
/// Events asked of the history at a time, when following.
const FOLLOWED_PAGE: usize = 256;
/// Most events shown before following begins.
const MAX_NEWEST: usize = 1_000;
/// How often it is looked whether something arrived, and how often a sign of life is sent.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(5);

/// An answer that comes in pieces. Dropping it ends the work behind it.
pub struct Streaming {
    pub content_type: &'static str,
    pub pieces: mpsc::Receiver<io::Result<Bytes>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DownloadRequest {
    #[serde(flatten)]
    question: Question,
    /// `json`, `ndjson` or `csv`.
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    fields: Option<Vec<String>>,
    /// Only the newest.
    #[serde(default)]
    limit: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FollowRequest {
    #[serde(flatten)]
    question: Question,
    /// Go on behind this position; from now on if absent.
    #[serde(default)]
    after_position: Option<u64>,
    /// Show the newest before that.
    #[serde(default)]
    newest: Option<i64>,
}

/// Whether an operation's answer is streamed.
pub fn is_streamed(operation: &str) -> bool {
    operation == DOWNLOAD_EVENTS || operation == FOLLOW_EVENTS
}

/// Runs an operation whose answer is streamed: authorise ▸ understand ▸ record ▸ begin. It ends early when `stopping`
/// turns true.
///
/// # Errors
/// As of other searches; whatever it is, it has been recorded.
pub async fn stream(
    app: &Arc<App>,
    call: &Call,
    operation_name: &str,
    input: Value,
    stopping: watch::Receiver<bool>,
) -> Result<Streaming, ApiError> {
    let operation = OPERATIONS.iter().find(|operation| operation.name == operation_name).expect("it is in the table");
    let parameters = (operation.parameters)(&input);
    let begun = authorise(app, &SERVICE, operation, call, &input).and_then(|()| prepare(app, call, operation_name, input));
    let reply = Reply::default();
    let outcome = Outcome {
        service: &SERVICE,
        operation_name,
        operation: Some(operation),
        parameters,
        result: begun.as_ref().map(|_| &reply),
    };
    let events = recording::events(app, call, &outcome);
    app.intake.submit(events, Bytes::new()).await.map_err(|failure| log_failure(&failure))?;
    Ok(begun?.begin(app.history.clone(), stopping))
}

/// A stream that is allowed and understood.
enum Prepared {
    Download { search: Search, format: Format, shape: Shape, left: u64, room: Room },
    Follow { search: Search, after: Option<u64>, newest: usize, room: Room },
}

fn prepare(app: &App, call: &Call, operation: &str, input: Value) -> Result<Prepared, ApiError> {
    let room = || app.searches.stream(&call.account);
    if operation == FOLLOW_EVENTS {
        let input: FollowRequest = parse(input)?;
        let newest = super::question::bounded("Newest", input.newest, 0, MAX_NEWEST)?;
        let search = input.question.resolve(app, call, FOLLOWED_PAGE)?;
        if input.after_position.is_some_and(|after| after > app.intake.log().end()) {
            let message = "AfterPosition lies beyond what this server has recorded.";
            return Err(ApiError::new("InvalidPositionException", message));
        }
        return Ok(Prepared::Follow { search, after: input.after_position, newest, room: room()? });
    }
    let input: DownloadRequest = parse(input)?;
    let format = match input.format.as_deref() {
        None | Some("ndjson") => Format::Ndjson,
        Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        Some(other) => {
            let message = format!("Format {other} is none of json, ndjson, csv.");
            return Err(ApiError::new("ValidationException", message));
        }
    };
    let shape = Shape::new(format, &fields(input.fields)?, false);
    let search = input.question.resolve(app, call, FIRST_PAGE)?;
    Ok(Prepared::Download { search, format, shape, left: input.limit.unwrap_or(u64::MAX), room: room()? })
}

impl Prepared {
    fn begin(self, history: History, stopping: watch::Receiver<bool>) -> Streaming {
        let (sender, pieces) = mpsc::channel(PIECES_WAITING);
        match self {
            Self::Download { search, format, shape, left, room } => {
                let content_type = match format {
                    Format::Csv => "text/csv; charset=utf-8",
                    Format::Json => "application/json",
                    Format::Ndjson | Format::Table => "application/x-ndjson",
                };
                tokio::task::spawn_blocking(move || {
                    let _room = room;
                    let mut download = Download { out: Vec::new(), writer: RowWriter::new(format), shape, left, stopping };
                    if let Err(error) = download.run(&history, search, &sender) {
                        // Cut off in the middle, so that nobody takes a part for the whole.
                        let _ = sender.blocking_send(Err(error));
                    }
                });
                Streaming { content_type, pieces }
            }
            Self::Follow { search, after, newest, room } => {
                tokio::spawn(async move {
                    let _room = room;
                    let mut follow = Follow { history, search, after: 0, sender, stopping };
                    if let Err(Some(error)) = follow.run(after, newest).await {
                        let _ = follow.sender.send(Err(error)).await;
                    }
                });
                Streaming { content_type: "application/x-ndjson", pieces }
            }
        }
    }
}

struct Download {
    out: Vec<u8>,
    writer: RowWriter,
    shape: Shape,
    left: u64,
    stopping: watch::Receiver<bool>,
}

impl Download {
    fn run(&mut self, history: &History, mut search: Search, sender: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
        let end = history.end();
        self.writer.begin(&mut self.out, &self.shape.headings())?;
        while self.left > 0 {
            if *self.stopping.borrow() {
                return Err(io::Error::other("the server is stopping"));
            }
            let page = history.search(&search).map_err(told)?;
            let mut bytes = 0;
            for found in &page.events {
                bytes += found.record.len();
                // What arrived since is of another result.
                if found.position < end && self.left > 0 {
                    self.left -= 1;
                    let row = self.shape.row(&found.record);
                    self.writer.row(&mut self.out, &row)?;
                }
                if self.out.len() >= PIECE_BYTES && !self.send(sender) {
                    return Ok(());
                }
            }
            let Some(last) = page.events.last().filter(|_| page.more) else { break };
            search.after = Some(last.cursor());
            search.limit = next_page(page.events.len(), bytes);
        }
        self.writer.end(&mut self.out)?;
        self.send(sender);
        Ok(())
    }

    /// Whether anybody still reads.
    fn send(&mut self, sender: &mpsc::Sender<io::Result<Bytes>>) -> bool {
        let piece = Bytes::from(std::mem::take(&mut self.out));
        piece.is_empty() || sender.blocking_send(Ok(piece)).is_ok()
    }
}

/// How many events to ask for, after a page of so many with so many bytes.
fn next_page(events: usize, bytes: usize) -> usize {
    let each = (bytes / events.max(1)).max(1);
    (PAGE_BYTES / each).clamp(1, (events * 4).clamp(FIRST_PAGE, LARGEST_PAGE))
}

struct Follow {
    history: History,
    search: Search,
    after: u64,
    sender: mpsc::Sender<io::Result<Bytes>>,
    stopping: watch::Receiver<bool>,
}

impl Follow {
    /// Ends with `None` when nobody reads any more, or the server stops.
    async fn run(&mut self, after: Option<u64>, newest: usize) -> Result<(), Option<io::Error>> {
        let end = self.history.end();
        self.after = after.unwrap_or(end.saturating_sub(1));
        if newest > 0 && after.is_none() {
            let search = Search { limit: newest, ..self.search.clone() };
            let (mut events, _) = self.ask(search).await?;
            events.retain(|event| event.position < end);
            events.reverse();
            self.send(&events, self.after).await?;
        }
        // Positions go first, so that a reader that is cut off at once knows where it stands.
        self.send(&[], self.after).await?;
        self.search.order = Order::Arrival;
        let mut told = Instant::now();
        loop {
            if *self.stopping.borrow() {
                return Err(None);
            }
            // Everything before this is searchable already: nothing can still come before what is found.
            let end = self.history.end();
            if end > self.after + 1 {
                let search = Search { after: Some(Cursor { time: 0, position: self.after }), ..self.search.clone() };
                let (mut events, more) = self.ask(search).await?;
                let found = events.len();
                events.retain(|event| event.position < end);
                let last = events.last().map(|event| event.position).filter(|_| more && events.len() == found);
                self.after = last.unwrap_or(end - 1);
                if !events.is_empty() {
                    self.send(&events, self.after).await?;
                    told = Instant::now();
                }
                if last.is_some() {
                    continue;
                }
            }
            if told.elapsed() >= SIGN_OF_LIFE_EVERY {
                self.send(&[], self.after).await?;
                told = Instant::now();
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.sender.closed() => return Err(None),
            }
        }
    }

    /// Events, and whether there are more.
    async fn ask(&self, search: Search) -> Result<(Vec<Found>, bool), Option<io::Error>> {
        let history = self.history.clone();
        let searched = tokio::task::spawn_blocking(move || history.search(&search)).await;
        searched
            .map_err(|error| Some(io::Error::other(error)))?
            .map(|page| (page.events, page.more))
            .map_err(|error| Some(told(error)))
    }

    /// Sends events, and up to where everything has been sent.
    async fn send(&self, events: &[Found], position: u64) -> Result<(), Option<io::Error>> {
        let mut text = String::new();
        for event in events {
            let line = json!({"Position": event.position, "CloudTrailEvent": String::from_utf8_lossy(&event.record)});
            text.push_str(&format!("{line}\n"));
        }
        text.push_str(&format!("{}\n", json!({"Position": position})));
        self.sender.send(Ok(Bytes::from(text))).await.map_err(|_| None)
    }
}

fn told(error: HistoryError) -> io::Error {
    io::Error::other(failure(&error))
}
