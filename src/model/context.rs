//! What every layer of one forward and backward pass shares.

use candle_core::{Device, Tensor};

use super::config::LAYER_PROJECTIONS;
use crate::error::Result;
use crate::kernels::attention::{Heads, Segments};
use crate::kernels::rope::RotaryTable;
use crate::random::Stream;

/// What every layer of one pass shares.
pub(super) struct Context<'a> {
    /// Document bounds in the concatenated tokens.
    pub segments: &'a Segments,
    /// Each token's position in its document, `[tokens]` u32.
    pub positions: Tensor,
    /// Cosines and sines of the positions.
    pub rotary: &'a RotaryTable,
    /// Heads and their width.
    pub heads: Heads,
    /// Added inside RMSNorm.
    pub epsilon: f64,
    /// The stream that dropout masks come from; none outside of training.
    pub dropout: Option<Stream>,
}

impl<'a> Context<'a> {
    /// Makes the context of a pass over `segments`.
    pub fn new(
        segments: &'a Segments,
        rotary: &'a RotaryTable,
        heads: Heads,
        epsilon: f64,
        dropout: Option<Stream>,
        device: &Device,
    ) -> Result<Self> {
        let positions = Tensor::from_vec(segments.positions(), segments.tokens(), device)?;
        Ok(Self { segments, positions, rotary, heads, epsilon, dropout })
    }
}

/// The streams of the masks of one layer's modules: each has its own, found by where the module stands
/// in the model, so that a layer computed again drops the same elements.
#[derive(Clone, Copy)]
pub(super) struct LayerMasks {
    dropout: Option<Stream>,
    layer: usize,
}

impl LayerMasks {
    /// The masks of a layer, counted from 0; the head comes after the last one.
    pub fn new(dropout: Option<Stream>, layer: usize) -> Self {
        Self { dropout, layer }
    }

    /// The stream of a module, by its place in [`LAYER_PROJECTIONS`].
    pub fn module(&self, which: usize) -> Option<Stream> {
        self.dropout.map(|stream| stream.child((self.layer * LAYER_PROJECTIONS.len() + which) as u64))
    }
}
