//! Pages made from tables: `docs/coverage.md` and `docs/configuration.md`. A test compares them with the files.

use crate::config::settings;
use crate::services::SERVICES;
use clap::Subcommand;
use std::fmt::Write;

#[derive(Subcommand)]
pub enum DocsCommand {
    /// Which operations of which services are implemented.
    Coverage,
    /// Every setting.
    Configuration,
}

/// Prints a page.
pub fn run(command: &DocsCommand) {
    print!("{}", page(command));
}

fn page(command: &DocsCommand) -> String {
    match command {
        DocsCommand::Coverage => coverage(),
        DocsCommand::Configuration => configuration(),
    }
}

fn coverage() -> String {
    let mut out = String::from(
        "# Coverage\n\nMade from the services' tables by `opentrail docs coverage`. An operation that is missing answers a modelled error and is\n\
         itself recorded. So is an operation nobody knows.\n\n| service | implemented | missing |\n| --- | ---: | ---: |\n",
    );
    let s3 = opentrail_services::s3::coverage();
    for service in SERVICES {
        let _ = writeln!(out, "| {} | {} | {} |", service.name, service.operations.len(), service.missing.len());
    }
    let _ = writeln!(out, "| s3 | {} | {} |", s3.implemented.len(), s3.missing.len());
    for service in SERVICES {
        let implemented: Vec<&str> = service.operations.iter().map(|operation| operation.name).collect();
        section(&mut out, service.name, &implemented, service.missing);
    }
    section(&mut out, "s3", &s3.implemented, &s3.missing);
    out.push_str(NOT_YET);
    out
}

fn section(out: &mut String, name: &str, implemented: &[&str], missing: &[&str]) {
    let list = |names: &[&str]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let _ = write!(out, "\n## {name}\n\nImplemented: {}.\n\nMissing: {}.\n", list(implemented), list(missing));
}

const NOT_YET: &str = "
## Settings of implemented operations that are refused

Never accepted and ignored: Insights selectors answer `UnsupportedOperationException`; dual-layer encryption, access logs,
website redirects and public ACLs of S3 answer `NotImplemented` or their own error; schedules of event rules, alarm actions other
than topics, and subscriptions by e-mail are refused by name.

## Not there yet

The commands `sql`, `gateway` and `user`; Lake; e-mail; HTML form uploads to buckets; FIFO queues and topics.
";

fn configuration() -> String {
    let mut out = String::from(
        "# Configuration\n\nMade from the table of settings by `opentrail docs configuration`. A TOML file (`--config FILE`), environment variables\n\
         (`OPENTRAIL_DELIVERY__INTERVAL=5s`: upper case, `__` for the dot), then the command line; the later wins. Unknown keys stop the\n\
         start with their line and the nearest known name. Durations: `5s`, `5m`, `1h`, `90d`. Sizes: `50MB`.\n\n\
         | key | default | meaning |\n| --- | --- | --- |\n",
    );
    for setting in settings() {
        let _ = writeln!(out, "| `{}` | `{}` | {} |", setting.key, setting.default, setting.meaning);
    }
    out.push_str("\n```toml\nregions = [\"us-east-1\", \"eu-central-1\"]\n\n[delivery]\ninterval = \"5m\"\ndigest_interval = \"1h\"\n\n[log]\nsync = true\n```\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_in_docs_are_those_of_the_tables() {
        for (command, file) in [(DocsCommand::Coverage, "coverage.md"), (DocsCommand::Configuration, "configuration.md")] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
            let written = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(written == page(&command), "docs/{file} is not up to date: cargo xtask docs");
        }
    }
}
