//! Texts that must occur in the bytes of every record that matches a query.

use crate::limits;
use crate::query::{Clause, Field, Pattern, Piece, Query, Reading, Term, Test};

/// Alternatives, in small letters: one of them occurs in each match. `None` if nothing need occur.
pub(super) fn required(query: &Query) -> Option<Vec<String>> {
    of_clause(&query.root).map(|choice| choice.texts)
}

struct Choice {
    texts: Vec<String>,
    /// How rare the least rare of them is thought to be.
    rarity: usize,
}

/// Shorter texts occur everywhere.
const SHORTEST: usize = 3;

/// What nearly every record holds, in small letters. Keys in here are of no use; values are, when there is nothing better.
const USUAL: &str = "eventversion useridentity eventtime eventsource eventname awsregion sourceipaddress useragent \
    requestparameters responseelements requestid eventid readonly eventtype managementevent recipientaccountid \
    eventcategory type principalid arn accountid accesskeyid username management awsapicall iamuser assumedrole \
    .amazonaws.com us-east-1 arn:aws:iam:: arn:aws:sts:: true false null aws-cli/ boto3/ tlsdetails sessioncontext \
    resources attributes sessionissuer https:// tlsv1.2 tlsv1.3";

fn of_clause(clause: &Clause) -> Option<Choice> {
    match clause {
        Clause::All | Clause::Not(_) => None,
        Clause::Term(term) => of_term(term),
        Clause::And(members) => members.iter().filter_map(of_clause).max_by_key(|choice| choice.rarity),
        Clause::Or(members) => {
            let mut together = Choice { texts: Vec::new(), rarity: usize::MAX };
            for member in members {
                let choice = of_clause(member)?;
                together.rarity = together.rarity.min(choice.rarity);
                for text in choice.texts {
                    if !together.texts.contains(&text) {
                        together.texts.push(text);
                    }
                }
                if together.texts.len() > limits::PREFILTER_TEXTS {
                    return None;
                }
            }
            Some(together)
        }
    }
}

fn of_term(term: &Term) -> Option<Choice> {
    match term {
        Term::Phrase(text) => of_texts([text.as_str()]),
        Term::Words(pattern) => of_pattern(pattern),
        Term::Field(field, test) => {
            let value = match test {
                Test::Equals(text) => of_texts([text.as_str()]),
                Test::Like(pattern) => of_pattern(pattern),
                _ => None,
            };
            value.or_else(|| of_keys(field))
        }
    }
}

fn of_pattern(pattern: &Pattern) -> Option<Choice> {
    of_texts(pattern.pieces().iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text.as_str()),
        Piece::Any | Piece::One => None,
    }))
}

/// The rarest stretch that JSON writes in one way only, but for `\u` escapes, which [`super::Prefilter`] looks for.
fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Choice> {
    let written_otherwise = |c: char| matches!(c, '/' | '"' | '\\') || c.is_ascii_control();
    let stretches = texts.into_iter().flat_map(|text| text.split(written_otherwise));
    let choices = stretches.filter(|stretch| stretch.len() >= SHORTEST).map(|stretch| {
        let text = stretch.to_ascii_lowercase();
        // Keys come below any value.
        let rarity = if USUAL.contains(&text) { 1 } else { 100 + text.len() };
        Choice { texts: vec![text], rarity }
    });
    choices.max_by_key(|choice| choice.rarity)
}

/// The innermost key of each place, where that is not in every record.
fn of_keys(field: &Field) -> Option<Choice> {
    let key = |reading: &Reading| {
        let key = reading.path.rsplit('.').next().unwrap_or_default();
        of_texts([key]).filter(|choice| choice.rarity > 1).map(|choice| choice.texts)
    };
    let keys: Option<Vec<Vec<String>>> = field.readings().iter().map(key).collect();
    Some(Choice { texts: keys?.concat(), rarity: 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_text_is_chosen() {
        let check = |query: &str, expect: Option<&[&str]>| {
            let found = required(&Query::parse(query).expect("well-formed"));
            assert_eq!(
                found.as_deref(),
                expect.map(|texts| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()).as_deref(),
                "{query}"
            );
        };
        check("DeleteBucket", Some(&["deletebucket"]));
        check("eventName:Delete* user:alice-the-first", Some(&["alice-the-first"]));
        check("readOnly:true event:RunInstances", Some(&["runinstances"]));
        check("a/bcd/efgh", Some(&["efgh"]));
        check("foo OR bar", Some(&["foo", "bar"]));
        check("foo OR NOT bar", None);
        check("NOT foo", None);
        check("errorCode:*", Some(&["errorcode"]));
        check("eventTime:[2026-01-01 TO *]", None);
        check("ip:10.0.0.0/8 ab", None);
        check("", None);
    }
}
