//! Adding to a tensor that nobody else holds.

use candle_core::{DType, Tensor};

use super::flat::add_in_place;
use crate::error::Result;

/// `fresh + other`, where `fresh` was just computed and is not kept elsewhere.
///
/// On the CPU the sum takes the place of `fresh`: no memory is asked for, and the threads of candle's own pool, which
/// wait by spinning, are not woken.
///
/// # Shapes  both the same
pub fn add(fresh: Tensor, other: &Tensor) -> Result<Tensor> {
    if fresh.device().is_cpu() && fresh.dtype() == DType::F32 && fresh.is_contiguous() {
        add_in_place(&fresh, other)?;
        return Ok(fresh);
    }
    Ok((fresh + other)?)
}
