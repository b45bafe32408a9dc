//! VeRA's parts: one pair of random factors for all modules, cut to the shape of each, and two vectors for each module.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::LoraPair;
use super::attach::{beside, frozen_weight};
use super::create::owned;
use super::mersenne::Mersenne;
use crate::error::{Error, Place, Result};
use crate::kernels::matmul::matmul;
use crate::model::{Factor, FrozenWeight, Llama, Projection, Vera};

/// What each element of `vera_lambda_d` begins as: the `d_initial` of PEFT's that is not given.
pub(super) const D_INITIAL: f32 = 0.1;

/// The vectors of one module.
#[derive(Debug, Clone)]
pub struct VeraPair {
    /// `vera_lambda_d`: what each row of the first factor is multiplied by, `[rank]`.
    pub inner: Tensor,
    /// `vera_lambda_b`: what each row of the second factor is multiplied by, `[out]`.
    pub outer: Tensor,
}

/// What VeRA has: the factors that all modules share, and the vectors of each.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The factors, as large as the largest module on either side: `A [rank, in]` and `B [out, rank]`.
    pub factors: LoraPair,
    /// The vectors, by the path of their module.
    pub modules: BTreeMap<String, VeraPair>,
}

impl Shared {
    /// As PEFT begins: factors drawn by the key, uniform in ±√(6/in) and ±√(6/rank); vectors that change nothing.
    ///
    /// # Errors
    /// There is no module.
    pub(super) fn fresh(key: u64, rank: usize, shapes: &[(String, [usize; 2])]) -> Result<Self> {
        let largest = |side: usize| shapes.iter().filter_map(|(_, shape)| shape.get(side).copied()).max();
        let (Some(out), Some(inner)) = (largest(0), largest(1)) else {
            return Err(Error::new("no module is left to train"));
        };
        let mut generator = Mersenne::new(key);
        let mut draw = |rows: usize, columns: usize| -> Result<Tensor> {
            let bound = (3f64.sqrt() * (2f64.sqrt() / (columns as f64).sqrt())) as f32;
            let values = generator.uniform(rows * columns, (-bound, bound));
            Ok(Tensor::from_vec(values, (rows, columns), &Device::Cpu)?)
        };
        let factors = LoraPair { a: draw(rank, inner)?, b: draw(out, rank)? };
        let vectors = |[out, _]: [usize; 2]| -> Result<VeraPair> {
            let inner = Tensor::full(D_INITIAL, rank, &Device::Cpu)?;
            Ok(VeraPair { inner, outer: Tensor::zeros(out, DType::F32, &Device::Cpu)? })
        };
        let each = shapes.iter().map(|(path, shape)| Ok((path.clone(), vectors(*shape)?)));
        Ok(Self { factors, modules: each.collect::<Result<_>>()? })
    }

    /// Every tensor changed in one way.
    pub(super) fn map(&self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let factors = LoraPair { a: change(&self.factors.a)?, b: change(&self.factors.b)? };
        let each = self.modules.iter().map(|(path, pair)| {
            Ok((path.clone(), VeraPair { inner: change(&pair.inner)?, outer: change(&pair.outer)? }))
        });
        Ok(Self { factors, modules: each.collect::<Result<_>>()? })
    }

    /// What is added to the weight of a module, in the dtype of a tensor beside which it is made.
    ///
    /// # Shapes  `[out, in]`, as the weight
    pub(super) fn update(&self, pair: &VeraPair, like: &Tensor) -> Result<Tensor> {
        let (rows, columns) = like.dims2()?;
        let moved = |t: &Tensor| -> Result<Tensor> { Ok(t.to_device(like.device())?.to_dtype(like.dtype())?) };
        let b = moved(&self.factors.b.narrow(0, 0, rows)?)?.broadcast_mul(&moved(&pair.outer)?.unsqueeze(1)?)?;
        let a = moved(&self.factors.a.narrow(1, 0, columns)?)?.broadcast_mul(&moved(&pair.inner)?.unsqueeze(1)?)?;
        matmul(&b, &a)
    }

