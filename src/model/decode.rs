//! One new token for each of some texts: rows that go through the base together, each with its own adapter.
//!
//! The base's weights are packed once and multiplied once for all rows, whichever adapters these have.

use candle_core::{Tensor, TensorId};

use super::cache::Cache;
use super::config::LAYER_PROJECTIONS;
use super::context::Context;
use super::layer::Layer;
use super::llama::Llama;
use super::projection::Projection;
use super::weight::Weight;
use crate::error::{Error, Result};
use crate::kernels::attention::{self, Segments, cache_write};
use crate::kernels::matmul::{PackedWeight, linear_by_packed};
use crate::kernels::sum::add;
use crate::kernels::{rope, swiglu};

/// Up to this many rows, a weight is read as it lies.
const FEW: usize = 4;

/// Some models on one base, ready to be asked for one token after another.
pub(super) struct Decoder<'a> {
    models: &'a [&'a Llama],
    /// Whether an embedding or a norm of one is not the base's.
    apart: bool,
    /// The base's weights; empty if there will be few rows.
    layers: Vec<Vec<PackedWeight>>,
    head: Option<PackedWeight>,
}

/// A text's place in the batch.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// Which model writes it.
    pub model: usize,
    /// Its newest token.
    pub token: u32,
    /// That token's position.
    pub place: usize,
}

/// The rows of one model; all of them if it is alone.
struct Group {
    model: usize,
    rows: Option<Tensor>,
}

