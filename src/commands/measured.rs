//! `emakeel merge --measure`: how far the logits of a merged model are from those of its adapters beside the base.

use std::path::Path;

use candle_core::{DType, Device};

use crate::adapter::Adapter;
use crate::adapter::combine::{Method, Part, Settings, SignMethod, combine};
use crate::data::Tokenizer;
use crate::error::{Place, Result};
use crate::model::Llama;
use crate::recipe::Quantization;
use crate::study::probe;

/// Some logits of adapters beside their base, taken before the two are merged.
pub struct Measured {
    dtype: DType,
    beside: Vec<(Quantization, Vec<f32>)>,
}

impl Measured {
    /// Computes with the base as it is, and with its linear modules kept in each of the other ways.
    ///
    /// # Errors
    /// The base has no tokenizer; an adapter does not fit it, or is not one that can be combined with the others.
    pub fn new(base: &Path, parts: &[Part<'_>], dtype: DType, ways: &[Quantization]) -> Result<Self> {
        let (tokenizer, adapter) = (Tokenizer::open(base)?, as_one(parts)?);
        let logits = |way: &Quantization| {
            let mut model = Llama::load_in(base, (dtype, *way), &Device::Cpu)?;
            adapter.attach(&mut model)?;
            Ok((*way, probe::of(&model, &tokenizer)?))
        };
        Ok(Self { dtype, beside: ways.iter().map(logits).collect::<Result<_>>()? })
    }

    /// What the merged model's logits differ by, as a sentence for each way.
    ///
    /// # Errors
    /// The merged model cannot be read.
    pub fn against(&self, merged: &Path) -> Result<Vec<String>> {
        let model = Llama::load(merged, self.dtype, &Device::Cpu)?;
        let now = probe::of(&model, &Tokenizer::open(merged)?).at(merged.display().to_string())?;
        let sentence = |(way, before): &(Quantization, Vec<f32>)| {
            let base = match way {
                Quantization::None => "the base as it is".to_owned(),
                other => format!("the base in {}", other.bits()),
            };
            let share = 100.0 * probe::difference(&now, before);
            format!("logits differ by at most {share:.3} % of the largest from those of the adapter on {base}")
        };
        Ok(self.beside.iter().map(sentence).collect())
    }
}

/// One adapter that does what all of them do.
fn as_one(parts: &[Part<'_>]) -> Result<Adapter> {
    if let [Part { adapter, weight: 1.0, .. }] = parts {
        return Ok((*adapter).clone());
    }
    let settings = Settings { method: Method::Cat, density: None, sign: SignMethod::default(), rank: None, seed: 0 };
    Ok(combine(parts, &settings)?.adapter)
}
