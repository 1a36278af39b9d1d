//! Every limit of this crate, in one place.

/// Steps back. Role chains end after an hour each; real ones have two or three.
pub const LINKS: usize = 32;
/// Steps forward from session to session.
pub const DEPTH: usize = 8;
/// Sessions shown forward, of all steps together.
pub const SESSIONS: usize = 200;
/// Events that may answer one clue. Of keys and ids there is one, or one for each account that got a copy.
pub const ANSWERS: usize = 50;
/// Seconds by which the event that issued credentials and their creation date may differ.
pub const ISSUE_SECONDS: i64 = 2;
/// Hours for which a console sign-in can stand behind a session.
pub const SIGN_IN_HOURS: i64 = 12;
/// Names of operations shown of a session.
pub const OPERATIONS: usize = 10;
/// Issuing events that a ledger keeps.
pub const LEDGER_EVENTS: usize = 300_000;
/// Characters of a text taken from a record.
pub const TEXT: usize = 2_048;
