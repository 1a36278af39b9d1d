//! Text to query, by recursive descent.
//!
//! ```text
//! any  := all (OR all)*                  all := not ((AND)? not)*
//! not  := (NOT | - | +) not | term       term := ( any ) | field : value | words
//! value := word | "text" | [a TO b] | >=a | ( any, of values )
//! ```

use super::ast::{Clause, Query, Term, Test};
use super::bounds::Edge;
use super::field::Field;
use super::instant;
use super::lexer::{Cursor, Until, Word};
use super::network::Network;
use super::pattern::{Pattern, Piece};
use super::ranges;
use super::syntax_error::{Reason, SyntaxError};
use crate::limits;
use std::ops::Range;

pub(super) fn parse(text: &str) -> Result<Query, SyntaxError> {
    if text.len() > limits::QUERY_BYTES {
        let reason = Reason::TooLong { limit: limits::QUERY_BYTES };
        return Err(SyntaxError::new(text, limits::QUERY_BYTES..limits::QUERY_BYTES, reason));
    }
    let mut parser = Parser { cursor: Cursor { query: text, at: 0 }, field: None, terms: 0, depth: 0 };
    parser.cursor.skip_space();
    if parser.cursor.peek().is_none() {
        return Ok(Query::all());
    }
    let root = parser.any()?;
    match parser.cursor.peek() {
        None => Ok(Query { root }),
        Some(_) => Err(parser.cursor.error_here(Reason::UnmatchedParenthesis)),
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    /// Inside `field:( … )`.
    field: Option<Field>,
    terms: usize,
    depth: usize,
}

const AND: [&str; 2] = ["AND", "&&"];
const OR: [&str; 2] = ["OR", "||"];
const NOT: [&str; 1] = ["NOT"];

impl Parser<'_> {
    fn any(&mut self) -> Result<Clause, SyntaxError> {
        let mut members = vec![self.all()?];
        while let Some(operator) = self.cursor.eat_operator(&OR) {
            self.cursor.skip_space();
            if self.at_end() {
                return Err(self.cursor.error(operator, Reason::MissingOperand { operator: "OR" }));
            }
            members.push(self.all()?);
        }
        Ok(Clause::or(members))
    }

    fn all(&mut self) -> Result<Clause, SyntaxError> {
        let mut members = Vec::new();
        loop {
            for (names, operator) in [(&AND, "AND"), (&OR, "OR")] {
                let mut ahead = self.cursor.clone();
                if members.is_empty()
                    && let Some(span) = ahead.eat_operator(names)
                {
                    return Err(self.cursor.error(span, Reason::MissingOperand { operator }));
                }
            }
            members.push(self.not()?);
            self.cursor.skip_space();
            if self.at_end() || self.cursor.clone().eat_operator(&OR).is_some() {
                return Ok(Clause::and(members));
            }
            if let Some(operator) = self.cursor.eat_operator(&AND) {
                self.cursor.skip_space();
                let dangling = self.at_end() || [AND, OR].iter().any(|names| self.cursor.clone().eat_operator(names).is_some());
                if dangling {
                    return Err(self.cursor.error(operator, Reason::MissingOperand { operator: "AND" }));
                }
            }
        }
    }

    fn at_end(&self) -> bool {
        matches!(self.cursor.peek(), None | Some(')'))
    }

    fn not(&mut self) -> Result<Clause, SyntaxError> {
        let start = self.cursor.at;
        if let Some(operator) = self.cursor.eat_operator(&NOT) {
            self.cursor.skip_space();
            return self.negated(operator, "NOT");
        }
        // Inside a field's parentheses a sign may belong to a number.
        let number = self.field.is_some() && self.cursor.rest().chars().nth(1).is_some_and(|c| c.is_ascii_digit());
        if self.cursor.peek() == Some('-') && !number {
            self.cursor.eat('-');
            return self.negated(start..start + 1, "-");
        }
        if self.cursor.peek() == Some('+') && !number {
            self.cursor.eat('+');
            if self.at_end() || self.cursor.peek().is_some_and(char::is_whitespace) {
                return Err(self.cursor.error(start..start + 1, Reason::MissingTerm { operator: "+" }));
            }
        }
        self.term()
    }

    fn negated(&mut self, span: Range<usize>, operator: &'static str) -> Result<Clause, SyntaxError> {
        let dangling = [AND, OR].iter().any(|names| self.cursor.clone().eat_operator(names).is_some());
        if self.at_end() || dangling || self.cursor.peek().is_some_and(char::is_whitespace) {
            return Err(self.cursor.error(span, Reason::MissingTerm { operator }));
        }
        let clause = self.deeper(span, Self::not)?;
        Ok(Clause::Not(Box::new(clause)))
    }

    fn deeper(&mut self, span: Range<usize>, parse: fn(&mut Self) -> Result<Clause, SyntaxError>) -> Result<Clause, SyntaxError> {
        if self.depth == limits::QUERY_NESTING {
            return Err(self.cursor.error(span, Reason::TooDeep { limit: limits::QUERY_NESTING }));
        }
        self.depth += 1;
        let clause = parse(self)?;
        self.depth -= 1;
        Ok(clause)
    }

    fn parenthesis(&mut self) -> Result<Clause, SyntaxError> {
        let open = self.cursor.at..self.cursor.at + 1;
        self.cursor.eat('(');
        self.cursor.skip_space();
        if self.cursor.peek() == Some(')') {
            return Err(self.cursor.error(open.start..self.cursor.at + 1, Reason::EmptyParentheses));
        }
        if self.cursor.peek().is_none() {
            return Err(self.cursor.error(open, Reason::OpenParenthesis));
        }
        let clause = self.deeper(open.clone(), Self::any)?;
        if !self.cursor.eat(')') {
            return Err(self.cursor.error(open, Reason::OpenParenthesis));
        }
        Ok(clause)
    }

    fn term(&mut self) -> Result<Clause, SyntaxError> {
        if self.cursor.peek() == Some('(') {
            return self.parenthesis();
        }
        if let Some(field) = self.field.clone() {
            return self.value(field);
        }
        if self.cursor.peek() == Some('"') {
            let start = self.cursor.at;
            let text = self.cursor.quoted()?;
            let clause = if text.is_empty() { Clause::All } else { Clause::Term(Term::Phrase(text)) };
            return self.counted(start, clause);
        }
        if let Some(field) = self.field_name()? {
            return self.value(field);
        }
        self.words()
    }

    /// The field named here, the colon behind it eaten; `None` if no field is named.
    fn field_name(&mut self) -> Result<Option<Field>, SyntaxError> {
        let start = self.cursor.at;
        let mut ahead = self.cursor.clone();
        // A quote inside is an error of words, which comes later.
        let Ok(name) = ahead.word(Until::Colon) else { return Ok(None) };
        if !ahead.eat(':') {
            return Ok(None);
        }
        // Texts with colons that people paste: ARNs, addresses of pages and of machines.
        let raw_end =
            self.cursor.rest().find(|c: char| c.is_whitespace() || "()".contains(c)).unwrap_or(self.cursor.rest().len());
        let raw = &self.cursor.rest()[..raw_end];
        if raw.starts_with("arn:") || ahead.rest().starts_with("//") || Network::parse(raw).is_some() {
            return Ok(None);
        }
        if name.pattern.is_any() && ahead.rest().starts_with('*') {
            return Ok(None);
        }
        let Some(text) = name.text() else { return Err(self.cursor.error(name.span, Reason::WildcardHere)) };
        let field = Field::named(text).ok_or_else(|| {
            let bad = text.is_empty() || text.split('.').skip(1).any(str::is_empty);
            let unknown = || Reason::UnknownField { name: text.to_owned(), nearest: Field::nearest(text) };
            let span = if bad { start..name.span.end + 1 } else { name.span.clone() };
            self.cursor.error(span, if bad { Reason::BadFieldName } else { unknown() })
        })?;
        self.cursor.at = ahead.at;
        Ok(Some(field))
    }

    /// Words without a field.
    fn words(&mut self) -> Result<Clause, SyntaxError> {
        let start = self.cursor.at;
        if matches!(self.cursor.peek(), Some('[' | '{')) {
            return Err(self.cursor.error_here(Reason::RangeWithoutField));
        }
        let word = self.cursor.word(Until::Parenthesis)?;
        // Lucene's way to say everything.
        let everything = word.pattern.is_any() || self.cursor.query.get(word.span.clone()) == Some("*:*");
        if everything {
            return self.counted(start, Clause::All);
        }
        let Some(text) = word.text() else {
            self.check_wildcards(&word)?;
            let spaced = |piece: &Piece| matches!(piece, Piece::Text(text) if text.contains(char::is_whitespace));
            if word.pattern.pieces().iter().any(spaced) {
                return Err(self.cursor.error(word.span, Reason::SpaceInPattern));
            }
            return self.counted(start, Clause::Term(Term::Words(word.pattern)));
        };
        if !word.escaped
            && let Some(at) = text.find(['=', '<', '>', '!'])
            && Field::is_member(&text[..at])
        {
            return Err(self.cursor.error(word.span.clone(), Reason::WrongOperator { name: text[..at].to_owned() }));
        }
        let clause = Clause::Term(Term::Phrase(text.to_owned()));
        self.counted(start, clause)
    }

    fn value(&mut self, field: Field) -> Result<Clause, SyntaxError> {
        let start = self.cursor.at;
        match self.cursor.peek() {
            None | Some(')') => Err(self.cursor.error_here(Reason::MissingValue)),
            Some(c) if c.is_whitespace() => Err(self.cursor.error(start..start, Reason::MissingValue)),
            Some('(') => {
                let outer = self.field.replace(field);
                let clause = self.parenthesis();
                self.field = outer;
                clause
            }
            Some('"') => {
                let text = self.cursor.quoted()?;
                self.counted(start, Clause::Term(Term::Field(field, Test::Equals(text))))
            }
            Some('[' | '{') => {
                let test = ranges::range(&mut self.cursor, field.holds_times())?;
                self.counted(start, Clause::Term(Term::Field(field, test)))
            }
            Some('<' | '>') => {
                let test = ranges::comparison(&mut self.cursor, field.holds_times())?;
                self.counted(start, Clause::Term(Term::Field(field, test)))
            }
            Some(_) => {
                let word = self.cursor.word(Until::Parenthesis)?;
                self.check_wildcards(&word)?;
                let test = value_test(&field, word.pattern, word.escaped);
                self.counted(start, Clause::Term(Term::Field(field, test)))
            }
        }
    }

    fn check_wildcards(&self, word: &Word) -> Result<(), SyntaxError> {
        if word.pattern.wildcards() > limits::TERM_WILDCARDS {
            return Err(self.cursor.error(word.span.clone(), Reason::TooManyWildcards { limit: limits::TERM_WILDCARDS }));
        }
        Ok(())
    }

    fn counted(&mut self, start: usize, clause: Clause) -> Result<Clause, SyntaxError> {
        self.terms += 1;
        if self.terms > limits::QUERY_TERMS {
            return Err(self.cursor.error(start..self.cursor.at, Reason::TooManyTerms { limit: limits::QUERY_TERMS }));
        }
        Ok(clause)
    }
}

/// What a word after a field asks for.
fn value_test(field: &Field, pattern: Pattern, escaped: bool) -> Test {
    let text = match pattern.pieces() {
        [Piece::Any] => return Test::Exists,
        [Piece::Text(text)] => text,
        _ => return Test::Like(pattern),
    };
    if escaped {
        return Test::Equals(text.clone());
    }
    if let Some(network) = Network::parse(text) {
        return Test::Within(network);
    }
    if field.holds_times()
        && let Some((start, end)) = instant::parse_period(text)
    {
        return Test::Time(super::Bounds { lower: Some(Edge::included(start)), upper: Some(Edge::excluded(end)) });
    }
    if field.is_source() && !text.contains('.') {
        return Test::Equals(format!("{text}.amazonaws.com"));
    }
    Test::Equals(text.clone())
}
