//! What searching files costs: CPU and wall time of queries over a directory, per million events.
//!
//! `cargo run --release -p opentrail-search --example cost -- DIR EVENTS QUERY…`

use opentrail_search::{Query, Silent, open_source, search};
use std::ops::ControlFlow;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, events, queries @ ..] = arguments.as_slice() else { return Err("DIR EVENTS QUERY…".into()) };
    let millions: f64 = events.parse::<f64>()? / 1e6;
    for text in queries {
        let query = Query::parse(text)?;
        let sources = [open_source(directory)?];
        let (cpu, wall) = (cpu_seconds()?, Instant::now());
        let select = |hit: &opentrail_search::Hit<'_>| hit.record.len();
        let summary = search(&query, &sources, &mut Silent, &select, &mut |_| ControlFlow::Continue(()))?;
        let (cpu, wall) = (cpu_seconds()? - cpu, wall.elapsed().as_secs_f64());
        println!(
            "{:6.2} s CPU, {:6.2} s wall per million events; {} found, {} files, {:.0} MB, {} problems: {text}",
            cpu / millions,
            wall / millions,
            summary.found,
            summary.files,
            summary.plain_bytes as f64 / 1e6,
            summary.problem_count,
        );
    }
    Ok(())
}

/// User and system time of this process, all threads, in hundredths of a second.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().ok_or("no name in /proc/self/stat")?;
    let mut ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    let (user, system) = (ticks.next().ok_or("no user time")??, ticks.next().ok_or("no system time")??);
    Ok((user + system) / 100.0)
}
