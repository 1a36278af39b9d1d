//! Which rows of a part meet a condition.

use crate::error::HistoryError;
use crate::limits::{TESTED_BYTES, VALUE_BYTES};
use crate::live::leaves::Kind;
use crate::live::paths::{PathId, Reserved};
use crate::part::{LeafValue, Part, RowsAt, VisitLeaf, WordForm, Work};
use crate::plan::{By, FieldTest, Place, Plan, WordTest};
use crate::rows::{RowSet, Union};
use opentrail_query::matching::walk::Met;
use opentrail_query::query;
use std::ops::ControlFlow;

/// Rows that meet a condition.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub yes: RowSet,
    /// Rows of which the record decides; none of `yes`.
    pub maybe: RowSet,
}

impl Answer {
    fn sure(yes: RowSet) -> Self {
        Self { yes, maybe: RowSet::NONE }
    }

    /// All that can meet it.
    pub fn possible(self, total: u32) -> RowSet {
        if self.maybe.is_none() { self.yes } else { self.yes.or(self.maybe, total) }
    }

    fn and(self, other: Self, total: u32) -> Self {
        if self.maybe.is_none() && other.maybe.is_none() {
            return Self::sure(self.yes.and(other.yes));
        }
        let yes = self.yes.clone().and(other.yes.clone());
        let possible = self.possible(total).and(other.possible(total));
        Self { maybe: possible.without(yes.clone(), total), yes }
    }

    fn or(self, other: Self, total: u32) -> Self {
        let yes = self.yes.or(other.yes, total);
        let maybe = self.maybe.or(other.maybe, total);
        Self { maybe: maybe.without(yes.clone(), total), yes }
    }

    fn not(self, total: u32) -> Self {
        let maybe = self.maybe.clone();
        Self { yes: self.possible(total).not(total), maybe }
    }
}

/// Rows of the part that meet the condition.
pub(crate) fn evaluate(plan: &Plan, part: &dyn Part, work: &mut Work) -> Result<Answer, HistoryError> {
    let total = part.rows();
    work.take(10)?;
    Ok(match plan {
        Plan::All => Answer::sure(RowSet::All),
        Plan::Not(inner) => evaluate(inner, part, work)?.not(total),
        Plan::And(members) => {
            let mut all = Answer::sure(RowSet::All);
            for member in members {
                all = all.and(evaluate(member, part, work)?, total);
                if all.yes.is_none() && all.maybe.is_none() {
                    break;
                }
            }
            all
        }
        Plan::Or(members) => {
            let mut any = Answer::sure(RowSet::NONE);
            for member in members {
                any = any.or(evaluate(member, part, work)?, total);
            }
            any
        }
        Plan::Unsure(inner) => Answer { yes: RowSet::NONE, maybe: evaluate(inner, part, work)?.possible(total) },
        Plan::Exact(place, value) => {
            let path = path_of(part, *place);
            let find = |path, work: &mut Work, visit: VisitLeaf<'_>| part.find_leaf(path, value, work, visit);
            one_path(part, path, work, &find, &|leaf| exactly(leaf, value))?
        }
        Plan::Begins(place, prefix) => {
            let begins = |leaf: LeafValue<'_>| if leaf.value.starts_with(prefix) { Verdict::Yes } else { Verdict::No };
            let find = |path, work: &mut Work, visit: VisitLeaf<'_>| part.each_leaf(path, prefix, work, visit);
            one_path(part, path_of(part, *place), work, &find, &begins)?
        }
        Plan::Ends(place, suffix) => {
            let ends = |leaf: LeafValue<'_>| if leaf.value.ends_with(suffix) { Verdict::Yes } else { Verdict::No };
            let find = |path, work: &mut Work, visit: VisitLeaf<'_>| part.each_leaf(path, b"", work, visit);
            one_path(part, path_of(part, *place), work, &find, &ends)?
        }
        Plan::Present(place) => {
            let find = |path, work: &mut Work, visit: VisitLeaf<'_>| part.each_leaf(path, b"", work, visit);
            one_path(part, path_of(part, *place), work, &find, &|_| Verdict::Yes)?
        }
        Plan::Time(from, to) => within(part, *from, *to, work)?,
        Plan::Words(test) => words(part, test, work)?,
        Plan::Field(tests) => field(part, tests, work)?,
    })
}

