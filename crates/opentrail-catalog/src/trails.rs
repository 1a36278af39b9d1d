//! Trails as entities.

use crate::Entity;
use opentrail_model::trail::Trail;

impl Entity for Trail {
    const TABLE: &'static str = "trail";

    /// `account/home region/name`.
    fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.home_region, self.name)
    }
}
