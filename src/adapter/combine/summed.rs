//! Sums of whole updates, `[out, in]`, some entries of which were dropped; with the signs of entries elected or not.

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::Update;
use super::low_rank::{self, Low};
use super::pruned;
use super::settings::{Prune, Settings, SignMethod};
use crate::error::Result;
use crate::kernels::matmul::matmul;
use crate::random::Stream;

/// Entries that one thread takes at a time.
const PART: usize = 1 << 16;

/// An update's entries, and how much of it goes in.
struct Whole {
    weight: f32,
    values: Vec<f32>,
}

/// One module by a method that drops entries.
///
/// # Source
/// TIES: Yadav et al. 2023, arXiv:2306.01708; DARE: Yu et al. 2023, arXiv:2311.03099.
pub(super) fn combine(updates: &[Update], path: &str, settings: &Settings) -> Result<Low> {
    let Some(first) = updates.first() else { return Err(crate::error::Error::new("no update to combine")) };
    let shape = (first.pair.b.dim(0)?, first.pair.a.dim(1)?);
    let density = settings.density.unwrap_or(1.0);
    let mut wholes = Vec::with_capacity(updates.len());
    for update in updates {
        let mut values = whole(update)?;
        match settings.method.prunes() {
            Some(Prune::Magnitude) => pruned::by_magnitude(&mut values, density),
            Some(Prune::Chance) => {
                let stream = Stream::new(settings.seed, &format!("entries of {path}")).child(update.number as u64);
                pruned::by_chance(&mut values, density, stream);
            }
            None => {}
        }
        wholes.push(Whole { weight: update.weight as f32, values });
    }
    let mut sum = vec![0f32; shape.0 * shape.1];
    sum.par_chunks_mut(PART).enumerate().for_each(|(part, sum)| {
        for (entry, index) in sum.iter_mut().zip(part * PART..) {
            let values = wholes.iter().map(|whole| (whole.weight, whole.values.get(index).copied().unwrap_or(0.0)));
            *entry = match settings.method.elects() {
                true => agreed(values, settings.sign),
                false => values.map(|(weight, value)| weight * value).sum(),
            };
        }
    });
    drop(wholes);
    let rank = settings.rank_for(updates.iter().map(|update| update.pair.a.dim(0).unwrap_or(0)));
    let sum = Tensor::from_vec(sum, shape, &Device::Cpu)?;
    low_rank::of_matrix(&sum, rank, Stream::new(settings.seed, &format!("directions of {path}")))
}

/// `scale·B·A`, row after row.
fn whole(update: &Update) -> Result<Vec<f32>> {
    let wide = |factor: &Tensor| -> Result<Tensor> { Ok(factor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?) };
    let product = matmul(&(wide(&update.pair.b)? * update.scale)?, &wide(&update.pair.a)?)?;
    Ok(product.flatten_all()?.to_vec1()?)
}

/// The mean of the values that have the elected sign, each times its weight; 0 if none has.
///
/// A negative weight turns its value round *before* the election: what is taken away votes against. PEFT lets it vote for,
/// which makes no difference while weights are positive.
fn agreed(values: impl Iterator<Item = (f32, f32)> + Clone, sign: SignMethod) -> f32 {
    let turned = values.map(|(weight, value)| (weight.abs(), if weight < 0.0 { -value } else { value }));
    let votes: f32 = match sign {
        SignMethod::Total => turned.clone().map(|(_, value)| value).sum(),
        SignMethod::Frequency => turned.clone().map(|(_, value)| if value == 0.0 { 0.0 } else { value.signum() }).sum(),
    };
    // Where the votes are even, the positive values stay.
    let agree = |value: f32| if votes >= 0.0 { value > 0.0 } else { value < 0.0 };
    let (mut sum, mut count) = (0.0, 0u32);
    for (weight, value) in turned.filter(|(_, value)| agree(*value)) {
        sum += weight * value;
        count += 1;
    }
    if count == 0 { 0.0 } else { sum / count as f32 }
}