enum Verdict {
    Yes,
    No,
    /// For the record to decide.
    Maybe,
}

/// Takes values, keeps where the rows of those are that pass.
struct Passed {
    yes: Vec<RowsAt>,
    maybe: Vec<RowsAt>,
    /// Bytes of the pattern that values are tested with.
    pattern: u64,
    /// Bytes of values times those of the pattern, and how many there may be.
    tested: u64,
    most: u64,
}

impl Passed {
    fn new(pattern: usize, work: &Work) -> Self {
        let most = work.left().saturating_mul(TESTED_BYTES);
        Self { yes: Vec::new(), maybe: Vec::new(), pattern: pattern as u64, tested: 0, most }
    }

    fn take(&mut self, leaf: LeafValue<'_>, judge: &dyn Fn(LeafValue<'_>) -> Verdict) -> ControlFlow<()> {
        self.tested = self.tested.saturating_add(leaf.value.len() as u64 * self.pattern);
        if self.tested > self.most {
            return ControlFlow::Break(());
        }
        match judge(leaf) {
            Verdict::Yes => self.yes.push(leaf.rows),
            Verdict::Maybe => self.maybe.push(leaf.rows),
            Verdict::No => {}
        }
        ControlFlow::Continue(())
    }

    fn into_answer(self, part: &dyn Part, work: &mut Work) -> Result<Answer, HistoryError> {
        // More than there may be is refused here.
        work.take(self.tested.div_ceil(TESTED_BYTES))?;
        let yes = union(part, &self.yes, work)?;
        let maybe = union(part, &self.maybe, work)?;
        Ok(Answer { maybe: maybe.without(yes.clone(), part.rows()), yes })
    }
}

fn union(part: &dyn Part, lists: &[RowsAt], work: &mut Work) -> Result<RowSet, HistoryError> {
    let mut union = Union::new(part.rows());
    for rows in lists {
        part.add_rows(*rows, work, &mut union)?;
    }
    Ok(union.into_set())
}

fn path_of(part: &dyn Part, place: Place) -> Option<PathId> {
    match place {
        Place::Reserved(reserved) => part.path_reserved(reserved),
        Place::Named(name) => part.path_named(name.as_bytes()),
    }
}

