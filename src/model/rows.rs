//! Some rows of a weight in place of the base's own, the others as they are: PEFT's trainable tokens.
//!
//! A row that is trained is the row itself, not what is added to it, so it means the same on a base whose new rows were
//! drawn anew.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::low_rank::Factor;
use super::parameters::GradientSink;
use crate::error::{Error, Result};
use crate::kernels::adamw::add_in_place;
use crate::kernels::cross_entropy::{self, Scale};
use crate::kernels::embedding;
use crate::kernels::matmul::{linear, linear_weight_gradient};

/// Rows of the head's input whose products with the own rows exist at one time.
const CHUNK_ROWS: usize = 512;

/// Rows in place of a weight's own.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Which rows of the weight, each once.
    pub ids: Arc<[u32]>,
    /// What stands there, `[ids, columns]`.
    pub own: Factor,
    /// The place of each row in `own`.
    slots: Arc<HashMap<u32, u32>>,
}

impl Rows {
    /// Rows of these numbers.
    ///
    /// # Errors
    /// There is not one row for each number, or a number comes twice.
    pub fn new(ids: &[u32], own: Factor) -> Result<Self> {
        let slots: HashMap<u32, u32> = ids.iter().copied().zip(0..).collect();
        let rows = own.value().dim(0)?;
        if slots.len() != ids.len() || rows != ids.len() {
            return Err(Error::new("rows in place of a weight's own")
                .got(rows)
                .expected(format!("one for each of {} numbers that all differ", ids.len())));
        }
        Ok(Self { ids: ids.into(), own, slots: Arc::new(slots) })
    }

    /// The whole weight, with these rows in it.
    ///
    /// # Shapes  `base: [rows, columns]` → the same
    pub fn whole(&self, base: &Tensor) -> Result<Tensor> {
        let own = self.own.value().to_dtype(base.dtype())?.contiguous()?;
        let whole = base.copy()?;
        let mut start = 0;
        // Numbers that follow each other, as those of new tokens do, are written at once.
        for run in self.ids.chunk_by(|one, next| one.checked_add(1) == Some(*next)) {
            let first = run.first().copied().unwrap_or(0) as usize;
            whole.slice_set(&own.narrow(0, start, run.len())?.contiguous()?, 0, first)?;
            start += run.len();
        }
        Ok(whole)
    }

    /// The rows of some tokens.
    ///
    /// # Shapes  `base: [vocabulary, features]`, `ids: [tokens]` → `[tokens, features]`
    pub(super) fn lookup(&self, base: &Tensor, ids: &[u32]) -> Result<Tensor> {
        let device = base.device();
        let x = embedding::forward(base, &Tensor::from_slice(ids, ids.len(), device)?)?;
        let (places, slots) = self.among(ids);
        if places.is_empty() {
            return Ok(x);
        }
        let slots = Tensor::from_vec(slots, places.len(), device)?;
        let own = embedding::forward(self.own.value(), &slots)?.to_dtype(base.dtype())?;
        let mut from: Vec<u32> = (0..ids.len() as u32).collect();
        for (place, own) in places.iter().zip(ids.len() as u32..) {
            if let Some(from) = from.get_mut(*place as usize) {
                *from = own;
            }
        }
        let from = Tensor::from_vec(from, ids.len(), device)?;
        embedding::forward(&Tensor::cat(&[x, own], 0)?, &from)
    }

