//! Walking back, step by step.

use crate::clue::Clue;
use crate::event::Event;
use crate::forward;
use crate::limits;
use crate::lineage::{Break, Certainty, Lineage, Link, Origin, OriginKind, Summary, Who};
use crate::origin;
use std::collections::HashSet;

/// Where events are looked up.
pub trait Records {
    type Error;

    /// Events that answer the clue, at most `limit`, in any order.
    ///
    /// # Errors
    /// If the records cannot be searched.
    fn find(&mut self, clue: &Clue, limit: usize) -> Result<Vec<Event>, Self::Error>;

    /// What was done with each of these access keys. Asked once, for all keys of an answer.
    ///
    /// # Errors
    /// If the records cannot be searched.
    fn activity(&mut self, keys: &[String]) -> Result<Vec<Activity>, Self::Error>;
}

/// What was done with an access key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    pub events: u64,
    pub errors: u64,
    /// `eventTime` of the first and the last.
    pub first: Option<String>,
    pub last: Option<String>,
    /// Operations and how often; the most frequent first.
    pub operations: Vec<(String, u64)>,
}

#[derive(Debug, thiserror::Error)]
pub enum TraceError<E> {
    #[error("there is no event with the id {0}")]
    NoSuchEvent(String),
    #[error("the records could not be searched")]
    Records(E),
}

impl<E> From<E> for TraceError<E> {
    fn from(error: E) -> Self {
        Self::Records(error)
    }
}

/// Follows an event's credentials back to their origin and forward to what was done with them.
///
/// # Errors
/// If there is no such event, or the records cannot be searched.
pub fn trace<R: Records>(records: &mut R, event_id: &str) -> Result<Lineage, TraceError<R::Error>> {
    let copies = records.find(&Clue::Id(event_id.to_owned()), limits::ANSWERS)?;
    let Some(event) = best(copies) else { return Err(TraceError::NoSuchEvent(event_id.to_owned())) };
    let event = with_caller(records, event)?.0;
    let mut back = Back { chain: Vec::new(), seen: HashSet::new() };
    let (origin, broken) = back.walk(records, &event)?;
    let (session, sessions_left_out) = forward::session(records, &event)?;
    Ok(Lineage {
        event: Summary::of(&event),
        caller: Who::of(&event.identity),
        chain: back.chain,
        origin,
        broken,
        session,
        sessions_left_out,
    })
}

struct Back {
    chain: Vec<Link>,
    seen: HashSet<String>,
}

/// What one step back came to.
enum Step {
    To(Box<Event>, Certainty),
    End(Box<Origin>, Option<Break>),
}

impl Back {
    fn walk<R: Records>(&mut self, records: &mut R, event: &Event) -> Result<(Origin, Option<Break>), R::Error> {
        let mut event = event.clone();
        for _ in 0..limits::LINKS {
            match self.step(records, &event)? {
                Step::End(origin, broken) => return Ok((*origin, broken)),
                Step::To(issuing, known_by) => {
                    self.chain.push(Link {
                        session: Who::of(&event.identity),
                        issued_by: Summary::of(&issuing),
                        issuer: Who::of(&issuing.identity),
                        known_by,
                    });
                    event = *issuing;
                }
            }
        }
        let reason = format!("the chain has more than {} steps", limits::LINKS);
        Ok((origin::unknown(&event), Some(Break { reason, told: origin::told(&event) })))
    }

    fn step<R: Records>(&mut self, records: &mut R, event: &Event) -> Result<Step, R::Error> {
        let identity = &event.identity;
        if let Some(origin) = origin::at_once(event) {
            return Ok(Step::End(Box::new(self.finished(records, event, origin)?), None));
        }
        if identity.kind == "AWSAccount" {
            let account = identity.account.as_deref().unwrap_or("unknown");
            let reason = match &event.shared_id {
                Some(shared) => format!(
                    "the caller is of account {account}, whose copy of {} (sharedEventID {shared}) is not here",
                    event.name
                ),
                None => format!("the caller is of account {account}, and the event has no sharedEventID to find its copy by"),
            };
            return Ok(Step::End(Box::new(origin::other_account(event)), Some(Break { reason, told: origin::told(event) })));
        }
        if let Some(key) = &identity.access_key
            && !self.seen.insert(key.clone())
        {
            let reason = format!("the records say that {key} opened a session with itself");
            return Ok(Step::End(Box::new(origin::unknown(event)), Some(Break { reason, told: origin::told(event) })));
        }
        if let Some((issuing, known_by)) = issuing(records, event)? {
            return Ok(Step::To(Box::new(issuing), known_by));
        }
        if identity.kind == "IAMUser" || identity.kind == "Root" {
            // Whose session it is needs no proof; only how it began is not here.
            return Ok(Step::End(Box::new(origin::session_of_user(event)), None));
        }
        if let Some(origin) = origin::from_session(event) {
            return Ok(Step::End(Box::new(origin), None));
        }
        let what = identity.access_key.as_deref().map_or("these credentials".to_owned(), str::to_owned);
        let when = identity.created.map(|at| format!(" at about {}", event_time(at))).unwrap_or_default();
        let reason = format!("the event that gave out {what}{when} is not here");
        Ok(Step::End(Box::new(origin::unknown(event)), Some(Break { reason, told: origin::told(event) })))
    }

