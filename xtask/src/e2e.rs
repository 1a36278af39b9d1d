//! The end-to-end tests: the real AWS CLI and boto3, in a Python environment of their own, against the built binary.

use crate::step::Step;
use crate::tally::{self, Tally};
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const REQUIREMENTS: &str = "tests/e2e/requirements.txt";

/// Builds the binary, prepares `target/venv`, runs pytest.
pub fn run(root: &Path, arguments: &[String]) -> Tally {
    let mut tally = Step::cargo("build", root, &["build", "--package", "opentrail"]).pass_or_fail();
    if tally.failed > 0 {
        return tally;
    }
    let python = match prepare(root) {
        Ok(python) => python,
        Err(error) => {
            println!("== Python environment: FAILED: {error:#}");
            tally.add(Tally::FAILED);
            return tally;
        }
    };
    let mut pytest: Vec<String> = ["-m", "pytest", "-p", "no:cacheprovider", "--color=no"].map(str::to_owned).to_vec();
    pytest.extend(arguments.iter().cloned());
    // Most of a test is waiting: several files at a time, each on its own servers.
    if arguments.is_empty() {
        pytest.extend(["-n", "3", "--dist", "loadfile"].map(str::to_owned));
    }
    // Paths among the arguments are relative to the root; without any, everything is run.
    if !arguments.iter().any(|argument| argument.contains("tests/e2e")) {
        pytest.push("tests/e2e".into());
    }
    let step = Step::new("end-to-end tests", root, python)
        .arguments(&pytest)
        .env("OPENTRAIL_BIN", target(root).join("debug/opentrail"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONUNBUFFERED", "1");
    tally.add(step.count(tally::of_pytest));
    tally
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// The Python of `target/venv`, which holds exactly what the requirements name.
fn prepare(root: &Path) -> anyhow::Result<PathBuf> {
    let wanted = fs::read_to_string(root.join(REQUIREMENTS)).context("cannot read the requirements")?;
    let venv = target(root).join("venv");
    let python = venv.join("bin/python");
    // Written last, so that a half-made environment is made again.
    let stamp = venv.join("opentrail-requirements.txt");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    println!("\n== Python environment");
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    must(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let quiet = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r", REQUIREMENTS];
    must(Command::new(&python).current_dir(root).args(quiet))?;
    fs::write(&stamp, wanted)?;
    Ok(python)
}

fn must(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
