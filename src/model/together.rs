//! Several adapters on one base, each with rows of its own in one batch: the base is multiplied once for all of them.
//!
//! [`Joint`] is made for one micro-step. Its modules know which rows are whose; a row's numbers follow from it and the
//! adapter that it belongs to, never from the other rows.

use std::ops::Range;

use candle_core::Tensor;

use super::batch::{Batch, Pass};
use super::context::LayerMasks;
use super::frozen_weight::FrozenWeight;
use super::llama::Llama;
use super::low_rank::Lora;
use super::parameters::{GradientSink, Parameter};
use super::projection::{InputGradient, Projection, ProjectionSaved};
use super::weight::Weight;
use crate::error::{Error, Place, Result};
use crate::kernels::attention::Segments;
use crate::kernels::lora;
use crate::random::Stream;

/// A frozen weight with low-rank updates that each act on some of the rows.
#[derive(Debug, Clone)]
pub struct Together {
    pub(super) base: FrozenWeight,
    members: Vec<Member>,
}

/// An update and its rows.
#[derive(Debug, Clone)]
struct Member {
    /// None where the module is not one of its targets.
    lora: Option<Lora>,
    rows: Range<usize>,
    mask: Option<Stream>,
}

impl Member {
    fn of(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.narrow(0, self.rows.start, self.rows.len())?)
    }
}

impl Together {
    /// Whether a factor of any of them is trained.
    pub(super) fn is_trained(&self) -> bool {
        self.members.iter().any(|member| member.lora.as_ref().is_some_and(Lora::is_trained))
    }

    /// Gives factors that are trained memory of their own.
    pub(super) fn freeze(&mut self) -> Result<()> {
        let factors = self.members.iter_mut().filter_map(|member| member.lora.as_mut());
        factors.flat_map(|lora| [&mut lora.a, &mut lora.b]).try_for_each(|factor| factor.freeze())
    }

    /// The output, and what the backward pass needs.
    pub(super) fn forward(&self, x: &Tensor) -> Result<(Tensor, ProjectionSaved)> {
        let (y, mut saved) = (self.base.linear(x)?, Vec::with_capacity(self.members.len()));
        let y = self.each(y, |member, y| {
            let Some(lora) = &member.lora else {
                saved.push(ProjectionSaved::Nothing);
                return Ok(y);
            };
            let (x, mask) = (member.of(x)?, lora.mask(member.mask));
            let narrow = lora.narrow(&x, mask)?;
            let y = lora::widen(y, &narrow, &lora.b()?)?;
            saved.push(lora.saved(&x, narrow, mask));
            Ok(y)
        })?;
        Ok((y, ProjectionSaved::Together(saved)))
    }

    /// What the backward pass needs, without the output.
    pub(super) fn again(&self, x: &Tensor) -> Result<ProjectionSaved> {
        let of = |member: &Member| match &member.lora {
            Some(lora) => lora.again(&member.of(x)?, member.mask),
            None => Ok(ProjectionSaved::Nothing),
        };
        Ok(ProjectionSaved::Together(self.members.iter().map(of).collect::<Result<_>>()?))
    }

    /// As [`Projection::backward`].
    pub(super) fn backward(
        &self,
        dy: &Tensor,
        saved: Vec<ProjectionSaved>,
        input_gradient: InputGradient,
        sink: &mut dyn GradientSink,
    ) -> Result<Option<Tensor>> {
        let (needed, others) = input_gradient.parts();
        let dx = if needed { Some(self.base.input_gradient(dy, others)?) } else { None };
        let mut saved = saved.into_iter().zip(0..);
        let mut member_backward = |member: &Member, dx: Option<Tensor>| match (&member.lora, saved.next()) {
            (Some(lora), Some((ProjectionSaved::Lora { x, narrow, mask }, index))) => {
                let sink = &mut OfMember { sink: &mut *sink, index };
                lora.backward(&member.of(dy)?, dx, x.as_ref(), &narrow, mask, sink)
            }
            _ => Ok(dx),
        };
        match dx {
            Some(dx) => {
                let missing = || Error::new("an update gave no gradient of its input");
                self.each(dx, |member, dx| member_backward(member, Some(dx))?.ok_or_else(missing)).map(Some)
            }
            None => {
                self.members.iter().try_for_each(|member| member_backward(member, None).map(|_| ()))?;
                Ok(None)
            }
        }
    }

