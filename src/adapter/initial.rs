//! What the factors of a fresh adapter begin as: noise and zero, or a part of the weight itself, or what 4 or 8 bits lose
//! of it.
//!
//! Where they begin as a part of the weight, the rest of it is what stays frozen: `W − scale·B·A`.
//!
//! | word | A and B |
//! |---|---|
//! | `kaiming`, `gaussian` | A drawn, B zero |
//! | `pissa` | `√S·Vᵀ` and `U·√S` of the largest singular values, each over the root of the scale |
//! | `olora` | the first rows of R and columns of Q, of `W = Q·R` |
//! | `loftq` | as PiSSA, of `W` less its 4 or 8 bits; these are of `W` less the update before, so many times over |
//!
//! # Source
//! PiSSA: Meng et al. 2024, arXiv:2404.02948 §3; OLoRA: Büyükakyüz 2024, arXiv:2406.01775 §3; LoftQ: Li et al. 2023,
//! arXiv:2310.08659 algorithm 1. PEFT's LoftQ leaves the scale out, which is the same where alpha is the rank.

use candle_core::{DType, Device, Tensor};

use super::LoraPair;
use super::leading::{self, Effort};
use crate::error::{Error, Result};
use crate::kernels::matmul::matmul;
use crate::model::{FrozenWeight, Llama, Projection};
use crate::random::Stream;
use crate::recipe::{Initial, LoraSettings, Quantization};

/// An update that is wanted.
pub(super) struct Want<'a> {
    /// The module.
    pub path: &'a str,
    /// Its rank.
    pub rank: usize,
    /// Its scale.
    pub scale: f64,
    /// The seed of all that is drawn.
    pub seed: u64,
    /// How it begins, and in what form the rest of the weight is kept.
    pub settings: &'a LoraSettings,
}

/// The factors of a weight's update, and the rest of the weight if they begin as a part of it.
///
/// # Errors
/// The rank is 0, or larger than the weight that is taken apart; the weight is in 8 or 4 bits already.
pub(super) fn pair(base: FrozenWeight, want: &Want<'_>) -> Result<(LoraPair, Option<FrozenWeight>)> {
    let (rows, columns) = base.dims2()?;
    if want.rank == 0 {
        return Err(Error::new("the rank").got(0).expected("at least 1").hint("8 to 64 are common"));
    }
    let in_layer = want.path.starts_with("model.layers.");
    let drawn = |a: Tensor| -> Result<LoraPair> {
        Ok(LoraPair { a, b: Tensor::zeros((rows, want.rank), DType::F32, &Device::Cpu)? })
    };
    let stream = Stream::new(want.seed, &format!("lora_A of {}", want.path));
    match want.settings.init {
        Initial::Gaussian => return Ok((drawn(gaussian(stream, want.rank, columns)?)?, None)),
        Initial::Kaiming => return Ok((drawn(uniform(stream, want.rank, columns)?)?, None)),
        // The head is not quantized, so it loses nothing.
        Initial::Loftq(_) if !in_layer => return Ok((drawn(uniform(stream, want.rank, columns)?)?, None)),
        Initial::Pissa | Initial::PissaRounds(_) | Initial::Olora | Initial::Loftq(_) => {}
    }
    let bits = base.quantization().bits();
    let FrozenWeight::Plain(weight) = base else {
        let what = format!("the module is in {bits} already, so the start of its adapter cannot be taken from it");
        return Err(
            Error::new(what).hint("load the model without quantization: it is quantized when the adapter is made")
        );
    };
    if want.rank > rows.min(columns) {
        return Err(Error::new("the rank")
            .got(want.rank)
            .expected(format!("at most {}, the smaller side of the weight", rows.min(columns)))
            .hint("lower the rank, or give the module one of its own by rank_pattern"));
    }
    let quantization = if in_layer { want.settings.quantization } else { Quantization::None };
    match want.settings.init {
        Initial::Loftq(rounds) => loftq(&weight, want, (rounds, Effort::Rounds(16)), quantization),
        init => {
            let wide = in_wide(&weight)?;
            let pair = match init {
                Initial::Olora => leading::qr(&wide, want.rank)?,
                Initial::PissaRounds(rounds) => singular(&wide, want, Effort::Rounds(rounds))?,
                _ => singular(&wide, want, Effort::Converge)?,
            };
            let rest = (wide - (matmul(&pair.b, &pair.a)? * want.scale)?)?.to_dtype(weight.dtype())?;
            Ok((pair, Some(FrozenWeight::new(rest, quantization)?)))
        }
    }
}

