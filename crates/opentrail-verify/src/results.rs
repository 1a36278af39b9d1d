//! Checks the sets of query results in the sources.

use crate::error::VerifyError;
use crate::finding::{Code, Finding};
use crate::limits;
use crate::names;
use crate::reading::{self, Whereabouts};
use crate::result_set::{ResultSetReport, SignFile};
use crate::run::Run;
use crate::source::Files;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::BTreeSet;
use std::io::Read;
use tokio::task::spawn_blocking;

/// Checks every sign file and the results beside it.
pub async fn check(run: &mut Run<'_>, sign_files: &[(usize, String)], results: &[(usize, String)]) -> Result<(), VerifyError> {
    for (source, location) in sign_files {
        let place = run.place(*source, location);
        let folder = &location[..location.len() - names::SIGN_FILE.len()];
        let beside = results
            .iter()
            .filter(|(other, result)| other == source && result.strip_suffix(names::file_name(result)) == Some(folder));
        let beside: BTreeSet<&str> = beside.map(|(_, result)| names::file_name(result)).collect();
        let stored = match reading::read_stored(&place, limits::KEYS_FILE_BYTES).await {
            Ok(stored) => stored.unwrap_or_default().0,
            Err(error) => {
                let error = run.failed(&place.file, error)?;
                run.collector.add(Finding::new(Code::Unreadable, &place.file, error.chain()));
                continue;
            }
        };
        match SignFile::parse(&stored) {
            Ok(signed) => check_set(run, *source, folder, &place, &signed, beside).await?,
            Err(error) => {
                run.collector.add(Finding::new(Code::ResultFormat, &place.file, format!("is not a sign file: {error}")))
            }
        }
    }
    Ok(())
}

async fn check_set(
    run: &mut Run<'_>,
    source: usize,
    folder: &str,
    place: &Whereabouts,
    signed: &SignFile,
    mut beside: BTreeSet<&str>,
) -> Result<(), VerifyError> {
    let mut report = ResultSetReport {
        file: place.file.clone(),
        region: signed.region.clone(),
        query_complete_time: signed.query_complete_time.clone(),
        ..ResultSetReport::default()
    };
    match signed.check_signature(&place.file, run.rules.keys) {
        Ok(proved) => report.proved = proved,
        Err(finding) => run.collector.add(finding),
    }
    for file in &signed.files {
        beside.remove(file.file_name.as_str());
        // Only names of result files: a path in it would lead elsewhere.
        let place = names::is_result(&file.file_name).then(|| run.place(source, &format!("{folder}{}", file.file_name)));
        let hash = match &place {
            Some(place) => hash(place).await,
            None => Ok(None),
        };
        let shown = place.map_or_else(|| format!("{}: {}", report.file, file.file_name), |place| place.file);
        let finding = match hash {
            Ok(Some(hash)) if hash.eq_ignore_ascii_case(&file.file_hash_value) => {
                report.files_valid += 1;
                continue;
            }
            Ok(Some(_)) => Finding::new(Code::ResultChanged, shown, "has another hash than its sign file recorded"),
            Ok(None) => Finding::new(Code::ResultMissing, shown, "is not there, but its sign file names it"),
            Err(error) => {
                let error = run.failed(&shown, error)?;
                Finding::new(Code::Unreadable, shown, error.chain())
            }
        };
        report.files_invalid += 1;
        run.collector.add(finding);
    }
    for name in beside {
        let file = run.place(source, &format!("{folder}{name}")).file;
        run.collector.add(Finding::new(Code::ResultUnlisted, file, "is not named by the sign file beside it"));
    }
    run.collector.add_result_set(report);
    Ok(())
}

/// Hex SHA-256 of the stored bytes; `None` if the file is not there.
async fn hash(place: &Whereabouts) -> Result<Option<String>, VerifyError> {
    let mut context = Context::new(&SHA256);
    match &place.files {
        Files::Local(files) => {
            let (files, place) = (files.clone(), place.clone());
            let read = move || {
                let Some(mut file) = files.open(&place.location)? else { return Ok(None) };
                let mut piece = vec![0; limits::PIECE_BYTES];
                loop {
                    let length = file.reader.read(&mut piece);
                    let length = length.map_err(|source| VerifyError::Read { path: place.file.clone().into(), source })?;
                    if length == 0 {
                        return Ok(Some(hex::encode(context.finish())));
                    }
                    context.update(&piece[..length]);
                }
            };
            spawn_blocking(read).await?
        }
        Files::Store(store) => {
            let Some(mut object) = store.open(&place.location).await? else { return Ok(None) };
            while let Some(piece) = object.body.next().await? {
                context.update(&piece);
            }
            Ok(Some(hex::encode(context.finish())))
        }
    }
}
