//! Projections that read the same input: queries, keys and values; gate and up.
//!
//! If all of them are frozen weights with low-rank updates, the narrow products of these are one product: the input is
//! read once for all factors A, and once for all of their gradients.

use candle_core::Tensor;

use super::low_rank::Lora;
use super::parameters::GradientSink;
use super::projection::{InputGradient, Projection, ProjectionSaved};
use crate::error::{Error, Result};
use crate::kernels::lora;
use crate::kernels::matmul::linear_weight_gradient;
use crate::random::Stream;

/// The outputs, and what [`backward`] needs.
///
/// # Shapes  `x: [tokens, in]` → `[tokens, out]` of each
/// # Errors  shapes do not fit
pub(super) fn forward<const N: usize>(
    projections: [&Projection; N],
    x: &Tensor,
    masks: [Option<Stream>; N],
) -> Result<([Tensor; N], [ProjectionSaved; N])> {
    let mut both = Vec::with_capacity(N);
    match alike(projections, masks) {
        Some(loras) => {
            let Some(first) = loras.first() else { return arrays(both) };
            let narrow = lora::narrow(&first.dropped(x, None)?, &factors(&loras)?, first.scale)?;
            for (lora, (start, rank)) in loras.iter().zip(parts(&loras)?) {
                let narrow = narrow.narrow(1, start, rank)?;
                let y = lora::widen(lora.base.linear(x)?, &narrow, &lora.b()?)?;
                both.push((y, lora.saved(x, narrow, None)));
            }
        }
        None => {
            for (projection, mask) in projections.into_iter().zip(masks) {
                both.push(projection.forward(x, mask)?);
            }
        }
    }
    arrays(both)
}

/// Sends the gradients of what is trained to the sink; returns the gradient of the input, if it is needed.
///
/// # Shapes  `dys: [tokens, out]` of each → `[tokens, in]`
/// # Errors  as [`Projection::backward`]
pub(super) fn backward<const N: usize>(
    projections: [&Projection; N],
    dys: [&Tensor; N],
    saved: [ProjectionSaved; N],
    need_input_gradient: bool,
    sink: &mut dyn GradientSink,
) -> Result<Option<Tensor>> {
    let mut dx = InputGradient::first(need_input_gradient);
    let mut narrows = Vec::with_capacity(N);
    let mut input = None;
    for saved in &saved {
        if let ProjectionSaved::Lora { x, narrow, mask: None } = saved {
            input = input.or(x.clone());
            narrows.push(narrow.clone());
        }
    }
    let (Some(loras), true) = (alike(projections, [None; N]), narrows.len() == N) else {
        for ((projection, dy), saved) in projections.into_iter().zip(dys).zip(saved) {
            dx = InputGradient::next(projection.backward(dy, saved, dx, sink)?);
        }
        return Ok(dx.sum());
    };
    drop(saved);
    for (projection, dy) in projections.into_iter().zip(dys) {
        dx = InputGradient::next(projection.weight_backward(dy, dx)?);
    }
    updates_backward(&loras, dys, (input.as_ref(), &narrows), dx.sum(), sink)
}

/// [`backward`] by way of the updates alone; `dx` is what the weights gave.
fn updates_backward<const N: usize>(
    loras: &[&Lora],
    dys: [&Tensor; N],
    (x, narrows): (Option<&Tensor>, &[Tensor]),
    dx: Option<Tensor>,
    sink: &mut dyn GradientSink,
) -> Result<Option<Tensor>> {
    let Some(first) = loras.first() else { return Ok(dx) };
    if dx.is_none() && !loras.iter().any(|lora| lora.is_trained()) {
        return Ok(None);
    }
    let mut d_narrows = Vec::with_capacity(N);
    for (lora, dy) in loras.iter().zip(dys) {
        d_narrows.push(lora::narrow_gradient(dy, &lora.b()?, lora.scale)?);
    }
    let d_narrow = Tensor::cat(&d_narrows, 1)?;
    let dx = match dx {
        Some(sum) => Some(first.add_input_gradient(sum, &d_narrow, &factors(loras)?, None)?),
        None => None,
    };
    if let Some(x) = x {
        let gradients = linear_weight_gradient(&d_narrow, &first.dropped(x, None)?)?;
        for (lora, (start, rank)) in loras.iter().zip(parts(loras)?) {
            if let Some(a) = lora.a.trained() {
                sink.accept(a, gradients.narrow(0, start, rank)?)?;
            }
        }
    }
    for ((lora, dy), narrow) in loras.iter().zip(dys).zip(narrows) {
        if let Some(b) = lora.b.trained() {
            sink.accept_product(b, dy, narrow)?;
        }
    }
    Ok(dx)
}

/// The low-rank updates, if every projection has one, none drops anything, and one scale and dtype fit all.
fn alike<const N: usize>(projections: [&Projection; N], masks: [Option<Stream>; N]) -> Option<Vec<&Lora>> {
    let mut loras: Vec<&Lora> = Vec::with_capacity(N);
    for (projection, mask) in projections.into_iter().zip(masks) {
        let Projection::Lora(lora) = projection else { return None };
        let fits = loras.first().is_none_or(|first| first.scale == lora.scale && first.dtype() == lora.dtype());
        if !fits || lora.magnitude.is_some() || lora.mask(mask).is_some() {
            return None;
        }
        loras.push(lora);
    }
    Some(loras)
}

/// The factors A, one below another: `[sum of ranks, in]`.
fn factors(loras: &[&Lora]) -> Result<Tensor> {
    let values = loras.iter().map(|lora| lora.a()).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(&values, 0)?)
}

/// Of each update: where its part of the narrow product begins, and its rank.
fn parts(loras: &[&Lora]) -> Result<Vec<(usize, usize)>> {
    let mut start = 0;
    loras
        .iter()
        .map(|lora| {
            let rank = lora.a.value().dim(0)?;
            start += rank;
            Ok((start - rank, rank))
        })
        .collect()
}

fn arrays<const N: usize>(both: Vec<(Tensor, ProjectionSaved)>) -> Result<([Tensor; N], [ProjectionSaved; N])> {
    let (outputs, saved): (Vec<_>, Vec<_>) = both.into_iter().unzip();
    match (outputs.try_into(), saved.try_into()) {
        (Ok(outputs), Ok(saved)) => Ok((outputs, saved)),
        _ => Err(Error::new("the outputs of some projections").expected("one of each")),
    }
}