    /// Sends the gradient of [`Rows::lookup`] to the sink, and with it that of a head which is the same weight.
    pub(super) fn lookup_backward(
        &self,
        dx: &Tensor,
        ids: &[u32],
        of_head: Option<Tensor>,
        sink: &mut dyn GradientSink,
    ) -> Result<()> {
        let Some(parameter) = self.own.trained() else { return Ok(()) };
        let (places, slots) = self.among(ids);
        let gradient = if places.is_empty() {
            // An update without a gradient is not the same as none: moments decay.
            Tensor::zeros(self.own.value().dims(), dx.dtype(), dx.device())?
        } else {
            let places = Tensor::from_slice(&places, places.len(), dx.device())?;
            embedding::backward(&embedding::forward(dx, &places)?, &slots, self.ids.len())?
        };
        let gradient = match of_head {
            Some(of_head) => {
                let gradient = gradient.to_dtype(of_head.dtype())?;
                add_in_place(&gradient, &of_head)?;
                gradient
            }
            None => gradient,
        };
        sink.accept(parameter, gradient)
    }

    /// The gradient of the rows of a head by the loss of `hidden·weightᵀ`; `weight` has the rows in it.
    ///
    /// The logits of all other rows count in the normaliser alone, which follows from `ln p(target)`.
    ///
    /// # Shapes  `hidden: [rows, features]`, `targets: [rows]` u32 → `[ids, features]`
    pub(super) fn head_gradient(
        &self,
        hidden: &Tensor,
        weight: &Tensor,
        targets: &Tensor,
        scale: Scale<'_>,
    ) -> Result<Tensor> {
        let wide = if hidden.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        let own = self.own.value().to_dtype(hidden.dtype())?;
        let likelihoods = cross_entropy::log_likelihoods(hidden, weight, targets)?;
        let (rows, mut sum) = (hidden.dim(0)?, None::<Tensor>);
        for (start, count) in (0..rows).step_by(CHUNK_ROWS).map(|start| (start, CHUNK_ROWS.min(rows - start))) {
            let (hidden, targets) = (hidden.narrow(0, start, count)?, targets.narrow(0, start, count)?);
            let of_targets = (embedding::forward(weight, &targets.contiguous()?)? * &hidden)?.to_dtype(wide)?.sum(1)?;
            let of_chunk = likelihoods.get(start..start + count).unwrap_or_default();
            let of_chunk = Tensor::from_slice(of_chunk, count, &candle_core::Device::Cpu)?;
            let normaliser = (of_targets - of_chunk.to_dtype(wide)?.to_device(hidden.device())?)?;
            let logits = linear(&hidden, &own)?.to_dtype(wide)?;
            let likely = logits.broadcast_sub(&normaliser.unsqueeze(1)?)?.exp()?;
            let minus_one = self.minus_one_at(&targets, wide)?;
            let scales = scale.of(start, count).gradients(count, hidden.device())?.to_dtype(wide)?;
            let d_logits = (likely + minus_one)?.broadcast_mul(&scales.unsqueeze(1)?)?;
            let part = linear_weight_gradient(&d_logits, &hidden.to_dtype(wide)?.contiguous()?)?;
            match &sum {
                Some(sum) => add_in_place(sum, &part)?,
                None => sum = Some(part),
            }
        }
        sum.ok_or_else(|| Error::new("the rows of a loss").got("none").expected("at least one"))
    }

    /// −1 where a row's target is one of the own rows.
    ///
    /// # Shapes  `targets: [rows]` u32 → `[rows, ids]`
    fn minus_one_at(&self, targets: &Tensor, dtype: DType) -> Result<Tensor> {
        let targets = targets.to_vec1::<u32>()?;
        let width = self.ids.len();
        let mut values = vec![0f32; targets.len() * width];
        for (row, target) in targets.iter().enumerate() {
            let slot = self.slots.get(target).map(|slot| row * width + *slot as usize);
            if let Some(value) = slot.and_then(|place| values.get_mut(place)) {
                *value = -1.0;
            }
        }
        let at = Tensor::from_vec(values, (targets.len(), width), &candle_core::Device::Cpu)?;
        Ok(at.to_dtype(dtype)?.to_device(self.own.value().device())?)
    }

    /// Which of some tokens have an own row, and which one.
    fn among(&self, ids: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let found = (0..).zip(ids).filter_map(|(place, id)| Some((place, *self.slots.get(id)?)));
        found.unzip()
    }
}
