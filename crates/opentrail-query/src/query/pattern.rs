//! Text with wildcards.

/// Pieces in order. In normal form neither texts nor `Any`s stand side by side, and no text is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// `*`: any number of characters.
    Any,
    /// `?`: one character.
    One,
}

impl Pattern {
    pub fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut pattern = Self::default();
        for piece in pieces {
            pattern.push(piece);
        }
        pattern
    }

    fn push(&mut self, piece: Piece) {
        match (piece, self.pieces.last_mut()) {
            (Piece::Text(text), _) if text.is_empty() => {}
            (Piece::Text(text), Some(Piece::Text(last))) => last.push_str(&text),
            (Piece::Any, Some(Piece::Any)) => {}
            (piece, _) => self.pieces.push(piece),
        }
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether this is `*` alone.
    pub fn is_any(&self) -> bool {
        self.pieces == [Piece::Any]
    }

    pub fn wildcards(&self) -> usize {
        self.pieces.iter().filter(|piece| !matches!(piece, Piece::Text(_))).count()
    }
}
