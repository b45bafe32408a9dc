//! The whole model: its parts by name, what of it is trained, and its forward pass without gradients.

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::attention::Attention;
use super::batch::check_ids;
use super::cache::Cache;
use super::config::{Config, LAYER_PROJECTIONS};
use super::context::{Context, LayerMasks};
use super::frozen_weight::FrozenWeight;
use super::head::Head;
use super::layer::Layer;
use super::mlp::Mlp;
use super::parameters::Parameters;
use super::projection::Projection;
use super::weight::Weight;
use crate::error::{Error, Result};
use crate::kernels::attention::{Heads, Segments};
use crate::kernels::embedding;
use crate::kernels::rope::RotaryTable;
use crate::random::Stream;
use crate::recipe::Quantization;

/// A Llama.
///
/// A clone shares all tensors, the trained ones too; give it its own with [`Llama::freeze`].
#[derive(Debug, Clone)]
pub struct Llama {
    /// The shape.
    pub config: Config,
    /// `model.embed_tokens`, `[vocabulary, hidden]`.
    pub embedding: Weight,
    /// `model.layers`.
    pub layers: Vec<Layer>,
    /// `model.norm`, `[hidden]`.
    pub norm: Weight,
    /// `lm_head`, `[vocabulary, hidden]`; none where the embedding is the head.
    pub head: Option<Projection>,
    pub(super) rotary: RotaryTable,
}

impl Llama {
    /// Builds a model from a source of tensors, which are asked for in the order of [`Config::tensor_shapes`]. The
    /// weights of the layers' linear modules are quantised one by one as they come.
    pub(super) fn assemble(
        config: Config,
        (dtype, quantization): (DType, Quantization),
        device: &Device,
        tensor: &mut dyn FnMut(&str, &[usize]) -> Result<Tensor>,
    ) -> Result<Self> {
        let frequencies = config.rope.inverse_frequencies(config.head_dimension);
        let rotary = RotaryTable::new(&frequencies, config.max_position_embeddings, 1.0, dtype, device)?;
        let mut shapes = config.tensor_shapes().into_iter();
        let mut next = || -> Result<Tensor> {
            let (name, shape) =
                shapes.next().ok_or_else(|| Error::new("the model asks for more tensors than it has"))?;
            tensor(&name, &shape)
        };
        let embedding = Weight::Frozen(next()?);
        let mut layers = Vec::with_capacity(config.layers);
        for _ in 0..config.layers {
            let input_norm = Weight::Frozen(next()?);
            let mut projection = || Ok::<_, Error>(Projection::Frozen(FrozenWeight::new(next()?, quantization)?));
            let attention = Attention { q: projection()?, k: projection()?, v: projection()?, o: projection()? };
            let post_attention_norm = Weight::Frozen(next()?);
            let mut projection = || Ok::<_, Error>(Projection::Frozen(FrozenWeight::new(next()?, quantization)?));
            let mlp = Mlp { gate: projection()?, up: projection()?, down: projection()? };
            layers.push(Layer { input_norm, attention, post_attention_norm, mlp });
        }
        let norm = Weight::Frozen(next()?);
        let head =
            if config.tie_word_embeddings { None } else { Some(Projection::Frozen(FrozenWeight::Plain(next()?))) };
        Ok(Self { config, embedding, layers, norm, head, rotary })
    }

    /// A model with fresh weights: normal with the config's `initializer_range`, norms 1.
    ///
    /// The numbers depend on the seed and the tensors' names only.
    ///
    /// # Errors
    /// The device has no memory for it.
    pub fn random(config: Config, seed: u64, dtype: DType, device: &Device) -> Result<Self> {
        Self::random_in(config, seed, (dtype, Quantization::None), device)
    }

    /// A model of a shape whose weights take no memory: all entries of a weight are one zero. For measuring what does not
    /// depend on weights, such as how long a swap of adapters takes.
    ///
    /// # Errors
    /// None at present.
    pub fn hollow(config: Config, dtype: DType) -> Result<Self> {
        let mut zeros = |_: &str, shape: &[usize]| Ok(Tensor::zeros((), dtype, &Device::Cpu)?.broadcast_as(shape)?);
        Self::assemble(config, (dtype, Quantization::None), &Device::Cpu, &mut zeros)
    }

    /// [`Llama::random`], with the layers' linear modules kept as the quantisation says.
    ///
    /// # Errors
    /// The device has no memory for it.
    pub fn random_in(
        config: Config,
        seed: u64,
        (dtype, quantization): (DType, Quantization),
        device: &Device,
    ) -> Result<Self> {
        let mut weight = fresh_weight(config.initializer_range, seed, dtype, device);
        Self::assemble(config, (dtype, quantization), device, &mut weight)
    }

