//! One decoder layer: attention and MLP, each behind a norm and beside a residual connection.

use candle_core::Tensor;

use super::attention::{Attended, Attention, AttentionSaved};
use super::cache::LayerCache;
use super::context::{Context, LayerMasks};
use super::mlp::{Mlp, MlpSaved};
use super::parameters::GradientSink;
use super::projection::Projection;
use super::weight::Weight;
use crate::error::Result;
use crate::kernels::rms_norm::NormSaved;
use crate::kernels::sum::add;
use crate::kernels::{attention, embedding};

/// One decoder layer.
#[derive(Debug, Clone)]
pub struct Layer {
    /// `input_layernorm`, `[hidden]`.
    pub input_norm: Weight,
    /// `self_attn`.
    pub attention: Attention,
    /// `post_attention_layernorm`, `[hidden]`.
    pub post_attention_norm: Weight,
    /// `mlp`.
    pub mlp: Mlp,
}

/// What the backward of a layer needs of its forward.
pub(super) struct LayerSaved {
    input_norm: NormSaved,
    attention: AttentionSaved,
    post_attention_norm: NormSaved,
    mlp: MlpSaved,
}

impl LayerSaved {
    /// The keys, rotated, and the values of all tokens.
    pub(super) fn keys_and_values(self) -> [Tensor; 2] {
        let Attended { k, v, .. } = self.attention.attended;
        [k, v]
    }
}

impl Layer {
    /// Whether anything in the layer is trained.
    pub fn is_trained(&self) -> bool {
        self.is_attention_trained() || self.post_attention_norm.is_trained() || self.mlp.is_trained()
    }

    fn is_attention_trained(&self) -> bool {
        self.input_norm.is_trained() || self.attention.is_trained()
    }

    /// The linear modules in the order of [`super::config::LAYER_PROJECTIONS`].
    pub fn projections(&self) -> [&Projection; 7] {
        let (a, m) = (&self.attention, &self.mlp);
        [&a.q, &a.k, &a.v, &a.o, &m.gate, &m.up, &m.down]
    }

    /// As [`Layer::projections`], to change them.
    pub fn projections_mut(&mut self) -> [&mut Projection; 7] {
        let (a, m) = (&mut self.attention, &mut self.mlp);
        [&mut a.q, &mut a.k, &mut a.v, &mut a.o, &mut m.gate, &mut m.up, &mut m.down]
    }

    /// # Shapes  `x: [tokens, hidden]` → the same
    pub(super) fn forward(&self, x: &Tensor, context: &Context<'_>, masks: LayerMasks) -> Result<(Tensor, LayerSaved)> {
        let (normed, [input_norm, post_attention_norm], attention) = self.before_mlp(x, context, masks)?;
        let (inner, mlp) = self.mlp.forward(&normed, masks)?;
        Ok((add(inner, &post_attention_norm.x)?, LayerSaved { input_norm, attention, post_attention_norm, mlp }))
    }

    /// What the backward needs, computed again from the layer's input.
    ///
    /// # Shapes  `x: [tokens, hidden]`
    pub(super) fn again(&self, x: &Tensor, context: &Context<'_>, masks: LayerMasks) -> Result<LayerSaved> {
        let (normed, [input_norm, post_attention_norm], attention) = self.before_mlp(x, context, masks)?;
        Ok(LayerSaved { input_norm, attention, post_attention_norm, mlp: self.mlp.again(&normed, masks)? })
    }

    /// The input of the MLP.
    fn before_mlp(
        &self,
        x: &Tensor,
        context: &Context<'_>,
        masks: LayerMasks,
    ) -> Result<(Tensor, [NormSaved; 2], AttentionSaved)> {
        let (normed, input_norm) = self.input_norm.norm_forward(x, context.epsilon)?;
        let (attended, attention) = self.attention.forward(&normed, context, masks)?;
        let (normed, post_attention_norm) = self.post_attention_norm.norm_added(attended, x, context.epsilon)?;
        Ok((normed, [input_norm, post_attention_norm], attention))
    }

    /// As [`Layer::forward`], for some tokens only: others read their keys and values, nothing else. Also returns
    /// the keys and values of all tokens.
    ///
    /// # Shapes  `x: [tokens, hidden]`, `rows: [some]` u32 → `[some, hidden]`
    pub(super) fn forward_some(
        &self,
        x: &Tensor,
        context: &Context<'_>,
        rows: &Tensor,
    ) -> Result<(Tensor, [Tensor; 2])> {
        let masks = LayerMasks::new(None, 0);
        let (normed, _) = self.input_norm.norm_forward(x, context.epsilon)?;
        let Attended { k, v, out, .. } = self.attention.attend(&normed, context, masks)?;
        let y = self.after_attention(&embedding::forward(&out, rows)?, &embedding::forward(x, rows)?, context)?;
        Ok((y, [k, v]))
    }

    /// As [`Layer::forward`] for the next tokens of a text whose earlier ones are in a row of the cache, which takes
    /// the new ones in.
    ///
    /// # Shapes  `x: [tokens, hidden]` → the same
    pub(super) fn forward_on(
        &self,
        x: &Tensor,
        context: &Context<'_>,
        cache: &LayerCache,
        row: usize,
        past: usize,
    ) -> Result<Tensor> {
        let (normed, _) = self.input_norm.norm_forward(x, context.epsilon)?;
        let ([q, k, v], _) = self.attention.rotated(&normed, context, LayerMasks::new(None, 0))?;
        cache.fill(row, past, &k, &v)?;
        let (keys, values) = cache.row(row, past + x.dim(0)?)?;
        let out = attention::forward_after(&q, &keys, &values, context.heads)?;
        self.after_attention(&out, x, context)
    }

    /// What follows on attention, without gradients: output projection, MLP and the residual connections around both.
    fn after_attention(&self, out: &Tensor, x: &Tensor, context: &Context<'_>) -> Result<Tensor> {
        let (attended, _) = self.attention.o.forward(out, None)?;
        let (normed, saved) = self.post_attention_norm.norm_added(attended, x, context.epsilon)?;
        let (inner, _) = self.mlp.forward(&normed, LayerMasks::new(None, 0))?;
        add(inner, &saved.x)
    }

    /// The gradient of the input, if it is needed: no module below what is trained is passed through.
    pub(super) fn backward(
        &self,
        dy: &Tensor,
        saved: LayerSaved,
        context: &Context<'_>,
        need_input_gradient: bool,
        sink: &mut dyn GradientSink,
    ) -> Result<Option<Tensor>> {
        let need_middle = need_input_gradient || self.is_attention_trained();
        let need_normed = need_middle || self.post_attention_norm.is_trained();
        let LayerSaved { input_norm, attention, post_attention_norm, mlp } = saved;
        let Some(d_normed) = self.mlp.backward(dy, mlp, need_normed, sink)? else { return Ok(None) };
        let beside = need_middle.then_some(dy);
        let d_middle = self.post_attention_norm.norm_backward(&d_normed, &post_attention_norm, beside, sink)?;
        drop((d_normed, post_attention_norm));
        if !need_middle {
            return Ok(None);
        }
        let need_normed = need_input_gradient || self.input_norm.is_trained();
        let Some(d_normed) = self.attention.backward(&d_middle, attention, context, need_normed, sink)? else {
            return Ok(None);
        };
        Ok(Some(self.input_norm.norm_backward(&d_normed, &input_norm, Some(&d_middle), sink)?))
    }
}
