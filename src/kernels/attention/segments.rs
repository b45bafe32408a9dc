//! Where documents begin and end among concatenated tokens.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use candle_core::Device;

use crate::error::{Error, Result};
use crate::kernels::cuda::attention::Tiles;

/// Document bounds `0 = b0 < b1 < … < bn = tokens`; document `i` is the tokens `b(i)..b(i+1)`.
///
/// What a device needs to know of them is sent to it once, and shared by clones.
#[derive(Debug, Clone)]
pub struct Segments {
    bounds: Arc<[u32]>,
    tiles: Arc<OnceLock<Tiles>>,
}

impl PartialEq for Segments {
    fn eq(&self, other: &Self) -> bool {
        self.bounds == other.bounds
    }
}

impl Eq for Segments {}

impl Segments {
    /// Takes bounds that begin with 0 and grow.
    ///
    /// # Errors
    /// The first bound is not 0, or a bound is not above the one before it: names it.
    pub fn new(bounds: Vec<u32>) -> Result<Self> {
        if bounds.first() != Some(&0) {
            return Err(Error::new("first document bound")
                .got(bounds.first().map_or("missing".into(), u32::to_string))
                .expected("0"));
        }
        if let Some(pair) = bounds.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(Error::new(format!("document bound after {}", pair[0]))
                .got(pair[1])
                .expected("greater: documents are not empty"));
        }
        Ok(Self { bounds: bounds.into(), tiles: Arc::default() })
    }

    /// One document of that many tokens; none if it is 0.
    pub fn one(tokens: usize) -> Self {
        let bounds = if tokens == 0 { vec![0] } else { vec![0, tokens as u32] };
        Self { bounds: bounds.into(), tiles: Arc::default() }
    }

    /// The bounds as given.
    pub fn bounds(&self) -> &[u32] {
        &self.bounds
    }

    /// Tokens of all documents.
    pub fn tokens(&self) -> usize {
        self.bounds.last().map_or(0, |&last| last as usize)
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// True if there is no document.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tokens of each document.
    pub fn iter(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.bounds.windows(2).map(|pair| pair[0] as usize..pair[1] as usize)
    }

    /// Each token's position in its own document.
    pub fn positions(&self) -> Vec<u32> {
        self.iter().flat_map(|range| 0..range.len() as u32).collect()
    }

    /// The tiles that a device's kernels work by, made when they are first asked for.
    pub(in crate::kernels) fn tiles(&self, device: &Device) -> Result<Tiles> {
        if let Some(tiles) = self.tiles.get().filter(|tiles| tiles.are_on(device)) {
            return Ok(tiles.clone());
        }
        let tiles = Tiles::new(self, device)?;
        // Another device's may be there already; those stay.
        let _ = self.tiles.set(tiles.clone());
        Ok(tiles)
    }

    /// Tokens of the longest document.
    pub fn longest(&self) -> usize {
        self.iter().map(|range| range.len()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_restart_at_each_document() -> Result<()> {
        let segments = Segments::new(vec![0, 3, 4, 6])?;
        assert_eq!(segments.positions(), [0, 1, 2, 0, 0, 1]);
        assert_eq!((segments.tokens(), segments.len(), segments.longest()), (6, 3, 3));
        assert_eq!(Segments::one(0).positions(), [] as [u32; 0]);
        Ok(())
    }

    #[test]
    fn bounds_that_do_not_grow_are_named() {
        let text = Segments::new(vec![0, 3, 3]).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(text, Err("document bound after 3 is 3, must be greater: documents are not empty".into()));
        assert!(Segments::new(vec![]).is_err());
        assert!(Segments::new(vec![1, 2]).is_err());
    }
}
