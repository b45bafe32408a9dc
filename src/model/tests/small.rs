//! Small models and batches that the other tests share.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use serde_json::json;

use crate::error::{Error, Result};
use crate::model::{
    Batch, Config, Factor, GradientSink, Llama, Lora, Parameter, Parameters, Projection, Scaled, Segments, Side, Vera,
    row_squares,
};
use crate::random::Stream;
use crate::recipe::Quantization;

/// A config whose dimensions all differ, so that a mixed-up one shows.
pub fn config(key_value_heads: usize, tied: bool) -> Config {
    Config::from_json(&json!({
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": 20,
        "intermediate_size": 28,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": key_value_heads,
        "head_dim": 6,
        "vocab_size": 37,
        "max_position_embeddings": 32,
        "rms_norm_eps": 1e-5,
        "rope_theta": 100.0,
        "tie_word_embeddings": tied,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "initializer_range": 0.3,
    }))
    .unwrap()
}

/// A model with norms that are not all one.
pub fn model(config: Config, dtype: DType) -> Llama {
    let seed = 11;
    let mut shift = 0u64;
    Llama::assemble(config, (dtype, Quantization::None), &Device::Cpu, &mut |name, shape| {
        shift += 1;
        let noise = noise(seed, name, shape)?.to_dtype(dtype)?;
        Ok(if shape.len() < 2 { ((noise * 0.2)? + 1.0)? } else { (noise * 0.5)? })
    })
    .unwrap()
}