type Find<'a> = &'a dyn Fn(PathId, &mut Work, VisitLeaf<'_>) -> Result<(), HistoryError>;

fn one_path(
    part: &dyn Part,
    path: Option<PathId>,
    work: &mut Work,
    find: Find<'_>,
    judge: &dyn Fn(LeafValue<'_>) -> Verdict,
) -> Result<Answer, HistoryError> {
    let Some(path) = path else { return Ok(Answer::sure(RowSet::NONE)) };
    let mut passed = Passed::new(0, work);
    find(path, work, &mut |leaf| passed.take(leaf, judge))?;
    passed.into_answer(part, work)
}

fn exactly(leaf: LeafValue<'_>, value: &[u8]) -> Verdict {
    match leaf.kind {
        Kind::CutText | Kind::CutPlain if value.len() > VALUE_BYTES => Verdict::Maybe,
        Kind::Text | Kind::Plain if leaf.value == value => Verdict::Yes,
        _ => Verdict::No,
    }
}

/// Rows by time. A few have a time that is not just that of their `eventTime`.
fn within(part: &dyn Part, from: i64, to: i64, work: &mut Work) -> Result<Answer, HistoryError> {
    let find = |path, work: &mut Work, visit: VisitLeaf<'_>| part.each_leaf(path, b"", work, visit);
    let irregular = one_path(part, part.path_reserved(Reserved::IrregularTime), work, &find, &|_| Verdict::Yes)?.yes;
    let yes = if from > to { RowSet::NONE } else { part.rows_between(from, to)? };
    Ok(Answer { yes: yes.without(irregular.clone(), part.rows()), maybe: irregular })
}

fn words(part: &dyn Part, test: &WordTest, work: &mut Work) -> Result<Answer, HistoryError> {
    let judge = |leaf: LeafValue<'_>| match leaf.kind {
        Kind::Text | Kind::Plain if test.parts.is_in(leaf.value) => Verdict::Yes,
        Kind::CutText | Kind::CutPlain => Verdict::Maybe,
        _ => Verdict::No,
    };
    let mut passed = Passed::new(test.bytes, work);
    part.each_leaf_with(&test.word, None, work, &mut |leaf| passed.take(leaf, &judge))?;
    passed.into_answer(part, work)
}

/// Paths up to which each is asked for a value by itself.
const FEW_PATHS: usize = 16;
/// Values up to which all are looked at.
const FEW_VALUES: u64 = 1_024;

fn field(part: &dyn Part, tests: &[FieldTest], work: &mut Work) -> Result<Answer, HistoryError> {
    let mut any = Answer::sure(RowSet::NONE);
    for test in tests {
        any = any.or(one_test(part, test, work)?, part.rows());
    }
    // Values at places that are not kept can be of any field.
    let Some(unkept) = part.path_reserved(Reserved::Unkept).filter(|path| part.values(*path) > 0) else { return Ok(any) };
    let find = |path, work: &mut Work, visit: VisitLeaf<'_>| part.each_leaf(path, b"", work, visit);
    let unkept = one_path(part, Some(unkept), work, &find, &|_| Verdict::Maybe)?;
    Ok(any.or(unkept, part.rows()))
}

fn one_test(part: &dyn Part, test: &FieldTest, work: &mut Work) -> Result<Answer, HistoryError> {
    let mut paths = part.paths_below(&test.path);
    work.take(paths.len() as u64)?;
    if test.by == By::Presence {
        return present(part, test, paths, work);
    }
    let mut passed = Passed::new(test.bytes, work);
    let mut judge = |leaf: LeafValue<'_>| passed.take(leaf, &|leaf| verdict(leaf, test));
    let values: u64 = paths.iter().map(|path| part.values(*path)).sum();
    let whole = test.part == query::Part::Whole;
    match &test.by {
        By::Text(text) if whole && paths.len() <= FEW_PATHS => {
            for path in paths {
                part.find_leaf(path, text, work, &mut judge)?;
            }
        }
        By::Prefix(prefix) if whole && !prefix.is_empty() && (paths.len() <= FEW_PATHS || values <= FEW_VALUES) => {
            for path in paths {
                part.each_leaf(path, prefix, work, &mut judge)?;
            }
        }
        _ if values > FEW_VALUES && test.word.form != WordForm::Unknown => {
            part.each_leaf_with(&test.word, Some(&paths), work, &mut judge)?;
        }
        _ => {
            paths.sort_unstable();
            let all = crate::part::Word { form: WordForm::Unknown, uuids: test.word.uuids };
            part.each_leaf_with(&all, Some(&paths), work, &mut judge)?;
        }
    }
    passed.into_answer(part, work)
}

/// Rows that have any value at these paths; those with few values come first, they are most often in every row.
fn present(part: &dyn Part, test: &FieldTest, mut paths: Vec<PathId>, work: &mut Work) -> Result<Answer, HistoryError> {
    paths.sort_by_key(|path| part.values(*path));
    let mut any = Answer::sure(RowSet::NONE);
    for path in paths {
        let mut passed = Passed::new(0, work);
        part.each_leaf(path, b"", work, &mut |leaf| passed.take(leaf, &|leaf| verdict(leaf, test)))?;
        any = any.or(passed.into_answer(part, work)?, part.rows());
        if any.yes.len(part.rows()) == u64::from(part.rows()) {
            break;
        }
    }
    Ok(any)
}

fn verdict(leaf: LeafValue<'_>, test: &FieldTest) -> Verdict {
    let passes = |met| if test.test.passes(met, test.part) { Verdict::Yes } else { Verdict::No };
    match leaf.kind {
        Kind::Text | Kind::Uuid => passes(Met::Text(leaf.value)),
        Kind::Plain => passes(Met::Plain(leaf.value)),
        Kind::Empty => passes(Met::Object),
        Kind::CutText | Kind::CutPlain => match &test.by {
            By::Presence if test.part == query::Part::Whole => Verdict::Yes,
            By::Text(text) if test.part == query::Part::Whole && text.len() <= VALUE_BYTES => Verdict::No,
            _ => Verdict::Maybe,
        },
    }
}
