//! A Llama in plain candle operations, one document and one head at a time, whose gradients candle's autograd finds.
//!
//! It shares no code with the model: frequencies, masks, norms and loss are written out again.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Tensor, Var};

use crate::kernels::dropout;
use crate::model::{Batch, Config, Llama, Projection, Side};
use crate::random::Stream;

type Result<T> = candle_core::Result<T>;

/// A low-rank update: both factors, the scale, and the mask over the packed tokens.
struct Update {
    a: Var,
    b: Var,
    scale: f64,
    mask: Option<Tensor>,
    /// DoRA's lengths of rows.
    lengths: Option<Var>,
}

/// VeRA's update: the factors cut to the module, its vectors, and the mask.
struct Shared {
    a: Tensor,
    b: Tensor,
    inner: Var,
    outer: Var,
    mask: Option<Tensor>,
}

pub struct Oracle {
    config: Config,
    weights: BTreeMap<String, Var>,
    updates: BTreeMap<String, Update>,
    /// (IA)³'s factors, and the side that they scale.
    scales: BTreeMap<String, (Var, Side)>,
    shared: BTreeMap<String, Shared>,
}

impl Oracle {
    /// Copies a model's weights and factors; masks are drawn as the model's contract says: one stream for each module,
    /// the child of its index (layer · 7 + place in the layer).
    pub fn new(model: &Llama, tokens: usize, supervised: usize, stream: Option<Stream>) -> Result<Self> {
        let mut frozen = model.clone();
        let (mut updates, mut scales, mut shared) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (index, path) in model.module_paths().iter().enumerate() {
            let projection = frozen.projection_mut(path).unwrap();
            if let Projection::Scaled(scaled) = projection.clone() {
                scales.insert(path.clone(), (Var::from_tensor(scaled.factors.value())?, scaled.side));
                *projection = Projection::Frozen(scaled.base);
                continue;
            }
            let mask = |probability: f64, width: usize| {
                stream.filter(|_| probability > 0.0).map(|stream| {
                    let mut stream = stream.child(index as u64);
                    let mut rows = tokens;
                    if path == "lm_head" {
                        (stream, rows) = (stream.child(0), supervised);
                    }
                    let ones = Tensor::ones((rows, width), DType::F64, &Device::Cpu).unwrap();
                    dropout::forward(&ones, probability, stream).unwrap()
                })
            };
            if let Projection::Vera(vera) = projection.clone() {
                let (inner, outer) = (Var::from_tensor(vera.inner.value())?, Var::from_tensor(vera.outer.value())?);
                let mask = mask(vera.dropout, vera.a.dims()[1]);
                shared.insert(path.clone(), Shared { a: vera.a, b: vera.b, inner, outer, mask });
                *projection = Projection::Frozen(vera.base);
                continue;
            }
            let Projection::Lora(lora) = projection.clone() else { continue };
            *projection = Projection::Frozen(lora.base);
            let (a, b) = (Var::from_tensor(lora.a.value())?, Var::from_tensor(lora.b.value())?);
            let mask = mask(lora.dropout, a.dims()[1]);
            let lengths = lora.magnitude.map(|magnitude| Var::from_tensor(magnitude.value.value())).transpose()?;
            updates.insert(path.clone(), Update { a, b, scale: lora.scale, mask, lengths });
        }
        let weights = frozen
            .named_tensors()
            .unwrap()
            .into_iter()
            .map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?)))
            .collect::<Result<_>>()?;
        Ok(Self { config: model.config.clone(), weights, updates, scales, shared })
    }

    fn linear(&self, path: &str, x: &Tensor, first_row: usize) -> Result<Tensor> {
        let weight = &self.weights[&format!("{path}.weight")];
        match self.scales.get(path) {
            Some((factors, Side::Inputs)) => return x.broadcast_mul(factors)?.matmul(&weight.t()?),
            Some((factors, Side::Outputs)) => return x.matmul(&weight.t()?)?.broadcast_mul(factors),
            None => {}
        }
        let y = x.matmul(&weight.t()?)?;
        if let Some(Shared { a, b, inner, outer, mask }) = self.shared.get(path) {
            let dropped = match mask {
                Some(mask) => (x * mask.narrow(0, first_row, x.dim(0)?)?)?,
                None => x.clone(),
            };
            // As one matrix, which the model never forms.
            let matrix = outer.unsqueeze(1)?.broadcast_mul(b)?.matmul(&inner.unsqueeze(1)?.broadcast_mul(a)?)?;
            return y + dropped.matmul(&matrix.t()?)?;
        }
        let Some(update) = self.updates.get(path) else { return Ok(y) };
        let dropped = match &update.mask {
            Some(mask) => (x * mask.narrow(0, first_row, x.dim(0)?)?)?,
            None => x.clone(),
        };
        if let Some(lengths) = &update.lengths {
            let updated = (weight.as_tensor() + (update.b.matmul(&update.a)? * update.scale)?)?;
            let norms = updated.detach().sqr()?.sum(1)?.sqrt()?;
            let turned = dropped.matmul(&updated.t()?)?.broadcast_mul(&(lengths.as_tensor() / norms)?)?;
            return (x - dropped)?.matmul(&weight.t()?)? + turned;
        }
        y + (dropped.matmul(&update.a.t()?)?.matmul(&update.b.t()?)? * update.scale)?
    }

    fn norm(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let size = (x.sqr()?.mean_keepdim(D::Minus1)? + self.config.rms_norm_epsilon)?.sqrt()?;
        x.broadcast_div(&size)?.broadcast_mul(&self.weights[&format!("{name}.weight")])
    }

    fn turn(&self, x: &Tensor) -> Result<Tensor> {
        let (tokens, width) = x.dims2()?;
        let angle = |position: usize, feature: usize| {
            position as f64 / self.config.rope.theta.powf(2.0 * (feature % (width / 2)) as f64 / width as f64)
        };
        let table = |f: fn(f64) -> f64| {
            let values = (0..tokens).flat_map(|p| (0..width).map(move |i| (p, i))).map(|(p, i)| f(angle(p, i)));
            Tensor::from_vec(values.collect::<Vec<f64>>(), (tokens, width), &Device::Cpu)
        };
        let turned = Tensor::cat(&[x.narrow(1, width / 2, width / 2)?.neg()?, x.narrow(1, 0, width / 2)?], 1)?;
        (x * table(f64::cos)?)? + (turned * table(f64::sin)?)?
    }

    fn attention(&self, path: &str, x: &Tensor, first_row: usize) -> Result<Tensor> {
        let (tokens, d) = (x.dim(0)?, self.config.head_dimension);
        let q = self.linear(&format!("{path}.q_proj"), x, first_row)?;
        let k = self.linear(&format!("{path}.k_proj"), x, first_row)?;
        let v = self.linear(&format!("{path}.v_proj"), x, first_row)?;
        let future: Vec<f64> =
            (0..tokens).flat_map(|i| (0..tokens).map(move |j| if j > i { -1e30 } else { 0.0 })).collect();
        let future = Tensor::from_vec(future, (tokens, tokens), &Device::Cpu)?;
        let mut outputs = Vec::new();
        for head in 0..self.config.heads {
            let shared = head / (self.config.heads / self.config.key_value_heads);
            let (q, k) = (self.turn(&q.narrow(1, head * d, d)?)?, self.turn(&k.narrow(1, shared * d, d)?)?);
            let scores = ((q.matmul(&k.t()?)? / (d as f64).sqrt())? + &future)?;
            let weights = scores.exp()?;
            let weights = weights.broadcast_div(&weights.sum_keepdim(1)?)?;
            outputs.push(weights.matmul(&v.narrow(1, shared * d, d)?)?);
        }
        self.linear(&format!("{path}.o_proj"), &Tensor::cat(&outputs, 1)?, first_row)
    }

    fn document(&self, ids: &[u32], first_row: usize) -> Result<Tensor> {
        let ids = Tensor::new(ids, &Device::Cpu)?;
        let mut x = self.weights["model.embed_tokens.weight"].index_select(&ids, 0)?;
        for layer in 0..self.config.layers {
            let path = format!("model.layers.{layer}");
            let normed = self.norm(&format!("{path}.input_layernorm"), &x)?;
            x = (&x + self.attention(&format!("{path}.self_attn"), &normed, first_row)?)?;
            let normed = self.norm(&format!("{path}.post_attention_layernorm"), &x)?;
            let gate = self.linear(&format!("{path}.mlp.gate_proj"), &normed, first_row)?;
            let up = self.linear(&format!("{path}.mlp.up_proj"), &normed, first_row)?;
            let silu = (&gate / (gate.neg()?.exp()? + 1.0)?)?;
            x = (&x + self.linear(&format!("{path}.mlp.down_proj"), &(silu * up)?, first_row)?)?;
        }
        self.norm("model.norm", &x)
    }

    /// The loss sum over the targets, and the gradient of `scale · loss` by every weight and factor, by name.
    pub fn loss_and_gradients(&self, batch: &Batch, scale: f64) -> Result<(f64, BTreeMap<String, Tensor>)> {
        let mut hidden = Vec::new();
        for document in batch.segments.iter() {
            hidden.push(self.document(&batch.ids[document.clone()], document.start)?);
        }
        let (rows, targets): (Vec<u32>, Vec<u32>) = batch.targets.iter().copied().unzip();
        let hidden = Tensor::cat(&hidden, 0)?.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)?;
        let logits = if self.config.tie_word_embeddings {
            hidden.matmul(&self.weights["model.embed_tokens.weight"].t()?)?
        } else {
            self.linear("lm_head", &hidden, 0)?
        };
        let of_targets = logits.gather(&Tensor::new(targets, &Device::Cpu)?.unsqueeze(1)?, 1)?.squeeze(1)?;
        let loss = (logits.exp()?.sum(1)?.log()? - of_targets)?.sum_all()?;
        let gradients = (&loss * scale)?.backward()?;
        let mut named = BTreeMap::new();
        let factors = self
            .updates
            .iter()
            .flat_map(|(path, update)| [(format!("{path}.lora_A"), &update.a), (format!("{path}.lora_B"), &update.b)]);
        let lengths = self
            .updates
            .iter()
            .filter_map(|(path, update)| Some((format!("{path}.lora_magnitude_vector"), update.lengths.as_ref()?)));
        let scales = self.scales.iter().map(|(path, (factors, _))| (format!("{path}.ia3_l"), factors));
        let vectors = self.shared.iter().flat_map(|(path, vera)| {
            [(format!("{path}.vera_lambda_d"), &vera.inner), (format!("{path}.vera_lambda_b"), &vera.outer)]
        });
        let factors = factors.chain(lengths).chain(scales).chain(vectors);
        for (name, var) in self.weights.iter().map(|(name, var)| (name.clone(), var)).chain(factors) {
            named.insert(name, gradients.get(var).expect("every weight has a gradient").clone());
        }
        Ok((loss.to_scalar::<f64>()?, named))
    }
}