/// Numbers uniform in `[-1, 1)`.
pub fn noise(seed: u64, name: &str, shape: &[usize]) -> Result<Tensor> {
    let stream = Stream::new(seed, name);
    let values: Vec<f64> = (0..shape.iter().product::<usize>() as u64).map(|i| 2.0 * stream.unit_at(i) - 1.0).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// Three documents of 7, 1 and 9 tokens; some tokens of the first and last are targets.
pub fn batch() -> Batch {
    let stream = Stream::new(5, "ids");
    let ids: Vec<u32> = (0..17).map(|i| stream.below_at(i, 37) as u32).collect();
    let rows = [2u32, 3, 4, 5, 8, 9, 12, 14, 15];
    let targets = rows.iter().map(|row| (*row, ids[*row as usize + 1])).collect();
    Batch { ids, targets, weights: Vec::new(), segments: Segments::new(vec![0, 7, 8, 17]).unwrap() }
}

/// Keeps gradients; refuses a parameter that comes twice or in another shape.
#[derive(Default)]
pub struct Collected(pub BTreeMap<usize, Tensor>);

impl GradientSink for Collected {
    fn accept(&mut self, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        if gradient.dims() != parameter.value.dims() || gradient.dtype() != parameter.value.dtype() {
            return Err(Error::new("gradient").got(format!("{gradient:?}")).expected(format!("{:?}", parameter.value)));
        }
        match self.0.insert(parameter.index, gradient) {
            None => Ok(()),
            Some(_) => Err(Error::new(format!("parameter {} got two gradients", parameter.index))),
        }
    }
}

impl Collected {
    /// Gradients under the parameters' names.
    pub fn named(&self, parameters: &Parameters) -> BTreeMap<String, Tensor> {
        self.0.iter().map(|(index, gradient)| (parameters.entries()[*index].name.clone(), gradient.clone())).collect()
    }
}

/// Attaches trained factors of rank 3 to these modules; B is not zero.
pub fn attach_lora(model: &mut Llama, paths: &[&str], scale: f64, dropout: f64) -> Parameters {
    let mut factors = Vec::new();
    for path in paths {
        let (out, inner) = model.projection(path).unwrap().dims2().unwrap();
        for (name, shape) in [("lora_A", [3, inner]), ("lora_B", [out, 3])] {
            let name = format!("{path}.{name}");
            let value = noise(3, &name, &shape).unwrap().to_dtype(model.dtype()).unwrap();
            factors.push((name, value));
        }
    }
    let (parameters, views) = Parameters::gather(factors).unwrap();
    let mut views = views.into_iter();
    for path in paths {
        let projection = model.projection_mut(path).unwrap();
        let base = projection.frozen().unwrap().clone();
        let (a, b) = (Factor::Trained(views.next().unwrap()), Factor::Trained(views.next().unwrap()));
        *projection = Projection::Lora(Lora::new(base, a, b, scale, dropout));
    }
    parameters
}

/// Gives modules with factors on them lengths of rows that are not the weights', all of it trained, or A not.
pub fn attach_dora(model: &mut Llama, paths: &[&str], scale: f64, dropout: f64) -> Parameters {
    attach_lora(model, paths, scale, dropout);
    let mut tensors = Vec::new();
    for path in paths {
        let Some(Projection::Lora(lora)) = model.projection(path) else { panic!("no factors on {path}") };
        let lengths = row_squares(&lora.base).unwrap().sqrt().unwrap();
        let name = format!("{path}.lora_magnitude_vector");
        let change = noise(4, &name, lengths.dims()).unwrap().affine(0.3, 1.0).unwrap();
        let lengths = (&lengths * change.to_dtype(lengths.dtype()).unwrap()).unwrap();
        tensors.push((format!("{path}.lora_A"), lora.a.value().clone()));
        tensors.push((format!("{path}.lora_B"), lora.b.value().clone()));
        tensors.push((name, lengths));
    }
    let (parameters, views) = Parameters::gather(tensors).unwrap();
    let mut views = views.into_iter().map(Factor::Trained);
    for path in paths {
        let projection = model.projection_mut(path).unwrap();
        let base = projection.frozen().unwrap().clone();
        let (a, b, lengths) = (views.next().unwrap(), views.next().unwrap(), views.next().unwrap());
        let lora = Lora::new(base, a, b, scale, dropout).with_magnitude(lengths).unwrap();
        *projection = Projection::Lora(lora);
    }
    parameters
}

/// Scales the outputs of these modules, and the inputs of those whose name has `mlp.d` in it.
pub fn attach_scales(model: &mut Llama, paths: &[&str]) -> Parameters {
    // Two of them read an input that other modules read, too.
    let of_inputs = ["down_proj", "up_proj", "v_proj"];
    let side = |path: &str| match of_inputs.iter().any(|name| path.ends_with(name)) {
        true => Side::Inputs,
        false => Side::Outputs,
    };
    let mut tensors = Vec::new();
    for path in paths {
        let (out, inner) = model.projection(path).unwrap().dims2().unwrap();
        let name = format!("{path}.ia3_l");
        let size = if side(path) == Side::Inputs { inner } else { out };
        let value = (noise(3, &name, &[size]).unwrap() + 1.5).unwrap().to_dtype(model.dtype()).unwrap();
        tensors.push((name, value));
    }
    let (parameters, views) = Parameters::gather(tensors).unwrap();
    for (path, view) in paths.iter().zip(views) {
        let projection = model.projection_mut(path).unwrap();
        let base = projection.frozen().unwrap().clone();
        *projection = Projection::Scaled(Scaled { base, factors: Factor::Trained(view), side: side(path) });
    }
    parameters
}

/// Adds to these modules an update of factors that all of them share, and vectors of each.
pub fn attach_vera(model: &mut Llama, paths: &[&str], dropout: f64) -> Parameters {
    let shapes: Vec<_> = paths.iter().map(|path| model.projection(path).unwrap().dims2().unwrap()).collect();
    let (out, inner) = shapes.iter().fold((0, 0), |most, shape| (most.0.max(shape.0), most.1.max(shape.1)));
    let (a, b) = (noise(7, "vera_A", &[3, inner]).unwrap(), noise(7, "vera_B", &[out, 3]).unwrap());
    let mut vectors = Vec::new();
    for (path, (out, _)) in paths.iter().zip(&shapes) {
        for (name, size) in [("vera_lambda_d", 3), ("vera_lambda_b", *out)] {
            let name = format!("{path}.{name}");
            vectors.push((name.clone(), noise(3, &name, &[size]).unwrap().to_dtype(model.dtype()).unwrap()));
        }
    }
    let (parameters, views) = Parameters::gather(vectors).unwrap();
    let mut views = views.into_iter().map(Factor::Trained);
    for (path, (out, inner)) in paths.iter().zip(shapes) {
        let projection = model.projection_mut(path).unwrap();
        let base = projection.frozen().unwrap().clone();
        let cut = |factor: &Tensor, side, size| factor.narrow(side, 0, size).unwrap().to_dtype(base.dtype()).unwrap();
        let (a, b) = (cut(&a, 1, inner), cut(&b, 0, out));
        let (inner, outer) = (views.next().unwrap(), views.next().unwrap());
        *projection = Projection::Vera(Vera { base, a, b, inner, outer, dropout });
    }
    parameters
}

/// The largest difference, relative to the largest value of `expected`.
pub fn difference(got: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(got.dims(), expected.dims());
    let flat = |t: &Tensor| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let (got, expected) = (flat(got), flat(expected));
    let largest = expected.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    assert!(largest > 0.0, "the expected tensor is all zero");
    got.iter().zip(&expected).fold(0.0, |m: f64, (g, e)| m.max((g - e).abs())) / largest
}
