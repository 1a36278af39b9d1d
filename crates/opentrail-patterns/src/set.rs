//! Many patterns over one message.

use crate::error::PatternError;
use crate::expression::{Expression, Test};
use crate::fields::{Fields, Line};
use crate::leaf::Leaf;
use crate::pattern::{FilterPattern, Kind};
use crate::selector::Selector;
use crate::terms::{Term, Terms};
use crate::trie::{Trie, Values};
use crate::vocabulary::{Vocabulary, Words};
use std::borrow::Cow;
use std::collections::HashMap;

/// A value that a filter wants of the messages it matches: a metric's value or a dimension.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// `$.a.b` of a JSON pattern.
    Selector(Selector),
    /// `$bytes` or `$7` of a space-delimited pattern.
    Field(String),
}

impl Reference {
    /// # Errors
    /// If the text does not begin with `$`, or is no selector or name.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.starts_with("$.") {
            return Selector::parse(text).map(Self::Selector);
        }
        let name = text.strip_prefix('$').filter(|name| !name.is_empty());
        let name = name.filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-'));
        name.map(|name| Self::Field(name.to_owned())).ok_or_else(|| PatternError::Term(text.to_owned()))
    }

    /// Whether a pattern's messages can have it.
    pub fn fits(&self, pattern: &FilterPattern) -> bool {
        match (self, &pattern.kind) {
            (Self::Selector(_), Kind::Json(_)) => true,
            (Self::Field(name), Kind::Fields(fields)) => fields.names(name),
            _ => false,
        }
    }
}

/// A filter for a set.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub pattern: FilterPattern,
    pub references: Vec<Reference>,
}

impl From<FilterPattern> for Wanted {
    fn from(pattern: FilterPattern) -> Self {
        Self { pattern, references: Vec::new() }
    }
}

/// A filter that matched.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found<'m> {
    /// Its place among the filters that the set was made of.
    pub filter: usize,
    /// What its references found, in their order.
    pub values: Vec<Option<Leaf<'m>>>,
    /// All fields of the line, for space-delimited patterns: `$name` or `$7`, and the value.
    pub fields: Vec<(String, &'m str)>,
}

/// Filters compiled together. Each message is taken apart once for all of them.
#[derive(Debug, Default)]
pub struct FilterSet {
    filters: Vec<Filter>,
    trie: Trie,
    /// Conditions by selector.
    conditions: Vec<Conditions>,
    condition_count: usize,
    vocabulary: Vocabulary,
    has_json: bool,
    has_terms: bool,
    has_fields: bool,
}

#[derive(Debug)]
enum Filter {
    /// Leaves are numbers of conditions; references are numbers of selectors.
    Json(Expression<usize>, Vec<Option<usize>>),
    Terms(Numbered),
    Fields(Fields, Vec<Reference>),
}

/// Terms as numbers in the vocabulary.
#[derive(Debug)]
struct Numbered {
    required: Vec<usize>,
    excluded: Vec<usize>,
    optional: Vec<usize>,
}

impl Numbered {
    fn new(terms: &Terms, words: &mut Words) -> Self {
        let mut numbers = |list: &[Term]| list.iter().map(|term| words.number(term)).collect();
        Self { required: numbers(&terms.required), excluded: numbers(&terms.excluded), optional: numbers(&terms.optional) }
    }

    fn hold(&self, has: &[bool]) -> bool {
        self.required.iter().all(|term| has[*term])
            && !self.excluded.iter().any(|term| has[*term])
            && (self.optional.is_empty() || self.optional.iter().any(|term| has[*term]))
    }
}

/// The conditions on one selector, each once.
#[derive(Debug, Default)]
struct Conditions {
    /// Equal to a text without wildcard: most conditions there are.
    equal: HashMap<String, usize>,
    tests: Vec<(usize, Test)>,
    not_exists: Option<usize>,
    numbers: HashMap<String, usize>,
}

impl FilterSet {
    pub fn new(filters: impl IntoIterator<Item = Wanted>) -> Self {
        let mut set = Self::default();
        let mut words = Words::default();
        for Wanted { pattern, references } in filters {
            let filter = match pattern.kind {
                Kind::Json(expression) => {
                    set.has_json = true;
                    let expression = expression.map(&mut |selector, test| set.condition(selector, test));
                    let references = references.iter().map(|reference| match reference {
                        Reference::Selector(selector) => Some(set.selector(selector)),
                        Reference::Field(_) => None,
                    });
                    Filter::Json(expression, references.collect())
                }
                Kind::Terms(terms) => {
                    set.has_terms = true;
                    Filter::Terms(Numbered::new(&terms, &mut words))
                }
                Kind::Fields(fields) => {
                    set.has_fields = true;
                    Filter::Fields(fields, references)
                }
            };
            set.filters.push(filter);
        }
        set.vocabulary = words.build();
        set
    }

    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    fn selector(&mut self, selector: &Selector) -> usize {
        let number = self.trie.number(selector);
        if self.conditions.len() <= number {
            self.conditions.resize_with(number + 1, Conditions::default);
        }
        number
    }