    /// What does not fit a module of that shape.
    pub(super) fn misfit(&self, pair: &VeraPair, [rows, columns]: [usize; 2]) -> Result<Option<Error>> {
        let (_, inner) = self.factors.a.dims2()?;
        let (out, _) = self.factors.b.dims2()?;
        if pair.outer.dims() != [rows] {
            let error = Error::new("the shape of vera_lambda_b").got(format!("{:?}", pair.outer.dims()));
            return Ok(Some(error.expected(format!("[{rows}], as the model's weight"))));
        }
        if inner < columns || out < rows {
            let error = Error::new("the rows of vera_B and the columns of vera_A").got(format!("{out} and {inner}"));
            return Ok(Some(error.expected(format!("at least {rows} and {columns}, as the model's weight"))));
        }
        Ok(None)
    }

    /// What a model's modules are now; none if it has no VeRA on it. The shared factors are the largest of its modules'.
    ///
    /// # Errors
    /// A vector is not finite (names its module).
    pub(super) fn taken(model: &Llama) -> Result<Option<Self>> {
        let (mut modules, mut factors) = (BTreeMap::new(), None::<LoraPair>);
        for path in model.module_paths() {
            let Some(Projection::Vera(vera)) = model.projection(&path) else { continue };
            let (inner, outer) = (owned(vera.inner.value()).at(&path)?, owned(vera.outer.value()).at(&path)?);
            let found = factors.get_or_insert_with(|| LoraPair { a: vera.a.clone(), b: vera.b.clone() });
            if vera.a.dim(1)? > found.a.dim(1)? {
                found.a = vera.a.clone();
            }
            if vera.b.dim(0)? > found.b.dim(0)? {
                found.b = vera.b.clone();
            }
            modules.insert(path, VeraPair { inner, outer });
        }
        Ok(factors.map(|factors| Self { factors, modules }))
    }
}

/// The states of a model's modules with an adapter whose vectors do not change.
///
/// # Errors
/// The model lacks a module; its device has no room.
pub(super) fn frozen<'a>(shared: &'a Shared, model: &Llama) -> Result<Vec<(&'a str, Projection)>> {
    let (mut slices, mut states) = (Slices::default(), Vec::with_capacity(shared.modules.len()));
    for (path, pair) in &shared.modules {
        let base = frozen_weight(model, path)?;
        let (inner, outer) = (Factor::Frozen(beside(&pair.inner, &base)?), Factor::Frozen(beside(&pair.outer, &base)?));
        let (a, b) = slices.of(&shared.factors, &base)?;
        states.push((path.as_str(), Projection::Vera(Vera { base, a, b, inner, outer, dropout: 0.0 })));
    }
    Ok(states)
}

/// The shared factors cut to the shapes of modules, each shape once.
#[derive(Default)]
pub(super) struct Slices {
    a: BTreeMap<usize, Tensor>,
    b: Option<Tensor>,
}

impl Slices {
    /// The factors of a module beside its weight: `[rank, in]` and `[out, rank]`.
    pub fn of(&mut self, factors: &LoraPair, base: &FrozenWeight) -> Result<(Tensor, Tensor)> {
        let (rows, columns) = base.dims2()?;
        let a = match self.a.get(&columns) {
            Some(a) => a.clone(),
            None => {
                // Columns cut off lie apart, so that this is a copy; all modules of that width share it.
                let a = beside(&factors.a.narrow(1, 0, columns)?.contiguous()?, base)?;
                self.a.insert(columns, a.clone());
                a
            }
        };
        let b = match &self.b {
            Some(b) => b.clone(),
            None => self.b.insert(beside(&factors.b, base)?).clone(),
        };
        Ok((a, b.narrow(0, 0, rows)?))
    }
}
