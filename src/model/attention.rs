//! The attention block of a decoder layer: projections, rotation, attention, output projection.

use candle_core::Tensor;

use super::context::{Context, LayerMasks};
use super::parameters::GradientSink;
use super::projection::{InputGradient, Projection, ProjectionSaved};
use super::shared_input;
use crate::error::Result;
use crate::kernels::attention;
use crate::kernels::rope;

/// The four projections of an attention block.
#[derive(Debug, Clone)]
pub struct Attention {
    /// Queries, `[heads · head_dimension, hidden]`.
    pub q: Projection,
    /// Keys, `[key_value_heads · head_dimension, hidden]`.
    pub k: Projection,
    /// Values, `[key_value_heads · head_dimension, hidden]`.
    pub v: Projection,
    /// Output, `[hidden, heads · head_dimension]`.
    pub o: Projection,
}

/// What the backward of an attention block needs of its forward.
pub(super) struct AttentionSaved {
    pub(super) attended: Attended,
    o_input: ProjectionSaved,
}

/// What comes before the output projection.
pub(super) struct Attended {
    /// What the projections saved.
    inputs: [ProjectionSaved; 3],
    /// Queries and keys after rotation, and values.
    q: Tensor,
    pub(super) k: Tensor,
    pub(super) v: Tensor,
    /// Each token's mix of values, which the output projection reads.
    pub(super) out: Tensor,
    log_sum_exp: Tensor,
}

impl Attention {
    /// Whether queries, keys or values are trained.
    fn has_trained_input(&self) -> bool {
        self.q.is_trained() || self.k.is_trained() || self.v.is_trained()
    }

    /// Whether anything in the block is trained.
    pub fn is_trained(&self) -> bool {
        self.has_trained_input() || self.o.is_trained()
    }

    /// Queries and keys after rotation, values, and what the projections saved.
    ///
    /// # Shapes  `x: [tokens, hidden]`
    pub(super) fn rotated(
        &self,
        x: &Tensor,
        context: &Context<'_>,
        masks: LayerMasks,
    ) -> Result<([Tensor; 3], [ProjectionSaved; 3])> {
        let ([q, k, v], inputs) =
            shared_input::forward([&self.q, &self.k, &self.v], x, [0, 1, 2].map(|module| masks.module(module)))?;
        let heads = context.heads;
        let q = rope::forward(&q, heads.query, &context.positions, context.rotary)?;
        let k = rope::forward(&k, heads.key_value, &context.positions, context.rotary)?;
        Ok(([q, k, v], inputs))
    }

    /// Everything but the output projection.
    ///
    /// # Shapes  `x: [tokens, hidden]`
    pub(super) fn attend(&self, x: &Tensor, context: &Context<'_>, masks: LayerMasks) -> Result<Attended> {
        let ([q, k, v], inputs) = self.rotated(x, context, masks)?;
        let (out, log_sum_exp) = attention::forward(&q, &k, &v, context.heads, context.segments)?;
        Ok(Attended { inputs, q, k, v, out, log_sum_exp })
    }

    /// # Shapes  `x: [tokens, hidden]` → the same
    pub(super) fn forward(
        &self,
        x: &Tensor,
        context: &Context<'_>,
        masks: LayerMasks,
    ) -> Result<(Tensor, AttentionSaved)> {
        let attended = self.attend(x, context, masks)?;
        let (y, o_input) = self.o.forward(&attended.out, masks.module(3))?;
        Ok((y, AttentionSaved { attended, o_input }))
    }

    /// The gradient of the input, if it is needed.
    pub(super) fn backward(
        &self,
        dy: &Tensor,
        saved: AttentionSaved,
        context: &Context<'_>,
        need_input_gradient: bool,
        sink: &mut dyn GradientSink,
    ) -> Result<Option<Tensor>> {
        let below_output = need_input_gradient || self.has_trained_input();
        let AttentionSaved { attended, o_input } = saved;
        let Attended { inputs, q, k, v, out, log_sum_exp } = attended;
        let below_output = InputGradient::first(below_output);
        let Some(d_out) = self.o.backward(dy, o_input, below_output, sink)? else { return Ok(None) };
        let heads = context.heads;
        let (dq, dk, dv) = attention::backward(&d_out, &q, &k, &v, &out, &log_sum_exp, heads, context.segments)?;
        let dq = rope::backward(&dq, heads.query, &context.positions, context.rotary)?;
        let dk = rope::backward(&dk, heads.key_value, &context.positions, context.rotary)?;
        let projections = [&self.q, &self.k, &self.v];
        shared_input::backward(projections, [&dq, &dk, &dv], inputs, need_input_gradient, sink)
    }
}
