//! One command of a run: shown while it runs, counted when it ends.

use crate::tally::Tally;
use std::env;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

/// A command with a title.
pub struct Step {
    title: String,
    command: Command,
}

impl Step {
    pub fn new(title: &str, root: &Path, program: impl AsRef<std::ffi::OsStr>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(root).stdin(Stdio::null()).env("CARGO_TERM_COLOR", "never");
        // `cargo run` says which package runs; the children's packages are others.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") {
                command.env_remove(name);
            }
        }
        command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH").env_remove("LD_LIBRARY_PATH");
        Self { title: title.into(), command }
    }

    pub fn cargo(title: &str, root: &Path, arguments: &[&str]) -> Self {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::new(title, root, cargo).arguments(arguments)
    }

    pub fn arguments<S: AsRef<std::ffi::OsStr>>(mut self, arguments: &[S]) -> Self {
        self.command.args(arguments);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Counts as one test: did it succeed?
    pub fn pass_or_fail(self) -> Tally {
        match self.run() {
            Some((status, _)) if status.success() => Tally::PASSED,
            _ => Tally::FAILED,
        }
    }

    /// Counts what its output says. A step that fails without saying what failed counts as one failure.
    pub fn count(self, read: fn(&str) -> Option<Tally>) -> Tally {
        self.counted(read, Tally::FAILED)
    }

    /// As [`Step::count`], for a step that may have nothing to say.
    pub fn count_or_none(self, read: fn(&str) -> Option<Tally>) -> Tally {
        self.counted(read, Tally::default())
    }

    fn counted(self, read: fn(&str) -> Option<Tally>, silent: Tally) -> Tally {
        let Some((status, output)) = self.run() else { return Tally::FAILED };
        let mut tally = read(&output).unwrap_or(silent);
        if !status.success() && tally.failed == 0 {
            tally.add(Tally::FAILED);
        }
        tally
    }

    fn run(mut self) -> Option<(ExitStatus, String)> {
        println!("\n== {}", self.title);
        let started = Instant::now();
        let spawned = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => {
                println!("== {}: cannot run {:?}: {error}", self.title, self.command.get_program());
                return None;
            }
        };
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let errors = thread::spawn(move || err.map(|err| show(err, std::io::stderr())).unwrap_or_default());
        let mut output = out.map(|out| show(out, std::io::stdout())).unwrap_or_default();
        output.push_str(&errors.join().unwrap_or_default());
        let status = child.wait().ok()?;
        println!("== {}: {} after {:.0} s", self.title, outcome(status), started.elapsed().as_secs_f64());
        Some((status, output))
    }
}

fn outcome(status: ExitStatus) -> String {
    if status.success() { "good".into() } else { format!("FAILED ({status})") }
}

/// Passes output on as it comes, and keeps it.
fn show(mut from: impl Read, mut to: impl Write) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 8192];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        // Nobody may be reading what we print; the count matters all the same.
        let _ = to.write_all(&chunk[..read]).and_then(|()| to.flush());
        kept.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Whether a program is on the path.
pub fn is_installed(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}
