//! When access keys and roles were last used. Kept in memory; now and then a call's own entry takes it along to the
//! catalog, so nothing is written for it alone.

use crate::call::Caller;
use opentrail_catalog::{Catalog, CatalogError, Entity};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Mutex;
use time::{Duration, OffsetDateTime};

/// How old what the catalog knows may become while a key is in use. AWS is up to four hours behind.
const SAVE_AFTER: Duration = Duration::minutes(15);
/// Most keys and roles remembered in memory. Beyond that memory starts anew.
const MAX_REMEMBERED: usize = 20_000;

/// A use of an access key or role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Id of the access key or role.
    pub id: String,
    #[serde(with = "time::serde::timestamp")]
    pub at: OffsetDateTime,
    /// The service that was called: `s3`.
    pub service: String,
    pub region: String,
}

impl Entity for Use {
    const TABLE: &'static str = "last_used";
    fn key(&self) -> String {
        self.id.clone()
    }
}

struct Remembered {
    last: Use,
    saved: OffsetDateTime,
}

/// The last uses.
#[derive(Default)]
pub struct LastUsed(Mutex<HashMap<String, Remembered>>);

impl LastUsed {
    /// Remembers a call. Returns what should be saved with it, which is rarely anything.
    pub fn note(&self, caller: &Caller, service: &str, region: &str, now: OffsetDateTime) -> Option<Use> {
        let id = match caller {
            Caller::AssumedRole { role_id, .. } => role_id,
            Caller::Root { access_key, session: None, .. } | Caller::User { access_key, session: None, .. } => access_key,
            _ => return None,
        };
        let mut remembered = self.0.lock().expect("no holder panics");
        if let Some(known) = remembered.get_mut(id) {
            known.last.at = now;
            if known.last.service != service {
                service.clone_into(&mut known.last.service);
            }
            if known.last.region != region {
                region.clone_into(&mut known.last.region);
            }
            if now - known.saved < SAVE_AFTER {
                return None;
            }
            known.saved = now;
            return Some(known.last.clone());
        }
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        let last = Use { id: id.clone(), at: now, service: service.into(), region: region.into() };
        remembered.insert(id.clone(), Remembered { last: last.clone(), saved: now });
        Some(last)
    }

    /// The last use of a key or role.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn of(&self, catalog: &Catalog, id: &str) -> Result<Option<Use>, CatalogError> {
        if let Some(known) = self.0.lock().expect("no holder panics").get(id) {
            return Ok(Some(known.last.clone()));
        }
        Ok(catalog.get::<Use>(id)?.as_deref().cloned())
    }
}