    /// [`Llama::random`], to be trained whole.
    ///
    /// # Errors
    /// The device has no memory for it.
    pub fn random_to_train(config: Config, seed: u64, dtype: DType, device: &Device) -> Result<(Self, Parameters)> {
        let mut weight = fresh_weight(config.initializer_range, seed, dtype, device);
        Self::assemble_to_train(config, dtype, device, &mut weight)
    }

    /// Where the model is.
    pub fn device(&self) -> &Device {
        self.embedding.value().device()
    }

    /// The dtype of weights and activations.
    pub fn dtype(&self) -> DType {
        self.embedding.value().dtype()
    }

    /// The paths of all linear modules (`model.layers.0.self_attn.q_proj`), the untied head's (`lm_head`) last.
    pub fn module_paths(&self) -> Vec<String> {
        self.config.module_shapes().into_iter().map(|(path, _)| path).collect()
    }

    /// The linear module of that path.
    pub fn projection(&self, path: &str) -> Option<&Projection> {
        match place_of(path)? {
            Place::Head => self.head.as_ref(),
            Place::Layer(layer, which) => self.layers.get(layer)?.projections().get(which).copied(),
        }
    }

    /// The linear module of that path, to change its state.
    pub fn projection_mut(&mut self, path: &str) -> Option<&mut Projection> {
        match place_of(path)? {
            Place::Head => self.head.as_mut(),
            Place::Layer(layer, which) => self.layers.get_mut(layer)?.projections_mut().into_iter().nth(which),
        }
    }

    /// The embedding or the norm of that path: `model.embed_tokens`, `model.layers.0.input_layernorm`, `model.norm`.
    pub fn weight(&self, path: &str) -> Option<&Weight> {
        match weight_of(path)? {
            WeightPlace::Embedding => Some(&self.embedding),
            WeightPlace::Norm => Some(&self.norm),
            WeightPlace::Input(layer) => Some(&self.layers.get(layer)?.input_norm),
            WeightPlace::PostAttention(layer) => Some(&self.layers.get(layer)?.post_attention_norm),
        }
    }

    /// As [`Llama::weight`], to change its state.
    pub fn weight_mut(&mut self, path: &str) -> Option<&mut Weight> {
        match weight_of(path)? {
            WeightPlace::Embedding => Some(&mut self.embedding),
            WeightPlace::Norm => Some(&mut self.norm),
            WeightPlace::Input(layer) => Some(&mut self.layers.get_mut(layer)?.input_norm),
            WeightPlace::PostAttention(layer) => Some(&mut self.layers.get_mut(layer)?.post_attention_norm),
        }
    }

    /// The embedding and all norms.
    pub fn weights(&self) -> impl Iterator<Item = &Weight> {
        let norms = self.layers.iter().flat_map(|layer| [&layer.input_norm, &layer.post_attention_norm]);
        [&self.embedding].into_iter().chain(norms).chain([&self.norm])
    }

