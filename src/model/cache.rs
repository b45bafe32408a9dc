//! The keys and values of earlier tokens, so that each new token costs one token's work.
//!
//! Rows (texts being generated) lie side by side in one tensor per layer. It grows with the longest row, and
//! the place of a row that is finished is taken by the last one.

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::kernels::attention::cache_write;

/// The cache grows by this many positions at a time.
const GROWTH: usize = 256;

/// Keys and values of one layer, each `[rows, capacity, key_value_width]`.
#[derive(Debug, Clone)]
pub(super) struct LayerCache {
    keys: Tensor,
    values: Tensor,
}

impl LayerCache {
    /// Keys and values of the first rows; views that see what is written.
    pub fn rows(&self, count: usize) -> Result<(Tensor, Tensor)> {
        Ok((self.keys.narrow(0, 0, count)?, self.values.narrow(0, 0, count)?))
    }

    /// Keys and values of the first tokens of a row, `[tokens, key_value_width]`.
    pub fn row(&self, row: usize, tokens: usize) -> Result<(Tensor, Tensor)> {
        let of_row = |cache: &Tensor| cache.get(row)?.narrow(0, 0, tokens);
        Ok((of_row(&self.keys)?, of_row(&self.values)?))
    }

    /// Stores the keys and values of the tokens from place `first` on in a row.
    pub fn fill(&self, row: usize, first: usize, k: &Tensor, v: &Tensor) -> Result<()> {
        let tokens = k.dim(0)?;
        let (rows, places) = (vec![row; tokens], (first..first + tokens).collect::<Vec<_>>());
        cache_write(&self.keys, &rows, &places, k)?;
        cache_write(&self.values, &rows, &places, v)
    }
}

/// The cache of all layers.
pub(super) struct Cache {
    layers: Vec<LayerCache>,
    rows: usize,
    capacity: usize,
}

impl Cache {
    /// An empty cache of that many rows, with room for `positions` each.
    pub fn new(
        layers: usize,
        rows: usize,
        positions: usize,
        width: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let capacity = positions.next_multiple_of(GROWTH);
        let layers = (0..layers)
            .map(|_| {
                let zeros = || Tensor::zeros((rows, capacity, width), dtype, device);
                Ok(LayerCache { keys: zeros()?, values: zeros()? })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { layers, rows, capacity })
    }

    /// The layers, in order.
    pub fn layers(&self) -> &[LayerCache] {
        &self.layers
    }

    /// Makes room for that many positions.
    pub fn reserve(&mut self, positions: usize) -> Result<()> {
        if positions <= self.capacity {
            return Ok(());
        }
        let capacity = positions.next_multiple_of(GROWTH);
        for layer in &mut self.layers {
            for tensor in [&mut layer.keys, &mut layer.values] {
                let width = tensor.dim(2)?;
                let larger = Tensor::zeros((self.rows, capacity, width), tensor.dtype(), tensor.device())?;
                larger.slice_set(tensor, 1, 0)?;
                *tensor = larger;
            }
        }
        self.capacity = capacity;
        Ok(())
    }

    /// Puts what row `from` holds in the place of row `to`.
    pub fn move_row(&self, from: usize, to: usize, positions: usize) -> Result<()> {
        if from == to {
            return Ok(());
        }
        for layer in &self.layers {
            for tensor in [&layer.keys, &layer.values] {
                let row = tensor.narrow(0, from, 1)?.narrow(1, 0, positions)?.force_contiguous()?;
                tensor.narrow(0, to, 1)?.slice_set(&row, 1, 0)?;
            }
        }
        Ok(())
    }
}
