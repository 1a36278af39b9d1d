//! This project's own rules for its tree: who may depend on whom, what documents name, how long files are, what must
//! not be written anywhere.

use crate::tally::Tally;
use anyhow::{Context, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest source file that is not a test.
const MAX_SOURCE_LINES: usize = 500;

/// Which crates of the workspace a crate may depend on, beside what its tests may use.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    ("opentrail-model", &[], &[]),
    ("opentrail-policy", &[], &[]),
    ("opentrail-metrics", &[], &[]),
    ("opentrail-insights", &[], &[]),
    ("opentrail-patterns", &[], &[]),
    ("opentrail-wire", &[], &[]),
    ("opentrail-eventlog", &[], &[]),
    ("opentrail-query", &[], &[]),
    ("opentrail-catalog", &["eventlog", "model"], &[]),
    ("opentrail-history", &["eventlog", "model", "query"], &[]),
    ("opentrail-logs", &["catalog"], &["eventlog"]),
    ("opentrail-storage", &["catalog", "eventlog", "kms", "model", "policy", "seal"], &[]),
    ("opentrail-delivery", &["catalog", "eventlog", "model", "seal", "storage"], &["verify"]),
    ("opentrail-messaging", &["catalog", "eventlog", "patterns", "policy", "seal"], &[]),
    ("opentrail-alarms", &["catalog", "eventlog", "logs", "messaging", "metrics", "patterns"], &["seal"]),
    ("opentrail-aws-environment", &[], &[]),
    ("opentrail-processing", &["aws-environment", "model", "verify", "wire"], &[]),
    ("opentrail-verify", &["aws-environment", "model"], &[]),
    ("opentrail-search", &["aws-environment", "model", "query"], &[]),
    ("opentrail-lineage", &["query"], &[]),
    ("opentrail-import", &["eventlog", "history", "query", "search"], &[]),
    ("opentrail-seal", &[], &[]),
    ("opentrail-subscriptions", &["catalog", "eventlog", "logs", "messaging", "model", "patterns", "wire"], &["seal"]),
    ("opentrail-rules", &["catalog", "eventlog", "logs", "messaging", "model", "patterns", "policy", "seal"], &[]),
    (
        "opentrail-service-events",
        &["catalog", "model", "patterns", "policy", "rules", "services", "wire"],
        &["eventlog", "messaging"],
    ),
    ("opentrail-kms", &["catalog", "eventlog", "model", "policy", "seal"], &[]),
    (
        "opentrail-services",
        &[
            "alarms",
            "catalog",
            "delivery",
            "eventlog",
            "history",
            "import",
            "insights",
            "lineage",
            "kms",
            "logs",
            "messaging",
            "metrics",
            "model",
            "patterns",
            "policy",
            "query",
            "rules",
            "seal",
            "search",
            "storage",
            "subscriptions",
            "wire",
        ],
        &[],
    ),
    ("opentrail-trail-logs", &["catalog", "delivery", "eventlog", "logs", "model", "services"], &[]),
    ("opentrail-service-cloudwatch", &["alarms", "catalog", "metrics", "services", "wire"], &["messaging"]),
    ("opentrail-console", &["catalog", "model", "query", "services", "verify", "wire"], &[]),
    (
        "opentrail",
        &[
            "alarms",
            "aws-environment",
            "catalog",
            "console",
            "delivery",
            "eventlog",
            "history",
            "import",
            "lineage",
            "kms",
            "messaging",
            "model",
            "patterns",
            "policy",
            "query",
            "processing",
            "rules",
            "seal",
            "service-events",
            "search",
            "service-cloudwatch",
            "services",
            "storage",
            "subscriptions",
            "trail-logs",
            "verify",
            "wire",
        ],
        &[],
    ),
];

/// Documents whose paths must exist.
const DOCUMENTS: &[&str] = &["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"];

/// Where paths of this tree begin.
const TREE: &[&str] = &["crates/", "xtask/", "docs/", "tests/", "examples/", "deploy/", "changelog.d/", ".ci/", ".cargo/"];

/// Texts that tie the tree to one machine or one registry. Put together here, so that this file passes itself.
const FORBIDDEN_HOSTS: &[&str] =
    &[concat!("crates", ".io"), concat!("pypi", ".org"), concat!("registry.npmjs", ".org"), concat!("deb.debian", ".org")];
const FORBIDDEN_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

type Check = fn(&Path) -> anyhow::Result<Vec<String>>;

const CHECKS: &[(&str, Check)] = &[
    ("dependencies between crates", dependencies),
    ("paths in documents", documents),
    ("source files", sources),
    ("crate documentation", crate_documentation),
    ("nothing of one machine", portable),
];

/// Runs every check; each counts as one test.
pub fn run(root: &Path) -> Tally {
    println!("\n== tidy");
    let mut tally = Tally::default();
    for (title, check) in CHECKS {
        let problems = check(root).unwrap_or_else(|error| vec![format!("{error:#}")]);
        tally.add(if problems.is_empty() { Tally::PASSED } else { Tally::FAILED });
        for problem in &problems {
            println!("{title}: {problem}");
        }
    }
    println!("== tidy: {tally}");
    tally
}

