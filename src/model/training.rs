//! One micro-step: forward, loss over the supervised rows, and backward down to the lowest trained module.

use candle_core::Tensor;

use super::batch::{Batch, Pass};
use super::context::{Context, LayerMasks};
use super::layer::LayerSaved;
use super::llama::Llama;
use super::noise;
use super::parameters::GradientSink;
use super::together::{Joint, Share};
use crate::device::Laps;
use crate::error::{Error, Result};
use crate::kernels::cross_entropy::Scale;

/// What is kept of a layer's forward pass.
enum Kept {
    /// All that the backward pass needs.
    All(Box<LayerSaved>),
    /// The input; the rest is computed again.
    Input(Tensor),
}

impl Llama {
    /// Whether anything in the model is trained.
    pub fn is_trained(&self) -> bool {
        self.lowest_trained().is_some()
    }

    /// The lowest place with a trained parameter: 0 the embedding, 1 the first layer, … , then the last norm and the head.
    fn lowest_trained(&self) -> Option<usize> {
        let embedding = std::iter::once(self.embedding.is_trained());
        let layers = self.layers.iter().map(|layer| layer.is_trained());
        embedding.chain(layers).chain([self.norm.is_trained(), self.head().is_trained()]).position(|trained| trained)
    }

    /// Forward and backward over a batch; every gradient goes to the sink as soon as it is finished, once.
    ///
    /// Returns the sum of the loss over the targets, in nats, each times its weight, not divided; gradients are those of
    /// `loss · pass.loss_scale`. Nothing reaches the sink if the loss is not finite.
    ///
    /// # Errors
    /// Nothing in the model is trained; the batch has no target or does not fit the model; the loss is not finite
    /// (says after which layer it went wrong); the sink's own.
    pub fn train_micro_step(&self, batch: &Batch, pass: &Pass, sink: &mut dyn GradientSink) -> Result<f64> {
        self.train_micro_step_timed(batch, pass, sink, &mut Laps::off())
    }

    /// [`Llama::train_micro_step`] with its parts measured: `forward`, `head` (the last norm, the head, the loss and its
    /// gradient) and `backward`.
    ///
    /// # Errors
    /// As [`Llama::train_micro_step`].
    pub fn train_micro_step_timed(
        &self,
        batch: &Batch,
        pass: &Pass,
        sink: &mut dyn GradientSink,
        laps: &mut Laps,
    ) -> Result<f64> {
        batch.check(&self.config)?;
        let Some(lowest) = self.lowest_trained() else {
            return Err(Error::new("nothing in the model is trained")
                .hint("train it whole, or attach an adapter with at least one target module"));
        };
        let context = self.context(&batch.segments, pass.dropout)?;
        let (x, kept) = self.forward_keeping(&batch.ids, &context, lowest, pass)?;
        laps.end("forward")?;
        let rows = Rows::new(batch, self)?;
        let (hidden, norm_saved) = self.norm.norm_forward(&rows.take(&x)?, context.epsilon)?;
        let mask = LayerMasks::new(pass.dropout, self.layers.len()).module(0);
        let scale = Scale { all: pass.loss_scale, rows: &batch.weights };
        let loss = self.head().loss(&hidden, &rows.targets, scale, mask)?;
        if !loss.loss_sum.is_finite() {
            return Err(self.explain_loss(loss.loss_sum, batch));
        }
        drop(hidden);
        for (parameter, gradient) in loss.own {
            sink.accept(&parameter, gradient)?;
        }
        laps.end("head")?;
        if lowest <= self.layers.len() + 1 {
            let dx = self.norm.norm_backward(&loss.d_hidden, &norm_saved, None, sink)?;
            drop(norm_saved);
            if lowest <= self.layers.len() {
                let dx = rows.put_back(&dx, x.dims())?;
                drop(x);
                self.backward_layers(dx, kept, &context, lowest, &batch.ids, loss.tied_gradient, sink)?;
            }
        }
        laps.end("backward")?;
        Ok(loss.loss_sum)
    }

