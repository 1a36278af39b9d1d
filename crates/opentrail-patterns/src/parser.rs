//! Conditions joined by `&&`, `||` and parentheses, over JSON selectors or field names.

use crate::cursor::Cursor;
use crate::error::PatternError;
use crate::expression::{Expression, Test};
use crate::literal::{Literal, Text, number};
use crate::regular::RegularExpression;

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 64;

/// How a subject is read.
pub type ReadSubject<S> = fn(&mut Cursor<'_>) -> Result<S, PatternError>;

/// Reads `a || b && (c)`.
///
/// # Errors
/// If what stands here is not such an expression.
pub fn expression<S>(cursor: &mut Cursor<'_>, subject: ReadSubject<S>, keywords: bool) -> Result<Expression<S>, PatternError> {
    Parser { subject, keywords, depth: 0 }.or(cursor)
}

struct Parser<S> {
    subject: ReadSubject<S>,
    /// Whether `IS NULL`, `IS TRUE`, `IS FALSE` and `NOT EXISTS` are known.
    keywords: bool,
    depth: usize,
}

impl<S> Parser<S> {
    fn or(&mut self, cursor: &mut Cursor<'_>) -> Result<Expression<S>, PatternError> {
        let mut members = vec![self.and(cursor)?];
        while {
            cursor.skip_blanks();
            cursor.take("||")
        } {
            members.push(self.and(cursor)?);
        }
        Ok(if members.len() == 1 { members.remove(0) } else { Expression::Or(members) })
    }

    fn and(&mut self, cursor: &mut Cursor<'_>) -> Result<Expression<S>, PatternError> {
        let mut members = vec![self.primary(cursor)?];
        while {
            cursor.skip_blanks();
            cursor.take("&&")
        } {
            members.push(self.primary(cursor)?);
        }
        Ok(if members.len() == 1 { members.remove(0) } else { Expression::And(members) })
    }

    fn primary(&mut self, cursor: &mut Cursor<'_>) -> Result<Expression<S>, PatternError> {
        cursor.skip_blanks();
        let start = cursor.clone();
        if !cursor.take("(") {
            let subject = (self.subject)(cursor)?;
            return Ok(Expression::Condition(subject, self.test(cursor)?));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(start.error());
        }
        let inner = self.or(cursor)?;
        self.depth -= 1;
        cursor.skip_blanks();
        if cursor.take(")") { Ok(inner) } else { Err(cursor.error()) }
    }

    fn test(&self, cursor: &mut Cursor<'_>) -> Result<Test, PatternError> {
        cursor.skip_blanks();
        if self.keywords {
            if cursor.take_keyword("IS") {
                cursor.skip_blanks();
                return match () {
                    () if cursor.take_keyword("NULL") => Ok(Test::IsNull),
                    () if cursor.take_keyword("TRUE") => Ok(Test::Is(true)),
                    () if cursor.take_keyword("FALSE") => Ok(Test::Is(false)),
                    () => Err(cursor.error()),
                };
            }
            if cursor.take_keyword("NOT") {
                cursor.skip_blanks();
                return if cursor.take_keyword("EXISTS") { Ok(Test::NotExists) } else { Err(cursor.error()) };
            }
        }
        let operator = ["!=", "<=", ">=", "=", "<", ">"].into_iter().find(|operator| cursor.take(operator));
        let Some(operator) = operator else { return Err(cursor.error()) };
        cursor.skip_blanks();
        match operator {
            "=" => Ok(Test::Equal(literal(cursor)?)),
            "!=" => Ok(Test::NotEqual(literal(cursor)?)),
            "<" => Ok(Test::Less(bound(cursor)?)),
            "<=" => Ok(Test::LessOrEqual(bound(cursor)?)),
            ">" => Ok(Test::Greater(bound(cursor)?)),
            _ => Ok(Test::GreaterOrEqual(bound(cursor)?)),
        }
    }
}

fn literal(cursor: &mut Cursor<'_>) -> Result<Literal, PatternError> {
    match cursor.peek() {
        Some('"') => Ok(Literal::Text(Text::new(&cursor.quoted()?))),
        Some('%') => Ok(Literal::Regular(RegularExpression::parse(cursor.regular()?)?)),
        _ => match bare(cursor)? {
            "null" => Err(PatternError::Term("null".into())),
            word => Ok(Literal::bare(word)),
        },
    }
}

fn bound(cursor: &mut Cursor<'_>) -> Result<f64, PatternError> {
    let word = bare(cursor)?;
    number(word).ok_or_else(|| PatternError::Term(word.to_owned()))
}

fn bare<'t>(cursor: &mut Cursor<'t>) -> Result<&'t str, PatternError> {
    let start = cursor.clone();
    match cursor.take_while(|c| c.is_alphanumeric() || "_-.+*".contains(c)) {
        "" => Err(start.error()),
        word => Ok(word),
    }
}
