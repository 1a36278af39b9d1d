//! All terms of a set, looked for together.

use crate::regular::RegularExpression;
use crate::terms::Term;
use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::HashMap;

/// Finds which of many terms a message has, in one pass for all that are plain text.
#[derive(Debug, Default)]
pub struct Vocabulary {
    pieces: Option<AhoCorasick>,
    /// Numbers of terms by number of piece.
    piece_terms: Vec<usize>,
    regular: Vec<(usize, RegularExpression)>,
    /// Pieces without a character, which every message has.
    empty: Vec<usize>,
    terms: usize,
}

/// Terms on their way into a [`Vocabulary`].
#[derive(Debug, Default)]
pub struct Words {
    numbers: HashMap<String, usize>,
    terms: Vec<Term>,
}

impl Words {
    /// The number of a term, which is added if it is new.
    pub fn number(&mut self, term: &Term) -> usize {
        let terms = &mut self.terms;
        *self.numbers.entry(format!("{term:?}")).or_insert_with(|| {
            terms.push(term.clone());
            terms.len() - 1
        })
    }

    pub fn build(self) -> Vocabulary {
        let mut vocabulary = Vocabulary { terms: self.terms.len(), ..Vocabulary::default() };
        let mut pieces = Vec::new();
        for (number, term) in self.terms.into_iter().enumerate() {
            match term {
                Term::Piece(piece) if piece.is_empty() => vocabulary.empty.push(number),
                Term::Piece(piece) => {
                    pieces.push(piece);
                    vocabulary.piece_terms.push(number);
                }
                Term::Regular(regular) => vocabulary.regular.push((number, regular)),
            }
        }
        if !pieces.is_empty() {
            let built = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&pieces);
            vocabulary.pieces = Some(built.expect("patterns of 1,024 characters are far below the automaton's limits"));
        }
        vocabulary
    }
}

impl Vocabulary {
    /// For each term, whether the message has it.
    pub fn look(&self, message: &str) -> Vec<bool> {
        let mut has = vec![false; self.terms];
        for number in &self.empty {
            has[*number] = true;
        }
        if let Some(pieces) = &self.pieces {
            for found in pieces.find_overlapping_iter(message) {
                has[self.piece_terms[found.pattern().as_usize()]] = true;
            }
        }
        for (number, regular) in &self.regular {
            has[*number] = regular.is_match(message);
        }
        has
    }
}
