//! The command `stats`: events in groups.

use crate::aggregate::State;
use crate::error::ExecutionFault;
use crate::evaluate::Scope;
use crate::expression::AggregateCall;
use crate::query::Item;
use crate::row::Row;
use crate::value::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Most groups, distinct values and samples that are kept, together.
const MAX_KEPT: usize = 500_000;

/// Groups so far.
#[derive(Debug)]
pub struct Grouping<'q> {
    aggregates: &'q [AggregateCall],
    items: &'q [Item],
    by: &'q [Item],
    groups: Vec<Group>,
    /// Where the group of some values is.
    places: HashMap<Vec<String>, usize>,
    kept: usize,
}

#[derive(Debug)]
struct Group {
    by: Vec<Value>,
    states: Vec<State>,
}

impl<'q> Grouping<'q> {
    pub fn new(aggregates: &'q [AggregateCall], items: &'q [Item], by: &'q [Item]) -> Self {
        Self { aggregates, items, by, groups: Vec::new(), places: HashMap::new(), kept: 0 }
    }

    pub fn add(&mut self, row: &Row, now: i64) -> Result<(), ExecutionFault> {
        let scope = Scope { row, now, aggregates: &[] };
        let by: Vec<Value> = self.by.iter().map(|item| scope.item(item)).collect();
        let key: Vec<String> = by.iter().map(|value| value.shown().into_owned()).collect();
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => {
                self.kept += 1;
                let states = self.aggregates.iter().map(|call| State::new(call.kind)).collect();
                self.groups.push(Group { by, states });
                self.places.insert(key, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        // Rows of an earlier `stats` have no time of their own, and come in order.
        let at = row.event().map_or(0, |event| event.timestamp);
        for (state, call) in self.groups[place].states.iter_mut().zip(self.aggregates) {
            match &call.of {
                None => state.count(),
                Some(of) => self.kept += state.add(scope.value(of), at),
            }
        }
        if self.kept > MAX_KEPT { Err(ExecutionFault::TooManyGroups(MAX_KEPT)) } else { Ok(()) }
    }

    /// A row for each group, in the order in which they came up.
    pub fn rows(&mut self, now: i64) -> Vec<Row> {
        let names = |items: &[Item]| items.iter().map(|item| Arc::from(item.name.as_str())).collect::<Vec<Arc<str>>>();
        let (by, items) = (names(self.by), names(self.items));
        self.places.clear();
        let finish = |group: Group| {
            let mut row = Row::default();
            for (name, value) in by.iter().zip(group.by) {
                row.set(Arc::clone(name), value);
            }
            let values: Vec<Value> = group.states.into_iter().map(|mut state| state.value()).collect();
            for (name, item) in items.iter().zip(self.items) {
                let value = Scope { row: &row, now, aggregates: &values }.value(&item.expression);
                row.set(Arc::clone(name), value);
            }
            row
        };
        std::mem::take(&mut self.groups).into_iter().map(finish).collect()
    }
}
