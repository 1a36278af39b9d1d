//! Who is behind an event: asked of a server, or found in files in two passes.
//!
//! The first pass keeps the events that opened sessions, and the one that is asked for; the chain is walked in memory. The
//! second counts what was done with the credentials that were found.

use super::SearchArgs;
use super::files::{Bar, report};
use crate::client::{Client, caller_from_environment};
use anyhow::{Context, bail};
use opentrail_lineage::{Activity, Event, KEEPS, Ledger, Lineage, TraceError, made_with, render, trace};
use opentrail_search::neutral::json_for_terminal;
use opentrail_search::output::Format;
use opentrail_search::query::Test;
use opentrail_search::{Clause, Field, Hit, Query, Source, Summary, Term, open_source, search};
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;

/// Asks a server.
///
/// # Errors
/// If the server cannot be asked, or has no such event.
pub async fn at_server(args: &SearchArgs, event_id: &str, endpoint: &str) -> anyhow::Result<u8> {
    let caller = caller_from_environment()?;
    let mut input = json!({"EventId": event_id});
    if args.all_accounts {
        input["AllAccounts"] = true.into();
    }
    let mut client = Client::connect(endpoint).await?;
    let answer = client.opentrail(&caller, "Who", &input).await?.json()?;
    let lineage: Lineage = serde_json::from_value(answer["Lineage"].clone()).context("reading the answer")?;
    print(args, &lineage)
}

/// Searches files.
///
/// # Errors
/// If they cannot be read, or hold no such event.
pub async fn in_files(args: &SearchArgs, event_id: &str, specs: &[String]) -> anyhow::Result<u8> {
    let sources = specs.iter().map(|spec| open_source(spec)).collect::<Result<Vec<_>, _>>()?;
    let between = Query::between(args.from, args.to);
    let id = event_id.to_owned();
    let lineage = tokio::task::spawn_blocking(move || in_sources(&sources, &between, &id));
    print(args, &lineage.await.context("the search was interrupted")??)
}

fn in_sources(sources: &[Box<dyn Source>], between: &Query, event_id: &str) -> anyhow::Result<Lineage> {
    let mut bar = Bar::new();
    let mut counting = Bar::new();
    let mut ledger = Ledger::new(|keys: &[String]| activity(sources, between, keys, &mut counting));
    let asked = Clause::Term(Term::Field(field("eventID"), Test::Equals(event_id.to_owned())));
    let keeps = Query::parse(KEEPS).context("the query of what chains need")?;
    let query = Query { root: Clause::or([asked, keeps.root]) }.and(between.clone());
    let summary = gather(sources, &query, &mut bar, &mut |event| ledger.add(event))?;
    bar.0.finish_and_clear();
    report(&summary);
    if ledger.left_out() > 0 {
        bail!("the files hold too many sessions to keep in memory: confine the time with --from and --to");
    }
    match trace(&mut ledger, event_id) {
        Ok(lineage) => Ok(lineage),
        Err(TraceError::Records(error)) => Err(error),
        Err(error @ TraceError::NoSuchEvent(_)) => Err(anyhow::Error::msg(error.to_string())),
    }
}

fn field(name: &str) -> Field {
    Field::named(name).expect("a member of records")
}

fn gather(sources: &[Box<dyn Source>], query: &Query, bar: &mut Bar, take: &mut dyn FnMut(Event)) -> anyhow::Result<Summary> {
    let select = |hit: &Hit<'_>| Event::read(hit.record);
    let summary = search(query, sources, bar, &select, &mut |batch| {
        batch.into_iter().flatten().for_each(&mut *take);
        ControlFlow::Continue(())
    })?;
    Ok(summary)
}

/// What was done with each key, an event that was delivered twice counted once.
fn activity(sources: &[Box<dyn Source>], between: &Query, keys: &[String], bar: &mut Bar) -> anyhow::Result<Vec<Activity>> {
    let query = Query { root: Clause::or(keys.iter().map(|key| made_with(key).root)) }.and(between.clone());
    let mut found: HashMap<&str, (Activity, BTreeMap<String, u64>)> =
        keys.iter().map(|key| (key.as_str(), Default::default())).collect();
    let hasher = RandomState::new();
    let mut seen = HashSet::new();
    gather(sources, &query, bar, &mut |event| {
        let Some((activity, operations)) = event.identity.access_key.as_deref().and_then(|key| found.get_mut(key)) else {
            return;
        };
        if !event.id.is_empty() && !seen.insert(hasher.hash_one((&event.id, &event.account))) {
            return;
        }
        activity.events += 1;
        activity.errors += u64::from(event.error.is_some());
        // As text, times of one form sort as they should.
        let time = Some(event.time_text).filter(|text| !text.is_empty());
        if let Some(time) = time {
            let earlier = activity.first.as_ref().is_none_or(|first| time < *first);
            let later = activity.last.as_ref().is_none_or(|last| time > *last);
            if earlier {
                activity.first = Some(time.clone());
            }
            if later {
                activity.last = Some(time);
            }
        }
        *operations.entry(event.name).or_default() += 1;
    })?;
    bar.0.finish_and_clear();
    let mut finished = |key: &String| {
        let (mut activity, operations) = found.remove(key.as_str()).unwrap_or_default();
        activity.operations = operations.into_iter().collect();
        activity.operations.sort_by(|(left, a), (right, b)| b.cmp(a).then_with(|| left.cmp(right)));
        activity
    };
    Ok(keys.iter().map(&mut finished).collect())
}

/// Prints the answer; the exit status is 1 where the chain breaks.
fn print(args: &SearchArgs, lineage: &Lineage) -> anyhow::Result<u8> {
    let terminal = io::stdout().is_terminal();
    let text = match args.format {
        None | Some(super::Format::Table) if args.format.is_some() || terminal => render(lineage),
        Some(super::Format::Csv) => bail!("a chain is no table: --format table or json"),
        Some(super::Format::Ndjson) => format!("{}\n", serde_json::to_string(lineage)?),
        _ => format!("{}\n", serde_json::to_string_pretty(lineage)?),
    };
    let json = args.output_format() != Format::Table;
    let text = if terminal && json { json_for_terminal(&text).into_owned() } else { text };
    let written = io::stdout().write_all(text.as_bytes());
    written.or_else(super::files::unless_broken_pipe)?;
    Ok(u8::from(lineage.broken.is_some()))
}
