//! Looks for the heads that were recorded elsewhere.

use crate::chain::Content;
use crate::error::VerifyError;
use crate::head::Head;
use crate::limits;
use crate::reading;
use crate::run::Run;
use opentrail_model::digest::METADATA_SIGNATURE;

/// Checks that every head is there and the same. Also one outside the period: then it is not listed, but opened by its key.
pub async fn check(run: &mut Run<'_>, heads: &[Head]) -> Result<(), VerifyError> {
    for head in heads {
        let listed = run.rules.index.find(&head.bucket, &head.object, None).and_then(|id| u32::try_from(id).ok());
        let places = match listed {
            Some(id) => vec![run.whereabouts(id)],
            None => run.elsewhere(&head.bucket, &head.object),
        };
        let mut found = None;
        for place in places {
            let loaded = reading::load_digest(listed.unwrap_or(u32::MAX), place, limits::DIGEST_BYTES).await;
            if !matches!(loaded.content, Content::Gone) {
                found = Some(loaded);
                break;
            }
        }
        let finding = match &found {
            None => {
                let chain = run.chains.iter().position(|chain| head.is_of(&chain.key));
                Some(head.missing(chain.and_then(|chain| run.reports[chain].covered_to.as_deref())))
            }
            // What is wrong with one that cannot be read is reported by its chain.
            Some(loaded) => loaded.digest().and_then(|digest| {
                let signature = loaded.metadata.get(METADATA_SIGNATURE).map(String::as_str);
                head.check(&loaded.file, &digest.hash, signature)
            }),
        };
        finding.into_iter().for_each(|finding| run.collector.add(finding));
    }
    Ok(())
}
