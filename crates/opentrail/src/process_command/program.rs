//! Events to a program, started once for each file.

use super::printer::lines;
use opentrail_processing::{Batch, FileHandler, Handler, Reject, SourceFile};
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

/// What the program exits with to have the file parked: `EX_DATAERR` of sysexits.
const PARK: i32 = 65;
/// Between two looks at whether the program has ended.
const LOOK: Duration = Duration::from_millis(50);

/// A shell command that takes a file's events on its standard input.
pub struct Program {
    command: String,
}

/// The program at work on one file. It is killed if the file is given up.
pub struct Running {
    command: String,
    file: SourceFile,
    /// None before the first event: a file without events starts nothing.
    child: Option<Started>,
}

struct Started {
    child: Child,
    /// None once the program does not read any more, which is its own affair: its exit status decides.
    input: Option<ChildStdin>,
}

impl Program {
    pub fn new(command: &str) -> Self {
        Self { command: command.to_owned() }
    }
}

impl Handler for Program {
    type File = Running;

    async fn begin(&self, file: &SourceFile) -> Result<Running, Reject> {
        Ok(Running { command: self.command.clone(), file: file.clone(), child: None })
    }
}

impl FileHandler for Running {
    async fn events(&mut self, batch: &Batch<'_>) -> Result<(), Reject> {
        let lines = lines(batch);
        if self.child.is_none() {
            self.child = Some(self.start().map_err(|error| Reject::retry(format!("cannot start the program: {error}")))?);
        }
        let Some(Started { input, .. }) = &mut self.child else { return Ok(()) };
        let Some(mut pipe) = input.take() else { return Ok(()) };
        let written = tokio::task::spawn_blocking(move || pipe.write_all(&lines).map(|()| pipe));
        match written.await.map_err(io::Error::other).and_then(|written| written) {
            Ok(pipe) => *input = Some(pipe),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => return Err(Reject::retry(format!("cannot write to the program: {error}"))),
        }
        Ok(())
    }

    async fn accept(mut self) -> Result<(), Reject> {
        let Some(started) = &mut self.child else { return Ok(()) };
        started.input = None;
        let mut pause = Duration::from_millis(1);
        loop {
            match started.child.try_wait() {
                Ok(Some(status)) => return judge(status),
                Ok(None) => tokio::time::sleep(pause).await,
                Err(error) => return Err(Reject::retry(format!("cannot wait for the program: {error}"))),
            }
            pause = (pause * 2).min(LOOK);
        }
    }
}

impl Running {
    /// In a process group of its own, so that Ctrl-C leaves it time to finish.
    fn start(&self) -> io::Result<Started> {
        let SourceFile { bucket, key, name, delivery, .. } = &self.file;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(&self.command).stdin(Stdio::piped()).process_group(0);
        command.env("OPENTRAIL_BUCKET", bucket).env("OPENTRAIL_KEY", key);
        command.env("OPENTRAIL_ACCOUNT", name.account.as_deref().unwrap_or_default());
        command.env("OPENTRAIL_REGION", name.region.as_deref().unwrap_or_default());
        command.env("OPENTRAIL_MESSAGE_ID", delivery.as_ref().map_or("", |delivery| &delivery.message_id));
        command.env("OPENTRAIL_RECEIVE_COUNT", delivery.as_ref().map_or(1, |delivery| delivery.receive_count).to_string());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        Ok(Started { child, input })
    }
}

fn judge(status: ExitStatus) -> Result<(), Reject> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(PARK), _) => Err(Reject::park(format!("the program wants it parked: exit status {PARK}"))),
        (Some(code), _) => Err(Reject::retry(format!("the program did not accept it: exit status {code}"))),
        (None, signal) => Err(Reject::retry(format!("the program was ended by signal {}", signal.unwrap_or_default()))),
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // One that has ended was waited for already; then this does nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
