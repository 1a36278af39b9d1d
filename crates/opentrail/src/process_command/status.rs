//! What is told on standard error: counts on a terminal, and what went wrong everywhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use opentrail_processing::{Progress, Report, Summary};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub struct Status {
    bar: ProgressBar,
    verbose: bool,
    files: AtomicU64,
    events: AtomicU64,
}

impl Status {
    pub fn new(verbose: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(ProgressStyle::with_template("{spinner} {msg}").expect("a fixed template"));
        if terminal {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, verbose, files: AtomicU64::new(0), events: AtomicU64::new(0) }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self, text: &str) {
        // What comes from elsewhere must not steer the terminal.
        let plain: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        self.bar.suspend(|| eprintln!("opentrail: {plain}"));
    }
}

impl Progress for Status {
    fn report(&self, report: Report) {
        match report {
            Report::Events { events, .. } => {
                let events = self.events.fetch_add(events, Ordering::Relaxed) + events;
                self.bar.set_message(format!("{} files, {events} events", self.files.load(Ordering::Relaxed)));
            }
            Report::Done { file, events, left_out } => {
                self.files.fetch_add(1, Ordering::Relaxed);
                if self.verbose {
                    self.say(&format!("{}: {events} events, {left_out} left out", file.key));
                }
            }
            Report::Skipped { what, reason } if self.verbose => self.say(&format!("{what}: skipped: {reason}")),
            Report::Failed { file, reason } => self.say(&format!("{}: {reason}", file.key)),
            Report::MessageFailed { message_id, reason } => self.say(&format!("message {message_id}: {reason}")),
            Report::Parked { what, reason } => self.say(&format!("{what}: parked: {reason}")),
            Report::LeaseLost { message_id, reason } => {
                self.say(&format!("message {message_id} may be processed twice: {reason}"));
            }
            Report::Fault { reason, wait } if self.verbose => self.say(&format!("{reason}; again in {wait:.1?}")),
            Report::Returned { message_id, delay } if self.verbose => {
                self.say(&format!("message {message_id} comes again in {delay:.0?}"));
            }
            _ => {}
        }
    }
}

/// What a run amounted to.
pub fn sentence(summary: &Summary) -> String {
    let Summary { files, events, left_out, skipped, failed, message_failures, parked, .. } = *summary;
    let mut text = format!("{files} files, {events} events");
    let more = [(left_out, "left out"), (skipped, "skipped"), (failed + message_failures, "failures"), (parked, "parked")];
    for (count, what) in more.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {what}"));
    }
    text
}
