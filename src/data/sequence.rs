//! What a model is trained on: token ids, which of them are targets, and where documents begin.

/// Documents packed into one row of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sequence {
    /// Token ids; at most `sequence_length` of them.
    pub ids: Vec<u32>,
    /// Whether token `i` is a target, predicted from token `i - 1` of the same document. As long as `ids`; `false` at
    /// the first token of every document.
    pub trained: Vec<bool>,
    /// Document bounds: `0 = b0 < b1 < … < bn = ids.len()`. Attention and positions restart at each.
    pub bounds: Vec<u32>,
    /// How much the targets of each document count; empty where all count alike.
    pub weights: Vec<f32>,
}

impl Sequence {
    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no token at all.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.trained.iter().filter(|trained| **trained).count()
    }

    /// Number of documents.
    pub fn documents(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }
}