fn crates(root: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let dir = root.join("crates");
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn dependencies(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for (name, dir) in crates(root)? {
        let Some((_, allowed, in_tests)) = ALLOWED.iter().find(|(of, ..)| *of == name) else {
            problems.push(format!("crates/{name} is not in the table of allowed dependencies"));
            continue;
        };
        for (section, dependency) in workspace_dependencies(&fs::read_to_string(dir.join("Cargo.toml"))?) {
            let short = dependency.trim_start_matches("opentrail-");
            let in_tests = section == "dev-dependencies" && in_tests.contains(&short);
            if !allowed.contains(&short) && !in_tests {
                problems.push(format!("crates/{name}/Cargo.toml: {name} must not depend on {dependency} ({section})"));
            }
        }
    }
    Ok(problems)
}

/// The crates of this workspace that a manifest names, each with its section.
fn workspace_dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
            // [dependencies.opentrail-model]
            if let Some((outer, name)) = header.trim_end_matches(']').split_once(".opentrail-") {
                found.push((outer.to_owned(), format!("opentrail-{name}")));
            }
        } else if section.ends_with("dependencies") && line.starts_with("opentrail-") {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            found.push((section.clone(), name.to_owned()));
        }
    }
    found
}

fn documents(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for document in DOCUMENTS {
        let Ok(text) = fs::read_to_string(root.join(document)) else { continue };
        for path in named_paths(&text) {
            if !root.join(&path).exists() {
                problems.push(format!("{document} names {path}, which does not exist"));
            }
        }
    }
    Ok(problems)
}

/// What stands in backticks or as a link's target and looks like a path of this tree.
fn named_paths(text: &str) -> BTreeSet<String> {
    let outside_blocks = text.split("```").step_by(2);
    let mut paths = BTreeSet::new();
    for part in outside_blocks {
        let quoted = part.split('`').skip(1).step_by(2);
        let linked = part.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for name in quoted.chain(linked) {
            let name = name.split('#').next().unwrap_or_default().trim_start_matches("./");
            let plain = !name.contains(|c: char| c.is_whitespace() || "*<>{}$…".contains(c));
            if plain && TREE.iter().any(|start| name.starts_with(start)) {
                // A place inside a file: crates/x/src/y.rs:12
                paths.insert(name.split(':').next().unwrap_or_default().to_owned());
            }
        }
    }
    paths
}

fn sources(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in tree_files(root)? {
        let test = path.split('/').any(|part| part == "tests" || part == "tests.rs");
        if !path.ends_with(".rs") || test {
            continue;
        }
        let lines = fs::read_to_string(root.join(&path))?.lines().count();
        if lines > MAX_SOURCE_LINES {
            problems.push(format!("{path} has {lines} lines; at most {MAX_SOURCE_LINES} can be proofread"));
        }
    }
    Ok(problems)
}

fn crate_documentation(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for (name, dir) in crates(root)? {
        let Ok(text) = fs::read_to_string(dir.join("src/lib.rs")) else { continue };
        if !text.starts_with("//!") {
            problems.push(format!("crates/{name}/src/lib.rs does not begin by saying what the crate is"));
        }
        if !text.contains("Does not know:") {
            problems.push(format!("crates/{name}/src/lib.rs does not say \"Does not know:\""));
        }
    }
    Ok(problems)
}

fn portable(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in tree_files(root)? {
        if path == "Cargo.lock" {
            continue;
        }
        // Files that are no text have no addresses to follow.
        let Ok(text) = fs::read_to_string(root.join(&path)) else { continue };
        for (index, line) in text.lines().enumerate() {
            for word in forbidden_in(line) {
                problems.push(format!("{path}:{} names {word}", index + 1));
            }
        }
    }
    Ok(problems)
}

fn forbidden_in(line: &str) -> Vec<&'static str> {
    let begins = |path: &str| {
        line.match_indices(path).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-/}".contains(c)))
    };
    let hosts = FORBIDDEN_HOSTS.iter().filter(|host| line.contains(**host));
    hosts.chain(FORBIDDEN_PATHS.iter().filter(|path| begins(path))).copied().collect()
}

/// Every file that is tracked, or would be: relative to the root, with slashes.
fn tree_files(root: &Path) -> anyhow::Result<Vec<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("cannot run git")?;
    if !listed.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr).trim());
    }
    let text = String::from_utf8_lossy(&listed.stdout);
    // A file that was removed but is still in the index is no file.
    let files = text.split('\0').filter(|path| !path.is_empty() && root.join(path).is_file());
    Ok(files.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read() {
        let manifest = "[package]\nname = \"opentrail-x\"\n[dependencies]\nopentrail-model = { workspace = true }\nserde = \"1\"\n\
                        [dev-dependencies]\nopentrail-verify.workspace = true\n[dependencies.opentrail-wire]\npath = \"../y\"\n";
        let found = workspace_dependencies(manifest);
        let expect =
            [("dependencies", "opentrail-model"), ("dev-dependencies", "opentrail-verify"), ("dependencies", "opentrail-wire")];
        assert_eq!(found, expect.map(|(section, name)| (section.to_owned(), name.to_owned())));
    }

    #[test]
    fn paths_in_documents_are_found() {
        let text = "See `crates/a/src/lib.rs`, `crates/<name>`, `docs/x.md#part`, [y](./docs/y.md) and `keys.json`.\n```\n`crates/no`\n```\n";
        let expect = ["crates/a/src/lib.rs", "docs/x.md", "docs/y.md"].map(str::to_owned);
        assert_eq!(named_paths(text), BTreeSet::from(expect));
    }

    #[test]
    fn ties_to_a_machine_are_found() {
        let (home, host) = (FORBIDDEN_PATHS[1], FORBIDDEN_HOSTS[0]);
        assert_eq!(forbidden_in(&format!("cp {home}x y")), [home]);
        assert_eq!(forbidden_in(&format!("\"{home}x\"")), [home]);
        assert!(forbidden_in(&format!("src{home}x")).is_empty());
        assert_eq!(forbidden_in(&format!("https://{host}/a")), [host]);
    }

    #[test]
    fn this_tree_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root");
        for check in [dependencies as Check, documents, crate_documentation] {
            assert_eq!(check(root).expect("can be checked"), Vec::<String>::new());
        }
    }
}
