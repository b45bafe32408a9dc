//! The gated MLP of a decoder layer: `down(silu(gate(x)) · up(x))`.

use candle_core::Tensor;

use super::context::LayerMasks;
use super::parameters::GradientSink;
use super::projection::{InputGradient, Projection, ProjectionSaved};
use super::shared_input;
use crate::error::Result;
use crate::kernels::swiglu;

/// The three projections of an MLP.
#[derive(Debug, Clone)]
pub struct Mlp {
    /// `[intermediate, hidden]`.
    pub gate: Projection,
    /// `[intermediate, hidden]`.
    pub up: Projection,
    /// `[hidden, intermediate]`.
    pub down: Projection,
}

/// What the backward of an MLP needs of its forward.
pub(super) struct MlpSaved {
    inputs: [ProjectionSaved; 2],
    gate: Tensor,
    up: Tensor,
    down_input: ProjectionSaved,
}

impl Mlp {
    /// Whether the projections that read the input are trained.
    fn has_trained_input(&self) -> bool {
        self.gate.is_trained() || self.up.is_trained()
    }

    /// Whether anything in the MLP is trained.
    pub fn is_trained(&self) -> bool {
        self.has_trained_input() || self.down.is_trained()
    }

    /// # Shapes  `x: [tokens, hidden]` → the same
    pub(super) fn forward(&self, x: &Tensor, masks: LayerMasks) -> Result<(Tensor, MlpSaved)> {
        let (inner, [gate, up], inputs) = self.inner(x, masks)?;
        let (y, down_input) = self.down.forward(&inner, masks.module(6))?;
        Ok((y, MlpSaved { inputs, gate, up, down_input }))
    }

    /// What the backward needs, computed again: all of [`Mlp::forward`] but the last product, whose result is known.
    pub(super) fn again(&self, x: &Tensor, masks: LayerMasks) -> Result<MlpSaved> {
        let (inner, [gate, up], inputs) = self.inner(x, masks)?;
        let down_input = self.down.again(&inner, masks.module(6))?;
        Ok(MlpSaved { inputs, gate, up, down_input })
    }

    /// The input of the last product, and what it is made of.
    fn inner(&self, x: &Tensor, masks: LayerMasks) -> Result<(Tensor, [Tensor; 2], [ProjectionSaved; 2])> {
        let ([gate, up], inputs) =
            shared_input::forward([&self.gate, &self.up], x, [4, 5].map(|module| masks.module(module)))?;
        Ok((swiglu::forward(&gate, &up)?, [gate, up], inputs))
    }

    /// The gradient of the input, if it is needed.
    pub(super) fn backward(
        &self,
        dy: &Tensor,
        saved: MlpSaved,
        need_input_gradient: bool,
        sink: &mut dyn GradientSink,
    ) -> Result<Option<Tensor>> {
        let below_down = need_input_gradient || self.has_trained_input();
        let MlpSaved { inputs, gate, up, down_input } = saved;
        let below_down = InputGradient::first(below_down);
        let Some(d_inner) = self.down.backward(dy, down_input, below_down, sink)? else { return Ok(None) };
        let (d_gate, d_up) = swiglu::backward(&d_inner, &gate, &up)?;
        shared_input::backward([&self.gate, &self.up], [&d_gate, &d_up], inputs, need_input_gradient, sink)
    }
}