    /// The number of a condition as an expression's leaf.
    fn condition(&mut self, selector: &Selector, test: &Test) -> Expression<usize> {
        let selector = self.selector(selector);
        let next = self.condition_count;
        let conditions = &mut self.conditions[selector];
        let number = match test {
            Test::NotExists => *conditions.not_exists.get_or_insert(next),
            Test::Equal(crate::literal::Literal::Text(text)) if text.exact().is_some() => {
                *conditions.equal.entry(text.middle.clone()).or_insert(next)
            }
            other => {
                let number = *conditions.numbers.entry(format!("{other:?}")).or_insert(next);
                if number == next {
                    conditions.tests.push((number, other.clone()));
                }
                number
            }
        };
        self.condition_count = self.condition_count.max(number + 1);
        Expression::Condition(number, Test::NotExists)
    }

    /// The filters that a message matches, in their order.
    pub fn matches<'m>(&self, message: &'m str) -> Vec<Found<'m>> {
        let json = if self.has_json { self.trie.walk(message) } else { None };
        let truths = json.as_ref().map(|values| self.truths(values)).unwrap_or_default();
        let has = if self.has_terms { self.vocabulary.look(message) } else { Vec::new() };
        let line = self.has_fields.then(|| Line::new(message));
        let matching = |filter: &Filter| -> Option<Found<'m>> {
            match filter {
                Filter::Json(expression, references) => {
                    let values = json.as_ref().filter(|_| expression.holds(&mut |condition, _| truths[*condition]))?;
                    let value = |selector: &Option<usize>| selector.and_then(|selector| values[selector].first().cloned());
                    Some(Found { values: references.iter().map(value).collect(), ..Found::default() })
                }
                Filter::Terms(numbered) => numbered.hold(&has).then(Found::default),
                Filter::Fields(fields, references) => {
                    let extracted = fields.extract(line.as_ref()?)?;
                    let values = references.iter().map(|reference| field(&extracted, reference)).collect();
                    Some(Found { values, fields: extracted, ..Found::default() })
                }
            }
        };
        let numbered = self.filters.iter().enumerate();
        numbered.filter_map(|(number, filter)| Some(Found { filter: number, ..matching(filter)? })).collect()
    }

    /// For each condition, whether it holds.
    fn truths(&self, values: &Values<'_>) -> Vec<bool> {
        let mut truths = vec![false; self.condition_count];
        for (conditions, values) in self.conditions.iter().zip(values) {
            if let Some(number) = conditions.not_exists {
                truths[number] = values.is_empty();
            }
            for value in values {
                if let Leaf::Text(_) | Leaf::Number(_) = value
                    && let Some(number) = value.as_text().and_then(|text| conditions.equal.get(text))
                {
                    truths[*number] = true;
                }
                for (number, test) in &conditions.tests {
                    truths[*number] |= passes(test, value);
                }
            }
        }
        truths
    }
}

fn field<'m>(extracted: &[(String, &'m str)], reference: &Reference) -> Option<Leaf<'m>> {
    let Reference::Field(wanted) = reference else { return None };
    let by_name = extracted.iter().find(|(name, _)| name.strip_prefix('$') == Some(wanted));
    let by_place = || wanted.parse::<usize>().ok().and_then(|place| extracted.get(place.checked_sub(1)?));
    by_name.or_else(by_place).map(|(_, value)| Leaf::Text(Cow::Borrowed(value)))
}

fn passes(test: &Test, leaf: &Leaf<'_>) -> bool {
    match test {
        Test::Equal(literal) => literal.equals(leaf).unwrap_or(false),
        Test::NotEqual(literal) => literal.equals(leaf).is_some_and(|equal| !equal),
        Test::IsNull => matches!(leaf, Leaf::Null | Leaf::Array { holds_null: true }),
        Test::Is(wanted) => *leaf == Leaf::Bool(*wanted),
        Test::NotExists => false,
        ordering => match leaf {
            Leaf::Number(spelling) => crate::literal::number(spelling).is_some_and(|value| ordering.orders(value)),
            _ => false,
        },
    }
}
