//! The table of pages: one line per page.

use crate::answer::Answer;
use crate::pages;
use crate::problem::Problem;
use crate::sign_in::{self, Visit};
use crate::visitor::Visitor;
use futures::future::BoxFuture;
use http::Method;
use matchit::Router;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What a page answers.
pub type Shown = Result<Answer, Problem>;
type Page = fn(Visitor) -> BoxFuture<'static, Shown>;
type OpenPage = fn(Visit) -> BoxFuture<'static, Answer>;

/// Who may ask for a page.
#[derive(Clone, Copy)]
pub enum Access {
    Everybody(OpenPage),
    /// Others are led to the sign-in page first. Posted forms carry the session's token.
    SignedIn(Page),
}

/// Pages by their path below `/console`: what answers GET, and what answers POST.
struct Route {
    path: &'static str,
    get: Option<Access>,
    post: Option<Access>,
}

macro_rules! page {
    ($function:path) => {
        Some(Access::SignedIn(|visitor| Box::pin($function(visitor))))
    };
}
macro_rules! open {
    ($function:path) => {
        Some(Access::Everybody(|visit| Box::pin($function(visit))))
    };
}

static ROUTES: &[Route] = &[
    Route { path: "/sign-in", get: open!(sign_in::show), post: open!(sign_in::submit) },
    Route { path: "/sign-out", get: None, post: page!(sign_in::sign_out) },
    Route { path: "/", get: page!(pages::dashboard::show), post: None },
    Route { path: "/trails", get: page!(pages::trails::list::show), post: None },
    Route { path: "/trails/create", get: page!(pages::trails::form::create), post: page!(pages::trails::form::submit) },
    Route { path: "/trails/{name}", get: page!(pages::trails::show::show), post: None },
    Route { path: "/trails/{name}/edit", get: page!(pages::trails::form::edit), post: page!(pages::trails::form::submit_edit) },
    Route { path: "/trails/{name}/logging", get: None, post: page!(pages::trails::change::logging) },
    Route {
        path: "/trails/{name}/delete",
        get: page!(pages::trails::change::confirm_delete),
        post: page!(pages::trails::change::delete),
    },
    Route { path: "/integrity", get: page!(pages::integrity::list::show), post: None },
    Route { path: "/integrity/trail", get: page!(pages::integrity::trail::show), post: page!(pages::integrity::trail::verify) },
    Route { path: "/integrity/keys", get: page!(pages::integrity::export::keys), post: None },
    Route { path: "/integrity/bundle", get: page!(pages::integrity::export::bundle), post: None },
    Route { path: "/files", get: page!(pages::files::browse::buckets), post: None },
    Route { path: "/files/show", get: page!(pages::files::browse::show), post: None },
    Route { path: "/files/open", get: page!(pages::files::open::show), post: None },
    Route { path: "/files/download", get: page!(pages::files::open::download), post: None },
    Route { path: "/logs", get: page!(pages::logs::list::show), post: None },
    Route { path: "/logs/group", get: page!(pages::logs::group::show), post: None },
    Route { path: "/logs/events", get: page!(pages::logs::events::show), post: None },
    Route { path: "/alarms", get: page!(pages::alarms::list::show), post: None },
    Route { path: "/alarms/show", get: page!(pages::alarms::show::show), post: None },
    Route { path: "/alarms/metric", get: page!(pages::alarms::metric::show), post: None },
    Route { path: "/rules", get: page!(pages::rules::list::show), post: None },
    Route { path: "/rules/show", get: page!(pages::rules::show::show), post: None },
    Route { path: "/role", get: page!(pages::role::show), post: page!(pages::role::switch) },
    Route { path: "/role/back", get: None, post: page!(pages::role::back) },
    Route { path: "/dashboard/alarms", get: page!(pages::dashboard::alarms), post: None },
    Route { path: "/dashboard/trails", get: page!(pages::dashboard::trails), post: None },
    Route { path: "/dashboard/unusual", get: page!(pages::dashboard::unusual), post: None },
    Route { path: "/history", get: page!(pages::history::list), post: None },
    Route { path: "/history/complete", get: page!(pages::history::complete), post: None },
    Route { path: "/history/download", get: page!(pages::history::download), post: None },
    Route { path: "/history/live", get: page!(pages::history::live), post: None },
    Route { path: "/history/resource", get: page!(pages::history::resource), post: None },
    Route { path: "/history/event/{id}", get: page!(pages::history::event), post: None },
    Route { path: "/history/event/{id}/who", get: page!(pages::history::who), post: None },
];

/// A page that was found.
pub struct Found {
    pub access: Access,
    pub parameters: BTreeMap<String, String>,
}

static ROUTER: LazyLock<Router<&'static Route>> = LazyLock::new(|| {
    let mut router = Router::new();
    for route in ROUTES {
        router.insert(route.path, route).expect("every path is once in the table");
    }
    router
});

/// Finds the page for a path below `/console`.
///
/// # Errors
/// What is answered instead.
#[expect(clippy::result_large_err, reason = "made once per request")]
pub fn find(method: &Method, path: &str) -> Result<Found, Answer> {
    if path.is_empty() {
        return Err(Answer::redirect("/console/"));
    }
    let Ok(matched) = ROUTER.at(path) else {
        // Shown with the navigation, to those who are signed in.
        return Ok(Found { access: Access::SignedIn(|visitor| Box::pin(nowhere(visitor))), parameters: BTreeMap::new() });
    };
    let access = match *method {
        Method::GET | Method::HEAD => matched.value.get,
        Method::POST => matched.value.post,
        _ => None,
    };
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let parameters = matched.params.iter().map(|(name, value)| (name.to_owned(), decoded(value))).collect();
    access.map(|access| Found { access, parameters }).ok_or_else(|| Answer::plain(405, "This page does not take that.\n"))
}

async fn nowhere(_: Visitor) -> Shown {
    Err(Problem::NotFound("Nothing is at this address. The navigation leads to everything there is."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_to_its_page() {
        for route in ROUTES {
            assert!(route.get.is_some() || route.post.is_some(), "{}", route.path);
            let path = route.path.replace(['{', '}'], "").replace('*', "");
            assert!(std::ptr::eq(*ROUTER.at(&path).expect("found").value, route), "{path}");
        }
        assert_eq!(find(&Method::PUT, "/").err().map(|answer| answer.status.as_u16()), Some(405));
        assert_eq!(find(&Method::GET, "").err().map(|answer| answer.status.as_u16()), Some(303));
    }
}
