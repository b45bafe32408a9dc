//! What of a model is trained: everything, or nothing.
//!
//! Adapters set the state of single modules through [`Llama::projection_mut`].

use candle_core::{DType, Device, Tensor};

use super::config::Config;
use super::frozen_weight::FrozenWeight;
use super::llama::Llama;
use super::parameters::{Parameter, Parameters};
use super::projection::Projection;
use super::rows::Rows;
use super::weight::Weight;
use crate::error::{Error, Place, Result};
use crate::recipe::Quantization;

impl Llama {
    /// Moves every weight into one flat buffer and trains them all; a tied head is the embedding's parameter.
    ///
    /// # Errors
    /// A module has a low-rank update; there is no memory for the buffer beside the old weights.
    pub fn train_all(&mut self) -> Result<Parameters> {
        let (parameters, views) = Parameters::gather(self.named_tensors()?)?;
        self.train(views)?;
        Ok(parameters)
    }

    /// A model built from a source of tensors straight into one flat buffer, to be trained whole: no weight is in memory
    /// twice.
    pub(super) fn assemble_to_train(
        config: Config,
        dtype: DType,
        device: &Device,
        tensor: &mut dyn FnMut(&str, &[usize]) -> Result<Tensor>,
    ) -> Result<(Self, Parameters)> {
        let (parameters, views) = Parameters::zeros(config.tensor_shapes(), dtype, device)?;
        let mut next = views.iter();
        let mut model = Self::assemble(config, (dtype, Quantization::None), device, &mut |name, shape| {
            let view = next.next().ok_or_else(|| Error::new("the model has more weights than its config"))?;
            view.set(&tensor(name, shape)?).at(name)?;
            Ok(view.value.clone())
        })?;
        model.train(views)?;
        Ok((model, parameters))
    }

    /// Trains these parameters, one for each weight in the order of [`Config::tensor_shapes`].
    fn train(&mut self, views: Vec<Parameter>) -> Result<()> {
        let mut views = views.into_iter();
        let mut next = || views.next().ok_or_else(|| Error::new("the model has more weights than were gathered"));
        let weight = |parameter: Parameter| Weight::Trained(parameter);
        self.embedding = weight(next()?);
        for layer in &mut self.layers {
            layer.input_norm = weight(next()?);
            let [q, k, v, o, gate, up, down] = layer.projections_mut();
            for projection in [q, k, v, o] {
                *projection = Projection::Trained(next()?);
            }
            let norm = next()?;
            for projection in [gate, up, down] {
                *projection = Projection::Trained(next()?);
            }
            layer.post_attention_norm = weight(norm);
        }
        self.norm = weight(next()?);
        if let Some(head) = &mut self.head {
            *head = Projection::Trained(next()?);
        }
        Ok(())
    }

    /// Trains nothing from here on: every trained weight and factor gets memory of its own.
    ///
    /// # Errors
    /// There is no memory for the copies.
    pub fn freeze(&mut self) -> Result<()> {
        let projections = self.layers.iter_mut().flat_map(|layer| layer.projections_mut()).chain(self.head.as_mut());
        for projection in projections {
            match projection {
                Projection::Trained(parameter) => {
                    *projection = Projection::Frozen(FrozenWeight::Plain(parameter.value.force_contiguous()?));
                }
                Projection::Lora(lora) => {
                    let magnitude = lora.magnitude.as_mut().map(|magnitude| &mut magnitude.value);
                    for factor in [&mut lora.a, &mut lora.b].into_iter().chain(magnitude) {
                        factor.freeze()?;
                    }
                }
                Projection::Scaled(scaled) => scaled.factors.freeze()?,
                Projection::Vera(vera) => {
                    vera.inner.freeze()?;
                    vera.outer.freeze()?;
                }
                Projection::Replaced { own, .. } | Projection::Rows { rows: Rows { own, .. }, .. } => own.freeze()?,
                Projection::Together(together) => together.freeze()?,
                Projection::Frozen(_) => {}
            }
        }
        let norms = self.layers.iter_mut().flat_map(|layer| [&mut layer.input_norm, &mut layer.post_attention_norm]);
        norms.chain([&mut self.embedding, &mut self.norm]).try_for_each(Weight::freeze)
    }
}
