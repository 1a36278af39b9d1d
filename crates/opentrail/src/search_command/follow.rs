//! What arrives at a server from now on.
//!
//! The server tells the position of each event and, now and then, up to where everything has been told. When the
//! connection ends, the next one goes on behind the last position: nothing is lost and nothing is shown twice, also
//! across a restart of the server.

use super::SearchArgs;
use super::files::unless_broken_pipe;
use super::server::question;
use crate::client::{Caller, Client, Refused, Streamed, caller_from_environment};
use anyhow::Context;
use opentrail_search::output::{Format, Row, RowWriter, RunningTable, Shape};
use serde::Deserialize;
use serde_json::Value;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The server gives a sign of life every few seconds; without one the connection is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// A line of the answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    position: u64,
    #[serde(default)]
    cloud_trail_event: Option<String>,
}

struct Follow<'a> {
    caller: Caller,
    endpoint: &'a str,
    question: Value,
    /// Everything up to here has been shown.
    after: Option<u64>,
    shape: Shape,
    shown: Shown,
}

enum Shown {
    Table(RunningTable),
    Rows(RowWriter),
}

/// Shows events until there is nobody to show them to.
///
/// # Errors
/// If the server cannot be reached at first, or refuses.
pub async fn run(args: &SearchArgs, query: &str, endpoint: &str) -> anyhow::Result<u8> {
    let format = match args.output_format() {
        // An array would never end.
        Format::Json => Format::Ndjson,
        other => other,
    };
    let shape = Shape::new(format, &args.fields, io::stdout().is_terminal());
    let mut shown =
        if format == Format::Table { Shown::Table(RunningTable::default()) } else { Shown::Rows(RowWriter::new(format)) };
    let headings = Row::Cells(shape.headings());
    let begun = match &mut shown {
        Shown::Table(table) => table.write(&mut io::stdout(), &headings),
        Shown::Rows(writer) => writer.begin(&mut io::stdout(), &shape.headings()),
    };
    if let Err(error) = begun {
        return unless_broken_pipe(error).map(|()| 0);
    }
    let mut question = question(args, query);
    if let Some(newest) = args.limit {
        question["Newest"] = newest.into();
    }
    // From a time on means what arrived before as well.
    let after = args.from.map(|_| 0);
    let mut follow = Follow { caller: caller_from_environment()?, endpoint, question, after, shape, shown };
    let mut answer = follow.open().await?;
    loop {
        match follow.show(&mut answer).await {
            Ok(()) => return Ok(0),
            Err(error) => eprintln!("opentrail: the server is gone, waiting for it: {error:#}"),
        }
        answer = follow.open_again().await?;
        eprintln!("opentrail: going on where it stopped");
    }
}

impl Follow<'_> {
    async fn open(&mut self) -> anyhow::Result<Streamed> {
        if let Some(after) = self.after {
            self.question["AfterPosition"] = after.into();
        }
        let mut client = Client::connect(self.endpoint).await?;
        client.opentrail_stream(&self.caller, "FollowEvents", &self.question).await
    }

    async fn open_again(&mut self) -> anyhow::Result<Streamed> {
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            match self.open().await {
                Ok(answer) => return Ok(answer),
                // What the server does not want now it will not want later.
                Err(error) if error.downcast_ref::<Refused>().is_some_and(|refused| refused.status < 500) => return Err(error),
                Err(error) => tracing::debug!(%error, "will try again"),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Shows what comes; ends well when nobody reads any more.
    async fn show(&mut self, answer: &mut Streamed) -> anyhow::Result<()> {
        loop {
            let line = tokio::time::timeout(SILENCE, answer.line()).await.context("no sign of life")??;
            let line = line.context("the connection ended")?;
            let line: Line = serde_json::from_slice(&line).context("the server sends what is no event")?;
            let written = match &line.cloud_trail_event {
                Some(record) => self.row(record.as_bytes()),
                None => Ok(()),
            };
            match written {
                Ok(()) => self.after = Some(self.after.unwrap_or(0).max(line.position)),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(error).context("cannot write the result"),
            }
        }
    }

    fn row(&mut self, record: &[u8]) -> io::Result<()> {
        let row = self.shape.row(record);
        let mut out = io::stdout().lock();
        match &mut self.shown {
            Shown::Table(table) => table.write(&mut out, &row)?,
            Shown::Rows(writer) => writer.row(&mut out, &row)?,
        }
        out.flush()
    }
}
