//! What becomes of token ids: a row of the embedding for each, whatever state the embedding is in.

use candle_core::Tensor;

use super::low_rank::Factor;
use super::parameters::GradientSink;
use super::weight::Weight;
use crate::error::Result;
use crate::kernels::adamw::add_in_place;
use crate::kernels::{embedding, lora};

/// A low-rank update of what an embedding gives: row `id` becomes `W[id] + scale·B·A[:, id]`.
///
/// A head that is the same weight does not have it, as in PEFT without `ensure_weight_tying`.
///
/// # Source  PEFT 0.21.2, `tuners/lora/layer.py`: nothing is dropped
#[derive(Debug, Clone)]
pub struct EmbeddingLora {
    /// The first factor, `[rank, vocabulary]`.
    pub a: Factor,
    /// The second factor, `[features, rank]`.
    pub b: Factor,
    /// `alpha / rank`, or `alpha / √rank`.
    pub scale: f64,
}

impl EmbeddingLora {
    /// Whether a factor is trained.
    pub fn is_trained(&self) -> bool {
        self.a.trained().is_some() || self.b.trained().is_some()
    }

    /// `scale·A[:, id]` of each token, in the dtype of the embedding.
    ///
    /// # Shapes  `ids: [tokens]` u32 → `[tokens, rank]`
    fn narrow(&self, base: &Tensor, ids: &Tensor) -> Result<Tensor> {
        let columns = self.a.value().index_select(ids, 1)?.t()?.contiguous()?;
        Ok((columns * self.scale)?.to_dtype(base.dtype())?)
    }

    fn lookup(&self, base: &Tensor, ids: &Tensor) -> Result<Tensor> {
        let narrow = self.narrow(base, ids)?;
        lora::widen(embedding::forward(base, ids)?, &narrow, &self.b.value().to_dtype(base.dtype())?)
    }

    fn lookup_backward(&self, base: &Tensor, dx: &Tensor, ids: &[u32], sink: &mut dyn GradientSink) -> Result<()> {
        let d_narrow = lora::narrow_gradient(dx, &self.b.value().to_dtype(dx.dtype())?, self.scale)?;
        // Before the sink may change A.
        let narrow = self.narrow(base, &Tensor::from_slice(ids, ids.len(), dx.device())?)?;
        if let Some(a) = self.a.trained() {
            sink.accept(a, embedding::backward(&d_narrow, ids, base.dim(0)?)?.t()?.contiguous()?)?;
        }
        if let Some(b) = self.b.trained() {
            sink.accept_product(b, dx, &narrow)?;
        }
        Ok(())
    }
}

impl Weight {
    /// The rows of some tokens.
    ///
    /// # Shapes  `ids: [tokens]` → `[tokens, features]`
    pub(super) fn lookup(&self, ids: &[u32]) -> Result<Tensor> {
        let base = self.value();
        let places = || -> Result<Tensor> { Ok(Tensor::from_slice(ids, ids.len(), base.device())?) };
        match self {
            Self::Frozen(weight) => embedding::forward(weight, &places()?),
            Self::Trained(parameter) => embedding::forward(&parameter.value, &places()?),
            Self::Replaced { own, .. } => Ok(embedding::forward(own.value(), &places()?)?.to_dtype(base.dtype())?),
            Self::Lora { lora, .. } => lora.lookup(base, &places()?),
            Self::Rows { rows, .. } => rows.lookup(base, ids),
        }
    }

    /// Sends the gradients of what of the embedding is trained to the sink; `of_head` is that of a head which is the same
    /// weight, as [`super::head::HeadLoss::tied_gradient`] has it.
    ///
    /// # Shapes  `dx: [tokens, features]`, `ids: [tokens]`
    pub(super) fn lookup_backward(
        &self,
        dx: &Tensor,
        ids: &[u32],
        of_head: Option<Tensor>,
        sink: &mut dyn GradientSink,
    ) -> Result<()> {
        match self {
            Self::Lora { base, lora } => return lora.lookup_backward(base, dx, ids, sink),
            Self::Rows { rows, .. } => return rows.lookup_backward(dx, ids, of_head, sink),
            Self::Frozen(_) | Self::Trained(_) | Self::Replaced { .. } => {}
        }
        let Some(parameter) = self.trained() else { return Ok(()) };
        let gradient = embedding::backward(dx, ids, self.value().dim(0)?)?;
        if let Some(of_head) = of_head {
            add_in_place(&gradient, &of_head)?;
        }
        sink.accept(parameter, gradient)
    }
}
