//! The `NextToken` of LookupEvents and Search: where the next page begins, bound to the question it belongs to.
//!
//! The token is not secret and not signed: all that a forged one can do is begin somewhere else in the answer to the
//! caller's own question.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opentrail_history::Cursor;
use opentrail_wire::ApiError;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// How long a token may be used.
const LIFETIME_SECONDS: i64 = 3600;
/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 512;

#[derive(Serialize, Deserialize)]
struct Token {
    /// Time and position of the last event of the page before.
    t: i64,
    p: u64,
    /// Hash of the question.
    q: String,
    /// Seconds since 1970 until which the token holds.
    e: i64,
}

/// A short name for a question: all parameters except the token.
pub(crate) fn question(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        // Lengths keep ["ab", "c"] and ["a", "bc"] apart.
        text.push_str(&format!("{}:{part}", part.len()));
    }
    hex::encode(&digest(&SHA256, text.as_bytes()).as_ref()[..12])
}

pub(crate) fn write(question: &str, cursor: Cursor, now: OffsetDateTime) -> String {
    let token = Token { t: cursor.time, p: cursor.position, q: question.to_owned(), e: now.unix_timestamp() + LIFETIME_SECONDS };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).expect("numbers and text always serialise"))
}

/// # Errors
/// `InvalidNextTokenException` if the token is none of ours, belongs to another question or is too old.
pub(crate) fn read(text: &str, question: &str, now: OffsetDateTime) -> Result<Cursor, ApiError> {
    let invalid = || ApiError::new("InvalidNextTokenException", "Invalid NextToken.");
    if text.len() > MAX_TOKEN_BYTES {
        return Err(invalid());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
    if token.q != question || token.e < now.unix_timestamp() {
        return Err(invalid());
    }
    Ok(Cursor { time: token.t, position: token.p })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use time::macros::datetime;

    #[test]
    fn tokens_hold_for_their_question_and_their_hour() {
        let now = datetime!(2026-11-21 10:00:00 UTC);
        let mine = question(&["ab", "c"]);
        let token = write(&mine, Cursor { time: 7, position: 9 }, now);
        let cursor = read(&token, &mine, now + Duration::hours(1)).expect("valid");
        assert_eq!((cursor.time, cursor.position), (7, 9));
        assert!(read(&token, &question(&["a", "bc"]), now).is_err());
        assert!(read(&token, &mine, now + Duration::hours(2)).is_err());
        for bad in ["", "x", "!!", &"A".repeat(10_000), &token[1..]] {
            assert!(read(bad, &mine, now).is_err(), "{bad}");
        }
    }
}
