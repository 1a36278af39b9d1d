//! Reads AWS policy documents and decides whether a request is allowed.
//!
//! ```text
//! JSON text ──PolicyDocument::parse──▶ PolicyDocument ─┐
//!           ──parse_bucket_policy────▶ PolicyDocument ─┼─▶ Policies ─┐
//! Principal + action + resource + RequestContext ──────┴─▶ Request ──┴─▶ decide ─▶ Decision
//! ```
//!
//! Everything here is a pure function of its arguments: the same policies and the same request give the same decision.
//!
//! Does not know: who the caller is, which policies are attached to it, the time, the network, any service. The caller
//! of [`decide`] gathers the policies and puts every condition key, `aws:CurrentTime` and `aws:PrincipalArn` included,
//! into the [`RequestContext`].
//!
//! Does not promise:
//! - resource control policies and the public access block: they are not evaluated;
//! - canonical-user principals: they parse, but match no caller;
//! - a list of all actions and condition keys: an unknown but well-formed name is accepted and matches by its text;
//! - AWS's wording for errors whose wording is not public.

mod document;
mod statement;
mod text;

mod bucket;

mod context;
mod decision;
mod evaluate;
mod principal;

mod condition;
mod operand;
mod pattern;
mod template;

mod error;
mod json;

#[cfg(test)]
mod tests;

pub use bucket::{BUCKET_POLICY_MAX_BYTES, check_bucket_policy, parse_bucket_policy};
pub use context::RequestContext;
pub use decision::{Decision, PolicySource, Reason};
pub use document::{DOCUMENT_MAX_BYTES, PolicyDocument, PolicyKind, Version};
pub use error::PolicyError;
pub use evaluate::{Policies, Request, decide};
pub use pattern::{action_matches, arn_matches, text_matches};
pub use principal::Principal;
pub use text::PolicyText;