    /// Lets each update change its rows of a tensor that nobody else holds, in place where that is possible.
    fn each(&self, all: Tensor, mut change: impl FnMut(&Member, Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let (mut parts, mut in_place) = (Vec::with_capacity(self.members.len()), true);
        for member in &self.members {
            let rows = member.of(&all)?;
            let id = rows.id();
            let part = change(member, rows)?;
            in_place &= part.id() == id;
            parts.push(part);
        }
        if in_place { Ok(all) } else { Ok(Tensor::cat(&parts, 0)?) }
    }
}

/// The sink for the gradients of one of several adapters.
struct OfMember<'a> {
    sink: &'a mut dyn GradientSink,
    index: usize,
}

impl GradientSink for OfMember<'_> {
    fn accept(&mut self, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        self.sink.accept_of(self.index, parameter, gradient)
    }

    fn accept_product(&mut self, parameter: &Parameter, dy: &Tensor, x: &Tensor) -> Result<()> {
        self.sink.accept_product_of(self.index, parameter, dy, x)
    }
}

/// What one of several adapters does in a micro-step.
#[derive(Debug, Clone, Copy)]
pub struct Share<'a> {
    /// Its model: the base that all share, with this adapter on it.
    pub model: &'a Llama,
    /// Its rows.
    pub batch: &'a Batch,
    /// How they are computed; no noise is added to embeddings here.
    pub pass: Pass,
}

/// Several models on one base as one, and their batches as one.
pub(super) struct Joint {
    pub(super) model: Llama,
    pub(super) batch: Batch,
}

impl Joint {
    /// Joins them for one micro-step.
    ///
    /// # Errors
    /// There is none; their weights are not the same memory, or something but plain low-rank updates of the layers' modules
    /// and the head is trained.
    pub(super) fn new(shares: &[Share<'_>]) -> Result<Self> {
        let Some(first) = shares.first() else { return Err(Error::new("there is nothing to train")) };
        if shares.iter().any(|share| share.model.weights().any(Weight::is_adapted)) {
            return Err(Error::new("only plain low-rank updates are trained together"));
        }
        let mut model = first.model.clone();
        let (batch, rows) = joined(shares)?;
        for (layer, joint) in model.layers.iter_mut().enumerate() {
            for (which, projection) in joint.projections_mut().into_iter().enumerate() {
                let of = |share: &Share<'_>| share.model.layers.get(layer)?.projections().get(which).copied().cloned();
                let own: Vec<Projection> = shares.iter().filter_map(of).collect();
                let masks = shares.iter().map(|share| LayerMasks::new(share.pass.dropout, layer).module(which));
                let joined = together(own, &rows, masks.collect());
                *projection = joined.at(format!("model.layers.{layer}"))?;
            }
        }
        Ok(Self { model, batch })
    }
}

/// All rows one after the other, and which are whose.
fn joined(shares: &[Share<'_>]) -> Result<(Batch, Vec<Range<usize>>)> {
    let (mut ids, mut targets, mut bounds, mut rows) = (Vec::new(), Vec::new(), vec![0], Vec::new());
    for Share { batch, .. } in shares {
        let start = ids.len();
        targets.extend(batch.targets.iter().map(|(row, id)| (start as u32 + row, *id)));
        bounds.extend(batch.segments.bounds().iter().skip(1).map(|bound| start as u32 + bound));
        ids.extend_from_slice(&batch.ids);
        rows.push(start..ids.len());
    }
    Ok((Batch { ids, targets, weights: Vec::new(), segments: Segments::new(bounds)? }, rows))
}

/// One module of all models.
fn together(own: Vec<Projection>, rows: &[Range<usize>], masks: Vec<Option<Stream>>) -> Result<Projection> {
    let (mut base, mut is_plain) = (None::<FrozenWeight>, true);
    let mut members = Vec::with_capacity(own.len());
    for ((projection, rows), mask) in own.into_iter().zip(rows).zip(masks) {
        let (weight, lora) = match projection {
            Projection::Frozen(weight) => (weight, None),
            Projection::Lora(lora) if lora.magnitude.is_none() && lora.start.is_none() => {
                (lora.base.clone(), Some(lora))
            }
            _ => return Err(Error::new("only plain low-rank updates are trained together")),
        };
        if base.as_ref().is_some_and(|base| base.id() != weight.id()) {
            return Err(Error::new("adapters that are trained together must stand on the same weights in memory"));
        }
        is_plain &= lora.is_none();
        base = Some(weight);
        members.push(Member { lora, rows: rows.clone(), mask });
    }
    match base {
        Some(base) if is_plain => Ok(Projection::Frozen(base)),
        Some(base) => Ok(Projection::Together(Together { base, members })),
        None => Err(Error::new("there is nothing to train")),
    }
}
