//! Secrets that earlier versions kept in plain: sealed at start, and wiped from the catalog's file.
//!
//! What they wrote into the event log stays in its segments until these are old enough to go.

use crate::credentials::AccessKey;
use opentrail_catalog::{Catalog, CatalogError, Changes, Entity};
use opentrail_eventlog::{Intake, LogError};
use opentrail_messaging::topics::Subscription;
use opentrail_seal::{Seal, SealError};
use serde::{Deserialize, Serialize};

/// Most entities sealed with one entry, which keeps it well below its limit.
const MAX_PER_ENTRY: usize = 10_000;

/// Notes that plain secrets were replaced, but may still be found in free pages of the catalog's file.
#[derive(Serialize, Deserialize)]
struct Wiping {}

const WIPING: &str = "catalog";

impl Entity for Wiping {
    const TABLE: &'static str = "wiping";
    fn key(&self) -> String {
        WIPING.into()
    }
}

/// Why secrets could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("the sealed secrets could not be recorded")]
    Log(#[from] LogError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Seals what an earlier version left plain. Returns how many things had secrets to seal.
///
/// To be called before anything else uses the catalog, because its file is written anew. A crash at any line is made good
/// by the next call: the entry that seals also notes that the file is still to be written anew.
///
/// # Errors
/// If catalog or event log fail.
pub async fn seal_plain_secrets(catalog: &Catalog, intake: &Intake, seal: &Seal) -> Result<usize, SealingError> {
    let mut sealed = 0;
    loop {
        let (changes, found) = sealing(catalog, seal)?;
        if found == 0 {
            break;
        }
        intake.submit(Vec::new(), changes.encode()).await?;
        sealed += found;
    }
    if catalog.get::<Wiping>(WIPING)?.is_some() {
        catalog.rewrite()?;
        let mut changes = Changes::new();
        changes.delete::<Wiping>(WIPING);
        intake.submit(Vec::new(), changes.encode()).await?;
    }
    Ok(sealed)
}

fn sealing(catalog: &Catalog, seal: &Seal) -> Result<(Changes, usize), SealingError> {
    let mut changes = Changes::new();
    let mut found = 0;
    for key in catalog.list::<AccessKey>("")? {
        if let Some(key) = key.sealed(seal)?.filter(|_| found < MAX_PER_ENTRY) {
            changes.put(&key);
            found += 1;
        }
    }
    for subscription in catalog.list::<Subscription>("")? {
        if let Some(subscription) = subscription.sealed(seal)?.filter(|_| found < MAX_PER_ENTRY) {
            changes.put(&subscription);
            found += 1;
        }
    }
    if found > 0 {
        changes.put(&Wiping {});
    }
    Ok((changes, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ACCOUNT, Bench};
    use opentrail_catalog::Change;
    use serde_json::{Value, json};

    fn as_before(table: &str, key: &str, value: &Value) -> Change {
        let value = serde_json::value::to_raw_value(value).expect("JSON");
        Change { table: table.into(), key: key.into(), value: Some(value) }
    }

    #[tokio::test]
    async fn what_an_earlier_version_kept_in_plain_is_sealed_and_wiped() {
        let bench = Bench::new();
        let app = &bench.app;
        let (id, topic) = ("AKIAEARLIER000000000", format!("{ACCOUNT}/us-east-1/t"));
        let subscription = json!({
            "topic": topic, "topic_arn": format!("arn:aws:sns:us-east-1:{ACCOUNT}:t"), "id": "s", "owner": ACCOUNT,
            "principal": "", "protocol": "https", "endpoint": "https://example.com", "created_ms": 1, "confirmed": false,
            "token": "plain-token", "webhook_secret": "plain-webhook"});
        let earlier = vec![
            as_before(
                "access_key",
                id,
                &json!({"id": id, "secret": "plain-secret", "account": ACCOUNT, "user": null,
                "active": true, "created": 1_700_000_000}),
            ),
            as_before("sns_subscription", &format!("{topic}/s"), &subscription),
        ];
        let entry = serde_json::to_vec(&earlier).expect("JSON").into();
        app.intake.submit(Vec::new(), entry).await.expect("submitted");
        assert!(bench.catalog_holds("plain-secret") && bench.catalog_holds("plain-token"));

        assert_eq!(seal_plain_secrets(&app.catalog, &app.intake, &app.seal).await.expect("sealed"), 2);
        for plain in ["plain-secret", "plain-token", "plain-webhook"] {
            assert!(!bench.catalog_holds(plain), "{plain} is still in the catalog's files");
        }
        let key = app.catalog.get::<AccessKey>(id).expect("catalog").expect("kept");
        assert_eq!(key.open_secret(&app.seal).expect("opens").as_str(), "plain-secret");
        let arn = format!("arn:aws:sns:us-east-1:{ACCOUNT}:t:s");
        let subscription = app.topics.subscription(&arn).expect("kept");
        assert_eq!(subscription.open_token(&app.seal).expect("opens").expect("there").as_str(), "plain-token");
        let secret = subscription.open_webhook_secret(&app.seal).expect("opens").expect("there");
        assert_eq!(secret.as_str(), "plain-webhook");

        let end = app.intake.log().end();
        assert_eq!(seal_plain_secrets(&app.catalog, &app.intake, &app.seal).await.expect("nothing to do"), 0);
        assert_eq!(app.intake.log().end(), end, "nothing is written when nothing is to be sealed");
    }
}