impl<'a> Decoder<'a> {
    /// Packs the weights, if `rows` are enough to be worth it.
    ///
    /// # Errors
    /// There is no model, or they do not share one base.
    pub fn new(models: &'a [&'a Llama], rows: usize) -> Result<Self> {
        let Some((base, others)) = models.split_first() else {
            return Err(Error::new("there is no model to generate with"));
        };
        if let Some(index) = others.iter().position(|other| !same_base(base, other)) {
            return Err(Error::new(format!("model {} of a batch", index + 1))
                .got("weights of its own")
                .expected("the weights of the first one, with another adapter"));
        }
        let apart = models.iter().any(|model| model.weights().any(Weight::is_adapted));
        let mut decoder = Self { models, apart, layers: Vec::new(), head: None };
        if rows > FEW {
            for layer in &base.layers {
                let packed = layer.projections().map(packed);
                decoder.layers.push(packed.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>>>()?);
            }
            decoder.head = match &base.head {
                Some(head) => packed(head)?,
                None => PackedWeight::new(base.embedding.value())?,
            };
        }
        Ok(decoder)
    }

    fn base(&self) -> Option<&'a Llama> {
        self.models.first().copied()
    }

    /// The residual stream of each row's newest token, whose keys and values are added to the cache.
    pub fn step(&self, rows: &[Row], cache: &Cache) -> Result<Tensor> {
        let Some(base) = self.base() else { return Err(Error::new("there is no model to generate with")) };
        let places: Vec<usize> = rows.iter().map(|row| row.place).collect();
        let segments = Segments::one(rows.len());
        let mut context = base.context(&segments, None)?;
        context.positions = base.ids(&places.iter().map(|place| *place as u32).collect::<Vec<_>>())?;
        let groups = self.groups(rows)?;
        let ids: Vec<u32> = rows.iter().map(|row| row.token).collect();
        let mut x = if self.apart {
            let places = base.ids(&(0..ids.len() as u32).collect::<Vec<_>>())?;
            self.by_group(&places, &groups, |model, places| {
                let ids: Vec<u32> =
                    places.to_vec1::<u32>()?.iter().filter_map(|place| ids.get(*place as usize).copied()).collect();
                model.embed(&ids)
            })?
        } else {
            base.embed(&ids)?
        };
        for index in 0..base.layers.len() {
            x = self.layer(index, &x, &context, &places, cache, &groups)?;
        }
        Ok(x)
    }

    /// The logits of rows that have gone through all layers.
    ///
    /// # Shapes  `x: [rows, hidden]` → `[rows, vocabulary]`
    pub fn logits(&self, x: &Tensor, models: &[usize]) -> Result<Tensor> {
        let Some(base) = self.base() else { return Err(Error::new("there is no model to generate with")) };
        let groups = self.groups_of(models)?;
        let normed = match self.apart {
            true => self.by_group(x, &groups, |model, x| model.normed(x))?,
            false => base.normed(x)?,
        };
        if self.apart && base.head.is_none() {
            return self.by_group(&normed, &groups, |model, x| model.head().logits(x));
        }
        let packed: Vec<&PackedWeight> = self.head.iter().collect();
        let product = |_: usize, x: &Tensor| base.head().weight_forward(x);
        let [logits] = self.modules(product, &packed, &normed, &groups, |model, _| model.head.as_ref())?;
        Ok(logits)
    }

    fn groups(&self, rows: &[Row]) -> Result<Vec<Group>> {
        self.groups_of(&rows.iter().map(|row| row.model).collect::<Vec<_>>())
    }

    fn groups_of(&self, models: &[usize]) -> Result<Vec<Group>> {
        let mut groups = Vec::new();
        for (model, llama) in self.models.iter().enumerate() {
            let rows: Vec<u32> = (0..).zip(models).filter(|(_, of)| **of == model).map(|(row, _)| row).collect();
            if rows.len() == models.len() {
                return Ok(vec![Group { model, rows: None }]);
            }
            if !rows.is_empty() {
                groups.push(Group { model, rows: Some(llama.ids(&rows)?) });
            }
        }
        Ok(groups)
    }

    fn layer(
        &self,
        index: usize,
        x: &Tensor,
        context: &Context<'_>,
        places: &[usize],
        cache: &Cache,
        groups: &[Group],
    ) -> Result<Tensor> {
        let (Some(layer), Some(cache)) =
            (self.base().and_then(|base| base.layers.get(index)), cache.layers().get(index))
        else {
            return Err(Error::new(format!("layer {index} of a model or its cache")).expected("one for each layer"));
        };
        let heads = context.heads;
        let norm = |x: &Tensor, which: fn(&Layer) -> &Weight| match self.apart {
            true => self.by_group(x, groups, |model, x| match model.layers.get(index) {
                Some(layer) => Ok(which(layer).norm_forward(x, context.epsilon)?.0),
                None => Err(Error::new(format!("layer {index} of a model")).expected("one that it has")),
            }),
            false => Ok(which(layer).norm_forward(x, context.epsilon)?.0),
        };
        let normed = norm(x, |layer| &layer.input_norm)?;
        let [q, k, v] = self.of_layer(index, [0, 1, 2], &normed, groups)?;
        let q = rope::forward(&q, heads.query, &context.positions, context.rotary)?;
        let k = rope::forward(&k, heads.key_value, &context.positions, context.rotary)?;
        let rows: Vec<usize> = (0..places.len()).collect();
        let (keys, values) = cache.rows(rows.len())?;
        cache_write(&keys, &rows, places, &k)?;
        cache_write(&values, &rows, places, &v)?;
        let lengths: Vec<usize> = places.iter().map(|place| place + 1).collect();
        let out = attention::decode(&q, &keys, &values, heads, &lengths)?;
        let [out] = self.of_layer(index, [3], &out, groups)?;
        let (normed, middle) = if self.apart {
            let middle = add(out, x)?;
            (norm(&middle, |layer| &layer.post_attention_norm)?, middle)
        } else {
            let (normed, saved) = layer.post_attention_norm.norm_added(out, x, context.epsilon)?;
            (normed, saved.x)
        };
        let [gate, up] = self.of_layer(index, [4, 5], &normed, groups)?;
        let [down] = self.of_layer(index, [6], &swiglu::forward(&gate, &up)?, groups)?;
        add(down, &middle)
    }

    /// What each row's own model makes of it.
    fn by_group(
        &self,
        x: &Tensor,
        groups: &[Group],
        part: impl Fn(&'a Llama, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let (mut made, mut places) = (Vec::with_capacity(groups.len()), Vec::with_capacity(x.dim(0)?));
        for group in groups {
            let Some(model) = self.models.get(group.model).copied() else { continue };
            let Some(rows) = &group.rows else { return part(model, x) };
            made.push(part(model, &x.index_select(rows, 0)?)?);
            places.extend(rows.to_vec1::<u32>()?);
        }
        let mut from = vec![0u32; places.len()];
        for (place, row) in places.iter().zip(0..) {
            if let Some(from) = from.get_mut(*place as usize) {
                *from = row;
            }
        }
        Ok(Tensor::cat(&made, 0)?.index_select(&Tensor::from_vec(from, places.len(), x.device())?, 0)?)
    }

    /// The outputs of some modules of a layer, by their places in [`LAYER_PROJECTIONS`], which read the same input.
    fn of_layer<const N: usize>(
        &self,
        index: usize,
        which: [usize; N],
        x: &Tensor,
        groups: &[Group],
    ) -> Result<[Tensor; N]> {
        const { assert!(N <= LAYER_PROJECTIONS.len()) };
        let Some(layer) = self.base().and_then(|base| base.layers.get(index)) else {
            return Err(Error::new(format!("layer {index} of a model")).expected("one that it has"));
        };
        let all = layer.projections();
        let product = |place: usize, x: &Tensor| match which.get(place).and_then(|module| all.get(*module)) {
            Some(projection) => projection.weight_forward(x),
            None => Err(Error::new(format!("module {place} of layer {index}")).expected("one that it has")),
        };
        let packed = self.layers.get(index).map(Vec::as_slice).unwrap_or_default();
        let packed: Vec<&PackedWeight> = which.iter().filter_map(|module| packed.get(*module)).collect();
        self.modules(product, &packed, x, groups, |model, place| {
            let module = which.get(place).copied()?;
            model.layers.get(index)?.projections().get(module).copied()
        })
    }

    /// The base's products of `x`, and to each row those of its adapter, which `projection` finds.
    fn modules<const N: usize>(
        &self,
        product: impl Fn(usize, &Tensor) -> Result<Tensor>,
        packed: &[&PackedWeight],
        x: &Tensor,
        groups: &[Group],
        projection: impl Fn(&'a Llama, usize) -> Option<&'a Projection>,
    ) -> Result<[Tensor; N]> {
        // A weight that replaces the base's for all rows leaves nothing for the base's own product.
        if let [Group { model, rows: None }] = groups
            && let Some(model) = self.models.get(*model).copied()
            && (0..N).any(|place| projection(model, place).is_some_and(Projection::is_replaced))
        {
            let own = (0..N).map(|place| match projection(model, place) {
                Some(projection) => Ok(projection.forward(x, None)?.0),
                None => product(place, x),
            });
            let own = own.collect::<Result<Vec<_>>>()?;
            return own.try_into().map_err(|_| Error::new("the outputs of some modules").expected("one of each"));
        }
        let outputs = if packed.len() == N && x.dim(0)? > FEW {
            linear_by_packed(x, packed)?
        } else {
            (0..N).map(|place| product(place, x)).collect::<Result<Vec<_>>>()?
        };
        let mut updated = Vec::with_capacity(N);
        for (place, mut y) in outputs.into_iter().enumerate() {
            for group in groups {
                let model = self.models.get(group.model).copied();
                if let Some(projection) = model.and_then(|model| projection(model, place)) {
                    y = projection.adapt(y, x, group.rows.as_ref())?;
                }
            }
            updated.push(y);
        }
        updated.try_into().map_err(|_| Error::new("the outputs of some modules").expected("one of each"))
    }
}

/// A module's weight, packed where products profit from it.
fn packed(projection: &Projection) -> Result<Option<PackedWeight>> {
    match projection.frozen() {
        Some(weight) => weight.packed(),
        None => PackedWeight::new(&projection.weight()?),
    }
}

/// Whether two models have the same weights in the same memory, but for their adapters.
fn same_base(a: &Llama, b: &Llama) -> bool {
    weights(a).eq(weights(b))
}

fn weights(model: &Llama) -> impl Iterator<Item = TensorId> {
    let of_layers = model.layers.iter().flat_map(|layer| {
        let norms = [layer.input_norm.value().id(), layer.post_attention_norm.value().id()];
        norms.into_iter().chain(layer.projections().map(Projection::weight_id))
    });
    let ends = [model.embedding.value().id(), model.norm.value().id()];
    of_layers.chain(ends).chain(model.head.as_ref().map(Projection::weight_id))
}
