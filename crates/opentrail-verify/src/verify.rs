//! The run from the outside: list, get keys, check, compare with what was recorded elsewhere, report.

use crate::Options;
use crate::chain::Rules;
use crate::digest::ParsedDigest;
use crate::error::VerifyError;
use crate::extras;
use crate::finding::{Code, Finding};
use crate::group;
use crate::head_check;
use crate::index::Index;
use crate::keys::KeySet;
use crate::limits;
use crate::period::Period;
use crate::progress::Progress;
use crate::reading::{self, Whereabouts};
use crate::report::Report;
use crate::results;
use crate::run::Run;
use crate::source::{Listing, Source};
use opentrail_model::timestamp;
use std::collections::BTreeSet;

/// Checks all digests of all sources, and all log files they name.
///
/// Whatever is wrong with the files is in the report; an error means the check could not be done.
pub async fn verify(sources: &[Box<dyn Source>], options: &Options, progress: &dyn Progress) -> Result<Report, VerifyError> {
    let period = Period { from: options.from, to: options.to };
    let listed = list(sources, options, period).await?;
    let (digests, log_files) = listed.index.counts();
    progress.listed(digests, log_files);
    let keys = keys(options, &listed).await?;
    let keeps_metadata: Vec<bool> = sources.iter().map(|source| source.bucket().is_some()).collect();
    let rules = Rules {
        index: &listed.index,
        keys: keys.as_ref(),
        period,
        accept_gap: options.accept_gap,
        keeps_metadata: &keeps_metadata,
    };
    let chains = group::chains(&listed.index);
    let mut run = Run::new(sources, rules, &chains, options, progress);
    for (source, location, text) in &listed.unreadable {
        run.collector.add(Finding::new(Code::Unreadable, sources[*source].display(location), text));
    }
    run.check_chains().await?;
    head_check::check(&mut run, &options.expect_heads).await?;
    extras::check(&mut run, &listed.odd).await?;
    run.compare_events();
    results::check(&mut run, &listed.sign_files, &listed.results).await?;
    let mut collector = run.finish();
    if collector.is_empty() {
        collector.add(Finding::new(Code::NoDigests, "", "there is no digest in the sources and the period"));
    } else if keys.is_none() {
        collector.add(Finding::new(Code::NoKeys, "", "no public keys were given: signatures were not checked"));
    }
    Ok(collector.finish(options.from.map(timestamp::event_time), options.to.map(timestamp::event_time)))
}

/// All listings, put together. A file is named by source and location.
#[derive(Default)]
struct Listed {
    index: Index,
    odd: Vec<(usize, String)>,
    sign_files: Vec<(usize, String)>,
    results: Vec<(usize, String)>,
    unreadable: Vec<(usize, String, String)>,
}

async fn list(sources: &[Box<dyn Source>], options: &Options, period: Period) -> Result<Listed, VerifyError> {
    let mut all = Listed::default();
    all.index.mapping = options.mapping.clone();
    for source in sources {
        let Listing { files, odd, sign_files, results, unreadable } = source.list(&period).await?;
        let number = all.index.add_source(source.bucket());
        for location in files {
            all.index.add(number, location);
        }
        if all.index.entries.len() > limits::FILES {
            return Err(VerifyError::TooManyFiles { limit: limits::FILES });
        }
        // In a bucket there may be any number of other services' files.
        let of_cloudtrail = |location: &String| source.bucket().is_none() || location.contains("/CloudTrail");
        for location in odd.into_iter().filter(of_cloudtrail) {
            match recognise(source.as_ref(), &location).await {
                Some(key) => drop(all.index.add_renamed(number, location, &key)),
                None => all.odd.push((number, location)),
            }
        }
        let mark = |location| (number, location);
        all.sign_files.extend(sign_files.into_iter().map(mark));
        all.results.extend(results.into_iter().map(mark));
        all.unreadable.extend(unreadable.into_iter().map(|(location, text)| (number, location, text)));
    }
    all.index.finish();
    Ok(all)
}

/// The key that a renamed digest gives itself; `None` for everything else.
async fn recognise(source: &dyn Source, location: &str) -> Option<String> {
    let place = Whereabouts { files: source.files(), location: location.to_owned(), file: source.display(location) };
    // What cannot be read is reported when it is looked for by its content.
    let (stored, _) = reading::read_stored(&place, limits::PEEK_BYTES).await.ok()??;
    let digest = ParsedDigest::read_within(&stored, limits::SMALL_DIGEST_BYTES).ok()?;
    Some(digest.document.digest_s3_object)
}

/// The keys given, or those of the service for the regions that digests are from.
async fn keys(options: &Options, listed: &Listed) -> Result<Option<KeySet>, VerifyError> {
    let mut keys = options.keys.clone().unwrap_or_default();
    if let Some(service) = &options.key_service {
        let mut regions = BTreeSet::new();
        for entry in listed.index.entries.iter().filter(|entry| entry.is_digest()) {
            regions.insert(listed.index.shelves[entry.shelf as usize].region.clone());
        }
        let regions: Vec<String> = regions.into_iter().collect();
        if !regions.is_empty() {
            keys.extend(service.fetch(&regions).await?);
        }
    }
    // A service that has no keys has not signed these digests; a file without keys was no help.
    Ok(Some(keys).filter(|keys| options.key_service.is_some() || !keys.is_empty()))
}
