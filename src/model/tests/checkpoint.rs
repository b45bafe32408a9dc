//! The real 260-thousand-parameter checkpoint against logits that a float64 program in another language computed.

use std::path::PathBuf;

use candle_core::{DType, Device};
use serde_json::Value;

use crate::error::Result;
use crate::files;
use crate::kernels::attention::Segments;
use crate::model::{Batch, Llama};

/// The checkpoint's folder, or none (with a loud line) where it is absent.
pub(super) fn folder() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/checkpoints/stories260K_hf"));
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: ../shared is absent");
    None
}

fn numbers(golden: &Value, key: &str) -> Vec<f64> {
    golden[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn ids(golden: &Value, key: &str) -> Vec<u32> {
    numbers(golden, key).into_iter().map(|id| id as u32).collect()
}

#[test]
fn logits_of_the_real_checkpoint_equal_the_golden_ones() -> Result<()> {
    let Some(folder) = folder() else { return Ok(()) };
    let golden: Value = files::read_json(&folder.join("golden.json"))?;
    let text = ids(&golden, "input_ids");
    for (dtype, tolerance) in [(DType::F32, 2e-5), (DType::F64, 1e-10)] {
        let model = Llama::load(&folder, dtype, &Device::Cpu)?;
        let logits = model.logits(&text, &Segments::one(text.len()))?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let last = text.len() - 1;
        for (key, row) in [("logits_first", 0), ("logits_pos5", 5), ("logits_last", last)] {
            for (got, expected) in logits[row].iter().zip(numbers(&golden, key)) {
                assert!((got - expected).abs() < tolerance * (1.0 + expected.abs()), "{key} {got} {expected}");
            }
        }
        let best: Vec<u32> = logits
            .iter()
            .map(|row| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as u32)
            .collect();
        assert_eq!(best, ids(&golden, "argmax"));
        let likelihoods = model.log_likelihoods(&Batch::document(text.clone()))?;
        let mean = -likelihoods.iter().sum::<f64>() / likelihoods.len() as f64;
        let expected = golden["mean_nll_shifted"].as_f64().unwrap();
        assert!((mean - expected).abs() < tolerance, "{mean} {expected}");
    }
    Ok(())
}