    /// Forward and backward for several adapters on one base, each on rows of its own; gradients of the adapter of number n
    /// go to the sink by [`GradientSink::accept_of`].
    ///
    /// Returns the sum of each one's loss, as [`Llama::train_micro_step`] does; what it returns and the gradients are those
    /// that each gives alone.
    ///
    /// # Errors
    /// As [`Llama::train_micro_step`]; the models do not share one base; more than low-rank updates are trained.
    pub fn train_together(shares: &[Share<'_>], sink: &mut dyn GradientSink) -> Result<Vec<f64>> {
        let Joint { model, batch } = Joint::new(shares)?;
        batch.check(&model.config)?;
        let Some(lowest) = model.lowest_trained() else { return Err(Error::new("nothing in the models is trained")) };
        let context = model.context(&batch.segments, None)?;
        let recompute = shares.iter().map(|share| share.pass.recompute).max().unwrap_or(0);
        let pass = Pass { loss_scale: 1.0, recompute, dropout: None, noise: 0.0 };
        let (x, kept) = model.forward_keeping(&batch.ids, &context, lowest, &pass)?;
        let rows = Rows::new(&batch, &model)?;
        let (hidden, norm_saved) = model.norm.norm_forward(&rows.take(&x)?, context.epsilon)?;
        let (mut losses, mut d_hidden, mut start) = (Vec::new(), Vec::new(), 0);
        for (Share { model, batch, pass }, number) in shares.iter().zip(0..) {
            let count = batch.targets.len();
            let (hidden, targets) = (hidden.narrow(0, start, count)?, rows.targets.narrow(0, start, count)?);
            let mask = LayerMasks::new(pass.dropout, model.layers.len()).module(0);
            let scale = Scale { all: pass.loss_scale, rows: &batch.weights };
            let loss = model.head().loss(&hidden, &targets, scale, mask)?;
            if !loss.loss_sum.is_finite() {
                return Err(model.explain_loss(loss.loss_sum, batch));
            }
            for (parameter, gradient) in loss.own {
                sink.accept_of(number, &parameter, gradient)?;
            }
            losses.push(loss.loss_sum);
            d_hidden.push(loss.d_hidden);
            start += count;
        }
        drop(hidden);
        let dx = model.norm.norm_backward(&Tensor::cat(&d_hidden, 0)?, &norm_saved, None, sink)?;
        drop((norm_saved, d_hidden));
        let dx = rows.put_back(&dx, x.dims())?;
        drop(x);
        model.backward_layers(dx, kept, &context, lowest, &batch.ids, None, sink)?;
        Ok(losses)
    }

    /// The residual stream after the last layer, and what the layers from `lowest` up keep.
    fn forward_keeping(
        &self,
        ids: &[u32],
        context: &Context<'_>,
        lowest: usize,
        pass: &Pass,
    ) -> Result<(Tensor, Vec<Kept>)> {
        let mut x = self.embed(ids)?;
        if let (Some(stream), true) = (pass.dropout, pass.noise > 0.0) {
            // Modules have the streams from 0 on.
            x = noise::add(x, context.segments, pass.noise, stream.child(u64::MAX))?;
        }
        let mut kept = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let (y, saved) = layer.forward(&x, context, LayerMasks::new(context.dropout, index))?;
            if index + 1 >= lowest {
                kept.push(if kept.len() < pass.recompute { Kept::Input(x) } else { Kept::All(Box::new(saved)) });
            }
            x = y;
        }
        Ok((x, kept))
    }

    /// Backward through the layers that kept something, and the embedding if it is trained.
    #[allow(clippy::too_many_arguments)]
    fn backward_layers(
        &self,
        mut dx: Tensor,
        kept: Vec<Kept>,
        context: &Context<'_>,
        lowest: usize,
        ids: &[u32],
        tied_gradient: Option<Tensor>,
        sink: &mut dyn GradientSink,
    ) -> Result<()> {
        let first = self.layers.len() - kept.len();
        for (back, kept) in kept.into_iter().enumerate().rev() {
            let index = first + back;
            let Some(layer) = self.layers.get(index) else { continue };
            let saved = match kept {
                Kept::All(saved) => *saved,
                Kept::Input(x) => layer.again(&x, context, LayerMasks::new(context.dropout, index))?,
            };
            match layer.backward(&dx, saved, context, index + 1 > lowest, sink)? {
                Some(gradient) => dx = gradient,
                None => return Ok(()),
            }
        }
        self.embedding.lookup_backward(&dx, ids, tied_gradient, sink)
    }

    /// Why the loss is not a number: where in the model the first value went wrong.
    fn explain_loss(&self, loss: f64, batch: &Batch) -> Error {
        let error =
            Error::new(format!("the loss over {} targets among {} tokens", batch.targets.len(), batch.ids.len()))
                .got(loss)
                .expected("a finite number");
        let hint = match self.first_broken(batch) {
            Ok(Some(place)) => format!("values stop being finite in {place}; "),
            _ => String::new(),
        };
        error.hint(format!("{hint}lower the learning rate, lengthen the warm-up, or use bf16 instead of f16"))
    }

    /// The first part of the model whose output has a value that is not finite, without dropout.
    fn first_broken(&self, batch: &Batch) -> Result<Option<String>> {
        let context = self.context(&batch.segments, None)?;
        let mut x = self.embed(&batch.ids)?;
        if !is_finite(&x)? {
            return Ok(Some("model.embed_tokens".into()));
        }
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, &context, LayerMasks::new(None, index))?.0;
            if !is_finite(&x)? {
                return Ok(Some(format!("model.layers.{index}")));
            }
        }
        Ok((!is_finite(&self.normed(&x)?)?).then(|| "model.norm".into()).or_else(|| Some("the head".into())))
    }
}

/// Whether every value is finite.
fn is_finite(x: &Tensor) -> Result<bool> {
    // NaN and infinity both survive a sum of x·0.
    let zero = (x.to_dtype(candle_core::DType::F32)? * 0.0)?.sum_all()?.to_scalar::<f32>()?;
    Ok(zero == 0.0)
}

/// The rows that predict something.
struct Rows {
    /// Their places; none if they are all rows in order, which then are not copied.
    places: Option<Tensor>,
    /// What they shall predict, `[rows]` u32.
    targets: Tensor,
}

impl Rows {
    fn new(batch: &Batch, model: &Llama) -> Result<Self> {
        let (places, targets): (Vec<u32>, Vec<u32>) = batch.targets.iter().copied().unzip();
        let all = places.len() == batch.ids.len() && places.iter().enumerate().all(|(i, row)| i == *row as usize);
        let places = if all { None } else { Some(model.ids(&places)?) };
        Ok(Self { places, targets: model.ids(&targets)? })
    }

    fn take(&self, x: &Tensor) -> Result<Tensor> {
        match &self.places {
            Some(places) => Ok(x.index_select(places, 0)?),
            None => Ok(x.clone()),
        }
    }

    /// The gradient of [`Rows::take`]; rows that predict nothing get zero.
    fn put_back(&self, dy: &Tensor, dims: &[usize]) -> Result<Tensor> {
        match &self.places {
            Some(places) => Ok(Tensor::zeros(dims, dy.dtype(), dy.device())?.index_add(places, dy, 0)?),
            None => Ok(dy.clone()),
        }
    }
}
