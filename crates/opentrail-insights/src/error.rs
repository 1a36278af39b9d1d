//! What can be wrong with a query.

/// Why a text is not a query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryFault {
    pub message: String,
    /// Characters from the start of the query to where it is not understood, and to where that ends.
    pub start: usize,
    pub end: usize,
}

/// Why a query could not be run to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecutionFault {
    #[error("the query makes more than {0} groups or distinct values")]
    TooManyGroups(usize),
    #[error("the query's results are larger than {0} bytes")]
    TooLarge(usize),
}