    /// An origin, with who made its long-term key.
    fn finished<R: Records>(&self, records: &mut R, event: &Event, mut origin: Origin) -> Result<Origin, R::Error> {
        let Some(key) = event.identity.access_key.as_ref().filter(|key| key.starts_with("AKIA")) else { return Ok(origin) };
        if matches!(origin.kind, OriginKind::User | OriginKind::Root) {
            let made = best(records.find(&Clue::Issued(key.clone()), limits::ANSWERS)?);
            origin.key_created_by =
                made.map(|made| crate::lineage::KeyCreation { event: Summary::of(&made), by: Who::of(&made.identity) });
        }
        Ok(origin)
    }
}

fn event_time(at: time::OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let (date, time) = (at.date(), at.time());
    format!("{date}T{:02}:{:02}:{:02}Z", time.hour(), time.minute(), time.second())
}

/// The event that issued the credentials of `event`, with its caller as well known as can be.
fn issuing<R: Records>(records: &mut R, event: &Event) -> Result<Option<(Event, Certainty)>, R::Error> {
    let identity = &event.identity;
    if let Some(key) = &identity.access_key
        && let Some(found) = best(others(records.find(&Clue::Issued(key.clone()), limits::ANSWERS)?, event))
    {
        let (found, shared) = with_caller(records, found)?;
        return Ok(Some((found, if shared { Certainty::SharedEvent } else { Certainty::AccessKey })));
    }
    let (Some(arn), Some(at)) = (&identity.arn, identity.created) else { return Ok(None) };
    let found = others(records.find(&Clue::Opened { arn: arn.clone(), at }, limits::ANSWERS)?, event);
    // Several callers may have opened sessions of one name in one second; then it is not known which this is.
    let callers: HashSet<_> =
        found.iter().filter(|event| event.identity.kind != "AWSAccount").map(|e| e.identity.name()).collect();
    if callers.len() <= 1
        && let Some(found) = best(found)
    {
        return Ok(Some((with_caller(records, found)?.0, Certainty::NameAndTime)));
    }
    if identity.kind == "IAMUser" || identity.kind == "Root" {
        let mut sign_ins = others(records.find(&Clue::SignIn { arn: arn.clone(), before: at }, limits::ANSWERS)?, event);
        sign_ins.sort_by_key(|event| event.time);
        return Ok(sign_ins.pop().map(|sign_in| (sign_in, Certainty::SignIn)));
    }
    Ok(None)
}

fn others(found: Vec<Event>, event: &Event) -> Vec<Event> {
    found.into_iter().filter(|other| other.id != event.id).collect()
}

/// Of copies of one event, the one that tells most of the caller. Failed calls issue nothing.
fn best(mut copies: Vec<Event>) -> Option<Event> {
    copies.sort_by_key(|copy| (copy.identity.arn.is_none(), copy.identity.kind == "AWSAccount", copy.time));
    (!copies.is_empty()).then(|| copies.swap_remove(0))
}

/// The event as the caller's own account has it, if this copy does not tell who called; and whether it was replaced.
fn with_caller<R: Records>(records: &mut R, event: Event) -> Result<(Event, bool), R::Error> {
    let Some(shared) = event.shared_id.clone().filter(|_| event.identity.kind == "AWSAccount") else { return Ok((event, false)) };
    let copies = records.find(&Clue::Shared(shared), limits::ANSWERS)?;
    match best(copies).filter(|copy| copy.identity.kind != "AWSAccount") {
        Some(copy) => Ok((copy, true)),
        None => Ok((event, false)),
    }
}
