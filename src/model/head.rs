//! The head and its loss: logits of the supervised rows only, a chunk of them at a time.
//!
//! A head that is one matrix, frozen or trained, is one fused kernel. A head with a low-rank update goes
//! through [`Projection`] chunk by chunk, which is slower and rare.

use candle_core::{D, DType, Device, Tensor};

use super::parameters::{GradientSink, Parameter};
use super::projection::{InputGradient, Projection};
use super::rows::Rows;
use super::weight::Weight;
use crate::error::Result;
use crate::kernels::adamw::add_in_place;
use crate::kernels::cross_entropy::{self, LossOutput, Scale};
use crate::kernels::matmul::linear;
use crate::random::Stream;

/// Rows whose logits exist at one time where the head has a low-rank update.
const CHUNK_ROWS: usize = 512;

/// What turns hidden states into logits.
pub(super) enum Head<'a> {
    /// The embedding.
    Tied(&'a Weight),
    /// A linear module of its own.
    Own(&'a Projection),
}

/// The loss of some rows and what follows from it.
pub(super) struct HeadLoss {
    /// Sum of `−ln p(target)`, in nats, each times its weight.
    pub loss_sum: f64,
    /// The gradient of the rows, scaled.
    pub d_hidden: Tensor,
    /// The gradient of a tied head; the embedding adds its own part before it goes to the sink.
    pub tied_gradient: Option<Tensor>,
    /// The gradients of the head's own parameters, which the caller sends to the sink if the loss is finite.
    pub own: Vec<(Parameter, Tensor)>,
}

impl Head<'_> {
    /// Whether anything in a head of its own is trained; a tied head is trained with the embedding.
    pub fn is_trained(&self) -> bool {
        match self {
            // An update of the lookups alone is none of the head.
            Self::Tied(Weight::Lora { .. }) => false,
            Self::Tied(weight) => weight.is_trained(),
            Self::Own(projection) => projection.is_trained(),
        }
    }

    /// # Shapes  `hidden: [rows, hidden]` → `[rows, vocabulary]`
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        match self {
            Self::Tied(weight) => linear(hidden, &weight.acting()?),
            Self::Own(projection) => Ok(projection.forward(hidden, None)?.0),
        }
    }

    /// The product with the weight alone, without an update.
    ///
    /// # Shapes  `x: [rows, hidden]` → `[rows, vocabulary]`
    pub fn weight_forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Tied(weight) => linear(x, weight.value()),
            Self::Own(projection) => projection.weight_forward(x),
        }
    }

    /// `ln p(target)` of each row.
    pub fn log_likelihoods(&self, hidden: &Tensor, targets: &Tensor) -> Result<Vec<f64>> {
        let projection = match self {
            Self::Tied(weight) => return cross_entropy::log_likelihoods(hidden, &weight.acting()?, targets),
            Self::Own(Projection::Lora(_) | Projection::Scaled(_) | Projection::Vera(_) | Projection::Together(_)) => {
                self
            }
            Self::Own(projection) => {
                let weight = projection.replacement()?.map_or_else(|| projection.weight(), Ok)?;
                return cross_entropy::log_likelihoods(hidden, &weight, targets);
            }
        };
        let mut all = Vec::new();
        for (start, rows) in chunks(hidden.dim(0)?) {
            let logits = projection.logits(&hidden.narrow(0, start, rows)?)?;
            let (_, of_targets) = log_probabilities(&logits, &targets.narrow(0, start, rows)?)?;
            all.extend(of_targets.to_dtype(DType::F64)?.to_vec1::<f64>()?);
        }
        Ok(all)
    }

    /// The loss, and the gradients of `scale.all · loss`.
    ///
    /// # Shapes  `hidden: [rows, hidden]`, `targets: [rows]` u32
    pub fn loss(&self, hidden: &Tensor, targets: &Tensor, scale: Scale<'_>, mask: Option<Stream>) -> Result<HeadLoss> {
        let (weight, trained, tied) = match self {
            Self::Tied(Weight::Rows { base, rows }) => {
                let (mut loss, gradient) = rows_loss(rows, &rows.whole(base)?, hidden, targets, scale)?;
                loss.tied_gradient = gradient.map(|(_, gradient)| gradient);
                return Ok(loss);
            }
            Self::Own(Projection::Rows { base, rows }) => {
                let (mut loss, gradient) = rows_loss(rows, &rows.whole(&base.to_tensor()?)?, hidden, targets, scale)?;
                loss.own.extend(gradient);
                return Ok(loss);
            }
            Self::Tied(weight) => (weight.acting()?, weight.trained(), true),
            Self::Own(Projection::Frozen(weight)) => (weight.to_tensor()?, None, false),
            Self::Own(Projection::Trained(parameter)) => (parameter.value.clone(), Some(parameter), false),
            Self::Own(Projection::Replaced { base, own }) => {
                (own.value().to_dtype(base.dtype())?, own.trained(), false)
            }
            Self::Own(
                projection @ (Projection::Lora(_)
                | Projection::Scaled(_)
                | Projection::Vera(_)
                | Projection::Together(_)),
            ) => {
                return adapted_loss(projection, hidden, targets, scale, mask);
            }
        };
        let LossOutput { loss_sum, d_hidden, d_weight } =
            cross_entropy::forward_backward(hidden, &weight, targets, scale, trained.is_some())?;
        let mut loss = HeadLoss { loss_sum, d_hidden, tied_gradient: None, own: Vec::new() };
        match (trained, d_weight) {
            (Some(_), gradient) if tied => loss.tied_gradient = gradient,
            (Some(parameter), Some(gradient)) => loss.own.push((parameter.clone(), gradient)),
            _ => {}
        }
        Ok(loss)
    }
}

