//! How many events a second one core matches: `pattern_throughput EVENTS.ndjson`, one record a line.
//!
//! Prints rates for the fifteen CIS filters and for a thousand filters on one group, beside parsing each record into a
//! tree as any matcher without selectors of its own would.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads files and the clock")]

use opentrail_patterns::{FilterPattern, FilterSet, Wanted, cis};
use std::hint::black_box;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: pattern_throughput EVENTS.ndjson")?;
    let text = std::fs::read_to_string(path)?;
    let events: Vec<&str> = text.lines().take(200_000).collect();
    let controls = || cis::CONTROLS.iter().map(|control| control.pattern.to_owned());
    let many = (0..985).map(|n| match n % 4 {
        0 => format!("{{ $.eventName = Event{n} && $.awsRegion = \"eu-*\" }}"),
        1 => format!("{{ ($.userIdentity.userName = user{n}) || ($.sourceIPAddress = 10.{}.*) }}", n % 250),
        2 => format!("{{ $.requestParameters.bucketName = bucket-{n} && $.errorCode NOT EXISTS }}"),
        _ => format!("bucket{n} -debug"),
    });
    measure("CIS, 15 filters", &events, controls().collect())?;
    measure("1,000 filters", &events, controls().chain(many).collect())?;
    let start = Instant::now();
    for event in &events {
        black_box(serde_json::from_str::<serde_json::Value>(event)?);
    }
    report("parsing into a tree only", events.len(), start, 0);
    Ok(())
}

fn measure(title: &str, events: &[&str], patterns: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    let wanted = patterns.iter().map(|text| text.parse::<FilterPattern>().map(Wanted::from)).collect::<Result<Vec<_>, _>>()?;
    let set = FilterSet::new(wanted);
    let start = Instant::now();
    let found: usize = events.iter().map(|event| black_box(set.matches(event)).len()).sum();
    report(title, events.len(), start, found);
    Ok(())
}

fn report(title: &str, events: usize, start: Instant, found: usize) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{title:<26} {:>9.0} events/s  {found} matches", events as f64 / seconds);
}
