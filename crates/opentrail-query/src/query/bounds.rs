//! Ranges.

/// Values between two edges; an edge that is missing is open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds<T> {
    pub lower: Option<Edge<T>>,
    pub upper: Option<Edge<T>>,
}

/// An end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge<T> {
    pub value: T,
    pub included: bool,
}

impl<T> Edge<T> {
    pub fn included(value: T) -> Self {
        Self { value, included: true }
    }

    pub fn excluded(value: T) -> Self {
        Self { value, included: false }
    }
}

impl<T: PartialOrd> Bounds<T> {
    pub fn contain(&self, value: &T) -> bool {
        let above = self.lower.as_ref().is_none_or(|edge| *value > edge.value || edge.included && *value == edge.value);
        let below = self.upper.as_ref().is_none_or(|edge| *value < edge.value || edge.included && *value == edge.value);
        above && below
    }
}
