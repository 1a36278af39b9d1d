//! `cargo xtask …`: what people and CI run on this tree.
//!
//! ```text
//! test ─▶ fmt ▸ tidy ▸ clippy ▸ deny ▸ Rust tests ▸ build ▸ e2e ──▶ "N passed, N failed, N skipped"
//!           each a Step, run to its end whatever became of the one before
//! ```

mod e2e;
mod step;
mod tally;
mod tidy;

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use step::Step;
use tally::Tally;

const USAGE: &str = "\
cargo xtask test            everything; ends with `N passed, N failed, N skipped`
cargo xtask lint            formatting, tidy, clippy, cargo-deny
cargo xtask tidy            this project's own rules for its tree
cargo xtask e2e [ARGS]      builds the binary and runs pytest over tests/e2e; ARGS go to pytest";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<bool> {
    let root = root()?;
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let mut tally = Tally::default();
    match command.as_deref() {
        Some("test") => {
            lint(&root, &mut tally);
            tally.add(rust_tests(&root));
            tally.add(e2e::run(&root, &rest));
        }
        Some("lint") => lint(&root, &mut tally),
        Some("tidy") => tally.add(tidy::run(&root)),
        Some("e2e") => tally.add(e2e::run(&root, &rest)),
        _ => bail!("usage:\n{USAGE}"),
    }
    println!("{tally}");
    Ok(tally.failed == 0)
}

/// The workspace's root: this crate's parent directory.
fn root() -> anyhow::Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    Ok(Path::new(&manifest).parent().context("the manifest's directory has no parent")?.to_path_buf())
}

fn lint(root: &Path, tally: &mut Tally) {
    tally.add(Step::cargo("format", root, &["fmt", "--all", "--check"]).pass_or_fail());
    tally.add(tidy::run(root));
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    tally.add(Step::cargo("clippy", root, &clippy).pass_or_fail());
    tally.add(deny(root));
}

/// Licences, bans and sources. Advisories need a database from the network, which CI does not have.
fn deny(root: &Path) -> Tally {
    if !step::is_installed("cargo-deny") {
        println!("\n== deny: skipped, cargo-deny is not installed");
        return Tally::SKIPPED;
    }
    Step::cargo("deny", root, &["deny", "--offline", "check", "licenses", "bans", "sources"]).pass_or_fail()
}

fn rust_tests(root: &Path) -> Tally {
    if !step::is_installed("cargo-nextest") {
        return Step::cargo("Rust tests", root, &["test", "--workspace", "--no-fail-fast"]).count(tally::of_cargo_test);
    }
    let nextest = ["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail"];
    let mut tally = Step::cargo("Rust tests", root, &nextest).count(tally::of_nextest);
    let doc = ["test", "--workspace", "--doc", "--no-fail-fast"];
    tally.add(Step::cargo("Rust examples in documentation", root, &doc).count_or_none(tally::of_cargo_test));
    tally
}
