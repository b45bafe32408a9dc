//! A model's tensors under llama.cpp's names, and the order of rows that it expects.
//!
//! Hugging Face's files turn the two halves of a head's dimensions together (0 with 64, 1 with 65 …); llama.cpp turns
//! neighbours (0 with 1, 2 with 3 …), as Meta's own files have it. The rows of the query and key projections are put in
//! that order: within a head, row `h·d/2 + i` goes to `2·i + h`. The rows of a low-rank update's B go with them; its A
//! has no such rows.

use candle_core::Tensor;

use super::values::Role;
use crate::error::{Error, Result};
use crate::model::Config;

/// Modules of a layer: Hugging Face's name and llama.cpp's.
const LAYER: [(&str, &str); 9] = [
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// Modules outside of the layers.
const OUTSIDE: [(&str, &str); 3] =
    [("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output")];

/// A module as llama.cpp knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module {
    /// The name of its weight.
    pub weight: String,
    /// What it is.
    pub role: Role,
    /// The heads whose rows change places.
    pub turned_heads: Option<usize>,
}

/// The module at a path: `model.layers.0.self_attn.q_proj`.
///
/// # Errors
/// A Llama has no such module.
pub(super) fn module(path: &str, config: &Config) -> Result<Module> {
    let unknown = || Error::new("a Llama has no such module").at(path);
    if let Some((_, name)) = OUTSIDE.iter().find(|(known, _)| *known == path) {
        let output = *name == "output" || (*name == "token_embd" && config.tie_word_embeddings);
        let role = if output { Role::Output } else { Role::Other };
        return Ok(Module { weight: format!("{name}.weight"), role, turned_heads: None });
    }
    let inner = path.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.'));
    let (layer, inner) = inner.ok_or_else(unknown)?;
    let layer: usize = layer.parse().map_err(|_| unknown())?;
    let (_, name) = LAYER.iter().find(|(known, _)| *known == inner).ok_or_else(unknown)?;
    let (role, turned_heads) = match *name {
        "attn_q" => (Role::Other, Some(config.heads)),
        "attn_k" => (Role::Other, Some(config.key_value_heads)),
        "attn_v" => (Role::AttentionValue(layer), None),
        "ffn_down" => (Role::Down(layer), None),
        _ => (Role::Other, None),
    };
    Ok(Module { weight: format!("blk.{layer}.{name}.weight"), role, turned_heads })
}

/// The rows of a matrix in llama.cpp's order.
///
/// # Shapes  `[heads·d, columns]` → the same
/// # Errors  the rows are no whole heads of pairs
pub(super) fn turned(matrix: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, columns) = matrix.dims2()?;
    if !rows.is_multiple_of(2 * heads) {
        return Err(Error::new("the rows of the matrix").got(rows).expected(format!("{heads} heads of whole pairs")));
    }
    let halves = matrix.reshape((heads, 2, rows / heads / 2, columns))?;
    Ok(halves.transpose(1, 2)?.contiguous()?.reshape((rows, columns))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_halves_of_a_head_become_neighbours() {
        let rows = Tensor::arange(0u32, 8, &Device::Cpu).unwrap().reshape((8, 1)).unwrap();
        let turned = turned(&rows, 2).unwrap().flatten_all().unwrap().to_vec1::<u32>().unwrap();
        assert_eq!(turned, [0, 2, 1, 3, 4, 6, 5, 7]);
    }
}
