//! Known regions: one that is new in the configuration joins every multi-region trail, and that is an event.

use crate::app::{App, catalog_failure, log_failure};
use opentrail_catalog::{Changes, Entity};
use opentrail_eventlog::Event;
use opentrail_model::service_event::{Occasion, service_event};
use opentrail_model::trail::Trail;
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A region that was configured at an earlier start.
#[derive(Debug, Serialize, Deserialize)]
struct KnownRegion {
    name: String,
}

impl Entity for KnownRegion {
    const TABLE: &'static str = "known_region";
    fn key(&self) -> String {
        self.name.clone()
    }
}

/// Notes the configured regions. Records a `RegionAdded` event for each that is new since an earlier start.
///
/// # Errors
/// If the catalog or the event log fails.
pub async fn announce_regions(app: &App) -> Result<(), ApiError> {
    let failed = |error| catalog_failure(&error);
    let known = app.catalog.list::<KnownRegion>("").map_err(failed)?;
    let new = || app.settings.regions.iter().filter(|name| !known.iter().any(|region| region.name == **name));
    let mut changes = Changes::new();
    let mut events = Vec::new();
    let trails: Vec<String> =
        app.catalog.list::<Trail>("").map_err(failed)?.iter().filter(|trail| trail.multi_region).map(Trail::arn).collect();
    for name in new() {
        changes.put(&KnownRegion { name: name.clone() });
        if !known.is_empty() {
            let account = app.settings.account_id.clone();
            let occasion = Occasion {
                at: app.intake.now(),
                event_id: app.intake.event_id(),
                account: account.clone(),
                region: name.clone(),
            };
            let record = service_event(occasion, "RegionAdded", json!({"region": name, "trailARNs": trails}));
            events.push(Event { account, region: name.clone(), record: record.to_json().into() });
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    app.intake.submit(events, changes.encode()).await.map(|_| ()).map_err(|error| log_failure(&error))
}
