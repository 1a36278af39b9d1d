//! What surrounds every page: navigation, who is signed in, the region.

use crate::visitor::Visitor;

/// A place in the navigation.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Path below `/console/`; up to a `?`, also how pages say where they are.
    pub path: &'static str,
    pub name: &'static str,
    /// The service whose pages these are, if the server may lack it.
    pub service: Option<&'static str>,
}

/// The navigation, in groups.
const PLACES: &[(&str, &[Place])] = &[
    (
        "",
        &[
            Place { path: "", name: "Dashboard", service: None },
            Place { path: "history?q=readOnly%3Afalse", name: "Event history", service: None },
        ],
    ),
    (
        "Trails",
        &[
            Place { path: "trails", name: "Trails", service: None },
            Place { path: "integrity", name: "Integrity", service: None },
            Place { path: "files", name: "Files", service: None },
        ],
    ),
    (
        "Watching",
        &[
            Place { path: "logs", name: "Log groups", service: None },
            Place { path: "alarms", name: "Alarms and metrics", service: Some("monitoring") },
            Place { path: "rules", name: "Rules", service: Some("events") },
        ],
    ),
];

/// Given to every template that extends `layout.html`.
pub struct Frame<'a> {
    visitor: &'a Visitor,
    pub title: &'a str,
    /// The path of the place in the navigation that the page belongs to.
    pub place: &'a str,
}

impl<'a> Frame<'a> {
    pub fn new(visitor: &'a Visitor, title: &'a str, place: &'a str) -> Self {
        Self { visitor, title, place }
    }

    /// Whether the page belongs to this place.
    pub fn is_at(&self, place: &Place) -> bool {
        place.path.split('?').next() == Some(self.place)
    }

    pub fn link(&self, path: &str) -> String {
        self.visitor.link(path)
    }

    pub fn places(&self) -> Vec<(&'static str, Vec<Place>)> {
        let here = |place: &&Place| place.service.is_none_or(|service| self.visitor.has_service(service));
        PLACES.iter().map(|(name, places)| (*name, places.iter().filter(here).copied().collect())).collect()
    }

    pub fn account(&self) -> &str {
        self.visitor.account()
    }

    pub fn region(&self) -> &str {
        self.visitor.region()
    }

    pub fn regions(&self) -> &[String] {
        self.visitor.regions()
    }

    /// The region, if it is not the default: forms that ask for pages carry it on.
    pub fn unusual_region(&self) -> Option<&str> {
        let (region, default) = (self.region(), self.regions().first().map(String::as_str));
        (default != Some(region)).then_some(region)
    }

    pub fn arn(&self) -> String {
        self.visitor.arn()
    }

    /// The person's name, as short as it is clear.
    pub fn who(&self) -> String {
        let arn = self.visitor.arn();
        arn.rsplit(':').next().unwrap_or(&arn).trim_start_matches("user/").to_owned()
    }

    /// Whom the person goes back to from a role.
    pub fn former(&self) -> Option<String> {
        let former = self.visitor.wanted.former.as_ref()?;
        Some(former.caller.arn())
    }

    /// The token for forms.
    pub fn csrf(&self) -> &str {
        self.visitor.session.form_token()
    }

    /// The path of this page, for the form that changes the region.
    pub fn path(&self) -> &str {
        &self.visitor.wanted.path
    }
}