/// The factors of a fresh update of an embedding: A zero and B normal with deviation 1, as PEFT has it.
pub(super) fn of_embedding(weight: &Tensor, rank: usize, seed: u64) -> Result<LoraPair> {
    let (vocabulary, features) = weight.dims2()?;
    let stream = Stream::new(seed, "lora_embedding_B of model.embed_tokens");
    let count = (features * rank) as u64;
    let b: Vec<f32> = (0..count).map(|index| stream.normal_at(index, 1.0) as f32).collect();
    let a = Tensor::zeros((rank, vocabulary), DType::F32, &Device::Cpu)?;
    Ok(LoraPair { a, b: Tensor::from_vec(b, (features, rank), &Device::Cpu)? })
}

/// The largest singular vectors, so that `scale·B·A` is their part of the weight.
fn singular(weight: &Tensor, want: &Want<'_>, effort: Effort) -> Result<LoraPair> {
    let stream = Stream::new(want.seed, &format!("singular vectors of {}", want.path));
    let pair = leading::singular(weight, want.rank, effort, stream)?;
    let root = 1.0 / want.scale.sqrt();
    Ok(LoraPair { a: (pair.a * root)?, b: (pair.b * root)? })
}

/// Alternates between 4 or 8 bits of what the update leaves, and the update for what these lose.
pub(super) fn loftq(
    weight: &Tensor,
    want: &Want<'_>,
    (rounds, effort): (usize, Effort),
    quantization: Quantization,
) -> Result<(LoraPair, Option<FrozenWeight>)> {
    let wide = in_wide(weight)?;
    let mut rest = weight.clone();
    let mut found = None;
    for _ in 0..rounds.max(1) {
        let quantized = FrozenWeight::new(rest, quantization)?;
        let lost = (&wide - quantized.to_tensor()?.to_dtype(wide.dtype())?)?;
        let pair = singular(&lost, want, effort)?;
        rest = (&wide - (matmul(&pair.b, &pair.a)? * want.scale)?)?.to_dtype(weight.dtype())?;
        found = Some((pair, quantized));
    }
    let (pair, quantized) = found.ok_or_else(|| Error::new("rounds of LoftQ").got(0).expected("at least 1"))?;
    Ok((pair, Some(quantized)))
}

/// Quantizes the modules of the layers that have no adapter.
pub(super) fn quantize_others(model: &mut Llama, quantization: Quantization) -> Result<()> {
    if quantization == Quantization::None {
        return Ok(());
    }
    for projection in model.layers.iter_mut().flat_map(|layer| layer.projections_mut()) {
        if let Projection::Frozen(FrozenWeight::Plain(weight)) = projection {
            *projection = Projection::Frozen(FrozenWeight::new(weight.clone(), quantization)?);
        }
    }
    Ok(())
}

fn in_wide(weight: &Tensor) -> Result<Tensor> {
    Ok(weight.to_dtype(if weight.dtype() == DType::F64 { DType::F64 } else { DType::F32 })?)
}

/// `[rank, columns]`, uniform in `±1/√columns`.
fn uniform(stream: Stream, rank: usize, columns: usize) -> Result<Tensor> {
    let bound = 1.0 / (columns as f64).sqrt();
    let values = (0..(rank * columns) as u64).map(|i| (bound * (2.0 * stream.unit_at(i) - 1.0)) as f32).collect();
    Ok(Tensor::from_vec(values, (rank, columns), &Device::Cpu)?)
}

/// `[rank, columns]`, normal with deviation `1/rank`.
fn gaussian(stream: Stream, rank: usize, columns: usize) -> Result<Tensor> {
    let count = (rank * columns) as u64;
    let values: Vec<f32> = (0..count).map(|index| (stream.normal_at(index, 1.0) / rank as f64) as f32).collect();
    Ok(Tensor::from_vec(values, (rank, columns), &Device::Cpu)?)
}