    /// The rows of the embedding.
    ///
    /// # Shapes  `ids: [tokens]` → `[tokens, hidden]`
    pub(super) fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        self.embedding.lookup(ids)
    }

    pub(super) fn head(&self) -> Head<'_> {
        match &self.head {
            Some(projection) => Head::Own(projection),
            None => Head::Tied(&self.embedding),
        }
    }

    pub(super) fn heads(&self) -> Heads {
        let Config { heads, key_value_heads, head_dimension, .. } = self.config;
        Heads { query: heads, key_value: key_value_heads, dimension: head_dimension }
    }

    pub(super) fn context<'a>(&'a self, segments: &'a Segments, dropout: Option<Stream>) -> Result<Context<'a>> {
        Context::new(segments, &self.rotary, self.heads(), self.config.rms_norm_epsilon, dropout, self.device())
    }

    pub(super) fn ids(&self, ids: &[u32]) -> Result<Tensor> {
        Ok(Tensor::from_slice(ids, ids.len(), self.device())?)
    }

    /// The residual stream after the last layer, before the last norm.
    pub(super) fn residual(&self, ids: &[u32], segments: &Segments) -> Result<Tensor> {
        check_ids(ids, segments, &self.config)?;
        let context = self.context(segments, None)?;
        let mut x = self.embed(ids)?;
        for layer in &self.layers {
            x = layer.forward(&x, &context, LayerMasks::new(None, 0))?.0;
        }
        Ok(x)
    }

    /// [`Llama::residual`] of some tokens only, which the last layer need not compute for the others.
    ///
    /// `each` is given the keys and values of every layer, counted from 0.
    ///
    /// # Shapes  → `[rows, hidden]`
    pub(super) fn residual_of(
        &self,
        ids: &[u32],
        segments: &Segments,
        rows: &[u32],
        mut each: impl FnMut(usize, [Tensor; 2]) -> Result<()>,
    ) -> Result<Tensor> {
        check_ids(ids, segments, &self.config)?;
        let context = self.context(segments, None)?;
        let rows = self.ids(rows)?;
        let mut x = self.embed(ids)?;
        let Some((last, layers)) = self.layers.split_last() else { return embedding::forward(&x, &rows) };
        for (index, layer) in layers.iter().enumerate() {
            let (y, saved) = layer.forward(&x, &context, LayerMasks::new(None, 0))?;
            each(index, saved.keys_and_values())?;
            x = y;
        }
        let (x, keys_and_values) = last.forward_some(&x, &context, &rows)?;
        each(layers.len(), keys_and_values)?;
        Ok(x)
    }

    /// The residual stream of the last of some tokens that go on a text, whose first `past` tokens are in a row of the
    /// cache; takes the new ones in.
    ///
    /// # Shapes  → `[1, hidden]`
    pub(super) fn residual_on(&self, ids: &[u32], past: usize, cache: &Cache, row: usize) -> Result<Tensor> {
        let segments = Segments::one(ids.len());
        let mut context = self.context(&segments, None)?;
        let positions: Vec<u32> = (past as u32..).take(ids.len()).collect();
        context.positions = self.ids(&positions)?;
        let mut x = self.embed(ids)?;
        for (layer, cache) in self.layers.iter().zip(cache.layers()) {
            x = layer.forward_on(&x, &context, cache, row, past)?;
        }
        Ok(x.narrow(0, ids.len() - 1, 1)?)
    }

    pub(super) fn normed(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.norm.norm_forward(x, self.config.rms_norm_epsilon)?.0)
    }

    /// The logits of every token.
    ///
    /// For training and scoring there are [`Llama::train_micro_step`] and [`Llama::log_likelihoods`], which never
    /// hold them all.
    ///
    /// # Shapes  → `[tokens, vocabulary]`
    /// # Errors  an id is outside the vocabulary; a document is longer than the model's context
    pub fn logits(&self, ids: &[u32], segments: &Segments) -> Result<Tensor> {
        self.head().logits(&self.normed(&self.residual(ids, segments)?)?)
    }
}

/// Where a module stands.
enum Place {
    Head,
    Layer(usize, usize),
}

/// Where a weight stands that is no linear module.
enum WeightPlace {
    Embedding,
    Input(usize),
    PostAttention(usize),
    Norm,
}

fn weight_of(path: &str) -> Option<WeightPlace> {
    match path {
        "model.embed_tokens" => return Some(WeightPlace::Embedding),
        "model.norm" => return Some(WeightPlace::Norm),
        _ => {}
    }
    let (layer, name) = path.strip_prefix("model.layers.")?.split_once('.')?;
    let layer = layer.parse().ok()?;
    match name {
        "input_layernorm" => Some(WeightPlace::Input(layer)),
        "post_attention_layernorm" => Some(WeightPlace::PostAttention(layer)),
        _ => None,
    }
}

fn place_of(path: &str) -> Option<Place> {
    if path == "lm_head" {
        return Some(Place::Head);
    }
    let (layer, module) = path.strip_prefix("model.layers.")?.split_once('.')?;
    let which = LAYER_PROJECTIONS.iter().position(|name| *name == module)?;
    Some(Place::Layer(layer.parse().ok()?, which))
}

/// Fresh weights by name and shape: normal with that deviation, norms 1.
pub(crate) fn fresh_weight(
    deviation: f64,
    seed: u64,
    dtype: DType,
    device: &Device,
) -> impl FnMut(&str, &[usize]) -> Result<Tensor> {
    move |name, shape| {
        if shape.len() < 2 {
            return Ok(Tensor::ones(shape, dtype, device)?);
        }
        let stream = Stream::new(seed, name);
        if device.is_cuda() {
            // Others than on the CPU, but the same each time: billions of them would take the CPU minutes.
            device.set_seed(stream.at(0))?;
            return Ok(Tensor::randn(0f32, deviation as f32, shape, device)?.to_dtype(dtype)?);
        }
        let count = shape.iter().product::<usize>() as u64;
        let values: Vec<f32> =
            (0..count).into_par_iter().map(|index| stream.normal_at(index, deviation) as f32).collect();
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)?)
    }
}
