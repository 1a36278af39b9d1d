//! The console: pages at `/console/` for people who look at an audit trail in a browser.
//!
//! ```text
//! front ─▶ answer: guard (same site, bounded body) ▸ session (sealed cookie ▸ live caller) ▸ routes (the table of pages)
//!                                                                                         │
//!              page: reads the form ▸ Visitor::run(service, operation) ─▶ opentrail_services::run
//!                    ▸ fills its template (askama, escaped) ▸ Answer ──────▶ headers, compression
//! ```
//!
//! A page is one module and one template. It can do nothing but run operations of the public APIs as the person who is
//! signed in: they are authorised, recorded and refused as any other client's calls. There is no state here but what is
//! sealed in the person's cookie; which sessions were signed out stands in the catalog.
//!
//! Does not know: sockets, how anything is stored or decided.
//!
//! Does not promise: that pages are an interface for programs; those are the APIs behind them.

mod console;
mod routes;

mod guard;
mod session;
mod sign_in;

mod form;
mod visitor;

mod bucket;
mod checks;

mod answer;
mod chart;
mod frame;
mod problem;

mod inert;
mod json_view;
mod pager;
mod piece;
mod record;
mod times;

mod assets;

mod pages;

pub use answer::{Answer, Body};
pub use checks::Checks;
pub use console::{Connection, Console, answer as answer_request, is_for_console};