/// The loss of a head some of whose rows are its own, and their gradient if they are trained. `weight` has them in it.
fn rows_loss(
    rows: &Rows,
    weight: &Tensor,
    hidden: &Tensor,
    targets: &Tensor,
    scale: Scale<'_>,
) -> Result<(HeadLoss, Option<(Parameter, Tensor)>)> {
    let LossOutput { loss_sum, d_hidden, .. } = cross_entropy::forward_backward(hidden, weight, targets, scale, false)?;
    let gradient = match rows.own.trained() {
        // A loss that is no number is the caller's to refuse.
        Some(parameter) if loss_sum.is_finite() => {
            Some((parameter.clone(), rows.head_gradient(hidden, weight, targets, scale)?))
        }
        _ => None,
    };
    Ok((HeadLoss { loss_sum, d_hidden, tied_gradient: None, own: Vec::new() }, gradient))
}

fn chunks(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(CHUNK_ROWS).map(move |start| (start, CHUNK_ROWS.min(rows - start)))
}

/// `ln p` of every id and of the targets, in f32 or wider.
fn log_probabilities(logits: &Tensor, targets: &Tensor) -> Result<(Tensor, Tensor)> {
    let wide = if logits.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let logits = logits.to_dtype(wide)?;
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?)?;
    let normal = shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)?;
    let of_targets = normal.gather(&targets.unsqueeze(1)?.contiguous()?, 1)?.squeeze(1)?;
    Ok((normal, of_targets))
}

/// Adds up the gradients of the chunks; each parameter goes on once.
#[derive(Default)]
struct Sum(Vec<(Parameter, Tensor)>);

impl GradientSink for Sum {
    fn accept(&mut self, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        match self.0.iter().find(|(known, _)| known.index == parameter.index) {
            Some((_, sum)) => add_in_place(sum, &gradient),
            None => {
                self.0.push((parameter.clone(), gradient));
                Ok(())
            }
        }
    }
}

fn adapted_loss(
    projection: &Projection,
    hidden: &Tensor,
    targets: &Tensor,
    scale: Scale<'_>,
    mask: Option<Stream>,
) -> Result<HeadLoss> {
    let (mut loss_sum, mut d_hidden, mut own) = (0.0, Vec::new(), Sum::default());
    for (index, (start, rows)) in chunks(hidden.dim(0)?).enumerate() {
        let (hidden, targets) = (hidden.narrow(0, start, rows)?, targets.narrow(0, start, rows)?);
        let (logits, saved) = projection.forward(&hidden, mask.map(|stream| stream.child(index as u64)))?;
        let (normal, of_targets) = log_probabilities(&logits, &targets)?;
        let scale = scale.of(start, rows);
        loss_sum += scale.loss(&of_targets.to_dtype(DType::F64)?.to_vec1::<f64>()?);
        let minus_one =
            Tensor::full(-1f32, (rows, 1), &Device::Cpu)?.to_dtype(normal.dtype())?.to_device(normal.device())?;
        let d_logits = normal.exp()?.scatter_add(&targets.unsqueeze(1)?.contiguous()?, &minus_one, 1)?;
        let scales = scale.gradients(rows, logits.device())?.to_dtype(normal.dtype())?.unsqueeze(1)?;
        let d_logits = d_logits.broadcast_mul(&scales)?.to_dtype(logits.dtype())?;
        if let Some(gradient) = projection.backward(&d_logits, saved, InputGradient::Fresh, &mut own)? {
            d_hidden.push(gradient);
        }
    }
    Ok(HeadLoss { loss_sum, d_hidden: Tensor::cat(&d_hidden, 0)?, tied_gradient: None, own: own.0 })
}
